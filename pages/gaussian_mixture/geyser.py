"""gaussian_mixture.geyser: one normal and then two over Old Faithful, both of highest likelihood."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes import gaussian_mixture_folded as scenes
from pages.gaussian_mixture import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Curve, Ellipses, Panel, plane

ID = "gaussian_mixture.geyser"
NORMALS = links.choice(f"{ID}.normals", 1, (0, 1, 2))


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(NORMALS,)) as opened:
        if not opened.open:
            return
        t = text.current()
        normals = controls.select(NORMALS)
        found = scene.shown(scenes.GeyserScene(normals))
        data = Cloud(
            name="eruptions",
            at=found["points"],
            shares=found["shares"] if normals == 2 else None,
            label=t.words(f"{ID}.data"),
            role="data",
        )
        layers, curves = [data], []
        if normals:
            layers.append(
                Ellipses(
                    name="fit",
                    means=found["means"],
                    covs=found["covs"],
                    weights=found["weights"],
                    coloured=normals == 2,
                )
            )
            layers += common.labels(found, 100.0) if normals == 2 else []
            curves = [Curve(name="curve", x=found["line"], y=found["curve"], label=t.words(f"{ID}.curve"))]
        plane(
            [
                Panel(
                    name="plane",
                    x=Axis(t.words("gaussian_mixture.axis.eruption"), 1.0, 6.0),
                    y=Axis(t.words("gaussian_mixture.axis.waiting"), 38.0, 102.0),
                    layers=layers,
                    weight=1.1,
                ),
                Panel(
                    name="waiting",
                    x=Axis(t.words("gaussian_mixture.axis.waiting"), 40.0, 100.0),
                    y=Axis(t.words(f"{ID}.axis.density"), 0.0, 0.055),
                    layers=[
                        Bars(
                            name="histogram",
                            edges=found["edges"],
                            heights=found["heights"],
                            label=t.words(f"{ID}.data"),
                        ),
                        *curves,
                    ],
                ),
            ],
            key=f"{ID}.plane",
            height=360,
        )
        if normals:
            _say(normals)


def _say(normals: int) -> None:
    """The fits so far, their parameters and log-likelihoods; the second against the first."""
    t = text.current()
    fits = [scene.shown(scenes.GeyserScene(n)) for n in range(1, normals + 1)]
    body = [
        [
            t.words(f"{ID}.fit.{n}"),
            "<br>".join(_parameters(fit, k, n == 2) for k in range(n)),
            _nats(float(fit["log_likelihood"]), 2),
            _nats(float(fit["log_likelihood"]) / len(fit["points"]), 3),
        ]
        for n, fit in enumerate(fits, start=1)
    ]
    common.table([t.words(f"{ID}.table.{part}") for part in ("fit", "parameters", "total", "each")], body)
    if normals == 1:
        text.prose(t.words(f"{ID}.caption.one", **_emptiest(fits[0])))
        return
    gain = float(fits[1]["log_likelihood"] - fits[0]["log_likelihood"])
    n = len(fits[0]["points"])
    text.prose(
        t.words(
            f"{ID}.caption.two",
            gain=text.number(gain, 4),
            factor=common.from_log(gain / n, 3),
            steps=int(fits[1]["steps"]),
            n=n,
        )
    )


def _nats(value: float, digits: int) -> str:
    """A log-likelihood; as many decimals in every row of a column."""
    return f"{value:,.{digits}f}".replace("-", "−")


def _parameters(fit: dict[str, np.ndarray], k: int, colour: bool) -> str:
    """φ, μ and the two σ of a component."""
    stds = np.sqrt(np.diagonal(fit["covs"][k]))
    said = text.current().words(
        f"{ID}.parameters",
        weight=f"{fit['weights'][k]:.3f}",
        x=f"{fit['means'][k, 0]:.2f}",
        y=f"{fit['means'][k, 1]:.1f}",
        sx=f"{stds[0]:.2f}",
        sy=f"{stds[1]:.1f}",
    )
    return f":{common.role(k)}[{common.SHAPES[k]}] {said}" if colour else said


def _emptiest(fit: dict[str, np.ndarray]) -> dict[str, object]:
    """Waiting times near the one normal's mean: how many there are, and how many it expects."""
    return {
        "low": f"{fit['middle'][0]:.1f}",
        "high": f"{fit['middle'][1]:.1f}",
        "seen": int(fit["seen"]),
        "expected": f"{fit['expected']:.0f}",
    }
