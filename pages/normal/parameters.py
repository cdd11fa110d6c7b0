"""normal.parameters: μ moves the curve, σ stretches it, and the area stays one."""

from __future__ import annotations

import streamlit as st

from core import scene
from core.scenes.normal import ParametersScene
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Density, DensityAt, Dot, Normal, Panel, Rule, plane

ID = "normal.parameters"
LOW, HIGH = -5.0, 5.0  # of μ
WIDEST = 4.0  # of σ
MEAN = links.real(f"{ID}.mean", 0.0, low=LOW, high=HIGH, step=0.1)
STD = links.real(f"{ID}.std", 1.0, low=0.0, high=WIDEST, step=0.05)
PINS = links.rows(f"{ID}.pins", ((-2.0, 0.5), (2.0, 2.0)), ((LOW, HIGH), (0.05, WIDEST)), most=3)
RECTANGLES = links.whole(f"{ID}.rectangles", 200, low=2, high=400)
VISIBLE = 60  # rectangles: more of them cannot be told apart
TOPS = (0.5, 1.0, 2.0, 4.5, 9.0, 18.0, 45.0)  # of the density axis: it changes seldom
PIN_ROLES = ("data", "score", "condition")


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(MEAN, STD, PINS, RECTANGLES)):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            mean = round(controls.slider(MEAN), 6)
            std = round(controls.slider(STD), 6)
            _pin_buttons(mean, std)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                count = controls.slider(RECTANGLES)
        arrays = scene.shown(ParametersScene(mean, std, count))
        _picture(arrays, count)
        if arrays["fits"]:
            _formula(arrays, mean, std)
        else:
            text.prose(t.words(f"{ID}.no_width"))
        controls.presets(
            ID,
            {
                "widths": {MEAN: 0.0, STD: 1.0, PINS: ((0.0, 0.5), (0.0, 2.0), (0.0, 4.0))},
                "narrow": {MEAN: 0.0, STD: 0.1, PINS: ()},
                "coarse": {MEAN: 0.0, STD: 1.5, PINS: (), RECTANGLES: 12},
            },
        )


def _pin_buttons(mean: float, std: float) -> None:
    """Keep the curve as it is now, or let the last one that was kept go."""
    t, pins = text.current(), links.value(PINS)
    st.button(
        t.words(f"{ID}.pin"),
        key=f"{ID}.pin",
        icon=":material/push_pin:",
        disabled=len(pins) >= PINS.most or std <= 0,
        help=t.words(f"{ID}.pin.help"),
        on_click=links.put_all,
        args=({PINS: (*pins, (mean, std))},),
    )
    st.button(
        t.words(f"{ID}.unpin"),
        key=f"{ID}.unpin",
        disabled=not pins,
        on_click=links.put_all,
        args=({PINS: pins[:-1]},),
    )


def _picture(arrays, count: int) -> None:
    t, pins = text.current(), links.value(PINS)
    fits = bool(arrays["fits"])
    highest = max([float(arrays["peak"]) if fits else 1.0, *(0.4 / s for _, s in pins)])
    top = next((top for top in TOPS if highest * 1.08 <= top), highest * 1.1)
    model = Normal("mean", "std")
    layers = [
        Density(
            name=f"pin{k}",
            model=Normal(m, s),
            role=role,
            label=t.words(f"{ID}.pinned", mean=text.number(m), std=text.number(s)),
            dashed=k > 0,
        )
        for k, ((m, s), role) in enumerate(zip(pins, PIN_ROLES, strict=False))
    ]
    if fits and count <= VISIBLE:
        layers.append(Bars(name="rectangles", edges=arrays["edges"], heights=arrays["heights"], role="noise"))
    if fits:
        layers.append(Density(name="curve", model=model, role="model", label=t.words(f"{ID}.curve")))
    else:
        layers.append(Rule(name="point", x="mean", role="model", label="σ = 0"))
    plane(
        [
            Panel(
                name="density",
                x=Axis(t.words("normal.axis.x"), -8, 8),
                y=Axis(t.words("normal.axis.density"), 0, top),
                layers=layers,
                handles=[Dot(name="mean", x="mean", y=0.0, label=t.words(f"{ID}.handle"))],
                note="μ = {mean:2} · σ = {std:2}" + (" · p(μ) = {peak:3}" if fits else ""),
                measures={"peak": DensityAt(model, "mean")},
                pointer=t.template(f"{ID}.pointer") if fits else "",
                model=model if fits else None,
            )
        ],
        key=f"{ID}.plane",
        values={"mean": MEAN, "std": STD},
        height=292,
        invite=t.words(f"{ID}.invite"),
    )


def _formula(arrays, mean: float, std: float) -> None:
    """The formula with the numbers of now in it, and the area."""
    t = text.current()
    sign = "-" if mean >= 0 else "+"
    numbers = {
        "sign": sign,
        "mean": _tex(abs(mean)),
        "std": _tex(std),
        "peak": _tex(float(arrays["peak"])),
        "double": _tex(2 * std * std),
    }
    st.latex(text.fill(t.formula("normal.with_numbers"), numbers, "normal.with_numbers"))
    area, cells = float(arrays["area"]), len(arrays["heights"])
    values = {
        "area": f"{area:.6f}",
        "count": cells,
        "low": text.number(mean - 8 * std),
        "high": text.number(mean + 8 * std),
    }
    text.prose(t.words(f"{ID}.caption", **values))


def _tex(value: float) -> str:
    """A number as it stands in a formula: four digits, and a power of ten instead of an e."""
    digits, _, exponent = f"{value:.4g}".partition("e")
    return rf"{digits}\cdot 10^{{{int(exponent)}}}" if exponent else digits
