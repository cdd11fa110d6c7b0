"""guidance.latent: diffusion over the codes of a VAE beside diffusion over pixels, and what each costs."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from core import first_paint
from core.diffusion import guidance_quality
from core.diffusion.guidance_quality import LATENT_SCALES, SCALES
from core.scenes.guidance_latent import EACH, Side, operations
from core.shipped import named
from pages import working
from pages.guidance import sheets
from pages.guidance.scale import COMMAND, percent
from ui import chapter, controls, links, text
from ui.plane import Axis, Panel, Pictures, plane

ID = "guidance.latent"
GAMMA = links.choice(f"{ID}.gamma", "1.5", tuple(f"{s:g}" for s in (0.0, *LATENT_SCALES, 10.0)))
STEPS = links.choice(f"{ID}.steps", 10, (3, 5, 10, 20, 50))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=99_999)
SETTINGS = (GAMMA, STEPS, SEED)
SIDES = ("pixels", "codes", "alone")
COLUMNS = 5  # of a sheet


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as experiment:
        if not experiment.open:
            return
        t, pixels, codes = text.current(), named("diffusion", "digits"), named("latent_diffusion", "digits")
        if not pixels or not codes:
            text.prose(t.words(f"{ID}.no_model"))
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key=f"{ID}.controls"):
            with st.container(width=150):
                scale = float(controls.select(GAMMA, look="select", names=lambda v: sheets.gamma(float(v))))
            with st.container(width="content"):
                steps = int(controls.select(STEPS, names=str))
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                seed = controls.seed(SEED)
        wanted = Side(pixels, codes, scale, steps, int(seed))
        found, shot = working.answer(wanted, ID)
        if found is not None:
            with st.container(key=f"{ID}.stage" if found.fresh else f"{ID}.stage_stale"):
                _sheets(found)
                _costs(found)
        working.waiting(wanted, shot, found)
        controls.presets(ID, {"few": {STEPS: 3}, "many": {STEPS: 50}, "pushed": {GAMMA: "10"}, "free": {GAMMA: "0"}})
        page.derivation("guidance.codes")
        page.code("core/diffusion/latent.py", "LatentDiffusion.decode")
        page.code("core/operations.py", "multiply_adds")
        page.code("core/diffusion/latent.py", "standard", "latent_loss", trained=True)


def _sheets(found: working.Answer) -> None:
    """Three sheets of the same labels side by side."""
    t, a = text.current(), found.arrays
    rows = 10 * EACH // COLUMNS
    low = [(c, rows - 1 - r) for r in range(rows) for c in range(COLUMNS)]
    boxes = np.array([[x + 0.02, y + 0.02, x + 0.98, y + 0.98] for x, y in low])
    plane(
        [
            Panel(
                name=side,
                title=t.words(f"{ID}.side.{side}"),
                x=Axis("", 0.0, float(COLUMNS), shown=False),
                y=Axis("", 0.0, float(rows), shown=False),
                layers=[Pictures(name=side, role="model", images=sheets.as_ink(a[side]), boxes=boxes)],
                equal=True,
            )
            for side in SIDES
        ],
        key=f"{ID}.plane",
        height=330,
        scene=found.scene.key,
    )  # fmt: skip


def _costs(found: working.Answer) -> None:
    """What each costs and achieves: counted, timed and measured."""
    t, a, scene = text.current(), found.arrays, found.scene
    label = np.tile(np.arange(10), EACH)
    decoders = (0, int(a["decoder"]))
    totals = [operations(int(c), d, scene.sampler_steps, scene.scale) for c, d in zip(a["call"], decoders, strict=True)]
    right = [int((a[f"{side}_named"] == label).sum()) for side in SIDES[:2]]
    rows = [
        ("call", [_millions(int(c)) for c in a["call"]]),
        ("decoder", ["–", _millions(decoders[1])]),
        ("total", [_millions(total) for total in totals]),
        ("seconds", [text.number(float(s), 2) for s in a["seconds"]]),
    ]
    if scene.scale != 0:
        rows.append(("right", [f"{k} / {len(label)}" for k in right]))
    rows += _recorded(scene)
    head = "".join(f"<th>{html.escape(t.words(f'{ID}.side.{side}'))}</th>" for side in SIDES[:2])
    body = ""
    for name, numbers in rows:
        cells = "".join(f"<td>{html.escape(number)}</td>" for number in numbers)
        body += f"<tr><td>{html.escape(t.words(f'{ID}.row.{name}'))}</td>{cells}</tr>"
    st.html(f'<table class="arithmetic sides"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>')
    values = {
        "times": text.number(totals[0] / totals[1], 3),
        "faster": text.number(float(a["seconds"][0] / a["seconds"][1]), 2),
    }
    text.prose(t.words(f"{ID}.caption", count=len(label), **values))
    if len(rows) > 5:
        text.prose(t.words("guidance.recorded", command=COMMAND), small=True)


def _recorded(scene: Side) -> list[tuple[str, list[str]]]:
    """Agreement and distance as they were measured at this scale, where they were."""
    kept = (
        first_paint.guidance(guidance_quality.recorded(scene.pixels, SCALES)),
        first_paint.guidance(guidance_quality.recorded(scene.codes, LATENT_SCALES)),
    )
    if any(state is None or not state.at(scene.scale) for state in kept) or scene.sampler_steps != 10:
        return []
    at = [state.at(scene.scale) for state in kept]
    return [
        ("agreement", [f"{percent(np.mean([m.agreement for m in found]))}%" for found in at]),
        ("distance", [text.number(float(np.mean([m.distance for m in found])), 2) for found in at]),
    ]


def _millions(count: int) -> str:
    return text.number(count / 1e6)
