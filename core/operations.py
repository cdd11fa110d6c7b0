"""What a network's answer costs: its multiplications with an addition each, counted while it answers.

Counted are linear layers, convolutions and the two products of attention; what is done once for each number, such as
activations and normalisations, is not: it is about a hundredth of the whole.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.diffusion.unet import Attention

Count = Callable[[nn.Module, Tensor, Tensor], int]  # (layer, what came in, what went out) -> multiply-adds


@torch.no_grad()
def multiply_adds(network: Callable[..., Tensor], *inputs: object, within: nn.Module | None = None) -> int:
    """How many multiply-adds one call takes. within: the module whose layers are looked at; default: the network."""
    total = 0

    def note(layer: nn.Module, given: tuple, made: Tensor) -> None:
        nonlocal total
        total += _COUNTS[type(layer)](layer, given[0], made)

    counted = [m for m in (within or network).modules() if type(m) in _COUNTS]
    handles = [layer.register_forward_hook(note) for layer in counted]
    try:
        network(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return total


def _linear(layer: nn.Linear, given: Tensor, made: Tensor) -> int:
    return made.numel() * layer.in_features


def _convolution(layer: nn.Conv2d, given: Tensor, made: Tensor) -> int:
    return made.numel() * layer.weight[0].numel()  # each number made is a sum over a window and its channels


def _transposed(layer: nn.ConvTranspose2d, given: Tensor, made: Tensor) -> int:
    return given.numel() * layer.weight[0].numel()  # each number given goes to a window of every channel


def _attention(layer: Attention, given: Tensor, made: Tensor) -> int:
    n, channels, height, width = given.shape
    return 2 * n * (height * width) ** 2 * channels  # q kᵀ, and its softmax times v; the projections are convolutions


_COUNTS: dict[type, Count] = {
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _transposed,
    Attention: _attention,
}
