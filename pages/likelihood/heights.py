"""likelihood.heights: people's heights, the normal distribution fitted to them, and people who do not exist."""

from __future__ import annotations

import math

import streamlit as st

from core import scene
from core.scenes.likelihood import HEIGHT_EDGES, HeightsScene
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Density, Line, Normal, Panel, Probability, Words, plane

ID = "likelihood.heights"
FIRST = HeightsScene()
WHO = ("all", "women", "men")
SOURCE = links.choice(f"{ID}.source", FIRST.source, ("nhefs", "bdims"))
WHOSE = links.choice(f"{ID}.who", FIRST.who, WHO)
COUNT = links.choice(f"{ID}.count", "all", (2, 5, 10, 30, 100, 200, "all"))
LOW = links.real(f"{ID}.low", FIRST.low, low=HEIGHT_EDGES[0], high=HEIGHT_EDGES[1], step=0.5)
HIGH = links.real(f"{ID}.high", FIRST.high, low=HEIGHT_EDGES[0], high=HEIGHT_EDGES[1], step=0.5)
SEED = links.whole(f"{ID}.seed", FIRST.seed, low=0, high=9999)
HOME = {s: s.default for s in (SOURCE, WHOSE, COUNT, LOW, HIGH)}
PRESETS = {
    "women": HOME | {WHOSE: "women"},
    "ten": HOME | {COUNT: 10},
    "tall": HOME | {WHOSE: "men", HIGH: 190.0},
    "other": HOME | {SOURCE: "bdims"},
}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(SOURCE, WHOSE, COUNT, LOW, HIGH, SEED)):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            who = controls.select(WHOSE)
            count = controls.select(COUNT)
            seed = links.value(SEED)
            st.button(
                t.words(f"{ID}.again"),
                key=f"{ID}.again",
                icon=":material/casino:",
                on_click=links.put_all,
                args=({SEED: seed + 1 if seed < SEED.high else SEED.low},),
            )
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                source = controls.select(SOURCE)
                controls.slider(LOW, format="%.1f")
                controls.slider(HIGH, format="%.1f")
                controls.number(SEED)
        settings = HeightsScene(
            str(source),
            str(who),
            0 if count == "all" else int(count),
            round(links.value(LOW), 6),
            round(links.value(HIGH), 6),
            links.value(SEED),
        )
        shown = scene.shown(settings)
        _picture(shown)
        with st.container(key=f"{ID}.said", gap=None):
            text.prose(sentence(settings, shown))
            if shown["std"] > 0:
                text.prose(table(settings, shown))
            text.prose(t.words(f"{ID}.book"), small=True)
        controls.presets(ID, PRESETS)


def _picture(shown) -> None:
    """Real heights and new ones, each under the same curve and between the same two bounds."""
    t = text.current()
    top = max(0.06, 1.15 * float(max(shown["real"].max(), shown["new"].max(initial=0.0))))
    panels = []
    for name, role in (("real", "data"), ("new", "model")):
        layers, measures = [], {}
        if len(shown[name]):
            layers.append(
                Bars(
                    name=name, edges=shown["edges"], heights=shown[name], role=role, label=t.words(f"{ID}.mark.{name}")
                )
            )
        if shown["std"] > 0:
            fitted = Normal(float(shown["mean"]), float(shown["std"]))
            first, last, _ = HEIGHT_EDGES
            layers += [
                Density(name="low", model=fitted, between=(first, "low"), faint=True),
                Density(name="high", model=fitted, between=("high", last), faint=True),
                Density(name="fit", model=fitted, role="model", label=t.words("likelihood.mark.normal")),
            ]
            # from far below any height, and to far above
            layers += [
                Words(name="below", x="low", y=0.78 * top, text="{below:3} ", align="right", role="model"),
                Words(name="above", x="high", y=0.78 * top, text=" {above:3}", role="model"),
            ]
            measures = {"below": Probability(fitted, -1e6, "low"), "above": Probability(fitted, "high", 1e6)}
        panels.append(
            Panel(
                name=name,
                x=Axis(t.words(f"{ID}.axis"), HEIGHT_EDGES[0], HEIGHT_EDGES[1]),
                y=Axis(t.words(f"{ID}.axis.density"), 0.0, top),
                layers=layers,
                handles=[
                    Line(name="low", x="low", label=t.words(f"{ID}.low")),
                    Line(name="high", x="high", label=t.words(f"{ID}.high")),
                ],
                measures=measures,
            )
        )
    plane(panels, key=f"{ID}.plane", values={"low": LOW, "high": HIGH}, height=300, invite=t.words(f"{ID}.invite"))


def sentence(settings: HeightsScene, shown) -> str:
    """The fit in words, or why there is none."""
    t = text.current()
    values = {"n": f"{int(shown['count']):,}", "mean": f"{float(shown['mean']):.1f}"}
    if shown["std"] == 0:
        return t.words(f"{ID}.caption.same", **values)
    whose = t.words(f"{ID}.who.{settings.who}")
    return t.words(
        f"{ID}.caption",
        **values,
        whose=whose,
        std=f"{float(shown['std']):.2f}",
        gap=f"{math.ceil(1000 * float(shown['gap'])) / 10:.1f}",  # never more than it says
    )


def table(settings: HeightsScene, shown) -> str:
    """Both probabilities by the cdf, counted in the real heights and counted in the new ones."""
    t = text.current()
    rows = [
        f"| | {' | '.join(t.words(f'{ID}.table.{column}') for column in ('cdf', 'real', 'new'))} |",
        "|:--|--:|--:|--:|",
    ]
    for bound, shares, sign in ((settings.low, shown["below"], "≤"), (settings.high, shown["above"], ">")):
        cells = " | ".join(percent(float(share)) for share in shares)
        rows.append(f"| P(x {sign} {bound:g} cm) | {cells} |")
    return "\n".join(rows)


def percent(share: float) -> str:
    """A share in percent; what is smaller than can be shown keeps two digits."""
    if not math.isfinite(share):
        return "–"
    return f"{100 * share:.1f}%" if share >= 0.001 or share == 0 else f"{text.number(100 * share, 2)}%"
