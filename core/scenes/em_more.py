"""What the folded experiments of the page `em` draw: KL, the number of components, and EM's rivals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from core.scene import Scene
from core.scene_run import SceneRun, Working

TWO_HUMPS = ((0.5, -2.0, 0.7), (0.5, 2.0, 0.7))  # weight, mean, std
EDGES = np.arange(41.5, 99.0, 3.0)  # classes of waits, in minutes, around every wait that was measured


@dataclass(frozen=True)
class Divergence(Scene):
    """Two densities and KL both ways. shape of p: "normal", N(0, 1), or "humps", two of them; q = N(mean, std²).

    Arrays: x (M,); p, q (M,); there and back (M,), the integrands of KL(p ‖ q) and KL(q ‖ p); kl (2,) both in nats;
    closed: whether they are by the closed form, else by the trapezium rule.
    """

    shape: str = "normal"
    mean: float = 1.0
    std: float = 1.5

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import divergence, normal

        parts = TWO_HUMPS if self.shape == "humps" else ((1.0, 0.0, 1.0),)

        def log_p(x: torch.Tensor) -> torch.Tensor:
            each = [np.log(weight) + normal.log_prob(x, mean, std) for weight, mean, std in parts]
            return torch.stack(each).logsumexp(dim=0)

        def log_q(x: torch.Tensor) -> torch.Tensor:
            return normal.log_prob(x, self.mean, self.std)

        x = torch.linspace(-8, 8, 401, dtype=torch.float64)
        if self.shape == "normal":
            both = [
                float(divergence.kl_normal(0.0, 1.0, self.mean, self.std)),
                float(divergence.kl_normal(self.mean, self.std, 0.0, 1.0)),
            ]
        else:
            reach = abs(self.mean) + 12 * max(self.std, 1.0)
            both = [
                divergence.kl_numerical(log_p, log_q, -reach, reach),
                divergence.kl_numerical(log_q, log_p, -reach, reach),
            ]
        return {
            "x": x.numpy(),
            "p": log_p(x).exp().numpy(),
            "q": log_q(x).exp().numpy(),
            "there": divergence.kl_integrand(log_p(x), log_q(x)).numpy(),
            "back": divergence.kl_integrand(log_q(x), log_p(x)).numpy(),
            "kl": np.array(both),
        }


@dataclass(frozen=True)
class DataToModel(Scene):
    """KL from the waits of Old Faithful, in classes, to a normal whose mean moves, and the log-likelihood beside it.

    Arrays: edges (B + 1,), shares (B,) of the data; grid (G,) of means; kl (G,) and likelihood (G,), the mean of
    log P(class) over the data, in nats; entropy of the shares; now (2,): both at `mean`; best: the mean of the grid
    where KL is smallest, and where the likelihood is largest (2,).
    """

    mean: float = 60.0
    std: float = 13.6

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import data, divergence, normal

        x, edges = data.old_faithful().waiting.contiguous(), torch.tensor(EDGES)
        which = torch.bucketize(x, edges) - 1  # the class of each wait: (N,)
        shares = torch.bincount(which, minlength=len(EDGES) - 1).double() / len(x)  # (B,)
        grid = torch.cat([torch.linspace(45, 95, 201, dtype=torch.float64), torch.tensor([self.mean]).double()])
        std = torch.tensor(self.std, dtype=torch.float64)
        chances = normal.interval_probability(edges[:-1], edges[1:], grid[:, None], std)  # (G + 1, B)
        log_shares, log_chances = shares.log(), chances.log()
        kl = divergence.kl_integrand(log_shares, log_chances).sum(dim=1)
        likelihood = log_chances[:, which].mean(dim=1)
        some = shares > 0
        return {
            "edges": EDGES,
            "shares": shares.numpy(),
            "grid": grid[:-1].numpy(),
            "kl": kl[:-1].numpy(),
            "likelihood": likelihood[:-1].numpy(),
            "entropy": np.array(-float((shares * log_shares)[some].sum())),
            "now": np.array([float(kl[-1]), float(likelihood[-1])]),
            "best": np.array([float(grid[kl[:-1].argmin()]), float(grid[likelihood[:-1].argmax()])]),
        }


@dataclass(frozen=True)
class HowMany(SceneRun):
    """What speaks for 1 to 8 components. Arrays, one entry for each K: k; log_likelihood of the best sound fit (mean
    per point); aic and bic (of the total, nats); held_out and error, the cross-validated log-likelihood (mean per
    point) and its standard error; collapsed: how many starts; starts and folds: how many there were.
    """

    data: str = "faithful"
    seed: int = 0

    def steps(self) -> Iterator[Working]:
        from core import selection
        from core.scenes.em import table

        ks, choices = range(1, 9), []
        for choice in selection.compare(table(self.data), ks, starts=10, folds=10, fold_starts=2, seed=self.seed):
            choices.append(choice)
            yield Working(len(choices), len(ks) + 1)
        arrays = {
            "k": np.array([c.k for c in choices]),
            "log_likelihood": np.array([np.nan if c.best is None else c.best.log_likelihood for c in choices]),
            "aic": np.array([c.aic for c in choices]),
            "bic": np.array([c.bic for c in choices]),
            "held_out": np.array([c.held_out.mean for c in choices]),
            "error": np.array([c.held_out.standard_error for c in choices]),
            "collapsed": np.array([c.collapsed for c in choices]),
            "starts": np.array(10),
            "folds": np.array(10),
        }
        yield Working(len(ks) + 1, len(ks) + 1, arrays)


@dataclass(frozen=True)
class Rivals(Scene):
    """EM, gradient ascent and k-means from one start, side by side for T iterations.

    Arrays: x (N, 2); em and ascent (T + 1,), log-likelihoods (mean per point, nats) at the start and after each
    iteration; distortion (T + 1,) of k-means (mean squared distance); em_means, ascent_means, centres (T + 1, K, 2);
    em_covs, ascent_covs (T + 1, K, 2, 2); ended (3,): after how many iterations each stood still or ended; problems
    (3,) that they ended with. What has ended stays where it is.
    """

    data: str = "faithful"
    start: str = "kmeans"
    components: int = 2
    seed: int = 0
    rate: float = 0.3
    iterations: int = 60

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import em, em_starts, rivals
        from core.scenes.em import STARTS, table

        x, generator, T = table(self.data), torch.Generator().manual_seed(self.seed), self.iterations
        begin = em_starts.start(x, self.components, STARTS[self.start], generator=generator)
        climbed = [s for s in em.expectation_maximization(x, begin, max_iterations=T, tolerance=1e-9) if s.phase != "E"]
        ascended = list(rivals.gradient_ascent(x, begin, rate=self.rate, max_iterations=T))
        moved = [s for s in rivals.k_means(x, begin.means, max_iterations=T) if s.phase != "assign"]

        def all_of(states: list, read: object) -> np.ndarray:
            values = [read(state) for state in states]
            return np.stack([*values, *[values[-1]] * (T + 1 - len(values))])

        return {
            "x": x.numpy().astype(np.float32),
            "em": all_of(climbed, lambda s: s.log_likelihood),
            "ascent": all_of(ascended, lambda s: s.log_likelihood),
            "distortion": all_of(moved, lambda s: s.distortion),
            "em_means": all_of(climbed, lambda s: s.mixture.means.numpy()),
            "em_covs": all_of(climbed, lambda s: s.mixture.covs.numpy()),
            "ascent_means": all_of(ascended, lambda s: s.mixture.means.numpy()),
            "ascent_covs": all_of(ascended, lambda s: s.mixture.covs.numpy()),
            "centres": all_of(moved, lambda s: s.centres.numpy()),
            "ended": np.array([len(climbed) - 1, len(ascended) - 1, len(moved) - 1]),
            "problems": np.array([climbed[-1].problem or "", ascended[-1].problem or "", moved[-1].problem or ""]),
        }
