"""What `diffusion_model.anatomy` draws: one call of the U-Net, with everything that happened in it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core import library
from core.scene import Scene

if TYPE_CHECKING:
    from torch import Tensor

    from core.diffusion.schedule import NoiseSchedule
    from core.diffusion.unet import UNet

LEVELS = 240  # columns of the picture of time, at most
STEPS = 20  # of a sampling run
TESTS = 200  # images of the test set that can be chosen


@dataclass(frozen=True)
class AnatomyScene(Scene):
    """One noisy image in the U-Net.

    Arrays: names (S,) of the stages in order; stage_<name> (C, H, W) float32; moments_<name> (1 + C, 2), mean and
    standard deviation of the whole stage and of each channel; order_<name> (C,), channels from the most varied to the
    least; weights (S + 2,) of the stages, of time and of the labels; x, v, noise, x0 (28, 28) float32, and for a test
    image clean and drawn, the x_0 and the ε that x was made of; attention (heads, P, P); levels (L,), waves (L, E/2),
    told (L, E); t () and alpha_bar (), where the image is. A sampling run has only some levels: t is the nearest one.
    """

    model: str = ""
    source: str = "test"  # an image of the test set, noised; or "run", a state of a sampling run
    index: int = 0  # of the test image
    t: int = 400
    label: int = -1  # −1: none
    seed: int = 0

    def compute(self) -> Mapping[str, np.ndarray]:
        import torch

        from core.diffusion.anatomy import observe, parameters, time_tables

        network, schedule, dataset = _network(self.model)
        device = next(network.parameters()).device
        T = schedule.T
        label = torch.tensor([min(self.label, network.config.labels - 1)], device=device)
        made = _noised(self, dataset, schedule) if self.source == "test" else _sampled(self, network, schedule)
        t, x = made["t"], made["x"].to(device)
        seen = observe(network, schedule, x, torch.tensor([t], device=device), label)
        levels = torch.unique(torch.linspace(1, T, min(T, LEVELS), device=device).round().long())
        waves, told = time_tables(network, levels, int(label))
        counts = parameters(network)
        arrays = {
            "names": np.array(list(seen.stages)),
            "weights": np.array([counts[name] for name in (*seen.stages, "time", "label")]),
            "t": np.array(t),
            "alpha_bar": np.array(float(schedule.alpha_bar[t])),
            "T": np.array(T),
            "levels": levels.cpu().numpy(),
            "waves": waves.cpu().numpy(),
            "told": told.cpu().numpy(),
            "attention": seen.attention[0].cpu().numpy(),
        }
        pictures = {"x": x, "v": seen.v, "noise": seen.noise, "x0": seen.x0}
        pictures |= {name: made[name] for name in ("clean", "drawn") if name in made}
        arrays |= {name: values[0, 0].float().cpu().numpy() for name, values in pictures.items()}
        for name, out in seen.stages.items():
            values = out[0].float().cpu().numpy()  # (C, H, W)
            each = values.reshape(len(values), -1)
            moments = [(values.mean(), values.std()), *zip(each.mean(1), each.std(1), strict=True)]
            arrays[f"stage_{name}"] = values
            arrays[f"moments_{name}"] = np.array(moments, np.float32)
            arrays[f"order_{name}"] = np.argsort(-each.std(1), kind="stable")
        return arrays


def _noised(scene: AnatomyScene, dataset: str, schedule: NoiseSchedule) -> dict:
    """A test image, and the same at level t."""
    import torch

    from core import data
    from core.diffusion.forward import add_noise
    from core.neural_network import to_unit

    t = min(scene.t, schedule.T)
    clean = to_unit(data.images(dataset, "test").images[scene.index][None])  # (1, 1, 28, 28)
    drawn = torch.randn(clean.shape, generator=torch.Generator("cpu").manual_seed(scene.seed), device="cpu")
    return {
        "t": t,
        "x": add_noise(schedule, clean, torch.tensor([t], device="cpu"), drawn),
        "clean": clean,
        "drawn": drawn,
    }


def _sampled(scene: AnatomyScene, network: UNet, schedule: NoiseSchedule) -> dict:
    """The state of a walk by DDIM that is nearest to level t, the last one that asks the network at the least."""
    import torch

    from core.diffusion.prediction import clipped, from_v
    from core.diffusion.samplers import ddim, levels

    device = next(network.parameters()).device
    start = torch.randn(1, 1, 28, 28, generator=torch.Generator("cpu").manual_seed(scene.seed), device="cpu").to(device)
    label = torch.tensor([scene.label], device=device)
    steps = min(STEPS, schedule.T)
    nearest = min((level for level in levels(schedule.T, steps) if level > 0), key=lambda level: abs(level - scene.t))
    walk = ddim(clipped(from_v(network, schedule), schedule), schedule, start, steps=steps, label=label)
    x: Tensor = next(state.x for state in walk if state.t == nearest)
    return {"t": nearest, "x": x}


@functools.lru_cache(maxsize=4)
def _network(key: str) -> tuple[UNet, NoiseSchedule, str]:
    """A network of our own, since hooks on a shared one would hear the calls of every sampling run."""
    from core.diffusion.learned import restore_network

    weights, record = library.store_of(key).load(key)
    network, schedule = restore_network(weights, record)
    return network, schedule, record["config"]["dataset"]


def _first() -> tuple[Scene, ...]:
    """The scene that the experiment opens with, of the digits that ship."""
    keys = [record["key"] for record in library.available("diffusion") if record.get("name") == "digits"]
    return tuple(AnatomyScene(key) for key in keys[:1])


FIRST: tuple[Scene, ...] = _first()
