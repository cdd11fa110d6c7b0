"""vae.latent_map: the picture under the pointer, the true posterior of a drawing, and a walk between two pictures."""

from __future__ import annotations

import streamlit as st

from core import scene, vae_library
from core.scenes.vae import MAP, NINE, MapScene, PosteriorScene
from core.store import StoreError
from pages import working
from pages.vae import common
from ui import chapter, controls, links, packing, sketchpad, text
from ui.latent_map import LABELS, Posterior, latent_map

ID = "vae.latent_map"
POINTS = 400
A = links.whole(f"{ID}.a", 3, low=0, high=POINTS - 1)
B = links.whole(f"{ID}.b", 84, low=0, high=POINTS - 1)
INK = links.strokes(f"{ID}.ink", packing.unpack_strokes(packing.pack_strokes(NINE)))
SEVEN = (((0.3, 0.25), (0.68, 0.25), (0.52, 0.5), (0.42, 0.8)),)
THREE = (((0.35, 0.2), (0.65, 0.2), (0.5, 0.4), (0.62, 0.52), (0.64, 0.68), (0.5, 0.8), (0.34, 0.74)),)
SQUARE = (((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75), (0.25, 0.25)), ((0.25, 0.25), (0.75, 0.75)))
CORNER = (((0.05, 0.05), (0.13, 0.05), (0.09, 0.12), (0.14, 0.18), (0.07, 0.22), (0.04, 0.19)),)


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(A, B, INK)):
        key = vae_library.key_named(MAP)
        if not key:
            common.no_model()
            return
        try:
            _experiment(key)
        except StoreError:  # a file that is damaged was set aside
            common.no_model()
            return
        controls.presets(
            ID,
            {
                "nine": {INK: INK.default},
                "three": {INK: _packed(THREE)},
                "seven": {INK: _packed(SEVEN)},
                "corner": {INK: _packed(CORNER)},
                "strange": {INK: _packed(SQUARE)},
                "same": {A: A.default, B: A.default},
            },
        )


def _packed(strokes: tuple) -> tuple:
    """As a link brings them: one drawing is one scene."""
    return packing.unpack_strokes(packing.pack_strokes(strokes))


def _experiment(key: str) -> None:
    with st.container(horizontal=True, gap="medium", key=f"{ID}.stage"):  # the pad goes below where there is no room
        picture, pad = st.container(width=790), st.container(width=250)
    with pad:
        strokes = _pad()
    wanted = PosteriorScene(key, strokes, 0 if strokes else int(links.value(A)))
    answer, shot = working.answer(wanted, ID, PosteriorScene(key))
    if answer is not None:
        with picture, st.container(key=f"{ID}.picture" if answer.fresh else f"{ID}.picture_stage_stale"):
            _map(key, answer)
        with st.container(key=f"{ID}.said" if answer.fresh else f"{ID}.said_stage_stale"):
            _sentence(answer)
    working.waiting(wanted, shot, answer)


def _map(key: str, answer: working.Answer) -> None:
    t, found = text.current(), answer.arrays
    points, network = scene.shown(MapScene(key, POINTS)), vae_library.record(key)["config"]["network"]
    latent_map(
        key=f"{ID}.map",
        ends={"a": A, "b": B},
        layers=vae_library.decoder(key),
        at=points["at"],
        classes=points["labels"],
        images=points["images"],
        labels={name: t.template(f"{ID}.part.{name}") for name in LABELS},
        posterior=Posterior(
            found["mean"], found["std"], found["box"], found["density"],
            float(found["log_evidence"]), float(found["elbo"]),
        ),
        activation=network["activation"],
        output="sigmoid" if network["likelihood"] == "bernoulli" else "identity",
    )  # fmt: skip


def _sentence(answer: working.Answer) -> None:
    found = answer.arrays
    numbers = {
        "evidence": _nats(float(found["log_evidence"])),
        "elbo": _nats(float(found["elbo"])),
        "gap": _nats(float(found["kl"])),
    }
    drawn = f"{ID}.caption" if answer.scene.strokes else f"{ID}.caption.empty"
    text.prose(text.current().words(drawn, **numbers))


def _pad() -> tuple:
    """The pad, and below it what the model is given; the strokes, empty where nothing is drawn."""
    t = text.current()
    text.prose(t.words(f"{ID}.draw"), small=True)
    sketch = sketchpad.sketchpad(
        key=f"{ID}.pad",
        labels={name: t.label(f"sketchpad.{name}") for name in sketchpad.LABELS if name != "done"},
        strokes=_ink_at_start(),
        height=220,
        pen=0.075,
        grid=False,
        scene=str(links.version(INK)),
    )
    ink = _packed(sketch.strokes)
    links.put(INK, ink)
    return ink


def _ink_at_start() -> tuple:
    """What a link or a reset put on the pad; not what was drawn since."""
    place, version = f"{ID}.ink_at_start", links.version(INK)
    if place not in st.session_state or st.session_state[place][0] != version:
        st.session_state[place] = (version, links.value(INK))
    return st.session_state[place][1]


def _nats(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
