"""diffusion_model.denoise: a trained model takes the noise out, step by step, and shows its arithmetic."""

from __future__ import annotations

import html

import streamlit as st

from core import first_paint
from core.diffusion.arithmetic import Row, explain
from core.diffusion.sampling import MOST_IMAGES, Frame, SamplingConfig
from pages.diffusion_model import common
from ui import chapter, code, controls, links, player, text

ID = "diffusion_model.denoise"
SAMPLER = links.choice(f"{ID}.sampler", "ddim", common.SAMPLER_NAMES)
STEPS = links.whole(f"{ID}.steps", 50, low=1, high=1000)
ETA = links.real(f"{ID}.eta", 0.0, low=0.0, high=1.0, step=0.05)
SCALE = links.real(f"{ID}.scale", 1.5, low=0.0, high=10.0, step=0.1)
LABEL = links.choice(f"{ID}.label", "each", ("each", "none", *(str(d) for d in common.DIGITS)))
COUNT = links.whole(f"{ID}.count", 16, low=1, high=MOST_IMAGES)
CLIP = links.flag(f"{ID}.clip", True)
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
FRAME = links.whole(f"{ID}.frame", 400, low=0, high=1000)  # t where the player rests: at 400, noise and digit are seen
SOURCE = "core/diffusion/samplers.py"
HEIGHT = 372  # pixels: controls, picture and transport fit a projector's 768 together


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    known = common.models()
    if not known:
        common.no_model(page, ID)
        return
    MODEL = common.model_setting(ID, known)
    settings = (MODEL, SAMPLER, STEPS, ETA, SCALE, LABEL, COUNT, CLIP, SEED, FRAME)
    with page.experiment(ID, settings=settings):
        config, model = _controls(MODEL, known)
        kept = [first_paint.denoise_scene(known["digits"].key)] if "digits" in known else []
        runs, expected = common.sampled([config], model, "denoise", kept)
        for run in runs:
            with st.container(key=f"{ID}.stage" if run.fresh else f"{ID}.stage_stale"):
                _picture(run, expected)
        if not runs:
            common.waiting(expected)
        _presets(MODEL, known)


def _controls(MODEL: links.Setting, known: dict[str, common.Model]) -> tuple[SamplingConfig, common.Model]:
    """The row of controls; returns what is asked for."""
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        with st.container(width=170):
            model = common.model_select(MODEL, known)
        with st.container(width=170):
            sampler = controls.select(SAMPLER, look="select")
        with st.container(width=150):
            steps = links.value(STEPS) if sampler == "ddpm" else controls.slider(STEPS, high=model.T)
        if model.labels:
            with st.container(width=184):
                label = controls.select(LABEL, look="select", names=lambda option: _label(option, model.dataset))
            with st.container(width=150):
                scale = controls.slider(SCALE)
        else:
            label, scale = "none", 0.0
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            eta = controls.slider(ETA) if sampler == "ddim" else links.value(ETA)
            count = controls.slider(COUNT) if model.images else common.POINTS
            clip = controls.toggle(CLIP) if model.images else False
            seed = controls.seed(SEED)
    kind = "images" if model.images else "points"
    config = SamplingConfig(
        model.key,
        sampler,
        steps=model.T if sampler == "ddpm" else steps,
        eta=eta if sampler == "ddim" else 0.0,
        scale=scale if label != "none" else 0.0,
        labels={"each": common.DIGITS, "none": ()}.get(label) if not label.isdigit() else (int(label),),
        clip=clip,
        count=count,
        seed=seed,
        frames=min(51, player.frames_that_fit(count, kind=kind, tracks=3)),
    )
    return config, model


def _label(option: str, dataset: str) -> str:
    """A label by its name: clothes have other names than digits."""
    t, own = text.current(), f"{ID}.label.{dataset}.{option}"
    return t.words(own) if t.has(own) else links.name_of_choice(LABEL.key, option)


def _presets(MODEL: links.Setting, known: dict[str, common.Model]) -> None:
    """Moments worth seeing, one press away, whatever was pressed before; for labels a model that knows some."""
    usual = {setting: setting.default for setting in (SAMPLER, STEPS, ETA, LABEL, SCALE)}
    labelled = usual | ({} if known[links.value(MODEL)].labels or "digits" not in known else {MODEL: "digits"})
    controls.presets(
        ID,
        {
            "few": {**usual, STEPS: 3},
            "fresh": {**usual, ETA: 1.0},
            "unguided": {**labelled, LABEL: "none", SCALE: 0.0},
            "pushed": {**labelled, SCALE: 8.0},
            "points": {**usual, MODEL: "moons"} if "moons" in known else {COUNT: 64},
        },
    )


def _picture(run: common.Sampled, expected: common.Expected | None) -> None:
    """The player, the sentence under it, and the arithmetic of what was clicked."""
    t, frames, model = text.current(), run.state.frames, run.model
    x, noise, x0 = common.stacked(frames)
    kind = "images" if model.images else "points"
    predicted = [t.words(f"{ID}.note", t=f.t if f.noise is not None else frames[-2].t) for f in frames]
    names = [t.words(f"{ID}.track.{name}") for name in ("x", "noise", "x0")]
    if model.images:
        tracks = [
            player.Track("x", names[0], kind, x, **common.GREY, role="data"),
            player.Track("noise", names[1], kind, noise, -3, 3, palette="signed", role="noise", note=predicted),
            player.Track("x0", names[2], kind, x0, **common.GREY, role="model", note=predicted),
        ]
    else:
        axes = (t.words(f"{ID}.axis.x"), t.words(f"{ID}.axis.y"))
        tracks = [
            player.Track("x", names[0], kind, x, -3, 3, role="data", axes=axes),
            player.Track("noise", names[1], kind, noise, -4, 4, role="noise", axes=axes, note=predicted, trail=0),
            player.Track("x0", names[2], kind, x0, -3, 3, role="model", axes=axes, note=predicted, trail=0),
        ]
    rests = player.player(
        tracks,
        [(f.t, f.calls) for f in frames],
        key=f"{ID}.player",
        labels=common.player_labels() | {"hint": t.words(f"{ID}.player.hint")},
        height=HEIGHT,
        start_level=_start_level(),
    )
    if run.fresh:
        links.adjust(FRAME, frames[rests.frame].t)
    common.waiting(expected)
    _sentences(run, frames[rests.frame])
    _arithmetic(run, frames[rests.frame], rests)


def _start_level() -> int:
    """The level the player goes to when the page, a link or a reset says so; not the one it was moved to since."""
    place = f"{ID}.start"
    version = links.version(FRAME)
    if place not in st.session_state or st.session_state[place][0] != version:
        st.session_state[place] = (version, links.value(FRAME))
    return st.session_state[place][1]


def _sentences(run: common.Sampled, frame: Frame) -> None:
    """What ran, and where the player rests."""
    t, config, model = text.current(), run.config, run.model
    ran = {
        "sampler": links.name_of_choice(SAMPLER.key, config.sampler),
        "calls": run.state.calls,
        "count": config.count,
    }
    if run.seconds is None:
        sentence = t.words(f"{ID}.caption.loaded", **ran)
    else:
        sentence = t.words(f"{ID}.caption", **ran, seconds=text.number(run.seconds, 2))
    if frame.t == 0:
        sentence += " " + t.words(f"{ID}.levels.end", T=model.T)
    else:
        signal, sigma = frame.alpha_bar**0.5, (1 - frame.alpha_bar) ** 0.5
        parts = {"signal": text.number(signal, 3), "noise": text.number(sigma, 3)}
        sentence += " " + t.words(f"{ID}.levels", t=frame.t, T=model.T, **parts)
    shown, total = len(run.state.frames), run.state.steps + 1
    if shown < total:
        sentence += " " + t.words(f"{ID}.shown", shown=shown, total=total)
    if config.sampler == "heun":
        sentence += " " + t.words(f"{ID}.heun")
    text.prose(sentence)


def _arithmetic(run: common.Sampled, frame: Frame, rests: player.PlayerState) -> None:
    """The step from this frame, worked out for the pixel or particle that was clicked."""
    t, model = text.current(), run.model
    with st.container(key=f"{ID}.arithmetic"):
        item = 0 if rests.item is None else min(rests.item, run.config.count - 1)
        row, column = rests.pixel or (14, 14)
        if frame.t_next is None:
            text.prose(t.words(f"{ID}.arithmetic.last"), small=True)
            return
        levels = {"t": frame.t, "s": frame.t_next}
        if model.images:
            places = [(item, 0, row, column)]
            title = t.words(f"{ID}.arithmetic.pixel", item=item + 1, row=row + 1, column=column + 1, **levels)
        else:
            places = [(item, 0), (item, 1)]  # x over y
            title = t.words(f"{ID}.arithmetic.particle", item=item + 1, **levels)
        rows = [explain(run.config, frame, place) for place in places]
        st.markdown(f"**{t.words(f'{ID}.arithmetic.title')}** · {title}")
        source = code.read(SOURCE, ["_predict", run.config.sampler])
        _table(rows, source)
        with st.expander(f"{t.label('code.title')} · `samplers.{run.config.sampler}`", icon=":material/code:"):
            st.caption(t.words(f"{ID}.arithmetic.source", file=SOURCE))
            code.show(source, tuple(row.code for row in rows[0]))


def _table(columns: list[tuple[Row, ...]], source: str) -> None:
    """Each line of code beside its numbers and what came out, with a reason under it.

    columns: the same rows for each number that is worked out: one for a pixel, two for a particle.
    """
    t = text.current()
    names = (t.words(f"{ID}.arithmetic.{head}") for head in ("code", "numbers", "value"))
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = ""
    for rows in zip(*columns, strict=True):
        line = html.escape(_line(source, rows[0].code))
        reason = text.plain(t.words(f"{ID}.arithmetic.{rows[0].name}"))
        numbers = "<br>".join(html.escape(row.numbers) for row in rows)
        value = "<br>".join(html.escape(text.number(row.value, 4)) for row in rows)
        body += f"<tr><td><code>{line}</code><small>{reason}</small></td><td>{numbers}</td><td>{value}</td></tr>"
    st.html(f'<table class="arithmetic"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>')


def _line(source: str, piece: str) -> str:
    """The whole line of code that a row of the arithmetic names by a piece of it, without its comment."""
    line = next(line for line in source.splitlines() if piece in line)
    return line.partition("  #")[0].strip()
