"""The network of a two-dimensional diffusion: the U-Net's task without images, small enough to train in seconds."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.diffusion.unet import time_embedding


@dataclass(frozen=True)
class PointNetworkConfig:
    """What a network over points of the plane is built from."""

    dimensions: int = 2  # of a point
    width: int = 128  # hidden units a layer
    depth: int = 3  # hidden layers
    labels: int = 0  # classes that can be asked for; 0: unconditional


class PointNetwork(nn.Module):
    """A multilayer perceptron (x, t, label=None) -> prediction shaped like x; time is added at every layer."""

    def __init__(self, config: PointNetworkConfig = PointNetworkConfig()):
        super().__init__()
        self.config = config
        self.time = nn.Sequential(nn.Linear(config.width, config.width), nn.SiLU())
        self.label = nn.Embedding(config.labels + 1, config.width)  # the last row stands for "no condition"
        self.enter = nn.Linear(config.dimensions, config.width)
        self.layers = nn.ModuleList(nn.Linear(config.width, config.width) for _ in range(config.depth))
        self.leave = nn.Linear(config.width, config.dimensions)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """x: (N, D), t: (N,), label: (N,) int64 with −1 for "no condition", or None for all so. Returns (N, D)."""
        if label is None:
            label = torch.full_like(t, -1)
        label = torch.where(label < 0, self.config.labels, label)  # (N,)
        embedded = self.time(time_embedding(t, self.config.width)) + self.label(label)  # (N, W)
        h = self.enter(x.float())  # (N, W)
        for layer in self.layers:
            h = h + layer(F.silu(h + embedded))
        return self.leave(F.silu(h)).float()  # (N, D)
