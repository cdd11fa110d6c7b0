"""A page with one plane, for the browser's tests; what it shows is set by the query."""

import time

import numpy as np
import streamlit as st

from ui import controls, links, text
from ui.plane import (
    Arrows,
    Axis,
    Band,
    Bars,
    Cloud,
    Components,
    Conditional,
    Contours,
    Curve,
    Density,
    DensityAt,
    Dot,
    Editor,
    Ellipse,
    Ellipses,
    Gaussian,
    Heat,
    Line,
    LogLikelihood,
    MahalanobisAt,
    Mapped,
    Marginal,
    Mixture,
    MomentOf,
    Normal,
    Painter,
    Panel,
    Paths,
    Pictures,
    Probability,
    Rule,
    Sticks,
    Surface,
    Words,
    plane,
)

st.set_page_config(layout="wide")
ask = st.query_params
kind, count = ask.get("kind", "dot"), int(ask.get("frames", 0))
draw = np.random.default_rng(5)
links.arrive("scene")

MEAN = links.real("scene.plane.mean", 0.0, low=-4, high=4, step=0.1)
STD = links.real("scene.plane.std", 1.0, low=0.2, high=3, step=0.05)
MEAN_X = links.real("scene.plane.mean_x", 0.0, low=-3, high=3, step=0.01)
MEAN_Y = links.real("scene.plane.mean_y", 0.0, low=-3, high=3, step=0.01)
STD_X = links.real("scene.plane.std_x", 1.5, low=0.2, high=2.5, step=0.01)
STD_Y = links.real("scene.plane.std_y", 0.8, low=0.2, high=2.5, step=0.01)
RHO = links.real("scene.plane.rho", 0.0, low=-0.99, high=0.99, step=0.01)
POINTS = links.points("scene.plane.points", ((-1.0, 0.5), (2.0, -1.0)), low=-4, high=4, most=int(ask.get("most", 6)))
WAVE = links.points("scene.plane.wave", tuple((x, 0.0) for x in range(-4, 5)), low=-4, high=4)
ROWS = links.rows(
    "scene.plane.rows",
    ((0.5, -1.5, 0.0, 0.8, 0.5, 0.4), (0.5, 1.5, 0.5, 0.6, 0.9, 0.0)),
    ((0.05, 1.0), (-4, 4), (-4, 4), (0.2, 2.0), (0.2, 2.0), (-0.95, 0.95)),
    most=3,
)
CHOSEN = links.whole("scene.plane.chosen", 1, low=1, high=3)
X, Y = Axis("x", -4, 4), Axis("y", -4, 4)
NORMAL, GAUSS = Normal("mean", "std"), Gaussian("mean_x", "mean_y", "std_x", "std_y", "rho")
frames = [f"step {f} · of {count - 1}" for f in range(count)]
grid = np.linspace(-4, 4, 40)
hill = np.exp(-(grid[None] ** 2) / 2 - (grid[:, None] - 1) ** 2)
t = np.arange(max(count, 2))
several = (count or 5, 30, 2)


def dot() -> list[Panel]:
    density = Density(name="curve", model=NORMAL, between=(-1, 1), label="model")
    mean = Dot(name="mean", x="mean", y=0.0, label="mean", jump="jump" in ask)
    std = Line(name="std", x="std", label="std", role="score")
    measures = {"p": Probability(NORMAL, -1, 1), "peak": DensityAt(NORMAL, "mean")}
    note = "μ = {mean:2}, σ = {std:2}, P = {p:4}, top {peak:3}"
    return [
        Panel(
            name="main", x=X, y=Axis("density", 0, 1), layers=[density], handles=[mean, std], note=note,
            measures=measures, pointer="x = {x:2}: {density:3}", model=NORMAL,
        )
    ]  # fmt: skip


def ellipse() -> list[Panel]:
    handle = Ellipse(
        name="shape", label="shape", mean_x="mean_x", mean_y="mean_y", std_x="std_x", std_y="std_y", correlation="rho"
    )
    side = [
        Density(name="m", model=Marginal(GAUSS, "y"), role="data"),
        Density(name="c", model=Conditional(GAUSS, 1.0)),
    ]
    return [
        Panel(
            name="main", x=X, y=Y, equal=True, layers=[Density(name="g", model=GAUSS, show="contours")],
            handles=[handle, Dot(name="tip", x=1.0, y="mean", label="tip", role="score", arrow=True)],
            pointer="{density:4} at {mahalanobis:2}", model=GAUSS, note="d {d:3}, s {s:3}",
            measures={"d": MahalanobisAt(GAUSS, 1.0, 1.0), "s": MomentOf(Conditional(GAUSS, 1.0), "std")},
        ),
        Panel(name="side", x=X, y=Axis("density", 0, 1), layers=side),
    ]  # fmt: skip


def editor() -> list[Panel]:
    on_line = "line" in ask
    layers = [Density(name="curve", model=NORMAL), Sticks(name="sticks", model=NORMAL, points="points", role="data")]
    note = "log L = {l:3}"
    return [
        Panel(
            name="main", x=X, y=Axis("y", 0, 1) if on_line else Y, layers=layers if on_line else [], note=note,
            measures={"l": LogLikelihood(NORMAL, "points")},
            handles=[Editor(name="points", points="points", label="points", line=on_line, most=POINTS.most)],
        )
    ]  # fmt: skip


def components() -> list[Panel]:
    mixture = Mixture("rows")
    surface = Density(name="high", model=mixture, show="surface")
    return [
        Panel(
            name="main", x=X, y=Y, equal=True,
            layers=[Density(name="bands", model=mixture, show="contours", label="density")],
            handles=[Components(name="parts", rows="rows", most=3, label="component", chosen=ask.get("chosen", ""))],
            pointer="{share0:2} {share1:2}", model=mixture,
        ),
        Panel(name="high", x=X, y=Y, kind="surface", layers=[surface]),
    ]  # fmt: skip


def painter() -> list[Panel]:
    return [Panel(name="main", x=X, y=Y, handles=[Painter(name="wave", points="wave", label="wave")])]


def moving() -> list[Panel]:
    at = draw.standard_normal((count, int(ask.get("points", 200)), 2)).cumsum(0) / 4
    climb = -1000 / (t + 2.0)
    return [
        Panel(
            name="main", x=X, y=Y, layers=[Cloud(name="cloud", at=at, pick=True, label="points")],
            note=[f"note {f}" for f in range(count)],
        ),
        Panel(
            name="run", x=Axis("step", 0, count - 1), y=Axis("log likelihood", -500, 0), seek=True,
            layers=[
                Curve(name="climb", x=t, y=climb, grow=True, role="exact"),
                Rule(name="now", x=t.tolist(), role="noise"),
            ],
        ),
    ]  # fmt: skip


def everything() -> list[Panel]:
    """All layers at once, in four panels."""
    shares = np.full((several[1], 3), 0.1)
    shares[np.arange(several[1]), np.arange(several[1]) % 3] = 0.8
    many = draw.standard_normal((2000, 2))
    fine = np.linspace(-4, 4, 81)
    gap = np.where(np.abs(fine) < 0.3, np.nan, 1.5 * np.sin(fine))
    box = {"x": (-4, 4), "y": (-4, 4)}
    covs = np.array([[[1, 0.5], [0.5, 0.6]], [[0.4, -0.2], [-0.2, 0.5]]])
    field = np.stack(np.meshgrid(np.linspace(-3, 3, 7), np.linspace(-3, 3, 7)), -1).reshape(-1, 2)
    circle = np.stack([np.cos(np.linspace(0, 6.3, 60)), np.sin(np.linspace(0, 6.3, 60))], -1)[None]
    images = np.tile(np.linspace(0, 255, 8, dtype=np.uint8), (2, 8, 1))
    boxes = np.array([[-3.5, 2, -2.5, 3], [-2, 2, -1, 3]])
    first = [
        Heat(name="heat", values=hill, low=0, high=1, palette=ask.get("palette", "cividis"), label="heat", **box),
        Contours(name="contours", values=hill, at=np.array([0.2, 0.5, 0.8]), role="exact", label="contours", **box),
        Cloud(name="cloud", at=draw.standard_normal(several[1:]), shares=shares, label="shares"),
        Words(name="words", x=-3, y=-3, text="{mean:1} words", role="score"),
        Pictures(name="pictures", images=images, boxes=boxes),
    ]
    second = [
        Bars(
            name="bars",
            edges=np.linspace(-4, 4, 17),
            heights=np.histogram(many[:, 0], 16, (-4, 4))[0] / 1000,
            label="bars",
        ),
        Curve(name="gap", x=fine, y=0.5 + gap / 4, label="curve", fill=True, role="latent"),
        Curve(name="old", x=fine, y=np.exp(-(fine**2)), label="before", faint=True, points=True, dashed=True),
        Band(name="band", low=-1, high="std", role="condition", label="band"),
        Rule(name="rule", x="mean", label="rule", role="score"),
        Rule(name="level", y=0.8, label="level", role="exact"),
        Density(name="sideways", model=NORMAL, along="y", base=4, scale=-2, role="data"),
    ]
    third = [
        Cloud(name="many", at=many, label="many"),
        Ellipses(
            name="ellipses", means=np.array([[-1, 0], [2, 1]]), covs=covs, weights=np.array([0.7, 0.3]), coloured=True
        ),
        Arrows(name="arrows", at=field, by=-field, label="arrows"),
        Arrows(name="unit", at=np.zeros((1, 2)), by=np.ones((1, 2)), longest=None, role="condition"),
        Paths(name="paths", at=draw.standard_normal(several).cumsum(1) / 3, role="noise", label="paths"),
        Mapped(name="mapped", at=circle, matrix=("std", 0.5, 0.0, 1.0), fill=True, role="latent", label="mapped"),
        Density(name="heat", model=Normal(0, 1), show="curve", faint=True),
        Density(name="warm", model=GAUSS, show="heat", role="score"),
    ]
    high = Surface(name="surface", values=hill, low=0, high=1, **box)
    return [
        Panel(name="maps", x=X, y=Y, equal=True, layers=first, title="Maps"),
        Panel(name="lines", x=X, y=Axis("density", 0, 1), layers=second),
        Panel(name="marks", x=X, y=Y, equal=True, layers=third),
        Panel(name="high", x=X, y=Axis("y", -4, 4), kind="surface", layers=[high]),
    ]


def logarithmic() -> list[Panel]:
    x = np.geomspace(1e-3, 1e3, 50)
    return [
        Panel(
            name="main",
            x=Axis("x", 1e-3, 1e3, log=True),
            y=Axis("y", 1, 50, log=True),
            layers=[Curve(name="c", x=x, y=x)],
        )
    ]


BUILD = {f.__name__: f for f in (dot, ellipse, editor, components, painter, moving, everything, logarithmic)}
VALUES = {
    "mean": MEAN, "std": STD, "mean_x": MEAN_X, "mean_y": MEAN_Y, "std_x": STD_X, "std_y": STD_Y, "rho": RHO,
    "points": POINTS, "wave": WAVE, "rows": ROWS, "chosen": CHOSEN,
}  # fmt: skip

if st.button("scene", key="ask_scene"):
    st.session_state.scene = "another"
st.button("again", key="again")


@st.fragment
def draw_it() -> None:
    time.sleep(float(ask.get("slow", 0)))
    if "slider" in ask:
        controls.slider(MEAN)
    state = plane(
        BUILD[kind](),
        key="scene.plane",
        values=VALUES,
        frames=frames,
        height=int(ask.get("height", 360)),
        start=int(ask.get("start", -1)),
        glide="glide" in ask,
        invite="INVITE",
        scene=st.session_state.get("scene", ""),
    )
    said = {name: links.value(setting) for name, setting in VALUES.items()}
    st.code(repr(said))
    st.markdown(f"frame {state.frame}, picked {state.picked}")


draw_it()
assert text.current()
