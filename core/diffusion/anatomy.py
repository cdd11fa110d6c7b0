"""The network from the inside: what every stage of the U-Net makes of a noisy image, read by forward hooks.

A forward hook is a function that PyTorch calls with what a module has just given out. Here it writes that down; nothing
is computed a second time, and when the hooks are taken away the network is what it was.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.diffusion.prediction import from_v, x0_from_noise
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import UNet, time_embedding

_alone = threading.Lock()  # a hook hears every call of its module, another person's too


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One call of the network, taken apart. N images; tensors stay on the network's device."""

    stages: dict[str, Tensor]  # name: what the stage gave out, (N, C, H, W), in the order of the call
    told: Tensor  # what time and label have become when the blocks hear of them, (N, E)
    attention: Tensor  # the share of its answer that a place takes from each other one, (N, heads, H·W, H·W)
    v: Tensor  # v̂, what the network says, (N, C, H, W)
    noise: Tensor  # the ε̂ that follows
    x0: Tensor  # the x̂_0 that follows


def stages(network: UNet) -> dict[str, nn.Module]:
    """The stages that an image passes, by name, in order: down0, down1, … and up0, up1, … are the levels' blocks."""
    return {
        "enter": network.enter,
        **{f"down{level}": block for level, block in enumerate(network.down)},
        "attention": network.attention,
        "middle": network.middle,
        **{f"up{level}": block for level, block in enumerate(network.up)},
        "leave": network.leave,
    }


def parameters(network: UNet) -> dict[str, int]:
    """How many weights each part learns: every stage, `time` and `label`. Together they are all there are."""
    parts = {**stages(network), "time": network.time, "label": network.label}
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    counts["leave"] += sum(p.numel() for p in network.norm.parameters())  # the last normalisation belongs to the end
    return counts


@contextlib.contextmanager
def hooked(modules: dict[str, nn.Module]) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """Within it, each call of one of these modules leaves (what went in, what came out) under the module's name."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def write_down(name: str, module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        seen[name] = given[0].detach(), out.detach()

    handles = [module.register_forward_hook(functools.partial(write_down, name)) for name, module in modules.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def observe(network: UNet, schedule: NoiseSchedule, x: Tensor, t: Tensor, label: Tensor | None = None) -> Anatomy:
    """Calls the network once, with hooks on every stage. x: (N, C, H, W), t: (N,) in 1..T, label: (N,) or None."""
    parts = {
        **stages(network),
        "told": network.down[0].scale_shift,  # what goes in here is what every block hears
        "attends": network.attention.query_key_value,
    }
    with _alone, hooked(parts) as seen:
        v = network(x, t, label)
    told, _ = seen.pop("told")
    _, query_key_value = seen.pop("attends")
    noise = from_v(lambda *_: v, schedule)(x, t)
    return Anatomy(
        stages={name: out for name, (_, out) in seen.items()},
        told=told,
        attention=attention_shares(query_key_value, network.attention.heads),
        v=v,
        noise=noise,
        x0=x0_from_noise(schedule, x, t, noise),
    )


def attention_shares(query_key_value: Tensor, heads: int) -> Tensor:
    """softmax(Q Kᵀ/√d): how much each place takes from every place. Vaswani et al. 2017, equation 1.

    query_key_value: (N, 3·C, H, W), as the attention's first layer gives it. Returns (N, heads, H·W, H·W); rows add
    up to one.
    """
    n, channels, height, width = query_key_value.shape
    size = channels // 3 // heads  # d
    query, key, _ = query_key_value.reshape(n, 3, heads, size, height * width).transpose(3, 4).unbind(1)
    return (query @ key.mT / size**0.5).softmax(dim=-1)


@torch.no_grad()
def time_tables(network: UNet, levels: Tensor, label: int = -1) -> tuple[Tensor, Tensor]:
    """What the network knows of the time at these levels (L,): waves (L, E/2) and what its blocks are told (L, E).

    The waves are sines and cosines, fixed; what is told is what two learnt layers make of them, with the label in it.
    """
    waves = time_embedding(levels, network.config.embedding // 2)
    row = label if label >= 0 else network.config.labels  # the last row stands for "no condition"
    told = network.time(waves) + network.label(torch.full_like(levels, row))
    return waves, F.silu(told)
