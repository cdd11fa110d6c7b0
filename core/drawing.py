"""A drawing becomes a digit of the kind that networks here have learnt: 28 × 28, scaled and centred as MNIST was made.

LeCun, Bottou, Bengio and Haffner 1998, section III.A: a digit is scaled, in its proportions, into a box of 20 × 20
pixels, grey where a pixel is partly covered, and put into 28 × 28 so that its centre of mass is in the middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 28  # pixels
BOX = 20.0  # pixels of the digit's longer side
PEN = 2.0  # pixels, the thickness of a line
FINE = 4  # places along each side of a pixel at which ink is looked for
MIDDLE = 14.5  # where the centre of mass goes, from the image's edge, in pixels: the middle of pixel 14, as in MNIST

Strokes = Sequence[Sequence[tuple[float, float]]]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawing as an image, and how it got there: image place = scale · drawn place + moved, in pixels, y down."""

    image: Tensor  # (28, 28) uint8, 0 the paper and 255 the ink
    scale: float
    moved: tuple[float, float]


def as_digit(strokes: Strokes) -> Drawing | None:
    """Strokes of points (x, y), y down and of any unit, as an image like MNIST's; None where nothing is drawn.

    The middle of the pen's line is scaled so that the inked digit fits the box. The pen is not: a digit that was
    drawn small is no thicker than one that was drawn large. A dot stays a dot. Where a stroke is long and thin, the
    centre of mass may push its end out of the image, as it did for some digits of MNIST; it is then moved back in.
    """
    lines = [torch.tensor(s, dtype=torch.float64, device="cpu").reshape(-1, 2) for s in strokes if len(s)]
    if not lines:
        return None
    low = torch.cat(lines).amin(dim=0)
    size = float((torch.cat(lines).amax(dim=0) - low).amax())
    scale = (BOX - PEN) / size if size > 1e-9 else 0.0
    begun = [(line - low) * scale for line in lines]  # its corner at the origin
    extent = torch.cat(begun).amax(dim=0)  # (2,)
    first = (SIDE / 2 - extent / 2).tolist()
    mass = _centre_of_mass(ink(begun, first))
    edge = PEN / 2
    moved = [
        min(max(at + MIDDLE - centre, edge), SIDE - edge - reach)
        for at, centre, reach in zip(first, mass, extent.tolist(), strict=True)
    ]
    image = (ink(begun, moved) * 255).round().to(torch.uint8)
    return Drawing(image, scale, tuple(m - scale * float(v) for m, v in zip(moved, low, strict=True)))


def ink(lines: Sequence[Tensor], moved: Sequence[float] = (0.0, 0.0), pen: float = PEN) -> Tensor:
    """How much of each pixel a round pen covers along polylines (M, 2): (28, 28), 0 to 1. All lengths in pixels."""
    fine = SIDE * FINE
    at = (torch.arange(fine, dtype=torch.float64, device="cpu") + 0.5) / FINE
    y, x = torch.meshgrid(at, at, indexing="ij")
    places = torch.stack([x - moved[0], y - moved[1]], dim=-1).reshape(-1, 2)  # (P, 2)
    nearest = torch.full((len(places),), torch.inf, dtype=torch.float64, device="cpu")
    for line in lines:
        ends = line if len(line) > 1 else line.expand(2, 2)
        for a, b in zip(ends[:-1].split(64), ends[1:].split(64), strict=True):  # some at a time: memory is bounded
            nearest = torch.minimum(nearest, _distance(places, a, b))
    covered = (0.5 + (pen / 2 - nearest) * FINE).clamp(0, 1)  # soft over one fine place
    return F.avg_pool2d(covered.reshape(1, 1, fine, fine), FINE)[0, 0]


def _distance(places: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """From each place (P, 2) to the nearest of the segments from a to b, each (S, 2): (P,)."""
    along = b - a  # (S, 2)
    length = along.square().sum(dim=1).clamp(min=1e-18)  # (S,)
    share = ((places[:, None] - a) * along).sum(dim=2) / length  # (P, S)
    foot = a + share.clamp(0, 1)[..., None] * along  # (P, S, 2)
    return (places[:, None] - foot).square().sum(dim=2).amin(dim=1).sqrt()


def _centre_of_mass(image: Tensor) -> tuple[float, float]:
    """(x, y) in pixels from the corner; the middle of a pixel is at a half."""
    at = torch.arange(SIDE, dtype=image.dtype, device=image.device) + 0.5
    total = image.sum().clamp(min=1e-9)
    return float((image.sum(dim=0) * at).sum() / total), float((image.sum(dim=1) * at).sum() / total)
