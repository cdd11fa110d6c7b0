"""The lines of guidance.bayes as formulas whose terms are tied to arrows; their reasons are in the page's words."""

from __future__ import annotations

from ui import text
from ui.derivation import Cell, Line, call, hat, row, sub

P = sub("p", "t")
GIVEN = ("x", "|", "y")
LOG_PX = row("log", call(P, "x"))
LOG_PXY = row("log", call(P, *GIVEN))
LOG_PYX = row("log", call(P, "y", "|", "x"))
LOG_PY = row("log", call("p", "y"))
S, SY, GUIDED = call("s", "x"), call("s", *GIVEN), sub("s", "γ")
E, EY, E_GUIDED = call("ε", "x", ",", "∅"), call("ε", "x", ",", "y"), hat("ε")
# how each mark is called beside its arrow: as a score, and turned round as noise
NAMES = {
    "s": S, "sy": SY, "guided": GUIDED, "g": row("∇", LOG_PYX), "gg": row("γ", "∇", LOG_PYX), "s_turned": E,
    "sy_turned": EY, "guided_turned": E_GUIDED, "g_turned": row(EY, "−", E),
    "gg_turned": row("γ", "(", EY, "−", E, ")"), "noisy": row(sub("x", "t"), ",", sub("x", "0")),
}  # fmt: skip


def _of(mark: str, role: str, maths, value: str) -> Cell:
    return Cell(maths, mark, role, value)


def _plain(maths) -> Cell:
    return Cell(maths)


EQUALS, PLUS, MINUS = _plain("="), _plain("+"), _plain("−")
GAMMA = Cell("γ", "gg", "condition", "gamma")


def lines() -> list[Line]:
    """The six lines, with their reasons in this session's language."""
    t = text.current()
    described = {
        "bayes": (
            [
                _of("pxy", "exact", LOG_PXY, "log_pxy"), EQUALS, _of("px", "score", LOG_PX, "log_px"), PLUS,
                _of("pyx", "condition", LOG_PYX, "log_pyx"), MINUS, _of("py", "noise", LOG_PY, "log_py"),
            ],
            ["px", "pxy", "pyx"],
        ),
        "gradient": (
            [
                _of("sy", "exact", row("∇", LOG_PXY), "sy"), EQUALS, _of("s", "score", row("∇", LOG_PX), "s"), PLUS,
                _of("g", "condition", row("∇", LOG_PYX), "g"), MINUS, _of("zero", "noise", row("∇", LOG_PY), "zero"),
            ],
            ["s", "sy", "g", "zero"],
        ),
        "only": (
            [
                _of("guided", "model", GUIDED, "guided"), EQUALS, _of("s", "score", row("∇", LOG_PX), "s"), PLUS, GAMMA,
                _of("g", "condition", row("∇", LOG_PYX), "g"),
            ],
            ["s", "g", "gg", "guided"],
        ),
        "difference": (
            [
                _of("g", "condition", row("∇", LOG_PYX), "g"), EQUALS, _of("sy", "exact", SY, "sy"), MINUS,
                _of("s", "score", S, "s"),
            ],
            ["s", "sy", "g"],
        ),
        "guided": (
            [
                _of("guided", "model", GUIDED, "guided"), EQUALS, _of("s", "score", S, "s"), PLUS, GAMMA,
                _of("gg", "condition", "[", ""), _of("sy", "exact", SY, "sy"), MINUS, _of("s", "score", S, "s"),
                _of("gg", "condition", "]", ""),
            ],
            ["s", "sy", "gg", "guided"],
        ),
        "noise": (
            [
                _of("guided", "model", E_GUIDED, "eguided"), EQUALS, _of("s", "score", E, "e"), PLUS, GAMMA,
                _of("gg", "condition", "(", ""), _of("sy", "exact", EY, "ey"), MINUS, _of("s", "score", E, "e"),
                _of("gg", "condition", ")", ""),
            ],
            ["s", "sy", "gg", "guided"],
        ),
    }  # fmt: skip
    return [
        Line(name, cells, t.words(f"guidance.bayes.line.{name}"), marks, turned=name == "noise")
        for name, (cells, marks) in described.items()
    ]
