"""Pages and experiments as data: the one table that navigation, strips, links and tests walk.

    ROAD                  the ten steps of the book, in order
    PAGES                 the pages that the project has, `pages()` those whose file is there
    page("em")            by id;  page_of_step("em") -> Page | None
    experiment("em.starts")

To add a page: put it in PAGES, its file in `pages/`, its words in `content/<language>/<id>.md`.
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


def _page(page_id: str, number: int, open_ones: str, folded: str = "") -> Page:
    """A page with its experiments, named without the page: the starred ones first, then the folded ones."""
    stars = tuple(Experiment(f"{page_id}.{name}") for name in open_ones.split())
    return Page(page_id, number, stars + tuple(Experiment(f"{page_id}.{n}", star=False) for n in folded.split()))


PAGES: tuple[Page, ...] = (
    _page("overview", 0, "map ladder", "trace"),
    _page("normal", 1, "parameters interval clt", "moments"),
    _page("likelihood", 2, "fit surface heights", "estimators misfit"),
    _page("multivariate_normal", 3, "shape slices fit", "sampling matrix pixels"),
    _page("gaussian_mixture", 4, "design sampling posterior", "geyser no_closed_form"),
    _page("em", 5, "half_steps bound starts", "kl how_many rivals"),
    _page("neural_network", 6, "autograd descent curve", "line digits"),
    _page("vae", 7, "train latent_map reparameterize", "beta bound"),
    _page("diffusion_theory", 8, "forward score reverse", "hierarchy posterior small_steps losses"),
    _page("diffusion_model", 9, "denoise train samplers", "anatomy mistakes"),
    _page("guidance", 10, "bayes scale edit", "conditional particles classifier mix latent"),
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


def page_of(experiment_id: str) -> Page | None:
    """The page that has the experiment with this id, None where there is none."""
    return next((p for p in pages() if any(e.id == experiment_id for e in p.experiments)), None)


def following(step_id: str) -> Step | None:
    """The step after this one, None after the last."""
    ids = [s.id for s in ROAD]
    place = ids.index(step_id) + 1
    return ROAD[place] if place < len(ROAD) else None
