"""The network that looks at a noisy image and says what is noise in it: a small U-Net.

Down: the image is folded into 14 × 14 patches, worked on, halved to 7 × 7. There, attention lets every place see every
other. Up: back to 14 × 14, where a skip connection brings the detail that the way down had lost. Time and label reach
every block as a scale and a shift of each channel.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class UNetConfig:
    """What a U-Net is built from."""

    channels: int = 1  # of the image
    patch: int = 2  # pixels that are folded into channels, each way: 28 × 28 becomes 14 × 14
    widths: tuple[int, ...] = (32, 64)  # channels at each level; each level halves height and width
    embedding: int = 128  # size of the vector that carries time and label
    heads: int = 4  # of the attention at the lowest level
    labels: int = 10  # classes that can be asked for; 0: unconditional


def time_embedding(t: Tensor, size: int) -> Tensor:
    """Sines and cosines of t at `size`/2 frequencies from 1 to 1/10,000. Vaswani et al. 2017, section 3.5.

    t: (N,). Returns (N, size), float32.
    """
    frequency = torch.exp(-math.log(10_000) * torch.arange(size // 2, device=t.device) / (size // 2))  # (size/2,)
    angle = t.to(torch.float32)[:, None] * frequency  # (N, size/2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)  # (N, size)


class ResidualBlock(nn.Module):
    """x + what two convolutions make of it, with time and label as scale and shift between them."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int):
        super().__init__()
        self.norm_in = nn.BatchNorm2d(channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm_out = nn.BatchNorm2d(channels_out, affine=False)
        self.scale_shift = nn.Linear(embedding, 2 * channels_out)
        self.conv_out = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()
        nn.init.zeros_(self.conv_out.weight)  # each block starts as the identity, so that depth costs nothing at first
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        """x: (N, C_in, H, W), embedded: (N, E). Returns (N, C_out, H, W)."""
        h = self.conv_in(F.silu(self.norm_in(x)))  # (N, C_out, H, W)
        scale, shift = self.scale_shift(embedded)[:, :, None, None].chunk(2, dim=1)  # (N, C_out, 1, 1) each
        h = self.norm_out(h) * (1 + scale) + shift
        return self.skip(x) + self.conv_out(F.silu(h))


class Attention(nn.Module):
    """x + what each place takes from all others. Vaswani et al. 2017, equation 1, over the places of an image."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.BatchNorm2d(channels)
        self.query_key_value = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W). Returns the same shape."""
        n, c, h, w = x.shape
        qkv = self.query_key_value(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w)
        query, key, value = qkv.transpose(3, 4).unbind(1)  # (N, heads, H·W, C/heads) each
        mixed = F.scaled_dot_product_attention(query, key, value)  # (N, heads, H·W, C/heads)
        return x + self.out(mixed.transpose(2, 3).reshape(n, c, h, w))


class UNet(nn.Module):
    """A U-Net (x, t, label=None) -> prediction shaped like x. What it predicts is its trainer's choice."""

    def __init__(self, config: UNetConfig = UNetConfig()):
        super().__init__()
        self.config = config
        widths, size = config.widths, config.embedding
        folded = config.channels * config.patch**2
        self.time = nn.Sequential(nn.Linear(size // 2, size), nn.SiLU(), nn.Linear(size, size))
        self.label = nn.Embedding(config.labels + 1, size)  # the last row stands for "no condition"
        self.enter = nn.Conv2d(folded, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            ResidualBlock(before, width, size) for before, width in zip((widths[0], *widths), widths, strict=False)
        )
        self.attention = Attention(widths[-1], config.heads)
        self.middle = ResidualBlock(widths[-1], widths[-1], size)
        self.up = nn.ModuleList(
            ResidualBlock(below + width, width, size)
            for below, width in zip((widths[-1], *reversed(widths)), reversed(widths), strict=False)
        )
        self.norm = nn.BatchNorm2d(widths[0])
        self.leave = nn.Conv2d(widths[0], folded, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """x: (N, C, H, W), t: (N,), label: (N,) int64 with −1 for "no condition", or None for all so. float32 out."""
        if label is None:
            label = torch.full_like(t, -1)
        label = torch.where(label < 0, self.config.labels, label)  # (N,)
        embedded = F.silu(self.time(time_embedding(t, self.config.embedding // 2)) + self.label(label))  # (N, E)

        h = self.enter(F.pixel_unshuffle(x.float(), self.config.patch))  # (N, C_0, 14, 14)
        details = []
        for level, block in enumerate(self.down):
            h = block(h if level == 0 else F.avg_pool2d(h, 2, ceil_mode=True), embedded)
            details.append(h)  # (N, C_0, 14, 14), (N, C_1, 7, 7), …
        h = self.middle(self.attention(h), embedded)  # (N, C_1, 7, 7)
        for block, detail in zip(self.up, reversed(details), strict=True):
            if h.shape[-2:] != detail.shape[-2:]:
                h = F.interpolate(h, size=detail.shape[-2:], mode="nearest")
            h = block(torch.cat([h, detail], dim=1), embedded)
        out = self.leave(F.silu(self.norm(h)))  # (N, C·patch², 14, 14)
        return F.pixel_shuffle(out, self.config.patch).float()  # (N, C, 28, 28)
