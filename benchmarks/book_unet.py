"""A network of the size that the book samples with, written anew: 64-128-256 channels on 28 × 28, no attention.

Only its cost matters here: three levels of two 3 × 3 convolutions each way, at full resolution, BatchNorm and ReLU, a
time vector of 100 added before each block.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.diffusion.unet import time_embedding


class Block(nn.Module):
    """Two convolutions, time added to their input channel by channel."""

    def __init__(self, before: int, after: int, size: int):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()),
            *(nn.Conv2d(after, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()),
        )
        self.time = nn.Sequential(nn.Linear(size, before), nn.ReLU(), nn.Linear(before, before))

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        return self.body(x + self.time(embedded)[:, :, None, None])


class BookUNet(nn.Module):
    """(x, t) -> predicted noise, shaped like x."""

    def __init__(self, size: int = 100):
        super().__init__()
        self.size = size
        self.down = nn.ModuleList([Block(1, 64, size), Block(64, 128, size)])
        self.bottom = Block(128, 256, size)
        self.up = nn.ModuleList([Block(128 + 256, 128, size), Block(64 + 128, 64, size)])
        self.out = nn.Conv2d(64, 1, 1)

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        embedded, details = time_embedding(t, self.size), []
        for block in self.down:
            x = block(x, embedded)
            details.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x, embedded)
        for block, detail in zip(self.up, reversed(details), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = block(torch.cat([x, detail], dim=1), embedded)
        return self.out(x)
