"""em.how_many: how many components do the data ask for? Three answers."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.scenes.em_more import HowMany
from pages import working
from pages.em import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Curve, Panel, Rule, plane

ID = "em.how_many"
DATA = links.choice(f"{ID}.data", "faithful", common.PROPER)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(DATA, SEED)) as shown:
        if not shown.open:
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            data = controls.select(DATA)
            with st.container(width=300):
                seed = controls.seed(SEED)
        wanted = HowMany(data, int(seed))
        found, shot = working.answer(wanted, ID, HowMany())
        if found is not None:
            with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
                _picture(found.arrays, found.scene.data)
                _sentences(found.arrays)
        working.waiting(wanted, shot, found)
        page.code("core/selection.py", "parameters", "aic", "bic", "cross_validated")


def _picture(a: dict[str, np.ndarray], data: str) -> None:
    """AIC and BIC, the smaller the better; the held-out log-likelihood, the larger the better."""
    t, k = text.current(), a["k"].astype(float)
    count = Axis(t.words(f"{ID}.axis.k"), 0, 8.8)
    criteria = np.concatenate([a["aic"], a["bic"]])
    criteria = criteria[np.isfinite(criteria)]
    low, high = (float(f(criteria)) for f in (np.min, np.max)) if criteria.size else (0.0, 1.0)
    top = float(np.partition(a["bic"], 2)[:3].mean()) if np.isfinite(a["bic"]).all() else high
    high = min(high, top + 4 * (top - low) + 40)  # one component alone is often far worse than the rest
    held, error = a["held_out"], np.nan_to_num(a["error"])
    gaps = np.full_like(k, np.nan)
    bars = np.stack([k, k, gaps], axis=1).ravel(), np.stack([held - error, held + error, gaps], axis=1).ravel()
    values = np.concatenate([held - error, held + error, a["log_likelihood"]])
    values = values[np.isfinite(values)]
    bottom, up = float(np.sort(values)[min(3, len(values) - 1)]), float(values.max())
    bottom = float(min(values.min(), bottom))
    room = max(up - bottom, 1e-3)
    criterion_layers, held_layers = [], []
    for name, role in (("aic", "score"), ("bic", "condition")):
        criterion_layers.append(
            Curve(name=name, x=k, y=a[name], role=role, points=True, dashed=name == "bic", label=name.upper())
        )
        if np.isfinite(a[name]).any():
            best = int(np.nanargmin(a[name]))
            at = np.array([[k[best], a[name][best]]])
            criterion_layers.append(Cloud(name=f"best_{name}", at=at, role=role, size=8))
    held_layers += [
        Curve(
            name="seen", x=k, y=a["log_likelihood"], role="noise", dashed=True, points=True, label=t.words(f"{ID}.seen")
        ),
        Curve(name="errors", x=bars[0], y=bars[1]),
        Curve(name="held_out", x=k, y=held, points=True, label=t.words(f"{ID}.held_out")),
    ]
    if np.isfinite(held).any():
        best = int(np.nanargmax(held))
        held_layers.append(Cloud(name="best_held", at=np.array([[k[best], held[best]]]), role="model", size=8))
        held_layers.append(Rule(name="one_error", y=float(held[best] - error[best]), role="exact"))
    plane(
        [
            Panel(
                name="criteria",
                x=count,
                y=Axis(t.words(f"{ID}.axis.criterion"), low - 0.06 * (high - low), high + 0.06 * (high - low)),
                layers=criterion_layers,
            ),
            Panel(
                name="held_out",
                x=count,
                y=Axis(t.words("em.axis.nats"), bottom - 0.05 * room, up + 0.1 * room),
                layers=held_layers,
            ),
        ],
        key=f"{ID}.plane",
        height=290,
        scene=data,
    )


def _sentences(a: dict[str, np.ndarray]) -> None:
    """Which K each would choose, and whether they agree."""
    t, k = text.current(), a["k"]
    if not (np.isfinite(a["aic"]).any() and np.isfinite(a["held_out"]).any()):
        text.prose(t.words(f"{ID}.caption.none"))
        return
    chosen = {
        "aic": int(k[np.nanargmin(a["aic"])]),
        "bic": int(k[np.nanargmin(a["bic"])]),
        "held_out": int(k[np.nanargmax(a["held_out"])]),
    }
    best = int(np.nanargmax(a["held_out"]))
    near = a["held_out"] >= a["held_out"][best] - np.nan_to_num(a["error"][best])
    numbers = {
        "error": text.number(float(a["error"][best]), 2),
        "near": ", ".join(str(int(number)) for number in k[near]),
        "starts": int(a["starts"]),
        "folds": int(a["folds"]),
        "collapsed": int(a["collapsed"].sum()),
        "all": int(a["starts"]) * len(k),
    }
    agree = len(set(chosen.values())) == 1
    text.prose(t.words(f"{ID}.caption.{'agree' if agree else 'differ'}", **({"k": chosen["aic"]} if agree else chosen)))
    text.prose(t.words(f"{ID}.caption.how", **numbers), small=True)
