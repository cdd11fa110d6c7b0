"""A page without a browser: visits by link, and what such a visit says, shows and sends to its planes.

visit = visitor("em")
at = visit({"em.kl.mean": 0.5}, kl__std=2, language="ko")     settings by their keys or as `experiment__rest`
numbers(r"KL = (\\S+)", at);  layer(at, "em.kl.plane", "density", "model")
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from core import jobs
from ui import catalogue, component, text

ROOT = Path(__file__).resolve().parents[2]
SHELL = str(ROOT / "ui" / "shell.py")
RAISED = str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")
TINY_LEVELS, DOTS_LEVELS = 20, 60  # of the fixtures `tiny` and `dots`, small models of step 9
Message = tuple[dict, dict[str, np.ndarray]]


# ---- visits ---------------------------------------------------------------------------------------------------------


def script(page_id: str) -> str:
    """The page's file as `AppTest.switch_page` takes it."""
    return f"../pages/{catalogue.page(page_id).file.name}"


def visitor(page_id: str) -> Callable[..., AppTest]:
    """What opens a page by a link: settings by their whole keys, or as keywords such as `clt__n=5`."""

    def visit(settings: Mapping[str, object] | None = None, *, language: str = "en", **named: object) -> AppTest:
        """The page after its first run."""
        text.FALLBACK = language
        at = AppTest.from_file(SHELL, default_timeout=90)
        at.query_params["lang"] = language
        short = {f"{page_id}.{name.replace('__', '.', 1)}": value for name, value in named.items()}
        for name, value in {**(settings or {}), **short}.items():
            at.query_params[name] = str(value)
        return run(at.switch_page(script(page_id)))

    return visit


def sound(at: AppTest) -> AppTest:
    """The same page; fails where it shows an exception."""
    assert not at.exception, [e.message for e in at.exception]
    return at


def run(at: AppTest) -> AppTest:
    return sound(at.run())


def press(at: AppTest, key: str) -> AppTest:
    return sound(at.button(key=key).click().run())


# ---- what it says ---------------------------------------------------------------------------------------------------


def said(at: AppTest) -> str:
    """Every sentence on the page, with ordinary spaces and without the colours of its words."""
    everything = [*(m.value for m in at.markdown), *(c.value for c in at.caption), *(i.value for i in at.info)]
    return re.sub(r"</?span[^>]*>", "", "\n".join(everything)).replace("\u00a0", " ").replace("\u2060", "")


def tables(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html"))


def number(shown: str) -> float:
    """A number as it stands in a sentence: 1,000, −0.5, 3% or 8.45 × 10⁻⁹."""
    plain = re.sub(r"[\u00a0\u202f]", " ", shown).replace(",", "").replace("%", "").translate(RAISED)
    digits, _, power = plain.partition(" × 10")
    return float(digits) * 10.0 ** int(power or 0)


def numbers(pattern: str, at: AppTest) -> tuple[float, ...]:
    """The numbers in the first sentence that fits the pattern."""
    found = re.search(pattern, said(at))
    assert found, f"nothing on the page fits {pattern!r}:\n{said(at)}"
    return tuple(number(n) for n in found.groups())


def fits(section: str, at: AppTest, language: str = "en") -> dict[str, str]:
    """What stands in the places of a section of the page's words, which is there as a paragraph of its own."""
    pattern = _pattern(section, language, ".+?")
    alone = (re.fullmatch(pattern, line) for line in said(at).splitlines())  # a line that begins alike is another
    found = next(filter(None, alone), None) or re.search(rf"^{pattern}$", said(at), re.DOTALL | re.MULTILINE)
    assert found, f"the page does not say {section}:\n{said(at)}"
    return found.groupdict()


def filled(section: str, at: AppTest, language: str = "en") -> dict[str, float]:
    """The numbers in the places of a section, wherever on the page it stands; LaTeX's powers of ten too."""
    one = r"−?\d[\d,]*(?:\.\d+)?(?:e[+−-]?\d+| \\cdot 10\^\{-?\d+\})?"
    found = re.search(_pattern(section, language, one), said(at))
    assert found, f"{section} is not on the page:\n{said(at)}"
    plain = str.maketrans({",": None, "−": "-", "}": None})
    return {name: float(v.translate(plain).replace(r" \cdot 10^{", "e")) for name, v in found.groupdict().items()}


def _pattern(section: str, language: str, place: str) -> str:
    """A section as a regular expression with a group for each place, which holds the same wherever it comes again."""
    body = re.sub(r":\w+\[([^\]]*)\]", r"\1", text.Words(language).template(section))
    pattern = re.escape(body.replace("\u00a0", " "))
    for name in text.placeholders(body):
        pattern = pattern.replace(re.escape("{{" + name + "}}"), f"(?P<{name}>{place})", 1)
        pattern = pattern.replace(re.escape("{{" + name + "}}"), f"(?P={name})")
    # a Korean particle after a number is one of the two that the section names
    return re.sub(r"(은/는|이/가|을/를|과/와|으로/로)", lambda pair: f"(?:{pair[0].replace('/', '|')})", pattern)


# ---- what it sends --------------------------------------------------------------------------------------------------


def message(at: AppTest, key: str) -> Message:
    """What a canvas component was sent: its header and its arrays, flat."""
    found = next(c.proto for c in at.get("bidi_component") if c.proto.id.endswith(f"-{key}"))
    return component.decode(found.bytes)


def layers(header: dict) -> dict[tuple[str, str], dict]:
    """The layers of a plane as its message describes them, by the names of their panels and their own."""
    return {(panel["name"], one["name"]): one for panel in header["panels"] for one in panel["layers"]}


def described(header: dict, panel: int | str, name: str) -> dict:
    """One layer; the panel by its place or its name."""
    return layers(header)[header["panels"][panel]["name"] if isinstance(panel, int) else panel, name]


def array(sent: Message, panel: int | str, name: str, field: str) -> np.ndarray:
    """An array of a layer, in its shape."""
    header, parts = sent
    value = described(header, panel, name)[field]
    return parts[value["part"]].reshape(value["shape"])


def layer(at: AppTest, key: str, panel: int | str, name: str) -> Message:
    """A layer's description, and all its arrays in their shapes."""
    sent = message(at, key)
    found = described(sent[0], panel, name)
    fields = [field for field, value in found.items() if isinstance(value, dict) and "part" in value]
    return found, {field: array(sent, panel, name, field) for field in fields}


# ---- what runs in the background ------------------------------------------------------------------------------------


def snapshots() -> list[jobs.Snapshot]:
    return [job.snapshot() for job in jobs.runner().jobs()]


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.02)


def finished(at: AppTest, kind: str, seconds: float = 120) -> AppTest:
    """The page when no run whose key begins so is waiting or running any more."""
    wait_for(
        lambda: not any(s.key.startswith(kind) and s.status in ("waiting", "running") for s in snapshots()), seconds
    )
    return run(at)
