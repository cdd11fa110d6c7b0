"""neural_network.digits: a network learns to name digits within seconds, then names what a person draws."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import streamlit as st

from ui import chapter, controls, links, live, sketchpad, text
from ui.plane import Axis, Bars, Curve, Panel, Pictures, Words, plane

ID = "neural_network.digits"
HIDDEN = links.choice(f"{ID}.hidden", 128, (4, 16, 64, 128, 256))
EPOCHS = links.choice(f"{ID}.epochs", 5, (1, 3, 5, 10))
RATE = links.choice(f"{ID}.rate", 0.003, (0.0003, 0.003, 0.03, 1.0))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
INK = links.strokes(f"{ID}.ink")
SETTINGS = (HIDDEN, EPOCHS, RATE, SEED, INK)
ROWS, COLUMNS = 4, 9  # of the mistakes that are shown
TARGET = 97.0  # per cent


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as experiment:
        if not experiment.open:
            return
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            controls.select(HIDDEN, names=str)
            controls.select(EPOCHS, names=str)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.select(RATE, names=lambda rate: f"{rate:g}")
                controls.seed(SEED)
        live.watch(ID, config, _run, config_key=config().key if "torch" in sys.modules else None)
        controls.presets(
            ID,
            {
                "usual": {HIDDEN: 128, EPOCHS: 5, RATE: 0.003},
                "narrow": {HIDDEN: 4, EPOCHS: 5, RATE: 0.003},
                "runaway": {HIDDEN: 128, EPOCHS: 1, RATE: 1.0},
            },
        )
        _drawn()
        page.code("core/digit_mlp.py", "DigitMLP", "cross_entropy", "train_digits")
        page.code("core/drawing.py", "as_digit", "ink")


def config() -> Any:
    """The run that the settings ask for, as frozen plain data. Imports torch."""
    from core.digit_mlp import DigitRun

    return DigitRun(
        int(links.value(HIDDEN)), int(links.value(EPOCHS)), float(links.value(RATE)), seed=int(links.value(SEED))
    )


def _run(shot: Any) -> None:
    """Accuracy by epoch and the mistakes; before a run, what to do."""
    from core.data import DataError

    t = text.current()
    try:
        looks = _looks(shot)
    except DataError:
        text.prose(t.words(f"{ID}.no_data"))
        return
    if not looks:
        text.prose(t.words(f"{ID}.before"), small=True)
        return
    _results(looks)
    best = looks[-1]
    if shot.status == "failed" and shot.message == "diverged":
        text.prose(t.words(f"{ID}.diverged", step=shot.detail or "–", epoch=best.epoch, right=_percent(best.accuracy)))
        return
    reached = next((look.epoch for look in looks if 100 * look.accuracy >= TARGET), None)
    values = {"epoch": best.epoch, "right": _percent(best.accuracy), "wrong": f"{round(1e4 * (1 - best.accuracy)):,}"}
    said = t.words(f"{ID}.caption", hidden=_hidden(best), **values)
    if reached is not None:
        said += " " + t.words(f"{ID}.reached", epoch=reached)
    text.prose(said)
    if shot.key != config().key:
        text.prose(t.words(f"{ID}.other"), small=True)


def _hidden(look: Any) -> int:
    """The units of the network that was looked at."""
    return len(look.weights["first.bias"])


def _looks(shot: Any) -> tuple:
    """What is known of a network after each epoch: from the run, else from the one that was kept."""
    if shot is None:
        return ()
    if shot.state is not None:
        return shot.state.looks
    return kept(shot.key) if shot.status == "done" else ()


@st.cache_data(max_entries=8, show_spinner=False)
def kept(key: str) -> tuple:
    """A network of an earlier day: looked at again, with the accuracies that it had on its way."""
    from core import data
    from core.digit_mlp import DigitMLP, Look, look
    from core.store import StoreError, user_store
    from core.training import restored

    try:
        weights, record = user_store().load(key)
    except StoreError:
        return ()
    import torch

    model = restored(lambda: DigitMLP(len(weights["first.bias"])), weights, torch.device("cpu"))
    last = look(model, data.mnist("test"), int(record["accuracies"][-1][0]))
    none = last.wrong[:0], last.said[:0], last.sure[:0]
    return (*(Look(int(e), float(a), *none, {}) for e, a in record["accuracies"][:-1]), last)


def _results(looks: tuple) -> None:
    from core import data

    t, test = text.current(), data.mnist("test")
    frames = [t.words(f"{ID}.frame", epoch=look.epoch, right=_percent(look.accuracy)) for look in looks]
    count = ROWS * COLUMNS
    images = np.zeros((len(looks), count, 28, 28), np.uint8)
    names = [[""] * len(looks) for _ in range(count)]
    for f, look in enumerate(looks):
        for n, (i, said) in enumerate(zip(look.wrong[:count].tolist(), look.said[:count].tolist(), strict=True)):
            images[f, n] = test.images[i, 0].numpy()
            names[n][f] = f"{int(test.labels[i])} → {said}"
    places = [(n % COLUMNS, ROWS - 1 - n // COLUMNS) for n in range(count)]
    boxes = np.array([[c + 0.16, r + 0.27, c + 0.84, r + 0.99] for c, r in places])
    accuracy = np.array([100 * look.accuracy for look in looks])
    epochs = np.array([float(look.epoch) for look in looks])
    plane(
        [
            Panel(
                name="accuracy",
                title=t.words(f"{ID}.accuracy"),
                x=Axis(t.words(f"{ID}.axis.epoch"), 0.0, float(max(epochs[-1], links.value(EPOCHS)))),
                y=Axis(t.words(f"{ID}.axis.accuracy"), 0.0, 100.0),
                layers=[
                    Curve(
                        name="target", role="exact", x=np.array([0.0, 100.0]), y=np.full(2, TARGET),
                        label=f"{TARGET:g} %",
                    ),
                    Curve(name="accuracy", role="model", x=epochs, y=accuracy, points=True, faint=True),
                    Curve(name="now", role="model", x=epochs, y=accuracy, grow=True, points=True),
                ],
                seek=True,
                weight=0.7,
            ),
            Panel(
                name="mistakes",
                title=t.words(f"{ID}.mistakes"),
                x=Axis("", 0.0, COLUMNS, shown=False),
                y=Axis("", 0.0, ROWS, shown=False),
                layers=[
                    Pictures(name="mistakes", role="data", images=images, boxes=boxes),
                    *(
                        Words(name=f"mistake{n}", role="model", x=c + 0.5, y=r + 0.13, text=names[n], align="center")
                        for n, (c, r) in enumerate(places)
                    ),
                ],
            ),
        ],
        key=f"{ID}.plane",
        frames=frames,
        height=300,
    )  # fmt: skip


def _drawn() -> None:
    """The pad, the drawing as the network sees it, and what it says of it."""
    t = text.current()
    st.markdown(f"**{t.words(f'{ID}.draw')}**")
    left, right = st.columns([2, 5], gap="medium")
    with left:
        pad = sketchpad.sketchpad(
            key=f"{ID}.pad",
            labels={name: t.label(f"sketchpad.{name}") for name in sketchpad.LABELS if name != "done"},
            strokes=_ink_at_start(),
            height=250,
            pen=0.075,
            scene=str(links.version(INK)),
        )
    links.put(INK, pad.strokes)
    with right:
        if not pad.strokes:
            text.prose(t.words(f"{ID}.draw.empty"), small=True)
            return
        _named(links.value(INK))


def _ink_at_start() -> tuple:
    """What a link or a reset put on the pad; not what was drawn since."""
    place, version = f"{ID}.ink_at_start", links.version(INK)
    if place not in st.session_state or st.session_state[place][0] != version:
        st.session_state[place] = (version, links.value(INK))
    return st.session_state[place][1]


def _named(strokes: tuple) -> None:
    """The class probabilities of a drawing."""
    from core.drawing import as_digit

    t = text.current()
    drawing = as_digit(strokes)
    chances, words = says(drawing.image)
    first, second = (int(k) for k in np.argsort(-chances)[:2])
    plane(
        [
            Panel(
                name="seen",
                title=t.words(f"{ID}.seen"),
                x=Axis("", 0.0, 28.0, shown=False),
                y=Axis("", 0.0, 28.0, shown=False),
                layers=[
                    Pictures(
                        name="seen", role="data", images=drawing.image.numpy()[None],
                        boxes=np.array([[0.0, 0.0, 28.0, 28.0]]),
                    ),
                    Curve(
                        name="box", role="noise", x=np.array([4.0, 24.0, 24.0, 4.0, 4.0]),
                        y=np.array([4.0, 4.0, 24.0, 24.0, 4.0]), faint=True,
                    ),
                ],
                equal=True,
                weight=0.55,
            ),
            Panel(
                name="chances",
                title=t.words(f"{ID}.chances"),
                x=Axis(t.words(f"{ID}.axis.digit"), -0.5, 9.5),
                y=Axis(t.words(f"{ID}.axis.chance"), 0.0, 1.1),
                layers=[
                    Bars(name="chances", role="model", edges=np.arange(11) - 0.5, heights=chances),
                    *(
                        Words(name=f"digit{k}", role="model", x=float(k), y=float(chances[k]) + 0.05,
                              text=f"{100 * chances[k]:.0f} %", align="center")
                        for k in range(10) if chances[k] >= 0.05
                    ),
                ],
            ),
        ],
        key=f"{ID}.seen_plane",
        height=214,
    )  # fmt: skip
    values = {"first": first, "chance": _percent(chances[first]), "second": second, "other": _percent(chances[second])}
    text.prose(t.words(f"{ID}.drawn", network=words, **values))


def says(image: Any) -> tuple[np.ndarray, str]:
    """What the network of the run says of an image (28, 28), and its name; without one, the network that ships."""
    from core import jobs, neural_network
    from core.digit_mlp import probabilities

    t = text.current()
    keys = dict.fromkeys((st.session_state.get(f"live.{ID}"), config().key))
    for key in keys:
        job = jobs.runner().find(key) if key else None
        looks = _looks(job.snapshot()) if job else ()
        if looks:
            look = looks[-1]
            words = t.words(f"{ID}.network.mine", hidden=_hidden(look), epoch=look.epoch)
            return probabilities(look.weights, image[None, None])[0].numpy(), words
    model = _shipped()
    scores = model(neural_network.to_unit(image[None, None].to(next(model.parameters()).device)))
    return scores.softmax(dim=1)[0].cpu().numpy(), t.words(f"{ID}.network.shipped")


@st.cache_resource(max_entries=1, show_spinner=False)
def _shipped() -> Any:
    from core.neural_network import pretrained

    return pretrained("digits")


def _percent(share: float) -> str:
    return f"{100 * float(share):.1f}"
