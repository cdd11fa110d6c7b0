"""Pages and experiments as data: the one table that navigation, strips, links and tests walk.

    ROAD                  the ten steps of the book, in order
    PAGES                 the pages that the project has, `pages()` those whose file is there
    page("em")            by id;  page_of_step("em") -> Page | None
    experiment("em.starts")

To add a page: put its `Page` here, its file in `pages/`, its words in `content/<language>/<id>.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Step:
    """One step of the road: `id` names its words (`overview.step.<id>.title`), `number` is the book's."""

    id: str
    number: int


@dataclass(frozen=True)
class Experiment:
    """Something to change that answers at once. The starred ones stand open, the others are folded."""

    id: str
    star: bool = True


@dataclass(frozen=True)
class Page:
    """A page: its file under the project's root and its address, which is the same in every language."""

    id: str
    number: int
    experiments: tuple[Experiment, ...]

    @property
    def file(self) -> Path:
        """Absolute path of the page's script."""
        return ROOT / "pages" / f"{self.number:02d}_{self.id}.py"

    @property
    def url_path(self) -> str:
        """The page's address under the server's; the overview lives at the root."""
        return "" if self.number == 0 else self.id


ROAD: tuple[Step, ...] = (
    Step("normal", 1),
    Step("likelihood", 2),
    Step("multivariate_normal", 3),
    Step("gaussian_mixture", 4),
    Step("em", 5),
    Step("neural_network", 6),
    Step("vae", 7),
    Step("diffusion_theory", 8),
    Step("diffusion_model", 9),
    Step("guidance", 10),
)

PAGES: tuple[Page, ...] = (
    Page("overview", 0, (Experiment("overview.map"),)),
    Page(
        "normal",
        1,
        (
            Experiment("normal.parameters"),
            Experiment("normal.interval"),
            Experiment("normal.clt"),
            Experiment("normal.moments", star=False),
        ),
    ),
    Page(
        "likelihood",
        2,
        (
            Experiment("likelihood.fit"),
            Experiment("likelihood.surface"),
            Experiment("likelihood.heights"),
            Experiment("likelihood.estimators", star=False),
            Experiment("likelihood.misfit", star=False),
        ),
    ),
    Page(
        "multivariate_normal",
        3,
        (
            Experiment("multivariate_normal.shape"),
            Experiment("multivariate_normal.slices"),
            Experiment("multivariate_normal.fit"),
            Experiment("multivariate_normal.sampling", star=False),
            Experiment("multivariate_normal.matrix", star=False),
            Experiment("multivariate_normal.pixels", star=False),
        ),
    ),
    Page(
        "gaussian_mixture",
        4,
        (
            Experiment("gaussian_mixture.design"),
            Experiment("gaussian_mixture.sampling"),
            Experiment("gaussian_mixture.posterior"),
            Experiment("gaussian_mixture.geyser", star=False),
            Experiment("gaussian_mixture.no_closed_form", star=False),
        ),
    ),
    Page(
        "em",
        5,
        (
            Experiment("em.half_steps"),
            Experiment("em.bound"),
            Experiment("em.starts"),
            Experiment("em.kl", star=False),
            Experiment("em.how_many", star=False),
            Experiment("em.rivals", star=False),
        ),
    ),
    Page(
        "neural_network",
        6,
        (
            Experiment("neural_network.autograd"),
            Experiment("neural_network.descent"),
            Experiment("neural_network.curve"),
            Experiment("neural_network.line", star=False),
            Experiment("neural_network.digits", star=False),
        ),
    ),
    Page(
        "vae",
        7,
        (
            Experiment("vae.train"),
            Experiment("vae.latent_map"),
            Experiment("vae.reparameterize"),
            Experiment("vae.beta", star=False),
            Experiment("vae.bound", star=False),
        ),
    ),
    Page(
        "diffusion_model",
        9,
        (
            Experiment("diffusion_model.denoise"),
            Experiment("diffusion_model.train"),
            Experiment("diffusion_model.samplers"),
        ),
    ),
)


def pages() -> tuple[Page, ...]:
    """The pages that can be opened: those in the table whose file is on disk."""
    return tuple(p for p in PAGES if p.file.is_file())


def page(page_id: str) -> Page:
    """The page with this id; KeyError where there is none."""
    for p in PAGES:
        if p.id == page_id:
            return p
    raise KeyError(f"there is no page {page_id!r} in the catalogue")


def page_of_step(step_id: str) -> Page | None:
    """The page of a step of the road, or None while it has none."""
    return next((p for p in pages() if p.id == step_id), None)


def experiment(experiment_id: str) -> Experiment:
    """The experiment with this id; KeyError where there is none."""
    for p in PAGES:
        for e in p.experiments:
            if e.id == experiment_id:
                return e
    raise KeyError(f"there is no experiment {experiment_id!r} in the catalogue")


def following(step_id: str) -> Step | None:
    """The step after this one, None after the last."""
    ids = [s.id for s in ROAD]
    place = ids.index(step_id) + 1
    return ROAD[place] if place < len(ROAD) else None
