"""overview.trace: a symbol of the loss, or of guided ε, and the steps that build it."""

from __future__ import annotations

import streamlit as st

from ui import catalogue, chapter, controls, links, text
from ui.formula import Cell, formula
from ui.maths import hat, row, sub

ID = "overview.trace"
NOISE, T, X0, XT = "ε", "t", sub("x", "0"), sub("x", "t")
NETWORK = sub("ε", "θ")
BAR = ["msub", ["mover", "α", "¯"], "t"]

# each term, and the experiments that build it, in the order of the road
LOSS = {
    "mean": ("normal.moments", "em.kl", "diffusion_theory.losses"),
    "square": ("neural_network.line", "diffusion_theory.posterior", "diffusion_theory.losses"),
    "noise": ("normal.parameters", "multivariate_normal.sampling", "vae.reparameterize"),
    "network": (
        "neural_network.autograd", "neural_network.curve", "diffusion_model.train", "diffusion_model.anatomy",
    ),
    "signal": ("normal.clt", "diffusion_theory.forward"),
    "clean": ("likelihood.heights", "multivariate_normal.pixels"),
    "time": ("diffusion_theory.small_steps", "diffusion_model.anatomy"),
}  # fmt: skip
GUIDED = {
    "free": ("likelihood.surface", "diffusion_theory.score", "diffusion_model.denoise"),
    "noisy": ("diffusion_theory.forward", "diffusion_theory.reverse"),
    "scale": ("guidance.bayes", "guidance.scale", "guidance.particles"),
    "difference": ("gaussian_mixture.posterior", "neural_network.digits", "guidance.bayes"),
    "label": ("gaussian_mixture.sampling", "guidance.conditional"),
}
TERMS = {"loss": LOSS, "guided": GUIDED}
FORMULA = links.choice(f"{ID}.formula", "loss", tuple(TERMS))
TERM = {name: links.choice(f"{ID}.{name}_term", next(iter(terms)), tuple(terms)) for name, terms in TERMS.items()}
CELLS = {
    # E ‖ ε − ε_θ(√ᾱ_t x_0 + √(1−ᾱ_t) ε, t) ‖²                                  Ho et al. 2020, equation 14
    "loss": (
        Cell(["msub", "E", row("t", ",", sub("x", "0"), ",", "ε")], "mean"),
        Cell("‖", "square"),
        Cell(NOISE, "noise", "noise"),
        Cell("−"),
        Cell(NETWORK, "network", "model"),
        Cell("("),
        Cell(["msqrt", BAR], "signal", "score"),
        Cell(X0, "clean", "data"),
        Cell("+"),
        Cell(["msqrt", row("1", "−", BAR)], "signal", "score"),
        Cell(NOISE, "noise", "noise"),
        Cell(","),
        Cell(T, "time", "latent"),
        Cell(")"),
        Cell(["msup", "‖", "2"], "square"),
    ),
    # ε̂ = ε_θ(x_t, ∅) + γ [ε_θ(x_t, y) − ε_θ(x_t, ∅)]                              Ho and Salimans 2022, equation 6
    "guided": (
        Cell(row(hat("ε"), "=")),
        Cell(NETWORK, "free", "score"),
        Cell("("),
        Cell(XT, "noisy", "data"),
        Cell(row(",", "∅", ")", "+")),
        Cell("γ", "scale", "condition"),
        Cell(row("[", NETWORK, "(", XT, ","), "difference", "model"),
        Cell("y", "label", "condition"),
        Cell(row(")", "−", NETWORK, "(", XT, ",", "∅", ")", "]"), "difference", "model"),
    ),
}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    t = text.current()
    with page.experiment(ID, settings=(FORMULA, *TERM.values())) as scene:
        if not scene.open:
            return
        name = controls.select(FORMULA)
        names = {term: t.words(f"{ID}.{term}") for term in TERMS[name]}
        label = t.words(f"{ID}.formula.{name}")
        term = formula(key=f"{ID}.{name}", cells=CELLS[name], names=names, label=label, chosen=TERM[name])
        with st.container(key=f"{ID}.steps"):
            text.prose(f"**{names[term]}**")
            for experiment in TERMS[name][term]:
                _step(experiment, t.words(f"{ID}.{term}.{experiment}"), t)


def _step(experiment: str, why: str, t: text.Words) -> None:
    """One step of the way: a link to its page, and what it adds."""
    page = catalogue.page(experiment.partition(".")[0])
    title = f"{page.number} · {t.words(f'{experiment}.title')}"
    with st.container(gap=None):
        st.page_link(str(page.file), label=title, icon=":material/arrow_forward:")
        text.prose(why, small=True)
