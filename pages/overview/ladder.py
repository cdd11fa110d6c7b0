"""overview.ladder: the same data by every step that generates, what each costs, and how near it comes to real data."""

from __future__ import annotations

import zipfile
import zlib

import streamlit as st

from core.ladder import IMAGES, SHAPES, Climbed, LadderConfig, LadderState, kept
from ui import catalogue, chapter, controls, ladder, links, live, text

ID = "overview.ladder"
DATA = links.choice(f"{ID}.data", "mnist", (*IMAGES, *SHAPES))
PIXELS = links.choice(f"{ID}.pixels", "mean", ("mean", "sample"))
RULER = links.choice(f"{ID}.ruler", "energy", ("energy", "frechet"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9_999)
LIVE = {"images": 500, "points": 1_000}  # samples of each rung that a person's own climb measures
COMMAND = "python -m core.ladder"


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(DATA, PIXELS, RULER, SEED)):
        dataset = _controls()
        shipped = _kept(LadderConfig(dataset))
        seed = links.value(SEED)
        if seed == 0 and shipped is not None:
            _picture(shipped, dataset)
            t = text.current()
            what = t.words(f"{ID}.recorded.{'images' if dataset in IMAGES else 'points'}")
            text.prose(t.words(f"{ID}.recorded", command=COMMAND, device=shipped.device, what=what), small=True)
            return
        if not _there(dataset):
            text.prose(text.current().words(f"{ID}.missing"))
            return
        config = LadderConfig(dataset, LIVE["images" if dataset in IMAGES else "points"], (seed,))

        def show(shot) -> None:
            if shot is not None and shot.state is not None and shot.state.rungs:
                _picture(shot.state, dataset)
                here = text.current().words(f"{ID}.live", count=f"{config.count:,}", device=shot.state.device)
                text.prose(here, small=True)

        live.watch(ID, lambda: config, show, config_key=config.key, kind="measuring")


def _controls() -> str:
    t = text.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
        dataset = controls.select(DATA)
        if dataset in IMAGES:
            controls.select(PIXELS)
        else:
            controls.select(RULER)
        with st.popover(t.label("control.more"), icon=":material/tune:"):
            controls.seed(SEED)
    return dataset


def _kept(config: LadderConfig) -> LadderState | None:
    try:
        return kept(config)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _there(dataset: str) -> bool:
    """Whether the data are on this machine: clothes do not ship."""
    if dataset not in IMAGES:
        return True
    from core import data

    return data.available(dataset)


def _picture(state: LadderState, dataset: str) -> None:
    """A row for each rung, real data below, and the sentences."""
    t = text.current()
    pictures = dataset in IMAGES
    shown = [r for r in state.rungs if r.variant in ("", links.value(PIXELS))]
    ruler = "frechet" if pictures else links.value(RULER)
    second = not pictures and ruler == "frechet"
    floors = state.frechet_floors if second else state.floors
    rows = [_row(r, r.frechet if second else r.distances, pictures, t) for r in shown]
    real = ladder.Row(0, t.words(f"{ID}.real"), "", (), state.real, floors, role="data")
    ladder.show(
        [*rows, real],
        floor=floors,
        key=f"{ID}.rows",
        axis=t.words(f"{ID}.axis.{'frechet' if pictures or second else 'energy'}"),
        floor_name=t.words(f"{ID}.floor"),
        log=pictures,  # an unbiased energy distance may lie below 0
    )
    _sentences(shown, floors, second, pictures)


def _row(climbed: Climbed, distances: tuple[float, ...], pictures: bool, t: text.Words) -> ladder.Row:
    step = next(s for s in catalogue.ROAD if s.id == climbed.step)
    words = t.words(f"{ID}.step.{climbed.step}")
    if climbed.variant:
        words += " · " + t.words(f"{ID}.pixels.{climbed.variant}")
    took = live.duration(climbed.training) if climbed.training >= 1 else t.words(f"{ID}.under")
    before = {"device": climbed.trained_on} if climbed.trained_on else {}  # what was trained earlier, elsewhere
    facts = (
        t.words(f"{ID}.parameters", n=f"{climbed.parameters:,}"),
        t.words(f"{ID}.trained" if before else f"{ID}.fitted", time=took, **before),
        t.words(f"{ID}.sampled", time=text.number(climbed.sampling, 2)),
    )
    role = {"multivariate_normal": "exact", "em": "score", "vae": "latent", "diffusion_theory": "latent"}.get(
        climbed.step, "condition" if climbed.step == "guidance" else "model"
    )
    title = f"{step.number} · {words}"
    page = catalogue.page_of_step(climbed.step)
    return ladder.Row(step.number, title, page.url_path if page else "", facts, climbed.samples, distances, role=role)


def _sentences(rungs: list[Climbed], floors: tuple[float, ...], second: bool, pictures: bool) -> None:
    """Which came nearest, and where the ladder does not rise: as measured."""
    t = text.current()
    means = [(r, sum(d := (r.frechet if second else r.distances)) / len(d)) for r in rungs]
    if not means:
        return
    best, nearest = min(means, key=lambda pair: pair[1])
    names = {"best": _name(best), "distance": text.number(nearest, 2)}
    low, high = (text.number(f(floors), 2) for f in (min, max))
    alone = len(floors) == 1  # one seed: how far chance carries a distance has not been measured
    said = t.words(f"{ID}.once", **names, floor=low) if alone else t.words(f"{ID}.caption", **names, low=low, high=high)
    text.prose(said)
    worse = [
        (before, after)
        for (before, a), (after, b) in zip(means, means[1:], strict=False)
        if b > a and max(b - a, 0) > _spread(before, second) + _spread(after, second)
    ]
    for before, after in worse:
        text.prose(t.words(f"{ID}.rises", before=_name(before), after=_name(after)), small=True)
    if not pictures:
        notes = [t.words(f"{ID}.no_label"), *([] if second else [t.words(f"{ID}.below_zero")])]
        text.prose(" ".join(notes), small=True)


def _spread(climbed: Climbed, second: bool) -> float:
    values = climbed.frechet if second else climbed.distances
    return (max(values) - min(values)) / 2


def _name(climbed: Climbed) -> str:
    return text.current().words(f"{ID}.step.{climbed.step}")
