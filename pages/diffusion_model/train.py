"""diffusion_model.train: a model learns live, on digits, clothes or a shape that a person drew."""

from __future__ import annotations

import base64
import html
import io
import math
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import streamlit as st

from core import first_paint
from pages.diffusion_model import common, denoise
from ui import chapter, charts, controls, links, live, player, sketchpad, text

ID = "diffusion_model.train"
DATA = links.choice(f"{ID}.data", "mnist", ("mnist", "fashion_mnist", "moons", "rings", "blobs", "dinosaur", "drawing"))
LENGTH = links.choice(f"{ID}.length", "medium", ("short", "medium", "long"))
RATE = links.choice(f"{ID}.rate", "0.002", ("0.0005", "0.002", "0.01", "1"))
BATCH = links.choice(f"{ID}.batch", "auto", ("auto", "32", "64", "128", "256", "512"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9_999)
INK = links.strokes(f"{ID}.ink")
IMAGES = ("mnist", "fashion_mnist")
IMAGE_EXAMPLES = {"short": 15_000, "medium": 45_000, "long": 240_000}
POINT_STEPS = {"short": 1_000, "medium": 2_000, "long": 12_000}  # 2,000: within 20 seconds, benchmarks/drawing.py
SHORTEST_DRAWING = 0.2  # of the pad's side: all lines of a drawing together, below which there is no shape to learn
COMMAND = "python -m core.first_paint training"


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    t = text.current()
    with page.experiment(ID, settings=(DATA, LENGTH, RATE, BATCH, SEED, INK)):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width=200):
                dataset = controls.select(DATA, look="select")
            with st.container(width="content"):
                controls.select(LENGTH)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.select(RATE)
                controls.select(BATCH, look="select")
                controls.seed(SEED)
        if dataset == "fashion_mnist" and not _there(dataset):
            text.prose(t.words(f"{ID}.fashion_missing"))
        elif dataset != "drawing" or _drawn():
            live.watch(ID, _config, _run, config_key=_known_key())
        controls.presets(
            ID,
            {
                "digits": {DATA: "mnist", LENGTH: "medium", RATE: "0.002"},
                "dinosaur": {DATA: "dinosaur", LENGTH: "medium", RATE: "0.002"},
                "mine": {DATA: "drawing", LENGTH: "medium", RATE: "0.002"},
                "runaway": {DATA: "moons", LENGTH: "short", RATE: "1"},
            },
        )


def _drawn() -> bool:
    """The pad; whether there is enough on it to learn from."""
    t = text.current()
    text.prose(t.words(f"{ID}.draw"), small=True)
    pad = sketchpad.sketchpad(
        key=f"{ID}.pad",
        labels={name: t.label(f"sketchpad.{name}") for name in sketchpad.LABELS if name != "done"},
        strokes=_ink_at_start(),
        scene=str(links.version(INK)),
    )
    links.put(INK, pad.strokes)
    if sum(math.dist(a, b) for stroke in pad.strokes for a, b in pairwise(stroke)) < SHORTEST_DRAWING:
        text.prose(t.words(f"{ID}.draw.empty"), small=True)
        return False
    return True


def _ink_at_start() -> tuple:
    """What a link or a reset put on the pad; not what was drawn since."""
    place, version = f"{ID}.ink_at_start", links.version(INK)
    if place not in st.session_state or st.session_state[place][0] != version:
        st.session_state[place] = (version, links.value(INK))
    return st.session_state[place][1]


def _there(dataset: str) -> bool:
    from core import data

    if data.available(dataset):
        return True
    try:
        with st.spinner(text.current().label("data.fetching")):
            data.images(dataset, "train")
    except data.DataError:
        return False
    return True


def _config() -> Any:
    """The run that the settings ask for, as frozen plain data. Imports torch, so it is called when one is started."""
    from core.diffusion.learned import DiffusionConfig

    dataset, length = links.value(DATA), links.value(LENGTH)
    given = {"learning_rate": float(links.value(RATE)), "seed": links.value(SEED)}
    if links.value(BATCH) != "auto":
        given["batch_size"] = int(links.value(BATCH))
    if dataset in IMAGES:
        steps = round(IMAGE_EXAMPLES[length] / given.get("batch_size", 64))
        return DiffusionConfig.for_images(dataset, steps, **given)
    strokes = links.value(INK) if dataset == "drawing" else ()
    return DiffusionConfig.for_points(dataset, POINT_STEPS[length], strokes, **given)


def _known_key() -> str | None:
    """The key of that run, once torch is there anyway; before that no run can be going on in this process."""
    return _config().key if "torch" in sys.modules else None


def _run(shot: Any) -> None:
    """Draws a run: its loss, what it draws, and one sentence; before any run, a recorded one."""
    t = text.current()
    if shot is None or shot.state is None:
        kept = _recorded()
        if kept is not None:
            picture = _Picture(kept.losses, kept.steps, kept.previews)
            _panels(picture)
            text.prose(t.words(f"{ID}.caption.first", command=COMMAND), small=True)
        if shot is not None and shot.status == "done":
            _offer(shot.key)
        return
    state = shot.state
    training = state.training
    previews = tuple((p.step, p.x0.numpy()) for p in state.previews)
    losses = training.losses.numpy()
    _panels(_Picture(losses, training.steps, previews))
    lately = min(100, max(1, len(losses) // 10))  # early in a run a longer mean lies far above the end of the curve
    loss = text.number(float(losses[-lately:].mean()), 3)
    if shot.status == "failed" and shot.message == "diverged":
        text.prose(t.words(f"{ID}.diverged", step=training.step))
    elif shot.status == "done":
        parameters = training.parameters
        words = {"step": training.step, "seconds": text.number(training.seconds, 3), "parameters": f"{parameters:,}"}
        text.prose(t.words(f"{ID}.caption.done", **words))
        _offer(shot.key)
    else:
        words = {"step": training.step, "steps": training.steps, "loss": loss, "rate": text.number(training.rate, 3)}
        words |= {"seconds": text.number(training.seconds, 3), "device": state.device}
        text.prose(t.words(f"{ID}.caption", **words))


def _offer(key: str) -> None:
    """The finished model, one press away."""
    t, known = text.current(), common.models()
    name = next((name for name, model in known.items() if model.key == key), None)
    if name is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        text.prose(t.words(f"{ID}.kept"))
        setting = common.model_setting(denoise.ID, known)
        # by a callback: the page may be drawn anew, because the run has just ended, before it comes to the button
        use = {"on_click": links.put_all, "args": ({setting: name},)}
        if st.button(t.words(f"{ID}.use"), key=f"{ID}.use", icon=":material/arrow_upward:", **use):
            st.rerun()


class _Picture:
    """What is drawn of a run, whether it goes on now or was recorded."""

    def __init__(self, losses: np.ndarray, steps: int, previews: tuple[tuple[int, np.ndarray], ...]):
        self.losses, self.steps, self.previews = losses, steps, previews


def _recorded() -> first_paint.TrainingPicture | None:
    """The recorded run on digits: the first picture of the page."""
    keys = [file.stem for file in first_paint.FOLDER.glob("diffusion-*.npz")]
    return first_paint.training(keys[0]) if keys else None


def _panels(picture: _Picture) -> None:
    t = text.current()
    with st.container(horizontal=True, gap="medium", key=f"{ID}.row"):  # one below the other where there is no room
        left, right = st.container(width=480), st.container(width=560)
    with left:
        _loss(picture)
    if not picture.previews:  # the first is drawn after 25 updates
        return
    with right:
        st.markdown(f"**{t.words(f'{ID}.samples')}**")
        if picture.previews[0][1].ndim == 4:
            _grid(picture.previews)
        else:
            _clouds(picture.previews)


def _loss(picture: _Picture) -> None:
    """The loss against updates, as means of blocks so that there are never more than 200 marks."""
    t, losses = text.current(), picture.losses
    block = max(1, len(losses) // 200)
    means = losses[: len(losses) // block * block].reshape(-1, block).mean(1)
    at = (np.arange(len(means)) + 0.5) * block
    finite = np.isfinite(means)
    top = float(np.clip(np.nanmax(means[finite], initial=1.0), 1.0, 1e4))
    high = 2.0 ** math.ceil(math.log2(top))
    low = min(2.0 ** math.floor(math.log2(max(float(np.min(means[finite], initial=top)), 1e-4))), high / 2)
    st.markdown(f"**{t.words(f'{ID}.loss')}**")
    charts.show(
        charts.curves(
            [charts.Curve("model", at[finite], means[finite], t.words(f"{ID}.loss"))],
            charts.Axis(t.words(f"{ID}.loss.x"), 0, picture.steps),
            charts.Axis(t.words(f"{ID}.loss.y"), low, high, log=True),
        ),
        key=f"{ID}.loss_chart",
    )


def _grid(previews: tuple[tuple[int, np.ndarray], ...]) -> None:
    """One row of ten digits for each preview: the same noise, ever more updates."""
    t, rows = text.current(), ""
    for step, images in previews:
        name = html.escape(t.words(f"{ID}.row", step=f"{step:,}"))
        rows += f'<tr><th scope="row">{name}</th><td><img alt="{name}" src="{png(images)}"></td></tr>'
    st.html(f'<table class="growing">{rows}</table>')


def png(images: np.ndarray) -> str:
    """Images (N, 1, H, W) in [−1, 1] side by side, as a data address."""
    from PIL import Image

    row = np.concatenate([np.pad(image[0], 1, constant_values=-1) for image in images], axis=1)
    pixels = np.rint((row.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _clouds(previews: tuple[tuple[int, np.ndarray], ...]) -> None:
    """What the model draws, to be scrubbed along the training."""
    t = text.current()
    axes = (t.words(f"{denoise.ID}.axis.x"), t.words(f"{denoise.ID}.axis.y"))
    values = np.stack([points for _, points in previews])
    player.player(
        [player.Track("samples", t.words(f"{ID}.samples"), "points", values, -3, 3, role="model", axes=axes, trail=0)],
        [t.words(f"{ID}.row", step=f"{step:,}") for step, _ in previews],
        key=f"{ID}.clouds",
        labels=common.player_labels(),
        height=340,
    )
