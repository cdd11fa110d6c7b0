"""What the experiments of step 9 share: the models at hand, sampling as a run, and the player's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from core import first_paint
from core.diffusion import library
from core.diffusion.sampling import Frame, SamplingConfig, SamplingState
from core.job import Job, Snapshot
from pages import working
from ui import chapter, controls, links, live, player, redraw, text

PAGE = "diffusion_model"
NAMED = ("digits", "fashion", "moons", "rings", "blobs", "dinosaur")  # models that ship, in the order they are offered
DIGITS = first_paint.DIGITS
SAMPLER_NAMES = ("ddpm", "ddim", "heun", "dpm_solver_pp")
POINTS = 2_000
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


def no_model(page: chapter.Chapter, experiment: str) -> None:
    """The experiment where there is nothing to sample with: one sentence, and no traceback."""
    with page.experiment(experiment):
        text.prose(text.current().words(f"{PAGE}.denoise.no_model"))


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

    return known[controls.select(setting, look="select", names=label)]


@dataclass(frozen=True, eq=False)
class Sampled:
    """What is on screen: the states, the model that drew them, and how long that took (None: kept from before)."""

    config: SamplingConfig
    model: Model
    state: SamplingState
    seconds: float | None
    fresh: bool  # False while the run that was asked for is not done: then this is the picture before it


@dataclass(frozen=True, eq=False)
class Expected:
    """A run that the page waits for, or that failed."""

    config: SamplingConfig
    shot: Snapshot


def sampled(
    configs: Sequence[SamplingConfig], model: Model, slot: str, kept: Sequence[SamplingConfig] = ()
) -> tuple[list[Sampled], Expected | None]:
    """The states of these runs: what ships, what was sampled before, or a run that the server makes now.

    slot: names the place on the page. While a run is not done, its last picture is returned with fresh False, at first
    the one of `kept`, and beside it the run that is waited for or that failed. The list is empty where there is none.
    """
    shown = live.last()
    done = [_kept(config) for config in configs]
    asked = _asked([c for c, d in zip(configs, done, strict=True) if not d], slot)
    working.wait_a_moment(asked.values())
    shots = {key: job.snapshot() for key, job in asked.items()}
    _note_failures(shots, slot)
    done = [d or _done(shots[c.key]) for c, d in zip(configs, done, strict=True)]
    if all(done):
        now = [Sampled(c, model, *d, True) for c, d in zip(configs, done, strict=True)]
        shown[slot] = now
        return now, None
    expected = next(Expected(c, shots[c.key]) for c, d in zip(configs, done, strict=True) if not d)
    if slot not in shown and (ships := models().get("digits")) and all(map(_kept, kept)):
        shown[slot] = [Sampled(c, ships, *_kept(c), True) for c in kept]
    return [replace(before, fresh=False) for before in shown.get(slot, ())], expected


def waiting(expected: Expected | None) -> None:
    """How far the run is that an experiment waits for, which is drawn anew when it is done; or that it failed."""
    if expected is None:
        return
    if expected.shot.status in live.ACTIVE:
        _wait(expected.config, redraw.place())
    else:
        text.prose(live.message(expected.shot.message or "failed"), small=True)


@st.fragment(run_every=0.7)
def _wait(config: SamplingConfig, inside: str | None) -> None:
    from core import jobs

    jobs.runner().seen(live.watcher())
    job = jobs.runner().find(config.key)
    shot = live.held(f"{PAGE}.wait.{config.key}", job.snapshot() if job else None)
    if shot is None or shot.status not in live.ACTIVE:
        redraw.again(inside)
    step, steps = (shot.state.step, shot.state.steps) if shot.state is not None else (0, config.steps)
    text.prose(text.current().words(f"{PAGE}.denoise.waiting", step=step, steps=steps), small=True)


def _asked(configs: Sequence[SamplingConfig], slot: str) -> dict[str, Job]:
    """The runs of these configs by key; those that this place asked for earlier and wants no longer are left."""
    place, failed = f"{PAGE}.{slot}.asked", st.session_state.setdefault(f"{PAGE}.{slot}.failed", set())
    before, now = st.session_state.get(place, ()), tuple(config.key for config in configs)
    st.session_state[place] = now
    failed.intersection_update(now)
    if not before and not now:
        return {}
    from core import jobs

    runner = jobs.runner()
    for key in set(before) - set(now):
        runner.leave(key, live.watcher())
    # what failed here is not tried again by a mere look at the page
    return {c.key: (c.key in failed and runner.find(c.key)) or runner.ask(c, live.watcher()) for c in configs}


def _note_failures(shots: dict[str, Snapshot], slot: str) -> None:
    st.session_state[f"{PAGE}.{slot}.failed"].update(key for key, shot in shots.items() if shot.status == "failed")


def _kept(config: SamplingConfig) -> tuple[SamplingState, float | None] | None:
    kept = first_paint.sampling(config.key)
    return None if kept is None else (kept, None)


def _done(shot: Snapshot) -> tuple[SamplingState, float | None] | None:
    return (shot.state, shot.seconds) if shot.status == "done" and shot.state is not None else None


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
    return {name: t.label(f"player.{name}") for name in (*player.LABELS, "between")}
