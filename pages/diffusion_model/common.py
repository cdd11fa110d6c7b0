"""What the experiments of step 9 share: the models at hand, sampling as a run, and the player's words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core import first_paint
from core.diffusion import library
from core.diffusion.sampling import Frame, SamplingConfig, SamplingState
from ui import links, live, player, text

PAGE = "diffusion_model"
NAMED = ("digits", "fashion", "moons", "rings", "blobs", "dinosaur")  # models that ship, in the order they are offered
DIGITS = first_paint.DIGITS
SAMPLER_NAMES = ("ddpm", "ddim", "heun", "dpm_solver_pp")
POINTS = 2_000
PATIENCE = 0.4  # seconds that a page waits for a quick run before it shows the last picture instead
GREY = {"low": -3.0, "high": 3.0, "show_low": -1.0, "show_high": 1.0}


@dataclass(frozen=True)
class Model:
    """A model that can be chosen: by its name where it ships, else by its key."""

    name: str
    key: str
    images: bool
    labels: int
    T: int
    dataset: str
    examples: int
    strokes: tuple


def models() -> dict[str, Model]:
    """The models on this machine by name, those that ship first; empty only where the project's files are missing."""
    found: dict[str, Model] = {}
    for record in library.available():
        config = record["config"]
        name = record.get("name")
        name = name if name in NAMED else record["key"]
        found.setdefault(
            name,
            Model(
                name,
                record["key"],
                images="dimensions" not in config["network"],
                labels=config["network"]["labels"],
                T=config["schedule"]["T"],
                dataset=config["dataset"],
                examples=record["examples"],
                strokes=tuple(tuple(map(tuple, stroke)) for stroke in config["strokes"]),
            ),
        )
    return dict(sorted(found.items(), key=lambda item: NAMED.index(item[0]) if item[0] in NAMED else len(NAMED)))


def model_setting(experiment: str, known: dict[str, Model]) -> links.Setting:
    """Which model: the names and keys there are just now."""
    return links.choice(f"{experiment}.model", "digits" if "digits" in known else next(iter(known)), tuple(known))


def model_select(setting: links.Setting, known: dict[str, Model]) -> Model:
    """A drop-down of the models; those trained here say what they were trained on."""
    t = text.current()

    def label(name: str) -> str:
        if name in NAMED:
            return t.words(f"{PAGE}.denoise.model.{name}")
        model = known[name]
        dataset = t.words(f"{PAGE}.denoise.own.{model.dataset}")
        return t.words(f"{PAGE}.denoise.own", dataset=dataset, examples=text.number(model.examples, 4))

    wished = links.value(setting)
    if st.session_state.get(setting.key) != wished:
        st.session_state[setting.key] = wished
    chosen = st.selectbox(
        t.words(f"{PAGE}.denoise.model"), list(known), key=setting.key, format_func=label,
        on_change=_chosen, args=(setting,),
    )  # fmt: skip
    links.put(setting, chosen)
    return known[chosen]


def _chosen(setting: links.Setting) -> None:
    links.settled(setting.experiment)
    links.put(setting, st.session_state[setting.key])


@dataclass(frozen=True, eq=False)
class Sampled:
    """What is on screen: the states, how long they took (None: kept from before), and what is still being computed."""

    config: SamplingConfig
    state: SamplingState
    seconds: float | None
    fresh: bool  # False while the run that was asked for is not done: then this is the picture before it
    snapshot: object | None  # of the run that was asked for, core.jobs.Snapshot


def sampled(configs: Sequence[SamplingConfig], slot: str) -> list[Sampled] | None:
    """The states of these runs: what ships, what was sampled before, or a run that the server makes now.

    slot: names the place on the page; while a run is not done its last picture is returned, with fresh False.
    None where nothing has ever been drawn there.
    """
    done = [_finished(config) for config in configs]
    shots = [None] * len(configs)
    if not all(done):
        from core import jobs

        asked = [None if d else jobs.runner().ask(c, live.watcher()) for c, d in zip(configs, done, strict=True)]
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and any(j and j.snapshot().status in live.ACTIVE for j in asked):
            time.sleep(0.02)
        shots = [job.snapshot() if job else None for job in asked]
        done = [
            d or ((shot.state, shot.seconds) if shot.status == "done" and shot.state is not None else None)
            for d, shot in zip(done, shots, strict=True)
        ]
    if all(done):
        now = [Sampled(c, d[0], d[1], True, None) for c, d in zip(configs, done, strict=True)]
        st.session_state[f"{PAGE}.{slot}.shown"] = now
        return now
    before = st.session_state.get(f"{PAGE}.{slot}.shown")
    waiting = next(shot for shot, d in zip(shots, done, strict=True) if not d)
    if before is None:
        return None
    return [Sampled(b.config, b.state, b.seconds, False, waiting) for b in before]


@st.fragment(run_every=0.7)
def wait() -> None:
    """While a sampling run goes on, look again; the page is drawn anew when none is left."""
    from core import jobs

    jobs.runner().seen(live.watcher())
    if not any(shot.key.startswith("sampling-") for shot in live.runs()):
        st.rerun()


def _finished(config: SamplingConfig) -> tuple[SamplingState, float | None] | None:
    kept = first_paint.sampling(config.key)
    return None if kept is None else (kept, None)


def stacked(frames: Sequence[Frame]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, ε̂ and x̂_0 of the frames, (F, N, …). The last frame has no prediction of its own and keeps the one before."""
    last = frames[-2] if len(frames) > 1 else frames[-1]
    x = np.stack([f.x for f in frames])  # (F, N, 1, H, W) or (F, N, 2)
    noise = np.stack([(f if f.noise is not None else last).noise for f in frames])
    x0 = np.stack([(f if f.x0 is not None else last).x0 for f in frames])
    return grey(x), grey(noise), grey(x0)


def grey(images: np.ndarray) -> np.ndarray:
    """Images of one channel (…, 1, H, W) as the player takes them, (…, H, W); points as they are."""
    return images[..., 0, :, :] if images.ndim == 5 else images


def player_labels() -> dict[str, str]:
    """The player's words in this session's language."""
    t = text.current()
    return {name: t.label(f"player.{name}") for name in player.LABELS}
