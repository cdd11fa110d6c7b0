"""normal.clt: means of N draws gather under the normal that theory predicts; those of a Cauchy never do."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.normal import DRAWING, GRID, SINGLES, DistanceScene, FloorScene, GatherScene, regridded
from pages.normal import measures
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Curve, Painter, Panel, Rule, plane

ID = "normal.clt"
SOURCES = ("uniform", "exponential", "coin", "humps", "cauchy", "drawn")
STATISTIC = links.choice(f"{ID}.statistic", "mean", ("mean", "sum"))
SOURCE = links.choice(f"{ID}.source", "exponential", SOURCES)
N = links.whole(f"{ID}.n", 5, low=1, high=100)
REPETITIONS = links.whole(f"{ID}.repetitions", 10_000, low=100, high=10_000, step=100)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
PAPER = tuple((k / (GRID - 1), y) for k, y in enumerate(DRAWING))
PAINTED = links.points(f"{ID}.drawing", PAPER, low=0.0, high=1.0, most=GRID)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(STATISTIC, SOURCE, N, REPETITIONS, SEED, PAINTED)):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            statistic = controls.select(STATISTIC)
            with st.container(width=190):
                source = controls.select(SOURCE, look="select")
            n = controls.slider(N)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                repetitions = controls.slider(REPETITIONS)
                seed = controls.seed(SEED)
        drawing = _painted() if source == "drawn" else ()
        gathered = GatherScene(source, statistic, n, repetitions, seed, drawing)
        arrays = scene.shown(gathered)
        if arrays["fits"]:
            frame = _gathering(arrays, gathered)
            _table(arrays, gathered, frame)
        else:
            _empty_paper()
        _presets()
        if arrays["fits"]:
            far = scene.shown(DistanceScene(source, repetitions, seed, drawing))
            measures.draw(arrays, far, scene.shown(FloorScene(repetitions, seed)), gathered)


def _presets() -> None:
    controls.presets(
        ID,
        {
            "two": {SOURCE: "uniform", STATISTIC: "mean", N: 2},
            "coins": {SOURCE: "coin", STATISTIC: "sum", N: 20},
            "humps": {SOURCE: "humps", STATISTIC: "mean", N: 3},
            "never": {SOURCE: "cauchy", STATISTIC: "mean", N: 100},
            "mine": {SOURCE: "drawn", STATISTIC: "mean", N: 3},
        },
    )


def _painted() -> tuple[float, ...]:
    """The heights that were drawn; a link's points that lie elsewhere are brought to where the heights stand."""
    points = links.value(PAINTED)
    heights = regridded(points)
    places = [x for x, _ in points]
    if len(points) != GRID or max(abs(x - k / (GRID - 1)) for k, x in enumerate(places)) > 1e-3:
        heights = heights or (0.0,) * GRID
        links.adjust(PAINTED, tuple((k / (GRID - 1), y) for k, y in enumerate(heights)))
    return heights


def _empty_paper() -> None:
    """Nothing to draw from: the paper alone, and why."""
    t = text.current()
    plane([_source_panel(None, "drawn")], key=f"{ID}.plane", values={"drawing": PAINTED}, height=300)
    text.prose(t.words(f"{ID}.no_area"))


def _source_panel(arrays, name: str, *, statistic: str = "mean") -> Panel:
    """What one draw is distributed as, and the draws of one repetition at random heights under it."""
    t = text.current()
    layers, handles = [], []
    if name == "drawn":
        x, y = Axis(t.words(f"{ID}.axis.draw"), 0, 1), Axis(t.words(f"{ID}.axis.painted"), 0, 1)
        handles.append(Painter(name="paper", points="drawing", label=t.words(f"{ID}.paper"), role="latent"))
    else:
        curve = arrays["source"]
        top = float(curve[:, 1].max()) * 1.4  # room for the words in the corner
        lattice = name == "coin"
        x = Axis(t.words(f"{ID}.axis.draw"), *(float(v) for v in arrays["shown"]))
        y = Axis(t.words(f"{ID}.axis.{'probability' if lattice else 'density'}"), 0, top)
        if lattice:
            edges = (curve[:, 0][:, None] + [-0.12, 0.12]).ravel()
            heights = np.array([curve[0, 1], 0.0, curve[1, 1]])
            layers.append(Bars(name="source", edges=edges, heights=heights, role="latent"))
        else:
            layers.append(Curve(name="source", x=curve[:, 0], y=curve[:, 1], fill=True, role="latent"))
    if arrays is not None:
        scale = 1.0
        if name == "drawn":  # the paper has a height of its own; the area under the density is one
            scale = max(y for _, y in links.value(PAINTED)) / float(arrays["source"][:, 1].max())
        at = np.stack([arrays["draws"], arrays["up"] * scale], axis=2)  # (F, n, 2)
        layers.append(Cloud(name="draws", at=at, role="latent", size=3.5, label=t.words(f"{ID}.draws.{statistic}")))
        if statistic == "mean":
            middle = [float(v) for v in arrays["draws"].mean(axis=1)]
            layers.append(Rule(name="mean", x=middle, role="data"))
    return Panel(
        name="source",
        x=x,
        y=y,
        layers=layers,
        handles=handles,
        title=t.words(f"{ID}.panel.source"),
        weight=0.8 if arrays is not None else 1.0,
    )


def _gathering(arrays, gathered: GatherScene) -> int:
    """Source, means and QQ plot; the frame that is shown."""
    t = text.current()
    counts, heights, edges = arrays["counts"], arrays["heights"], arrays["edges"]
    F, S = len(counts), len(arrays["values"])
    top = 1.3 * max(float(arrays["curve"][:, 1].max()), float(heights[-1].max()))
    dots = np.full((F, S, 2), np.nan, np.float32)
    bars = heights.copy()
    for f in range(min(SINGLES, F)):  # one by one as dots, and from then on as a histogram
        bars[f] = 0
        dots[f, : f + 1, 0] = arrays["values"][: f + 1]
        dots[f, : f + 1, 1] = (arrays["stack"][: f + 1] + 0.6) * top / 16
    notes = [
        t.words(f"{ID}.note", mean=text.number(m, 4), variance=text.number(v, 4))
        for m, v in zip(arrays["mean"], arrays["variance"], strict=True)
    ]
    law = "normal" if arrays["normal"] else "cauchy"
    means = Panel(
        name="means",
        x=Axis(t.words(f"{ID}.axis.{gathered.statistic}"), *(float(v) for v in arrays["curve"][[0, -1], 0])),
        y=Axis(t.words(f"{ID}.axis.density"), 0, top),
        layers=[
            Bars(
                name="histogram", edges=edges, heights=bars, role="data", label=t.words(f"{ID}.{gathered.statistic}s")
            ),
            Cloud(name="dots", at=dots, role="data", size=4.5),
            Curve(
                name="law",
                x=arrays["curve"][:, 0],
                y=arrays["curve"][:, 1],
                role="exact",
                label=t.words(f"{ID}.law.{law}"),
            ),
        ],
        title=t.words(f"{ID}.panel.{gathered.statistic}", n=gathered.n),
        note=notes,
        weight=1.3,
    )
    qq = Panel(
        name="qq",
        x=Axis(t.words(f"{ID}.axis.quantile"), -4, 4),
        y=Axis(t.words(f"{ID}.axis.measured"), -4, 4),
        layers=[
            Curve(name="diagonal", x=np.array([-4.0, 4.0]), y=np.array([-4.0, 4.0]), role="exact"),
            Cloud(name="quantiles", at=arrays["qq"], role="data", size=2.5),
        ],
        title=t.words(f"{ID}.panel.qq"),
        weight=0.8,
    )
    source = _source_panel(arrays, gathered.source, statistic=gathered.statistic)
    state = plane(
        [source, means, qq],
        key=f"{ID}.plane",
        values={"drawing": PAINTED} if gathered.source == "drawn" else None,
        frames=[t.words(f"{ID}.frame", count=f"{c:,}") for c in counts],
        height=300,
        scene=gathered.key,
        invite=t.words(f"{ID}.invite") if gathered.source == "drawn" else "",
    )
    return state.frame


def _table(arrays, gathered: GatherScene, frame: int) -> None:
    """Measured beside theory, for the repetitions that are shown."""
    t = text.current()
    values = {
        "count": f"{int(arrays['counts'][frame]):,}",
        "mean": text.number(arrays["mean"][frame], 4),
        "variance": text.number(arrays["variance"][frame], 4),
    }
    if not arrays["normal"]:
        text.prose(t.words(f"{ID}.table.cauchy", **values))
        return
    mean, std = (float(v) for v in arrays["law"])
    one_mean, one_std = (float(v) for v in arrays["moments"])
    values |= {
        "n": gathered.n,
        "law_mean": text.number(mean, 4),
        "law_variance": text.number(std**2, 4),
        "one_variance": text.number(one_std**2, 4),
    }
    if gathered.statistic == "sum":
        values["one_mean"] = text.number(one_mean, 4)
    text.prose(t.words(f"{ID}.table.{gathered.statistic}", **values))
