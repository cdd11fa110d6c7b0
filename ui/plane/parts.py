"""What a plane is put together from: axes, panels and handles. Layers and densities are in the two files beside this.

Wherever a field is a `Number` it may be a number, the name of one of the plane's values (it then follows the finger
without asking the server), or a sequence with one number for each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ui.plane.layers import Layer
from ui.plane.models import Measure, Model


@dataclass(frozen=True)
class Axis:
    """An axis: its name with its unit, its ends, whether it is logarithmic, whether ticks and name are drawn."""

    name: str
    low: float
    high: float
    log: bool = False
    shown: bool = True


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
    is chosen, + and − change its weight. Each shows its shape and number, as a cloud's `shares` do.

    chosen: the name of a value of kind whole, the number of the one that was taken hold of last, counted from 1.
    """

    rows: str
    most: int = 8
    chosen: str = ""


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
