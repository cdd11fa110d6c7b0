"""diffusion_theory.hierarchy: a VAE of two levels, then T of them on paper, then T whose encoder only adds noise."""

from __future__ import annotations

import streamlit as st

from core.scenes.diffusion_theory_hierarchy import SHIPPED, models
from pages.diffusion_theory import many_levels, two_levels
from ui import chapter, controls, links

ID = "diffusion_theory.hierarchy"
VIEW = links.choice(f"{ID}.view", "two", ("two", "many"))


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    known = models()
    choices = (*known, two_levels.NEW)
    OPEN = links.choice(f"{ID}.open", SHIPPED if SHIPPED in known else choices[0], choices)
    settings = (VIEW, OPEN, *two_levels.SETTINGS, *many_levels.SETTINGS)
    with page.experiment(ID, settings=settings) as shown:
        if not shown.open:
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width="content"):
                view = controls.select(VIEW)
            if view == "two":
                chosen = two_levels.choose(OPEN, known)
            else:
                many_levels.choose()
        if view == "two":
            two_levels.draw(chosen, known)
        else:
            many_levels.draw()
        paper = {VIEW: "many"}
        controls.presets(
            ID,
            {
                "two": {VIEW: "two", OPEN: OPEN.default},
                "six": paper | {many_levels.LEVELS: "6", many_levels.ENCODER: "learnt"},
                "one_step": paper | {many_levels.LEVELS: "1", many_levels.ENCODER: "fixed"},
                "twenty": paper | {many_levels.LEVELS: "20", many_levels.ENCODER: "fixed"},
                "thousand": paper | {many_levels.LEVELS: "1000", many_levels.ENCODER: "fixed"},
            },
        )
        page.derivation("diffusion_theory.many_levels")
        page.code("core/hierarchical_vae.py", "elbo", "HierarchicalVAE", highlight=("z1 =", "z2 ="))
        page.code("core/diffusion/levels.py", "bound_terms", "squared_errors", "reverse_variances")
