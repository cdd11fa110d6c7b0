"""diffusion_model.anatomy: one noisy image inside the U-Net, every stage as its hooks heard it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import streamlit as st

from core import scene
from core.scenes.diffusion_model_anatomy import TESTS, AnatomyScene
from core.store import StoreError
from pages.diffusion_model import common, denoise
from ui import chapter, controls, links, text
from ui.anatomy import LABELS, Edge, Heat, Looks, Stage, anatomy

ID = "diffusion_model.anatomy"
SOURCE = links.choice(f"{ID}.source", "test", ("test", "run"))
INDEX = links.whole(f"{ID}.index", 0, low=0, high=TESTS - 1)
T = links.whole(f"{ID}.t", 400, low=1, high=1000)
LABEL = links.choice(f"{ID}.label", "none", ("none", *(str(d) for d in common.DIGITS)))
ORDER = links.choice(f"{ID}.order", "varied", ("varied", "strong", "first"))
TIME = links.choice(f"{ID}.time", "waves", ("waves", "told"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
PICTURES = {"x": (0, 0), "v": (7, 0), "noise": (8, 0), "x0": (8, 1), "clean": (8, 2)}
STAGE = links.choice(
    f"{ID}.stage",
    "down0",
    ("x", "enter", "down0", "down1", "attention", "middle", "up0", "up1", "leave", "v", "noise", "x0", "clean"),
)
PLACE = links.whole(f"{ID}.place", 24, low=0, high=48)
KINDS = {"x": "grey", "v": "signed", "noise": "signed", "x0": "grey", "clean": "grey"}
REACH = {"x": 1.0, "v": 3.0, "noise": 3.0, "x0": 1.0, "clean": 1.0}  # of the colours


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    known = {name: model for name, model in common.models().items() if model.images}
    MODEL = common.model_setting(ID, known) if known else None
    settings = (SOURCE, INDEX, T, LABEL, ORDER, TIME, SEED, STAGE, PLACE, *((MODEL,) if MODEL else ()))
    with page.experiment(ID, settings=settings) as shown:
        if not shown.open:
            return
        t = text.current()
        if MODEL is None:
            text.prose(t.words("diffusion_model.denoise.no_model"))
            return
        asked, model = _controls(MODEL, known)
        try:
            arrays = scene.shown(asked)
        except StoreError:  # the file was damaged since the page listed it
            text.prose(t.words("diffusion_model.denoise.no_model"))
            return
        _picture(arrays)
        _sentence(asked, arrays)
        controls.presets(
            ID,
            {
                "noise": {SOURCE: "test", T: 980, STAGE: "x0"},
                "details": {SOURCE: "test", T: 60, STAGE: "up1"},
                "attention": {SOURCE: "test", T: 400, STAGE: "attention", PLACE: 24},
                "told": {TIME: "told", STAGE: "middle"},
                "wrong": {SOURCE: "test", T: 700, LABEL: "3", STAGE: "x0"},
            },
        )
        page.derivation("diffusion_theory.conversions")
        page.code("core/diffusion/anatomy.py", "hooked", "observe", "attention_shares")
        page.code("core/diffusion/unet.py", "UNet.forward", "ResidualBlock.forward", "time_embedding")


def _controls(MODEL: links.Setting, known: dict[str, common.Model]) -> tuple[AnatomyScene, common.Model]:
    """The row of controls, and the scene that they ask for."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        with st.container(width=130):
            model = common.model_select(MODEL, known)
        with st.container(width="content"):
            source = controls.select(SOURCE)
        with st.container(width=170):
            level = controls.slider(T, high=model.T)
        with st.container(width=150):
            narrowed = ("none", *(str(d) for d in range(model.labels)))
            label = controls.select(
                LABEL, look="select", choices=narrowed, names=lambda option: _label(option, model.dataset)
            )
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            index = controls.number(INDEX) if source == "test" else links.value(INDEX)
            controls.select(ORDER)
            controls.select(TIME)
            seed = controls.seed(SEED)
    label = -1 if label == "none" else int(label)
    asked = AnatomyScene(model.key, source, int(index), int(level), label, int(seed))
    if source == "run":  # the noise is a walk's own, whatever test image stands in the field
        asked = replace(asked, index=0)
    return asked, model


def _label(option: str, dataset: str) -> str:
    """A label by its name: clothes have other names than digits."""
    t, own = text.current(), f"{denoise.ID}.label.{dataset}.{option}"
    if option == "none":
        return t.words(f"{ID}.label.none")
    return t.words(own) if t.has(own) else links.name_of_choice(denoise.LABEL.key, option)


def _picture(a: Mapping[str, np.ndarray]) -> None:
    """The diagram."""
    t = text.current()
    names = [str(name) for name in a["names"]]
    weights = dict(zip(names, a["weights"].tolist(), strict=False))
    stages = [_still(name, a) for name in ("x",)]
    stages += [_stage(name, a, weights[name]) for name in names]
    stages += [_still(name, a) for name in ("v", "noise", "x0", "clean") if name in a]
    if links.value(STAGE) not in {stage.name for stage in stages}:
        links.put_all({STAGE: "x0"})  # the clean image of a test digit, where the run has none
    levels = sum(name.startswith("down") for name in names)
    ways = [Edge("x", "enter", t.words(f"{ID}.way.fold")), Edge("leave", "v", t.words(f"{ID}.way.unfold"))]
    ways += [Edge(before, after, _way(before, after)) for before, after in zip(names, names[1:], strict=False)]
    ways += [
        Edge(f"down{k}", f"up{levels - 1 - k}", t.words(f"{ID}.way.skip") if k == 0 else "", "skip")
        for k in range(levels)
    ]
    ways += [Edge("v", "noise"), Edge("noise", "x0")]
    which = str(links.value(TIME))
    values = a[which]
    if which == "told":
        values = values / max(float(np.percentile(np.abs(values), 99)), 1e-9)
    heat = Heat(
        t.words(f"{ID}.time.heat.{which}", count=values.shape[1]), values, a["levels"], int(a["t"]), int(a["T"])
    )
    anatomy(
        stages,
        ways,
        heat,
        Looks("attention", a["attention"], "x"),
        key=f"{ID}.diagram",
        chosen={"stage": STAGE, "place": PLACE, "t": T},
        labels={name: t.template(f"{ID}.part.{name}") for name in LABELS},
    )


def _way(before: str, after: str) -> str:
    """What happens between two stages: halved on the way down, doubled on the way up."""
    t = text.current()
    if before[:-1] == after[:-1] == "down":
        return t.words(f"{ID}.way.halved")
    return t.words(f"{ID}.way.doubled") if before[:-1] == after[:-1] == "up" else ""


def _stage(name: str, a: Mapping[str, np.ndarray], weights: int) -> Stage:
    """A stage of the network; the diagram has a row for each size of map."""
    t, maps = text.current(), a[f"stage_{name}"]
    order = {
        "varied": a[f"order_{name}"],
        "strong": np.argsort(-np.abs(a[f"moments_{name}"][1:, 0]), kind="stable"),
        "first": np.arange(len(maps)),
    }[str(links.value(ORDER))]
    kind = name.rstrip("0123456789")
    column = [str(n) for n in a["names"]].index(name)
    row = 1 if maps.shape[1] == a["stage_enter"].shape[1] else 2
    return Stage(
        name,
        t.words(f"{ID}.stage.{kind}", size=maps.shape[1]) if kind in ("down", "up") else t.words(f"{ID}.stage.{kind}"),
        (column, row),
        maps,
        "×".join(str(n) for n in (1, *maps.shape)),
        t.words(f"{ID}.note.{kind}"),
        weights,
        a[f"moments_{name}"],
        order,
        reach=max(float(np.percentile(np.abs(maps), 99)), 1e-6),
        timed=kind in ("down", "middle", "up"),
    )


def _still(name: str, a: Mapping[str, np.ndarray]) -> Stage:
    """A picture: what goes in, what comes out, and what follows from it."""
    t, image = text.current(), a[name]
    moments = np.array([[image.mean(), image.std()]] * 2)
    shape = "×".join(str(n) for n in (1, 1, *image.shape))
    return Stage(
        name, t.words(f"{ID}.stage.{name}"), PICTURES[name], image[None], shape, t.words(f"{ID}.note.{name}"), None,
        moments, np.array([0]), kind=KINDS[name], reach=REACH[name],
    )  # fmt: skip


def _sentence(asked: AnatomyScene, a: Mapping[str, np.ndarray]) -> None:
    """What follows from v̂ at this level, with its numbers, and how near it comes to the truth where that is known."""
    t, left, level = text.current(), float(a["alpha_bar"]), int(a["t"])
    signal, sigma = left**0.5, (1 - left) ** 0.5
    numbers = {"t": level, "signal": text.number(signal, 3), "noise": text.number(sigma, 3)}
    words = t.words(f"{ID}.follows", **numbers)
    if "clean" in a:
        away = {
            "noise_off": text.number(float(np.sqrt(np.mean((a["noise"] - a["drawn"]) ** 2))), 2),
            "x0_off": text.number(float(np.sqrt(np.mean((a["x0"] - a["clean"]) ** 2))), 2),
        }
        words += " " + t.words(f"{ID}.truth", **away)
    elif level != asked.t:
        words += " " + t.words(f"{ID}.snapped", asked=asked.t, t=level)
    total = int(a["weights"].sum())
    words += " " + t.words(f"{ID}.weights", total=f"{total:,}", time=f"{int(a['weights'][-2]):,}")
    text.prose(words)
