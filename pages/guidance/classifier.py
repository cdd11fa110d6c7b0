"""guidance.classifier: the pull of a classifier of noisy digits beside a difference of scores, and what each costs."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import streamlit as st

from core import library, scene
from core.scenes.guidance_particles import WIDE, WINDOW, SameArrow
from core.scenes.guidance_pulled import PAIR, Lost, Pair
from core.shipped import named
from core.store import StoreError, user_store
from pages import working
from ui import chapter, charts, controls, links, live, player, text
from ui.plane import Arrows, Axis, Heat, Panel, plane

ID = "guidance.classifier"
SHIPPED = "digits"
GAMMA = links.real(f"{ID}.gamma", 3.0, low=-10.0, high=50.0, step=0.5)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
LENGTH = links.choice(f"{ID}.length", "short", ("short", "medium", "long"))
LEVEL = links.whole(f"{ID}.level", 60, low=1, high=200)
EXAMPLES = {"short": 10_000, "medium": 30_000, "long": 120_000}
BATCH = 128
CHANCE = 0.1  # of ten digits
WIDTH = 640  # pixels of two square panels


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    known = _classifiers()
    WHICH = links.choice(f"{ID}.which", SHIPPED, tuple(known) or (SHIPPED,))
    with page.experiment(ID, settings=(GAMMA, WHICH, SEED, LENGTH, LEVEL)) as shown:
        if not shown.open:
            return
        t, model = text.current(), named("diffusion", "digits")
        if not model or not known:
            text.prose(t.words("guidance.no_digits"))
        else:
            _pair(model, known, WHICH)
        text.prose(f"**{t.words(f'{ID}.training')}**")
        _training(known)
        text.prose(f"**{t.words(f'{ID}.exact')}**")
        _same_arrow()
        page.code("core/diffusion/guidance.py", "classifier_guided", highlight=("autograd.grad",))
        page.code("core/diffusion/noisy_classifier.py", "log_prob_of")
        page.code("core/diffusion/noisy_classifier.py", "noisy_classification_loss", trained=True)


def _classifiers() -> dict[str, dict]:
    """The records of the classifiers at hand: the one that ships by its name, those trained here by their keys."""
    found: dict[str, dict] = {}
    for record in library.available("noisy_classifier"):
        if record["config"]["dataset"] == "mnist":
            found.setdefault(SHIPPED if record.get("name") == SHIPPED else record["key"], record)
    return found


# ---- the same digits by both ----------------------------------------------------------------------------------------


def _pair(model: str, known: dict[str, dict], WHICH: links.Setting) -> None:
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
        with st.container(width=180):
            gamma = float(controls.number(GAMMA))
        if len(known) > 1:
            with st.container(width=260):
                which = str(controls.select(WHICH, look="select", names=lambda name: _name(name, known)))
        else:
            which = str(links.value(WHICH))
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            seed = int(controls.seed(SEED))
    record = known.get(which) or next(iter(known.values()))
    wanted = Pair(model, record["key"], gamma, seed)
    found, shot = working.answer(wanted, ID, Pair(model, record["key"]))
    if found is not None:
        with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
            _digits(found)
    working.waiting(wanted, shot, found)
    controls.presets(ID, {"plain": {GAMMA: 1.0}, "strong": {GAMMA: 10.0}, "far": {GAMMA: 50.0}, "none": {GAMMA: 0.0}})
    _costs(model, record)


def _name(name: str, known: dict[str, dict]) -> str:
    t = text.current()
    if name == SHIPPED:
        return t.words(f"{ID}.which.shipped")
    return t.words(f"{ID}.which.own", examples=f"{known[name]['examples']:,}")


def _digits(found: working.Answer) -> None:
    """Two players of the same clock, and how many of the ends are what was asked for."""
    t, a = text.current(), found.arrays
    right = (a["named"] == a["labels"]).sum(axis=1).tolist()
    tracks = [
        player.Track(
            name,
            t.words(f"{ID}.track.{name}"),
            "images",
            a[name].astype(np.float32) / 127.5 - 1,
            role=role,
            note=t.words(f"{ID}.track.note", right=count, count=PAIR),
        )
        for name, role, count in zip(("by_classifier", "by_difference"), ("score", "condition"), right, strict=True)
    ]
    levels = a["t"].tolist()
    player.player(
        tracks,
        [t.label("player.clock", t=level, T=levels[0]) for level in levels],
        key=f"{ID}.player",
        labels={name: t.label(f"player.{name}") for name in (*player.LABELS, "between")},
        height=300,
        scene=found.scene.key,
    )
    gamma = text.number(found.scene.gamma)
    if found.scene.gamma == 0:
        text.prose(t.words(f"{ID}.caption.none", right=right[0], count=PAIR))
    else:
        text.prose(t.words(f"{ID}.caption", gamma=gamma, by_classifier=right[0], by_difference=right[1], count=PAIR))


def _costs(model: str, classifier: dict) -> None:
    """What had to be trained for each, as the records say."""
    t = text.current()
    try:
        network = library.store_of(model).record(model)
    except StoreError:
        return

    def row(name: str, record: dict) -> str:
        cells = f"{record['parameters']:,} | {record['examples']:,} | {record['seconds']:,.0f} | {record['device']}"
        return f"| {t.words(f'{ID}.costs.{name}')} | {cells} |"

    head = " | ".join(t.words(f"{ID}.costs.{name}") for name in ("what", "weights", "examples", "seconds", "device"))
    text.prose("\n".join([f"| {head} |", "|---|---:|---:|---:|---|", row("network", network),
                          row("classifier", classifier)]))  # fmt: skip
    text.prose(t.words(f"{ID}.costs.caption"), small=True)


# ---- training one ---------------------------------------------------------------------------------------------------


def _training(known: dict[str, dict]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.training_controls"):
        controls.select(LENGTH)
    live.watch(ID, config, lambda shot: _learnt(shot, known), config_key=_known_key())


def config() -> Any:
    """The run that the settings ask for, as frozen plain data. Imports torch."""
    from core.diffusion.noisy_classifier import NoisyClassificationConfig

    steps = round(EXAMPLES[str(links.value(LENGTH))] / BATCH)
    return NoisyClassificationConfig.for_images("mnist", steps, batch_size=BATCH)


def _known_key() -> str | None:
    """The key of that run, once torch is there anyway; before that no run can be going on in this process."""
    return config().key if "torch" in sys.modules else None


def _learnt(shot: Any, known: dict[str, dict]) -> None:
    """Accuracy against t: of the classifier that ships, and of the run that is watched."""
    t = text.current()
    shipped = known.get(SHIPPED)
    curves = []
    if shipped is not None:
        curves.append(charts.Curve("condition", shipped["levels"], shipped["accuracies"],
                                   t.words(f"{ID}.curve.shipped"), points=True))  # fmt: skip
    own = _own(shot)
    if own is not None:
        curves.append(charts.Curve("model", own[0], own[1], t.words(f"{ID}.curve.own"), points=True))
    judge, lost = named("classifier", "digits"), None
    if judge:
        lost = scene.shown(Lost(judge))
        curves.append(charts.Curve("noise", lost["levels"], lost["accuracies"], t.words(f"{ID}.curve.lost"),
                                   points=True))  # fmt: skip
    T = max((c.x[-1] for c in curves), default=1000)
    curves.append(charts.Curve("exact", [0, T], [CHANCE, CHANCE], t.words(f"{ID}.curve.chance")))
    x = charts.Axis(t.words(f"{ID}.axis.t"), 0, T)
    charts.show(charts.curves(curves, x, charts.Axis(t.words(f"{ID}.axis.accuracy"), 0, 1), height=240),
                key=f"{ID}.accuracy")  # fmt: skip
    if shipped is not None:
        first, last = shipped["accuracies"][0], shipped["accuracies"][-1]
        half = next((level for level, a in zip(shipped["levels"], shipped["accuracies"], strict=True) if a < 0.5), T)
        text.prose(t.words(f"{ID}.accuracy", first=_percent(first), last=_percent(last), half=half))
        if lost is not None and (blind := next((c for c, a in zip(lost["levels"], lost["accuracies"], strict=True)
                                                if a < 0.5), None)) is not None:  # fmt: skip
            text.prose(t.words(f"{ID}.accuracy.lost", half=int(blind)))
    if shot is not None and shot.status == "failed" and shot.message == "diverged":
        text.prose(t.words(f"{ID}.diverged", step=shot.detail or "–"))
    elif shot is not None and shot.state is not None:
        state = shot.state.training
        lately = min(50, max(1, len(state.losses) // 10))  # early in a run a longer mean is far above the curve's end
        loss = text.number(float(state.losses[-lately:].mean()))
        text.prose(t.words(f"{ID}.update", step=f"{state.step:,}", steps=f"{state.steps:,}", loss=loss))


def _own(shot: Any) -> tuple[list[int], tuple[float, ...]] | None:
    """Levels and accuracies of the run that is watched, as far as it is looked at."""
    if shot is None:
        return None
    if shot.state is not None and shot.state.looks:
        from core.diffusion.noisy_classifier import looked_at

        return looked_at(shot.state.config.schedule.T), shot.state.looks[-1][1]
    if shot.status == "done":
        try:
            record = user_store().record(shot.key)
        except StoreError:
            return None
        return record["levels"], tuple(record["accuracies"])
    return None


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


# ---- with exact scores ----------------------------------------------------------------------------------------------


def _same_arrow() -> None:
    """The gradient of an exact classifier and the difference of exact scores, on one grid of points."""
    t = text.current()
    with st.container(width=320, key=f"{ID}.exact_controls"):
        level = int(controls.slider(LEVEL))
    gamma = float(links.value(GAMMA))
    a = scene.shown(SameArrow(t=level, gamma=gamma))
    box, wide = (-WINDOW, WINDOW), (-WIDE * WINDOW, WIDE * WINDOW)
    panels = [
        Panel(
            name=name,
            title=t.words(f"{ID}.panel.{name}"),
            x=Axis("x₁", *box),
            y=Axis("x₂", *box),
            layers=[
                Heat(name="posterior", role="condition", values=a["posterior"], x=wide, y=box, low=0.0, high=1.6),
                Arrows(name="arrows", role=role, at=a["at"], by=a[name]),
            ],
            equal=True,
        )
        for name, role in (("gradient", "score"), ("difference", "condition"))
    ]
    with st.container(width=WIDTH):
        plane(panels, key=f"{ID}.plane", height=290)
    longest = float(np.linalg.norm(a["difference"], axis=1).max())
    if gamma == 0:
        text.prose(t.words(f"{ID}.same.none", longest=text.number(longest)))
        return
    numbers = {"gap": text.number(float(a["gap"]), 2), "longest": text.number(longest), "points": len(a["at"])}
    text.prose(t.words(f"{ID}.same", gamma=text.number(gamma), **numbers))
