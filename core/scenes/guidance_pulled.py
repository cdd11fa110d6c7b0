"""What guidance.classifier and guidance.mix draw of digits: pulled by a classifier, and by several labels at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.scene import Scene
from core.scene_run import SceneRun, Working
from core.shipped import named

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.diffusion.makers import Maker
    from core.diffusion.prediction import Denoiser

STEPS = 15  # of DPM-Solver++
PAIR, BLENDED = 20, 12  # digits of each picture
READ = 200  # test digits that the ordinary classifier is asked to read


@dataclass(frozen=True)
class Pair(SceneRun):
    """Each digit twice, by a classifier of noisy images and without one, by the same γ from the same noise.

    model, classifier: keys. Arrays: t (F,); labels (PAIR,) uint8; by_classifier and by_difference (F, PAIR, 28, 28)
    uint8, 0 the paper and 255 the ink; named (2, PAIR) uint8, what the judge sees in the ends; sure (2, PAIR), its
    probability of what was asked for. Raises ValueError where the classifier has learnt another noise schedule.
    """

    model: str
    classifier: str
    gamma: float = 3.0
    seed: int = 0

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion import noisy_classifier
        from core.diffusion.guidance import classifier_free, classifier_guided
        from core.diffusion.makers import load

        maker = load(self.model)
        network, learnt = noisy_classifier.load(self.classifier)
        if not learnt.alpha_bar.equal(maker.schedule.alpha_bar):
            raise ValueError("This classifier has learnt another noise schedule than the model.")
        label = (torch.arange(PAIR, device="cpu") % 10).to(maker.device)
        noise = maker.noise(PAIR, torch.Generator("cpu").manual_seed(self.seed))
        log_prob = noisy_classifier.log_prob_of(network)
        roads = {
            "by_classifier": classifier_guided(maker.denoiser, log_prob, self.gamma, maker.schedule),
            "by_difference": classifier_free(maker.denoiser, self.gamma),
        }
        frames, looked, arrays = [], [], {}
        yield from _walks(maker, roads, noise, label, arrays, frames, looked)
        each = label.cpu()
        arrays |= {
            "t": np.array(frames),
            "labels": each.numpy().astype(np.uint8),
            "named": np.stack([one.named.numpy() for one in looked]).astype(np.uint8),
            "sure": np.stack([one.chances[torch.arange(PAIR, device="cpu"), each].numpy() for one in looked]),
        }
        yield Working(1, 1, arrays)


@dataclass(frozen=True)
class Mixed(SceneRun):
    """Digits under two labels at once, each with a weight of its own, and under either alone; from one noise.

    Arrays: t (F,); both, first and second (F, BLENDED, 28, 28) uint8; named (3, BLENDED) uint8, in that order, and
    chances (3, BLENDED, 10) float32, what the judge says of the ends.
    """

    model: str
    labels: tuple[int, int] = (3, 8)
    weights: tuple[float, float] = (1.5, 1.5)
    seed: int = 0

    def steps(self) -> Iterator[Working]:
        import torch

        from core.diffusion.guidance import composed
        from core.diffusion.makers import load

        maker = load(self.model)
        noise = maker.noise(BLENDED, torch.Generator("cpu").manual_seed(self.seed))
        roads = {
            "both": composed(maker.denoiser, self.labels, self.weights),
            "first": composed(maker.denoiser, self.labels[:1], self.weights[:1]),
            "second": composed(maker.denoiser, self.labels[1:], self.weights[1:]),
        }
        frames, looked, arrays = [], [], {}
        yield from _walks(maker, roads, noise, None, arrays, frames, looked)
        arrays |= {
            "t": np.array(frames),
            "named": np.stack([one.named.numpy() for one in looked]).astype(np.uint8),
            "chances": np.stack([one.chances.numpy() for one in looked]),
        }
        yield Working(1, 1, arrays)


@dataclass(frozen=True)
class Lost(Scene):
    """An ordinary classifier, which has never seen noise, in front of noisy test digits.

    judge: its key. Arrays: levels (L,); accuracies (L,), shares of READ digits that it names rightly.
    """

    judge: str

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core import data, library
        from core.diffusion.noisy_classifier import accuracies, looked_at
        from core.diffusion.schedule import NoiseSchedule
        from core.neural_network import restore_classifier

        schedule = NoiseSchedule.cosine(1000)
        network = restore_classifier(*library.store_of(self.judge).load(self.judge), torch.device("cpu"))
        reads = _Reader(network)
        return {
            "levels": np.array(looked_at(schedule.T)),
            "accuracies": np.array(accuracies(reads, schedule, data.mnist("test"), READ)),
        }


class _Reader:
    """A classifier that is told t and does not listen."""

    def __init__(self, network: nn.Module):
        self._network, self.parameters = network, network.parameters

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        return self._network(x)


def _walks(
    maker: Maker,
    roads: dict[str, Denoiser],
    noise: Tensor,
    label: Tensor | None,
    arrays: dict,
    levels: list,
    looked: list,
) -> Iterator[Working]:
    """Every road from the same noise; puts its states into `arrays`, its levels into `levels`, its end to the judge."""
    from core.diffusion.judge import Judge
    from core.diffusion.prediction import clipped
    from core.diffusion.samplers import dpm_solver_pp

    judge, done, total = Judge(), 0, len(roads) * STEPS + 1
    for name, guided in roads.items():
        states = []
        held = clipped(guided, maker.schedule)
        for state in dpm_solver_pp(held, maker.schedule, noise, steps=STEPS, label=label):
            states.append(state)
            done += state.t < maker.schedule.T
            yield Working(done, total)
        levels[:] = [state.t for state in states]
        arrays[name] = np.stack([_ink(state.x) for state in states])
        looked.append(judge.look(states[-1].x.clamp(-1, 1)))


def _ink(x: Tensor) -> np.ndarray:
    """Images (N, 1, 28, 28) as (N, 28, 28) uint8, 0 for −1 and 255 for 1; what lies outside is cut off."""
    return ((x[:, 0].clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()


def _shipped() -> tuple[Scene, ...]:
    model, classifier, judge = (named(kind, "digits") for kind in ("diffusion", "noisy_classifier", "classifier"))
    scenes: list[Scene] = [Lost(judge)] if judge else []
    if model:
        scenes += [Mixed(model), *([Pair(model, classifier)] if classifier else [])]
    return tuple(scenes)


FIRST = _shipped()
