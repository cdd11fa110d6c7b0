"""What is drawn on a plane: layers, in their order.

Arrays are NumPy's. An array with one more dimension in front than its layer says here is one array for each frame.
NaN in a curve or a path is a gap. All coordinates are those of the panel's axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ui.plane.models import Mixture, Model, Noised, Normal, Number

# Components of a mixture in their order: a role for the colour and, in a cloud, a shape as the second cue.
COMPONENTS = ("model", "score", "condition", "latent", "data", "noise", "exact", "model")


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """name: for tests and for what is picked. role: of ui.colours. label: a word in the panel's legend, translated.

    faint: drawn at a third of its strength, as something that was or that is only compared with.
    """

    DIMENSIONS: ClassVar[dict[str, int]] = {}  # of one frame of each array

    name: str
    role: str = "model"
    label: str = ""
    faint: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve(Layer):
    """A line through points: x (M,), y (M,). fill: down to zero, or to the axis' low end.

    grow: M is the number of frames, and the line ends, with a dot, at the frame that is shown.
    points: each point is marked too.  dashed: a second cue beside the colour (role "exact" is always dashed).
    """

    DIMENSIONS: ClassVar[dict[str, int]] = {"x": 1, "y": 1}

    x: np.ndarray
    y: np.ndarray
    fill: bool = False
    grow: bool = False
    points: bool = False
    dashed: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Paths(Layer):
    """Many lines at once: at (P, L, 2). grow: L is the number of frames, as for a curve."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"at": 3}

    at: np.ndarray
    grow: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud(Layer):
    """Points: at (N, 2). shares (N, K), adding up to one, blend the colours of COMPONENTS and choose the shape of each.

    grow: N is the number of frames; those up to the frame that is shown are there.
    pick: a click on a point chooses it; `PlaneState.picked` is (name, index).
    size: radius in CSS pixels; by their number if left out.
    """

    DIMENSIONS: ClassVar[dict[str, int]] = {"at": 2, "shares": 2}

    at: np.ndarray
    shares: np.ndarray | None = None
    grow: bool = False
    pick: bool = False
    size: float | None = None
    role: str = "data"


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars(Layer):
    """A histogram: edges (B + 1,), heights (B,), from zero. outline: only the outline, to lie over another one."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"edges": 1, "heights": 1}

    edges: np.ndarray
    heights: np.ndarray
    outline: bool = False
    role: str = "data"


@dataclass(frozen=True, kw_only=True, eq=False)
class Map(Layer):
    """Values (H, W) over the box x = (low, high), y = (low, high), its edges included; row 0 at the low end of y."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"values": 2}

    values: np.ndarray
    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Heat(Map):
    """A map as colours.

    low and high are the values at the ends of the palette: "density" (from the canvas to the role's colour), "cividis"
    or "signed" (blue, neutral, orange; low should be −high).
    """

    low: float
    high: float
    palette: Literal["density", "cividis", "signed"] = "density"


@dataclass(frozen=True, kw_only=True, eq=False)
class Contours(Map):
    """Lines of equal value through a map. at: the levels (L,)."""

    DIMENSIONS: ClassVar[dict[str, int]] = {**Map.DIMENSIONS, "at": 1}

    at: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface(Map):
    """A map as a surface that turns under the finger, in a panel of kind "surface". low and high: its height."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Ellipses(Layer):
    """Lines of equal Mahalanobis distance, `radii`, of K normals: means (K, 2), covs (K, 2, 2).

    coloured: by COMPONENTS instead of by the role; weights (K,) make the fill stronger or weaker.
    """

    DIMENSIONS: ClassVar[dict[str, int]] = {"means": 2, "covs": 3, "weights": 1}

    means: np.ndarray
    covs: np.ndarray
    weights: np.ndarray | None = None
    radii: tuple[float, ...] = (1.0, 2.0)
    coloured: bool = False
    fill: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrows(Layer):
    """Arrows from at (N, 2) by the vector by (N, 2). longest: CSS pixels of the longest; None: in the axes' units."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"at": 2, "by": 2}

    at: np.ndarray
    by: np.ndarray
    longest: float | None = 22.0
    role: str = "score"


@dataclass(frozen=True, kw_only=True, eq=False)
class Slopes(Layer):
    """Arrows of ∇ log p of a mixture as it is now, from at (N, 2), else from one place, else one every 28 CSS pixels.

    r = unit · |∇ log p| gives the length: r / (1 + r) of `longest` CSS pixels, so that none is lost and none too long.
    """

    DIMENSIONS: ClassVar[dict[str, int]] = {"at": 2}

    model: Mixture | Noised
    at: np.ndarray | None = None
    place: tuple[Number, Number] | None = None
    unit: Number = 1.0
    longest: float = 22.0
    role: str = "score"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures(Layer):
    """Grey images (N, h, w), uint8, 0 paper and 255 ink, each in a box (x low, y low, x high, y high): boxes (N, 4)."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"images": 3, "boxes": 2}

    images: np.ndarray
    boxes: np.ndarray
    signed: bool = False  # 128 is zero: blue below, orange above


@dataclass(frozen=True, kw_only=True, eq=False)
class Photographs(Layer):
    """Images in colour (N, h, w, 3), uint8, red, green and blue, the same in both themes; boxes (N, 4) as above."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"images": 4, "boxes": 2}

    images: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule(Layer):
    """A straight line across the panel at x, or at y; the label stands at its end."""

    x: Number | None = None
    y: Number | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Band(Layer):
    """The panel between two x, shaded."""

    low: Number
    high: Number


@dataclass(frozen=True, kw_only=True, eq=False)
class Words(Layer):
    """A few words at a place: one text, or one for each frame. `{value}` and `{measure}` are filled in."""

    x: Number
    y: Number
    text: str | Sequence[str]
    align: Literal["left", "center", "right"] = "left"


@dataclass(frozen=True, kw_only=True, eq=False)
class Density(Layer):
    """A model as it is now.

    show      "curve": the density of one dimension;  "contours": of two, at Mahalanobis `radii` (a mixture: filled
              bands of equal density);  "heat";  "surface" (in a panel of that kind)
    between   curve: the area between two x is filled instead of none
    along     curve: "y" draws it sideways over the y axis; from `base`, and `scale` axis units high for a density of 1
    """

    model: Model
    show: Literal["curve", "contours", "heat", "surface"] = "curve"
    between: tuple[Number, Number] | None = None
    along: Literal["x", "y"] = "x"
    base: Number = 0.0
    scale: Number = 1.0
    radii: tuple[float, ...] = (1.0, 2.0, 3.0)
    dashed: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Sticks(Layer):
    """At each x of a `links.points` value, a stick as high as the density there."""

    model: Normal
    points: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Mapped(Layer):
    """Paths (P, L, 2) as the matrix ((a, b), (c, d)) maps them: (x, y) goes to (a x + b y, c x + d y)."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"at": 3}

    at: np.ndarray
    matrix: tuple[Number, Number, Number, Number]
    fill: bool = False
