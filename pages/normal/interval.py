"""normal.interval: an area between two ends is a probability, and samples agree."""

from __future__ import annotations

import math

import streamlit as st

from core import scene
from core.scenes.normal import IntervalScene
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Density, Line, Normal, Panel, Probability, plane

ID = "normal.interval"
LOW = links.real(f"{ID}.low", -1.0, low=-9.0, high=11.0, step=0.1)
HIGH = links.real(f"{ID}.high", 3.0, low=-9.0, high=11.0, step=0.1)
MEAN = links.real(f"{ID}.mean", 1.0, low=-2.0, high=4.0, step=0.1)
STD = links.real(f"{ID}.std", 2.0, low=0.1, high=3.0, step=0.1)
COUNT = links.whole(f"{ID}.count", 1000, low=10, high=100_000, step=10)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(LOW, HIGH, MEAN, STD, COUNT, SEED)):
        t = text.current()
        _in_order()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            low = round(controls.number(LOW), 6)
            high = round(controls.number(HIGH), 6)
            count = controls.number(COUNT)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                mean = round(controls.slider(MEAN), 6)
                std = round(controls.slider(STD), 6)
                seed = controls.seed(SEED)
        arrays = scene.shown(IntervalScene(low, high, mean, std, count, seed))
        _picture(arrays, std)
        _sentences(arrays, low, high, count)
        sigmas = {f"sigma{k}": {LOW: round(mean - k * std, 6), HIGH: round(mean + k * std, 6)} for k in (1, 2, 3)}
        controls.presets(
            ID,
            sigmas
            | {
                "tail": {LOW: round(mean + 2 * std, 6), HIGH: HIGH.high},
                "point": {LOW: mean, HIGH: mean},
                "many": {COUNT: 100_000},
            },
        )


def _in_order() -> None:
    """Ends that were dragged past each other change their names."""
    low, high = links.value(LOW), links.value(HIGH)
    if low > high:
        links.adjust(LOW, high)
        links.adjust(HIGH, low)


def _picture(arrays, std: float) -> None:
    t = text.current()
    model = Normal("mean", "std")
    at, within = arrays["at"], arrays["within"]
    size = next((r for most, r in ((100, 4.0), (300, 3.0), (1000, 2.25)) if len(at) <= most), 1.6)
    plane(
        [
            Panel(
                name="density",
                x=Axis(t.words("normal.axis.x"), LOW.low, LOW.high),
                y=Axis(t.words("normal.axis.density"), 0, round(0.44 / std, 3)),
                layers=[
                    Density(name="area", model=model, between=("low", "high"), role="model"),
                    Cloud(
                        name="outside",
                        at=at[~within],
                        role="noise",
                        size=size,
                        label=t.words(f"{ID}.outside"),
                    ),
                    Cloud(
                        name="inside",
                        at=at[within],
                        role="data",
                        size=size,
                        label=t.words(f"{ID}.inside"),
                    ),
                    Density(name="curve", model=model, role="model", label=t.words(f"{ID}.curve")),
                ],
                handles=[
                    Line(name="low", x="low", label=t.words(LOW.key)),
                    Line(name="high", x="high", label=t.words(HIGH.key)),
                ],
                note=t.template(f"{ID}.note"),
                measures={"probability": Probability(model, "low", "high")},
                pointer=t.template("normal.parameters.pointer"),
                model=model,
            )
        ],
        key=f"{ID}.plane",
        values={"low": LOW, "high": HIGH, "mean": MEAN, "std": STD},
        height=340,
        invite=t.words(f"{ID}.invite"),
    )


def _sentences(arrays, low: float, high: float, count: int) -> None:
    t = text.current()
    p, inside, error = float(arrays["probability"]), int(arrays["inside"]), float(arrays["error"])
    z_low, z_high = (float(z) for z in arrays["z"])
    cdf_low, cdf_high = cumulative(arrays["cdf"], arrays["z"])
    numbers = {
        "low": text.number(low, 4),
        "high": text.number(high, 4),
        "z_low": f"{z_low:.2f}".replace("-", "−"),
        "z_high": f"{z_high:.2f}".replace("-", "−"),
        "p": percent(p),
        "cdf_low": cdf_low,
        "cdf_high": cdf_high,
        "inside": f"{inside:,}",
        "count": f"{count:,}",
        "share": percent(inside / count),
        "error": percent(error),
    }
    if low == high:
        text.prose(t.words(f"{ID}.point", **{k: numbers[k] for k in ("low", "z_low", "inside", "count")}))
        return
    text.prose(t.words(f"{ID}.caption", **numbers))
    shown = len(arrays["at"])
    if shown < count:
        text.prose(t.words(f"{ID}.thinned", shown=f"{shown:,}", count=f"{count:,}"), small=True)
    else:
        text.prose(t.words(f"{ID}.dots"), small=True)


def cumulative(cdf, z) -> list[str]:
    """Φ at both ends with four decimals; far out, where these would be the same, what is left to 0 or to 1."""
    said = [f"{float(c):.4f}" for c in cdf]
    tails = [0.5 * math.erfc(abs(float(v)) / math.sqrt(2)) for v in z]
    if said[0] != said[1] or not any(tails):
        return said
    return [text.number(q) if v < 0 else f"(1 − {text.number(q)})" for q, v in zip(tails, z, strict=True)]


def percent(share: float) -> str:
    """A share as a percentage: two decimals, more where that would say 0 or 100 of what is neither."""
    value = 100 * share
    if value in (0.0, 100.0) or 0.01 <= value <= 99.99:
        return f"{value:.2f}%"
    return f"{text.number(value, 2)}%" if value < 50 else f"100% − {text.number(100 - value, 2)}%"
