"""vae.beta: one dial in two readings, β or the variance of the decoder, at four settings that were trained."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from core import scene
from core.scenes.vae import BASE, DialScene, beta_models
from core.store import StoreError
from pages.vae import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Bars, Cloud, Panel, Words, plane

ID = "vae.beta"
READING = links.choice(f"{ID}.reading", "beta", ("beta", "std"))
CHOSEN = links.choice(f"{ID}.chosen", "1", ("0.25", "1", "4", "16"))


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(READING, CHOSEN)) as shown:
        if not shown.open:
            return
        keys = beta_models()
        if not keys:
            common.no_model()
            return
        try:
            a = scene.shown(DialScene(keys))
        except StoreError:
            common.no_model()
            return
        betas = [f"{beta:g}" for beta in a["beta"]]
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width="content"):
                reading = str(controls.select(READING))
            with st.container(width="content"):
                chosen = str(controls.select(CHOSEN, choices=tuple(betas), names=lambda beta: _name(beta, reading)))
        row = betas.index(chosen)
        _picture(a, row, reading)
        _rows(a, betas, reading)
        _sentences(a, row, reading)
        controls.presets(ID, {"one_unit": {CHOSEN: "16"}, "book": {CHOSEN: "4", READING: "std"}})
        page.derivation("vae.dial")
        page.code("core/vae_dial.py", "use", "beta_loss", "dial_constant")


def _std(beta: float) -> float:
    """The standard deviation with which β = 1 asks for the same weights."""
    return BASE * math.sqrt(beta)


def _name(beta: str, reading: str) -> str:
    return f"β = {beta}" if reading == "beta" else f"s = {_std(float(beta)):g}"


def _picture(a, row: int, reading: str) -> None:
    """Squared error against KL, and the KL of each latent unit."""
    t = text.current()
    error, kl, units = a["error"], a["kl"], a["units"][row]
    high_kl, high_error = 1.2 * float(kl.max()), 1.15 * float(error.max())
    names = [_name(f"{beta:g}", reading) for beta in a["beta"]]
    top = 1.15 * float(a["units"].max())
    plane(
        [
            Panel(
                name="trade",
                title=t.words(f"{ID}.panel.trade"),
                x=Axis(t.words(f"{ID}.axis.kl"), 0, high_kl),
                y=Axis(t.words(f"{ID}.axis.error"), 0, high_error),
                layers=[
                    Cloud(name="trade", role="model", at=np.stack([kl, error], axis=1), size=4.0),
                    Cloud(name="chosen", role="latent", at=np.array([[kl[row], error[row]]]), size=8.0),
                    *(
                        Words(name=f"name{i}", role="model", x=float(k) + 0.02 * high_kl,
                              y=float(e) + 0.05 * high_error, text=name)
                        for i, (k, e, name) in enumerate(zip(kl, error, names, strict=True))
                    ),
                ],
            ),
            Panel(
                name="units",
                title=t.words(f"{ID}.panel.units", name=names[row]),
                x=Axis(t.words(f"{ID}.axis.unit"), 0.5, len(units) + 0.5),
                y=Axis(t.words(f"{ID}.axis.unit_kl"), 0, top),
                layers=[Bars(name="units", role="latent", edges=np.arange(len(units) + 1) + 0.5, heights=units)],
            ),
        ],
        key=f"{ID}.plane",
        height=250,
    )  # fmt: skip


def _rows(a, betas: list[str], reading: str) -> None:
    t = text.current()
    body: list = [(t.words("vae.train.row.given"), (a["examples"], None))]
    body += [(_name(b, reading), (a["rebuilt"][i], a["drawn"][i])) for i, b in enumerate(betas)]
    common.rows([t.words(f"{ID}.column.rebuilt"), t.words("vae.train.column.drawn")], body)


def _sentences(a, row: int, reading: str) -> None:
    t = text.current()
    beta, std = float(a["beta"][row]), _std(float(a["beta"][row]))
    text.prose(
        t.words(
            f"{ID}.caption",
            name=_name(f"{beta:g}", reading),
            kl=text.number(float(a["kl"][row])),
            error=text.number(float(a["error"][row])),
            used=int(a["in_use"][row]),
            units=a["units"].shape[1],
        )
    )
    if beta == 1:  # both readings are the same here: nothing to compare
        text.prose(t.words(f"{ID}.dial.one", base=text.number(BASE)), small=True)
        return
    numbers = {
        "beta": text.number(beta), "base": text.number(BASE), "std": text.number(std),
        "loss": text.number(float(a["loss"][row]), 6),
        "other": text.number(float(a["loss"][row] - a["difference"][row]), 6),
        "difference": text.number(float(a["difference"][row]), 6),
        "constant": text.number(float(a["constant"][row]), 6),
    }  # fmt: skip
    text.prose(t.words(f"{ID}.dial", **numbers), small=True)
