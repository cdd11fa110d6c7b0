"""What a plane is made of: axes and panels, layers, handles, and the few densities that must follow a finger.

Wherever a field is a `Number` it may be a number, the name of one of the plane's values (it then follows the finger
without asking the server), or a sequence with one number for each frame.

Arrays are NumPy's. An array with one more dimension in front than its layer says here is one array for each frame.
NaN in a curve or a path is a gap. All coordinates are those of the panel's axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

Number = float | str | Sequence[float]

# Components of a mixture in their order: a role for the colour and, in a cloud, a shape as the second cue.
COMPONENTS = ("model", "score", "condition", "latent", "data", "noise", "exact", "model")


@dataclass(frozen=True)
class Axis:
    """An axis: its name with its unit, its ends, whether it is logarithmic, whether ticks and name are drawn."""

    name: str
    low: float
    high: float
    log: bool = False
    shown: bool = True


# ---- densities that the browser evaluates while something is dragged, by the formulas of core/ ---------------------


@dataclass(frozen=True)
class Normal:
    """A normal distribution: core.normal."""

    mean: Number
    std: Number


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of two dimensions: core.multivariate_normal."""

    mean_x: Number
    mean_y: Number
    std_x: Number
    std_y: Number
    correlation: Number


@dataclass(frozen=True)
class Marginal:
    """The distribution of one coordinate of `of`, a normal distribution of one dimension."""

    of: Gaussian
    axis: Literal["x", "y"]


@dataclass(frozen=True)
class Conditional:
    """The distribution of y where x is known to be `x`, a normal distribution of one dimension."""

    of: Gaussian
    x: Number


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal distributions of two dimensions: core.gaussian_mixture.

    rows: the name of a `links.rows` value, or rows, each (weight, mean_x, mean_y, std_x, std_y, correlation). Weights
    are divided by their sum.
    """

    rows: str | Sequence[Sequence[float]]


Model = Normal | Gaussian | Marginal | Conditional | Mixture


# ---- numbers that follow the finger, for notes ----------------------------------------------------------------------


@dataclass(frozen=True)
class Probability:
    """P(low < x ≤ high) under a model of one dimension."""

    model: Normal | Marginal | Conditional
    low: Number
    high: Number


@dataclass(frozen=True)
class LogLikelihood:
    """The sum of log densities, in nats, of a `links.points` value: of its x under a model of one dimension."""

    model: Model
    points: str


@dataclass(frozen=True)
class DensityAt:
    """The density at a place; y is not used for a model of one dimension."""

    model: Model
    x: Number
    y: Number = 0.0


@dataclass(frozen=True)
class MahalanobisAt:
    """The Mahalanobis distance of a place from the mean of a `Gaussian`."""

    model: Gaussian
    x: Number
    y: Number


@dataclass(frozen=True)
class MomentOf:
    """The mean or the standard deviation of a model of one dimension."""

    model: Normal | Marginal | Conditional
    which: Literal["mean", "std"]


Measure = Probability | LogLikelihood | DensityAt | MahalanobisAt | MomentOf


# ---- layers, drawn in their order -----------------------------------------------------------------------------------


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
class Heat(Layer):
    """A map of values (H, W), row 0 at the low end of y, over the box x = (low, high), y = (low, high).

    low and high are the values at the ends of the palette: "density" (from the canvas to the role's colour), "cividis"
    or "signed" (blue, neutral, orange; low should be −high).
    """

    DIMENSIONS: ClassVar[dict[str, int]] = {"values": 2}

    values: np.ndarray
    x: tuple[float, float]
    y: tuple[float, float]
    low: float
    high: float
    palette: Literal["density", "cividis", "signed"] = "density"


@dataclass(frozen=True, kw_only=True, eq=False)
class Contours(Layer):
    """Lines of equal value through a map (H, W), laid out as that of `Heat`. at: the levels (L,)."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"values": 2, "at": 1}

    values: np.ndarray
    x: tuple[float, float]
    y: tuple[float, float]
    at: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface(Layer):
    """The same map as a surface that turns under the finger, in a panel of kind "surface". low and high: its height."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"values": 2}

    values: np.ndarray
    x: tuple[float, float]
    y: tuple[float, float]
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
class Pictures(Layer):
    """Grey images (N, h, w), uint8, 0 paper and 255 ink, each in a box (x low, y low, x high, y high): boxes (N, 4)."""

    DIMENSIONS: ClassVar[dict[str, int]] = {"images": 3, "boxes": 2}

    images: np.ndarray
    boxes: np.ndarray
    signed: bool = False  # 128 is zero: blue below, orange above


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


# ---- handles --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Handle:
    """name: for tests. label: what it is, translated; read out to those who cannot see it. role: its colour."""

    name: str
    label: str
    role: str = "model"


@dataclass(frozen=True, kw_only=True)
class Dot(Handle):
    """A point to drag. x and y: the names of the values it moves, or a number where it does not move that way.

    jump: a click beside it brings it there.  arrow: an arrow is drawn to it from the origin.
    """

    x: float | str
    y: float | str
    jump: bool = False
    arrow: bool = False


@dataclass(frozen=True, kw_only=True)
class Line(Handle):
    """A straight line across the panel to drag: x or y is the name of the value that it moves."""

    x: str | None = None
    y: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ellipse(Handle):
    """The axes of an ellipse of Mahalanobis distance 1 to stretch and to turn, and its centre to move.

    All are names of values; a mean may be a number, the centre then stays.
    """

    mean_x: float | str
    mean_y: float | str
    std_x: str
    std_y: str
    correlation: str


@dataclass(frozen=True, kw_only=True)
class Components(Handle):
    """The components of a mixture, a `links.rows` value as in `Mixture`: each has a centre and two axes to drag.

    A click on an empty place adds one, Delete or the button takes the chosen one away, `most` are allowed. While one
    is chosen, + and − change its weight.
    """

    rows: str
    most: int = 8


@dataclass(frozen=True, kw_only=True)
class Editor(Handle):
    """Points to add by a click, drag, take back one by one and clear: a `links.points` value.

    line: they lie on y = 0, and only their x is set.
    """

    points: str
    line: bool = False
    most: int = 200
    role: str = "data"


@dataclass(frozen=True, kw_only=True)
class Painter(Handle):
    """A curve to paint: the y of a `links.points` value whose x stay where they are."""

    points: str
    role: str = "data"


# ---- panels ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """One picture of a plane.

    equal     one unit is as long on both axes (the ranges are widened to fit)
    kind      "surface": turned by dragging, or by the arrow keys; it holds `Surface` and `Density(show="surface")`
    title     above the picture, translated
    note      in its top left corner: one text or one for each frame, with {value}, {measure} and {measure:2} (that many
              decimals) filled in as they are now
    pointer   what is said about the place under the pointer: {x}, {y}, and with a `model` {density} and, for a
              Gaussian, {mahalanobis}, for a mixture {share0}, {share1}, …
    seek      a click goes to the frame whose `grow` curve has its x nearest to the click
    weight    its width beside the other panels
    """

    name: str
    x: Axis
    y: Axis
    layers: Sequence[Layer] = ()
    handles: Sequence[Handle] = ()
    equal: bool = False
    kind: Literal["plane", "surface"] = "plane"
    title: str = ""
    note: str | Sequence[str] = ""
    pointer: str = ""
    model: Model | None = None
    seek: bool = False
    weight: float = 1.0
    measures: dict[str, Measure] = field(default_factory=dict)
