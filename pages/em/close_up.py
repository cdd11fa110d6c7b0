"""The half step that was just made, enlarged: what it did to the log-likelihood, to the bound and to the gap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.scenes.em import PHASES
from pages.em import common
from ui import text
from ui.plane import Axis, Curve, Panel, Words

ID = "em.half_steps.close_up"
APART = 0.15  # of the picture's height, between two words


def panel(a: Mapping[str, np.ndarray], *, weight: float) -> Panel:
    """Before on the left, after on the right, each half step at a scale of its own. a: the arrays of `HalfSteps`."""
    t, names = text.current(), [PHASES[phase] if phase else "" for phase in a["phase"]]
    likelihood = np.stack([a["likelihood_before"], a["log_likelihood"]], axis=1)  # (F, 2): before, after
    bound = np.stack([a["bound_before"], a["lower_bound"]], axis=1)
    line, dashed = heights(likelihood, bound)
    after, mid_after, low_after = _stacked(line[:, 1], dashed[:, 1])
    risen, rose, opened, shut = _said(names, likelihood, bound)

    def column(name: str, role: str, x: float, y: np.ndarray, said: list[str], align: str) -> Words:
        return Words(name=name, role=role, x=x, y=[float(v) for v in np.nan_to_num(y)], text=said, align=align)

    return Panel(
        name="close_up",
        title=t.words(f"{ID}.title"),
        x=Axis("", -0.25, 1.95, shown=False),
        y=Axis("", -0.22, 1.24, shown=False),
        layers=[
            Curve(name="gap_before", x=np.zeros(2), y=np.stack([dashed[:, 0], line[:, 0]], axis=1), role="condition"),
            Curve(name="gap_after", x=np.ones(2), y=np.stack([dashed[:, 1], line[:, 1]], axis=1), role="condition"),
            Curve(name="rise", x=np.array([0.0, 1.0]), y=line, points=True),
            Curve(name="bound_rise", x=np.array([0.0, 1.0]), y=dashed, role="latent", dashed=True, points=True),
            column("risen", "model", 1.07, after, risen, "left"),
            column("opened", "condition", 1.07, mid_after, opened, "left"),
            column("bound_risen", "latent", 1.07, low_after, rose, "left"),
            column("shut", "condition", 0.05, np.full(len(names), 0.8), shut, "left"),
            Words(name="before", role="noise", x=0.0, y=-0.14, text=t.words(f"{ID}.before"), align="center"),
            column("half_step", "exact", 0.5, np.full(len(names), -0.14), names, "center"),
            Words(name="after", role="noise", x=1.0, y=-0.14, text=t.words(f"{ID}.after"), align="center"),
        ],
        note=["" if name else t.words(f"{ID}.start") for name in names],
        weight=weight,
    )


def heights(likelihood: np.ndarray, bound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both, (F, 2) each, as heights: in every half step the lowest of the four is at 0 and the highest at 1.

    Where nothing moves by more than rounding all are at 1. The start (NaN before it) has no heights.
    """
    four = np.concatenate([likelihood, bound], axis=1)  # (F, 4)
    some = np.isfinite(likelihood[:, :1])
    top = np.where(some, np.where(np.isfinite(four), four, -np.inf).max(axis=1, keepdims=True), np.nan)
    low = np.where(some, np.where(np.isfinite(four), four, np.inf).min(axis=1, keepdims=True), np.nan)
    room = np.where(top - low > 1e-13, top - low, np.inf)
    return 1 - (top - likelihood) / room, 1 - (top - bound) / room


def _stacked(line: np.ndarray, dashed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heights for three words, at the line, between and at the dashed one, that do not lie on each other."""
    between = np.minimum((line + dashed) / 2, line - APART)
    return line, between, np.minimum(dashed, between - APART)


def _said(names: list[str], likelihood: np.ndarray, bound: np.ndarray) -> tuple[list[str], ...]:
    """For every frame: how much each rose, the gap after, and before an E the gap that it shuts."""
    said = []
    for name, (l0, l1), (b0, b1) in zip(names, likelihood, bound, strict=True):
        first = np.isnan(b0)  # no bound before
        risen, rose, opened = common.together(l1 - l0, 0.0 if first else b1 - b0, l1 - b1) if name else ("", "", "")
        said.append((
            f"+{risen}" if name else "",
            "" if first else f"+{rose}",
            _gap(opened) if name else "",
            _gap(common.gap(l0 - b0)) if name == "E" and not first else "",
        ))  # fmt: skip
    return tuple(list(column) for column in zip(*said, strict=True))


def _gap(value: str) -> str:
    return text.current().words(f"{ID}.gap", gap=value)
