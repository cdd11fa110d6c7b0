"""The words of this session's language. Never a process-wide "current language".

    t = text.current()
    t.words("em.starts.caption", runs=40)     section of that id in content/<language>/em.md
    t.label("scene.copy")                     content/<language>/ui.toml
    t.formula("diffusion_theory.one_jump")    content/formulas/diffusion_theory.toml, as LaTeX
    text.prose(t.words(...))                  draws Markdown; `text.prose(..., small=True)` as a caption

A page's Markdown: a section begins with a line `# <id>`, where the id is the full dotted name, and goes on to the next
such line. `{{name}}` is a placeholder. `:data[a word]` gives a word the colour of a role (ui/colours.py). A value that
is missing, or that the text has no place for, is a `WordsError`: a wrong sentence must not reach anybody.
"""

from __future__ import annotations

import html
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ui import colours

CONTENT = Path(__file__).resolve().parents[1] / "content"
FALLBACK = "en"
COOKIE = "ten_steps_language"

_SECTION = re.compile(r"^# ([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)[ \t]*$", re.MULTILINE)
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_PARTICLES = re.compile(r"([\d%가-힣⁰¹²³⁴⁵⁶⁷⁸⁹])([\])*]*)(은/는|이/가|을/를|과/와|으로/로)")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CLOSED = "013678⁰¹²³⁴⁵⁶⁷⁸⁹"  # what ends in a consonant in Korean: 영 일 삼 육 칠 팔, and every power, as …제곱
_APART = re.compile(r"(\$[^$]*\$|`[^`]*`)")  # formulas and code within a text
ONE_PIECE = 50  # characters of a formula that no line end parts from its particle
_CLINGS = re.compile(r"([%)][\])*]*)(?=[가-힣])")
_COLOURED = re.compile(r":(" + "|".join(colours.ROLES) + r")\[([^\]]*)\]")


class WordsError(KeyError):
    """Words that do not exist, or that were given the wrong values."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Words:
    """The words of one language."""

    language: str

    def words(self, name: str, /, **values: object) -> str:
        """The Markdown of a section, its placeholders filled. WordsError where it or a value is missing."""
        sections = self._page(name)
        if name not in sections:
            raise WordsError(f"content/{self.language} has no section {name!r}")
        return _with_particles(fill(sections[name], values, name))

    def has(self, name: str) -> bool:
        """Whether there is a section of that name."""
        return name in self._page(name)

    def label(self, name: str, /, **values: object) -> str:
        """A label of ui.toml by its dotted name; WordsError where there is none."""
        found = _labels(self.language, _stamp(CONTENT / self.language / "ui.toml")).get(name)
        if found is None:
            raise WordsError(f"content/{self.language}/ui.toml has no label {name!r}")
        return _with_particles(fill(found, values, name))

    def template(self, name: str) -> str:
        """A section, or a label of ui.toml, with its placeholders left in it: a component fills them."""
        if self.has(name):
            return self._page(name)[name]
        found = _labels(self.language, _stamp(CONTENT / self.language / "ui.toml"))
        if name not in found:
            raise WordsError(f"content/{self.language} has no words {name!r}")
        return found[name]

    def has_label(self, name: str) -> bool:
        """Whether ui.toml has that label."""
        return name in _labels(self.language, _stamp(CONTENT / self.language / "ui.toml"))

    def formula(self, name: str) -> str:
        r"""LaTeX of a formula, "page.formula" or "page.formula.line", with its roles' colours in it."""
        page, _, rest = name.partition(".")
        found = formulas(page)
        formula_id, _, line_id = rest.partition(".")
        if formula_id not in found:
            raise WordsError(f"content/formulas/{page}.toml has no formula {formula_id!r}")
        for line in found[formula_id]:
            if not line_id or line.id == line_id:
                return coloured(line.tex)
        raise WordsError(f"the formula {page}.{formula_id} has no line {line_id!r}")

    def _page(self, name: str) -> dict[str, str]:
        path = CONTENT / self.language / f"{name.partition('.')[0]}.md"
        return sections(path)


@dataclass(frozen=True)
class Line:
    """One line of a formula: its id within the formula ("" where there is but one) and its LaTeX."""

    id: str
    tex: str


def languages() -> tuple[str, ...]:
    """The languages there are: the folders of content/ that hold a ui.toml, Korean and English first."""
    found = sorted(p.parent.name for p in CONTENT.glob("*/ui.toml"))
    return tuple(sorted(found, key=lambda code: ({"ko": 0, "en": 1}.get(code, 2), code)))


def current() -> Words:
    """The words of this session's language."""
    import streamlit as st

    return Words(st.session_state.get("language", FALLBACK))


def settle() -> str:
    """Decide this session's language and keep it: the person's choice, else the link's, else the browser's."""
    import streamlit as st

    known, state = languages(), st.session_state
    if state.get("language.choice") not in known:
        kept = st.context.cookies.get(COOKIE)
        state["language.choice"] = kept if kept in known else None
    if (asked := st.query_params.get("lang")) in known:
        state["language.link"] = asked
    browser = (st.context.locale or "").split("-")[0].lower()
    wishes = (state["language.choice"], state.get("language.link"), browser, FALLBACK)
    state["language"] = next(w for w in wishes if w in known)
    return state["language"]


def prose(body: str, *, small: bool = False) -> None:
    """Draw our own Markdown, its coloured words coloured. Never for a person's text."""
    import streamlit as st

    marked = _COLOURED.sub(r'<span class="role-\1">\2</span>', _held(body))
    (st.caption if small else st.markdown)(marked, unsafe_allow_html=True)


def _held(body: str) -> str:
    """The text with marks where a browser must not end a line: before a particle.

    After a formula, which is a box to the browser, the mark alone does not hold: the two become one piece, unless the
    formula is as long as a line may be.
    """
    parts = _APART.split(body)  # words, formula, words, …
    for k in range(0, len(parts), 2):
        parts[k] = _CLINGS.sub("\\1\u2060", parts[k])
        if k and parts[k] and "가" <= parts[k][0] <= "힣":
            mark, before = "\u2060", parts[k - 1]
            if before.startswith("$") and len(before) <= ONE_PIECE:
                parts[k - 1], mark = f'<span class="held">{before}', f"{parts[k][0]}</span>"
                parts[k] = parts[k][1:]
            parts[k] = mark + parts[k]
    return "".join(parts)


def plain(body: str) -> str:
    """The text as HTML for `st.html`: coloured words as spans, everything else escaped."""
    return _COLOURED.sub(r'<span class="role-\1">\2</span>', html.escape(body, quote=False))


def number(value: float, digits: int = 3) -> str:
    """A number for a sentence: `digits` significant digits, a true minus sign, ordinary sizes written out."""
    if value != value or value in (float("inf"), float("-inf")):
        return {True: "–", False: "∞" if value > 0 else "−∞"}[value != value]
    value = float(value) + 0.0  # a zero has no sign; an array of one number is left alone
    if value and not 1e-4 <= abs(value) < 1e7:
        mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
        shown = f"{mantissa}\u00a0×\u00a010{str(int(power)).translate(_RAISED)}"  # torn apart by no line end
    else:
        shown = f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
    return shown.replace("-", "−")


def fill(body: str, values: dict[str, object], name: str) -> str:
    """Put values into a text's placeholders, escaped; WordsError for a missing or superfluous one."""
    wanted = set(_PLACE.findall(body))
    if wanted != set(values):
        raise WordsError(f"{name!r} has places for {sorted(wanted)} and was given {sorted(values)}")
    return _PLACE.sub(lambda m: html.escape(str(values[m[1]]), quote=False), body)


def placeholders(body: str) -> set[str]:
    """Names of the placeholders in a text."""
    return set(_PLACE.findall(body))


def coloured(tex: str) -> str:
    r"""LaTeX with each `\role{data}{x_0}` turned into `\textcolor`; ui/colours.py says why in the light colours."""
    out, rest = "", tex
    while (start := rest.find(r"\role{")) >= 0:
        out += rest[:start]
        name, after = _braced(rest, start + len(r"\role"))
        body, after = _braced(rest, after)
        out += rf"\textcolor{{{colours.ROLES[name].text_light}}}{{{coloured(body)}}}"
        rest = rest[after:]
    return out + rest


def _braced(tex: str, at: int) -> tuple[str, int]:
    """The content of the brace that opens at `at`, and the place after it."""
    if tex[at : at + 1] != "{":
        raise WordsError(f"a \\role without its braces in {tex!r}")
    depth = 0
    for i in range(at, len(tex)):
        depth += (tex[i] == "{") - (tex[i] == "}")
        if depth == 0:
            return tex[at + 1 : i], i + 1
    raise WordsError(f"a brace that does not close in {tex!r}")


def sections(path: Path) -> dict[str, str]:
    """The sections of a Markdown file by id; empty where there is no such file."""
    return _sections(path, _stamp(path))


def formulas(page: str) -> dict[str, tuple[Line, ...]]:
    """The formulas of content/formulas/<page>.toml, each a tuple of lines."""
    path = CONTENT / "formulas" / f"{page}.toml"
    return _formulas(path, _stamp(path))


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


@lru_cache(maxsize=64)
def _sections(path: Path, stamp: int) -> dict[str, str]:
    if not stamp:
        return {}
    parts = _SECTION.split(path.read_text(encoding="utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise WordsError(f"{path.name} has a section twice")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}


@lru_cache(maxsize=16)
def _labels(language: str, stamp: int) -> dict[str, str]:
    path = CONTENT / language / "ui.toml"
    return dict(_flat(tomllib.loads(path.read_text(encoding="utf-8"))))


def _flat(table: dict, prefix: str = ""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@lru_cache(maxsize=64)
def _formulas(path: Path, stamp: int) -> dict[str, tuple[Line, ...]]:
    if not stamp:
        return {}
    found = {}
    for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
        lines = entry.get("lines", [{"id": "", "tex": entry.get("tex", "")}])
        found[name] = tuple(Line(line["id"], line["tex"].strip()) for line in lines)
    return found


def _with_particles(words: str) -> str:
    """Korean particles as what stands before them is read: "3을/를" becomes "3을", "2을/를" becomes "2를".

    Written as a pair, the form after a consonant first. Closing brackets and stars may stand between.
    """

    def chosen(found: re.Match[str]) -> str:
        last, between, pair = found.groups()
        ending = (ord(last) - ord("가")) % 28 if "가" <= last <= "힣" else 8 if last in "178" else last in _CLOSED
        closed, open_ = pair.split("/")
        if pair == "으로/로" and ending == 8:  # ㄹ takes the short form: 일로, 칠로, 팔로
            ending = 0
        return last + between + (closed if ending else open_)

    return _PARTICLES.sub(chosen, words)
