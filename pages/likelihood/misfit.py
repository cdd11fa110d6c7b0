"""likelihood.misfit: one hump over two groups."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.likelihood import MIXED, MisfitScene
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Curve, Panel, plane

ID = "likelihood.misfit"
FIRST = MisfitScene()
DATA = links.choice(f"{ID}.data", FIRST.data, MIXED)
GAP = links.real(f"{ID}.gap", FIRST.gap, low=0.0, high=6.0, step=0.1)
PRESETS = {
    "heights": {DATA: "height"},
    "girths": {DATA: "shoulder_girth"},
    "geyser": {DATA: "waiting"},
    "made": {DATA: "made", GAP: 2.0},
}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(DATA, GAP)) as frame:
        if not frame.open:
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            data = str(controls.select(DATA, look="pills"))
            gap = controls.slider(GAP, format="%.1f") if data == "made" else FIRST.gap
        shown = scene.shown(MisfitScene(data, round(float(gap), 6)))
        _picture(data, shown)
        text.prose(" ".join(sentences(data, shown)))
        controls.presets(ID, PRESETS)
        page.code("core/goodness.py", "quantile_pairs", "kernel_density", "peaks")


def _picture(data: str, shown) -> None:
    """The histogram under the fit, and the quantiles against the diagonal."""
    t = text.current()
    axis = t.words(f"{ID}.axis.{data}")
    kind = "made" if data == "made" else "time" if data in ("waiting", "eruptions") else "length"
    unit = t.words(f"{ID}.unit.{kind}")
    edges = shown["edges"]
    layers = [
        Bars(name="all", edges=edges, heights=shown["bars"], role="data", faint=True, label=t.words(f"{ID}.mark.all"))
    ]
    groups = ("first", "second") if data == "made" else ("women", "men")
    for name, role, bars in zip(groups, ("condition", "score"), shown["group_bars"], strict=False):
        layers.append(
            Bars(name=name, edges=edges, heights=bars, outline=True, role=role, label=t.words(f"{ID}.mark.{name}"))
        )
    layers += [
        Curve(name="smooth", x=shown["x"], y=shown["smooth"], role="data", label=t.words(f"{ID}.mark.smooth")),
        Curve(name="normal", x=shown["x"], y=shown["normal"], role="model", label=t.words("likelihood.mark.normal")),
    ]
    low, high = float(edges[0]), float(edges[-1])
    top = 1.2 * float(max(shown["bars"].max(), shown["normal"].max()))
    pairs = np.stack([shown["expected"], shown["seen"]], axis=1)
    ends = np.array([low, high])
    plane(
        [
            Panel(
                name="histogram",
                x=Axis(axis, low, high),
                y=Axis(t.words("likelihood.axis.plain"), 0.0, top),
                layers=layers,
            ),
            Panel(
                name="quantiles",
                x=Axis(t.words(f"{ID}.axis.expected", unit=unit), low, high),
                y=Axis(t.words(f"{ID}.axis.seen", unit=unit), low, high),
                layers=[
                    Curve(name="diagonal", x=ends, y=ends, role="exact", label=t.words(f"{ID}.mark.diagonal")),
                    Cloud(name="pairs", at=pairs, role="data", label=t.words(f"{ID}.mark.pairs")),
                ],
            ),
        ],
        key=f"{ID}.plane",
        height=320,
    )


def sentences(data: str, shown) -> list[str]:
    """How many peaks, how far apart the groups are, and how badly one normal distribution fits."""
    t = text.current()
    peaks = [f"{float(p):.1f}".replace("-", "−") for p in shown["peaks"]]
    count = len(peaks) if len(peaks) < 3 else "many"
    where = dict(zip(("low", "high"), peaks, strict=True)) if count == 2 else {"peaks": ", ".join(peaks)}
    said = [t.words(f"{ID}.peaks.{count}", **where)]
    means, stds = shown["group_means"], shown["group_stds"]
    if len(means):
        apart = float(abs(means[1] - means[0]) / stds.mean())
        said.append(t.words(f"{ID}.apart", apart=f"{apart:.2f}"))
    else:
        said.append(t.words(f"{ID}.unknown"))
    gap, chance = (float(shown[name]) for name in ("largest_gap", "chance_gap"))
    verdict = "fits" if gap <= chance else "misfit"
    values = {"gap": f"{100 * gap:.1f}", "chance": f"{100 * chance:.1f}", "n": f"{int(shown['count']):,}"}
    said.append(t.words(f"{ID}.caption.{verdict}", **values))
    return said
