"""likelihood.estimators: the same experiment thousands of times, and what the estimates do."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from core import scene
from core.scenes.likelihood import EstimatorsScene
from pages.likelihood import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Curve, Panel, plane

ID = "likelihood.estimators"
FIRST = EstimatorsScene()
N = links.whole(f"{ID}.n", FIRST.n, low=1, high=100)
REPETITIONS = links.choice(f"{ID}.repetitions", FIRST.repetitions, (100, 1_000, 10_000, 20_000))
STD = links.real(f"{ID}.std", FIRST.std, low=0.1, high=5.0, step=0.1)
SEED = links.whole(f"{ID}.seed", FIRST.seed, low=0, high=9999)
ROWS = ("mean", "error", "square", "bias", "mse_n", "mse_n1")
HOME = {s: s.default for s in (N, REPETITIONS, STD)}
PRESETS = {
    "one": HOME | {N: 1},
    "two": HOME | {N: 2},
    "hundred": HOME | {N: 100},
    "few": HOME | {REPETITIONS: 100},
}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(N, REPETITIONS, STD, SEED)) as frame:
        if not frame.open:
            return
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            n = controls.slider(N)
            repetitions = controls.select(REPETITIONS, names=lambda count: f"{count:,}")
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                std = controls.slider(STD)
                seed = controls.seed(SEED)
        settings = EstimatorsScene(int(n), int(repetitions), round(float(std), 6), seed)
        shown = scene.shown(settings)
        _picture(settings, shown)
        text.prose(sentence(settings, shown))
        text.prose(table(settings, shown))
        controls.presets(ID, PRESETS)
        page.derivation("likelihood.bias")
        page.derivation("likelihood.nearer")
        page.code("core/estimators.py", "repeat", "Theory")


def _picture(settings: EstimatorsScene, shown) -> None:
    """How μ̂ is spread, and how σ̂² is, divided by n and by n − 1."""
    t = text.current()
    theory = t.words(f"{ID}.mark.theory")
    tops = {name: 1.15 * float(shown[f"{name}_bars"].max()) for name in ("mean", "square")}

    def upright(name: str, x: float, role: str) -> Curve:
        ends = np.array([x, x]), np.array([0.0, tops["square"]])
        return Curve(name=name, x=ends[0], y=ends[1], role=role, dashed=True, label=t.words(f"{ID}.mark.{name}"))

    def axes(name: str) -> dict[str, Axis]:
        ends = shown[f"{name}_edges"]
        return {
            "x": Axis(t.words(f"{ID}.axis.{name}"), float(ends[0]), float(ends[-1])),
            "y": Axis(t.words("likelihood.axis.plain"), 0.0, tops[name]),
        }

    means = [
        Bars(
            name="means",
            edges=shown["mean_edges"],
            heights=shown["mean_bars"],
            role="model",
            label=t.words(f"{ID}.mark.mean"),
        ),
        Curve(name="theory", x=shown["mean_x"], y=shown["mean_y"], role="exact", label=theory),
    ]
    edges = shown["square_edges"]
    by_n, by_n1 = (t.words(f"{ID}.mark.{name}") for name in ("by_n", "by_n1"))
    squares = [Bars(name="by_n", edges=edges, heights=shown["square_bars"], role="model", label=by_n)]
    if settings.n > 1:
        unbiased = shown["unbiased_bars"]
        squares += [
            Bars(name="by_n1", edges=edges, heights=unbiased, outline=True, role="condition", label=by_n1),
            Curve(name="theory", x=shown["square_x"], y=shown["square_y"], role="exact", label=theory),
            Curve(name="theory_n1", x=shown["square_x"], y=shown["unbiased_y"], role="exact"),
            upright("average", float(shown["measured"][2]), "model"),
        ]
    squares.append(upright("truth", settings.std**2, "data"))
    panels = [Panel(name="mean", layers=means, **axes("mean")), Panel(name="square", layers=squares, **axes("square"))]
    plane(panels, key=f"{ID}.plane", height=300)


def sentence(settings: EstimatorsScene, shown) -> str:
    """Which divisor is right on average, and which is nearer."""
    t = text.current()
    _, _, square, _, by_n, by_n1 = (float(v) for v in shown["measured"])
    if settings.n == 1:
        return t.words(f"{ID}.caption.one")
    return t.words(
        f"{ID}.caption",
        n=settings.n,
        repetitions=f"{settings.repetitions:,}",
        share=text.number(square / settings.std**2),
        factor=text.number((settings.n - 1) / settings.n),
        nearer="÷n" if by_n < by_n1 else "÷(n−1)",
        ratio=text.number(max(by_n, by_n1) / min(by_n, by_n1)),
    )


def table(settings: EstimatorsScene, shown) -> str:
    """Measured against theory, row by row."""
    t = text.current()
    rows = [
        f"| | {' | '.join(t.words(f'{ID}.table.{column}') for column in ('formula', 'theory', 'measured'))} |",
        "|:--|:--|--:|--:|",
    ]
    for name, measured, theory in zip(ROWS, shown["measured"], shown["theory"], strict=True):
        formula = t.words(f"{ID}.table.{name}.formula")
        rows.append(
            f"| {t.words(f'{ID}.table.{name}')} | {formula} | {shorter(theory, theory)} | {shorter(measured, theory)} |"
        )
    return "\n".join(rows)


def shorter(value: float, theory: float) -> str:
    """A number with four decimals, since rows are compared with each other; three digits where theory is small."""
    if 0 < abs(theory) < 0.01:
        return common.power(float(value))
    return f"{round(value, 4) + 0.0:.4f}".replace("-", "−") if math.isfinite(value) else "–"  # + 0.0: no minus zero
