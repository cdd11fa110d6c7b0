"""diffusion_model.samplers: four roads from one noise, and what each costs and achieves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import streamlit as st

from core import first_paint
from core.diffusion.quality import Entry, QualityConfig, QualityState, from_result
from core.diffusion.sampling import SamplingConfig
from pages.diffusion_model import common
from ui import chapter, charts, controls, links, live, player, text

ID = "diffusion_model.samplers"
CALLS = links.choice(f"{ID}.calls", 10, (3, 5, 10, 20, 50, 100))
ETA = links.real(f"{ID}.eta", 0.0, low=0.0, high=1.0, step=0.05)
SCALE = links.real(f"{ID}.scale", 1.5, low=0.0, high=10.0, step=0.1)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
COMMAND = "python -m core.first_paint quality"
ROLES = {"ddpm": "noise", "ddim": "model", "heun": "score", "dpm_solver_pp": "data"}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    known = common.models()
    if not known:
        common.no_model(page, ID)
        return
    MODEL = common.model_setting(ID, known)
    with page.experiment(ID, settings=(MODEL, CALLS, ETA, SCALE, SEED)):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width=190):
                model = common.model_select(MODEL, known)
            calls = controls.select(CALLS)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                eta = controls.slider(ETA)
                scale = controls.slider(SCALE) if model.labels else 0.0
                seed = controls.seed(SEED)
        base = SamplingConfig(
            model.key,
            scale=scale,
            labels=common.DIGITS if model.labels and scale else (),
            clip=model.images,
            count=12 if model.images else common.POINTS,
            seed=seed,
            frames=26,
        )
        configs = [
            replace(
                base,
                sampler=name,  # DDPM takes all levels: one run of it for every budget
                steps=first_paint.steps_for(name, calls if name != "ddpm" else CALLS.default),
                eta=eta if name == "ddim" else 0.0,
            )
            for name in common.SAMPLER_NAMES
        ]
        kept = first_paint.race_scenes(known["digits"].key) if "digits" in known else ()
        runs, expected = common.sampled(configs, model, "samplers", kept)
        if runs:
            with st.container(key=f"{ID}.stage" if runs[0].fresh else f"{ID}.stage_stale"):
                _race(runs)
        common.waiting(expected)
        presets = {
            "five": {CALLS: 5, ETA: 0.0},
            "fifty": {CALLS: 50, ETA: 0.0},
            "fresh": {CALLS: 50, ETA: 1.0},
        }
        if "moons" in known:
            presets["points"] = {MODEL: "moons", ETA: 0.0}
        controls.presets(ID, presets)
        _quality(model)


def _race(runs: list[common.Sampled]) -> None:
    """All four side by side, each at the last level that it had reached when the clock says t."""
    t, model = text.current(), runs[0].model
    T = model.T
    calls = next(run.config.steps for run in runs if run.config.sampler == "ddim")
    clock = sorted({f.t for f in runs[0].state.frames}, reverse=True)
    tracks = []
    for run in runs:
        frames = run.state.frames
        reached = [max((k for k, f in enumerate(frames) if f.t >= level), default=0) for level in clock]
        values = common.grey(np.stack([frames[k].x for k in reached]))
        name = run.config.sampler
        shared = {"role": ROLES[name], "note": t.words(f"{ID}.track.note", calls=run.state.calls)}
        title = t.words(f"{ID}.track.{name}")
        if model.images:
            tracks.append(player.Track(name, title, "images", values, **common.GREY, **shared))
        else:
            axes = tuple(t.words(f"diffusion_model.denoise.axis.{a}") for a in ("x", "y"))
            tracks.append(player.Track(name, title, "points", values, -3, 3, axes=axes, trail=0, **shared))
    player.player(
        tracks,
        [t.label("player.clock", t=level, T=T) for level in clock],
        key=f"{ID}.player",
        labels=common.player_labels(),
        height=300,
    )
    text.prose(t.words(f"{ID}.caption", calls=calls, T=T))


def _quality(model: common.Model) -> None:
    """Distance to real data against calls: recorded for the digit model, measured on request for any other."""
    t = text.current()
    kept = first_paint.quality(first_paint.quality_scene(model.key).key)
    st.markdown(f"**{t.words(f'{ID}.quality.title')}**")
    if kept is not None:
        _chart(kept, model, 1000, max(m.calls for m in kept.measured))
        text.prose(t.words(f"{ID}.quality.recorded", command=COMMAND), small=True)
        return
    config = _measurement(model)
    slot = f"{ID}.quality"

    def show(shot) -> None:
        state = shot.state if shot is not None else None
        if state is None and shot is not None and shot.status == "done":
            from core.store import user_store

            state = from_result(*user_store().load(shot.key))
        if state is not None and state.measured:
            _chart(state, model, config.count, max(entry.steps for entry in config.entries))

    live.watch(slot, lambda: config, show, config_key=config.key, kind="measuring")


def _measurement(model: common.Model) -> QualityConfig:
    """Every sampler with every budget; images with few samples, since each costs."""
    if model.images:
        entries = [
            Entry(name, first_paint.steps_for(name, n)) for name in common.SAMPLER_NAMES[1:] for n in (5, 10, 20)
        ]
        return QualityConfig(model.key, model.dataset, tuple(entries), count=200, scale=1.3 if model.labels else 0.0)
    budgets = (3, 5, 10, 20, 50, 100)
    entries = [Entry(name, first_paint.steps_for(name, n)) for name in common.SAMPLER_NAMES[1:] for n in budgets]
    entries += [Entry("ddim", n, 1.0) for n in budgets]
    entries.append(Entry("ddpm", model.T))
    return QualityConfig(model.key, model.dataset, tuple(entries), common.POINTS, 0.0, strokes=model.strokes)


def _chart(state: QualityState, model: common.Model, count: int, most: int) -> None:
    """Distance against calls. most: calls that are or will be measured, so that the axis stays what it is meanwhile."""
    t = text.current()
    lines: dict[tuple[str, float], list] = {}
    for m in state.measured:
        lines.setdefault((m.entry.sampler, m.entry.eta), []).append(m)
    # an unbiased distance may fall below zero, which a log axis cannot show: what chance alone gives is drawn as such
    least = state.floor if state.floor and not model.images else 0.0
    curves = []
    for (name, eta), found in lines.items():
        title = t.words(f"{ID}.track.{name}") + (f" η = {eta:g}" if eta else "")
        x = [m.calls for m in found]
        y = [max(m.distance, least) for m in found]
        curves.append(charts.Curve(ROLES[name], x, y, title, points=True))
    everything = [max(m.distance, least) for m in state.measured]
    low = min([*everything, state.floor or everything[0]])
    far = 10 ** math.ceil(math.log10(most))
    axis = charts.Axis(
        t.words(f"{ID}.quality.y.{'images' if model.images else 'points'}"),
        float(10 ** np.floor(np.log10(low))),
        float(10 ** np.ceil(np.log10(max(everything)))),
        log=True,
    )
    if state.floor is not None:
        curves.append(charts.Curve("exact", [3, far], [state.floor] * 2, t.words(f"{ID}.quality.floor")))
    x_axis = charts.Axis(t.words(f"{ID}.quality.x"), 3, far, log=True)
    charts.show(charts.curves(curves, x_axis, axis), key=f"{ID}.quality_chart")
    reached = [m for m in state.measured if state.floor is not None and m.distance <= state.floor]
    best = min(reached, key=lambda m: m.calls) if reached else min(state.measured, key=lambda m: m.distance)
    name = t.words(f"{ID}.track.{best.entry.sampler}") + (f" (η = {best.entry.eta:g})" if best.entry.eta else "")
    numbers = {"distance": text.number(best.distance, 2), "floor": text.number(state.floor or 0.0, 2)}
    sentence = f"{ID}.quality.reached" if reached else f"{ID}.quality.caption"
    text.prose(t.words(sentence, best=name, calls=best.calls, count=f"{count:,}", **numbers))
