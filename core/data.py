"""The data sets: where each came from, what its columns mean, and how to get it.

Everything but Fashion-MNIST ships in data/ (origins, licences and checksums in data/SOURCES.md). What is read is kept
for the life of the process and shared, so never change a tensor that came from here in place. All tensors are on the
CPU.
"""

import functools
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core import shapes
from core.data_files import FASHION, SHIPPED, DataError, fashion, fashion_is_here, shipped
from core.shapes import points_along

__all__ = [
    "IMAGES",
    "PHOTOGRAPHS",
    "SHAPES",
    "DataError",
    "Images",
    "Table",
    "available",
    "body_measurements",
    "checksum",
    "datasaurus",
    "fashion_mnist",
    "images",
    "mnist",
    "old_faithful",
    "photograph",
    "points_along",
    "shape",
]

PHOTOGRAPHS = ("chelsea", "coffee")
_FILES = {name.partition(".")[0]: name for name in SHIPPED}


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled pictures."""

    images: Tensor  # (N, 1, 28, 28) uint8, 0 is the background
    labels: Tensor  # (N,) int64, 0..9


@dataclass(frozen=True, eq=False)
class Table:
    """Measurements: each column is also an attribute, `table.height`, float64 of shape (N,)."""

    names: tuple[str, ...]  # (D,)
    units: tuple[str, ...]  # (D,), symbols that need no translation
    values: Tensor  # (N, D) float64

    def __getattr__(self, name: str) -> Tensor:
        names = self.__dict__.get("names", ())
        if name not in names:
            raise AttributeError(f"There is no column {name!r}; the columns are {', '.join(names)}.")
        return self.values[:, names.index(name)]  # (N,)

    def __len__(self) -> int:
        return len(self.values)

    def columns(self, *names: str) -> Tensor:
        """Some columns side by side, (N, len(names)); AttributeError where one does not exist."""
        return torch.stack([getattr(self, name) for name in names], dim=1)


def checksum(name: str) -> str:
    """SHA-256 of the file behind a data set, in hexadecimal, for the keys of models trained on it.

    Takes no time: loading refuses any other content. For "fashion_mnist" it is the SHA-256 of its four files'.

    Raises:
        ValueError: no data set of that name has a file.
    """
    if name == "fashion_mnist":
        return hashlib.sha256("".join(file.sha256 for file in FASHION.values()).encode()).hexdigest()
    if name not in _FILES:
        raise ValueError(f"No data file is called {name!r}; choose one of: {', '.join([*_FILES, 'fashion_mnist'])}.")
    return SHIPPED[_FILES[name]]


def available(name: str) -> bool:
    """Whether a set of images can be had without a download."""
    _one_of(name, IMAGES, "image set")
    return name != "fashion_mnist" or fashion_is_here()


def images(name: str, split: str) -> Images:
    """The images of "mnist" or "fashion_mnist", split "train" (60,000) or "test" (10,000).

    Raises:
        ValueError: the name or the split is unknown.
        DataError: the data are missing or damaged.
    """
    return IMAGES[_one_of(name, IMAGES, "image set")](split)


@functools.cache
def mnist(split: Literal["train", "test"]) -> Images:
    """Handwritten digits: LeCun and Cortes, CC BY-SA 3.0; 60,000 by about 250 people to train, 10,000 to test.

    Grey levels 0 (background) to 255, 28 × 28; labels are the digits.

    Raises:
        ValueError: the split is not "train" or "test".
        DataError: the file is missing or damaged.
    """
    _one_of(split, ("train", "test"), "split")
    with np.load(io.BytesIO(shipped("mnist.npz")), allow_pickle=False) as file:
        pictures = torch.from_numpy(file[f"{split}_images"])  # (N, 1, 28, 28)
        labels = torch.from_numpy(file[f"{split}_labels"]).to(torch.int64)  # (N,)
    return Images(pictures, labels)


@functools.cache
def fashion_mnist(split: Literal["train", "test"]) -> Images:
    """Pictures of clothes: Xiao, Rasul and Vollgraf 2017, Zalando SE, MIT licence; 60,000 and 10,000.

    Grey levels 0 (background) to 255, 28 × 28. Labels 0..9: T-shirt, trousers, pullover, dress, coat, sandal, shirt,
    sneaker, bag, ankle boot. Does not ship (31 MB): see core.data_files.fashion for where it is looked for.

    Raises:
        ValueError: the split is not "train" or "test".
        DataError: no undamaged copy is on this machine, and none could be downloaded.
    """
    prefix = {"train": "train", "test": "t10k"}[_one_of(split, ("train", "test"), "split")]
    labels = np.frombuffer(fashion(f"{prefix}-labels-idx1-ubyte"), np.uint8, offset=8)  # behind the IDX header
    pixels = np.frombuffer(fashion(f"{prefix}-images-idx3-ubyte"), np.uint8, offset=16)
    pictures = torch.from_numpy(pixels.reshape(-1, 1, 28, 28).copy())  # (N, 1, 28, 28); frombuffer's is read-only
    return Images(pictures, torch.from_numpy(labels.astype(np.int64)))


IMAGES: dict[str, Callable[[str], Images]] = {"mnist": mnist, "fashion_mnist": fashion_mnist}


@functools.cache
def old_faithful() -> Table:
    """Old Faithful, a geyser in Yellowstone: 272 eruptions.

    Columns: `eruptions`, how long it lasted, and `waiting`, how long until the next; both in minutes.
    Source: Härdle 1991, after Azzalini and Bowman 1990; R's `faithful`, from plotnine (MIT licence).
    """
    return _table("old_faithful.csv", ("min", "min"))


@functools.cache
def body_measurements(source: Literal["bdims", "nhefs"] = "bdims") -> Table:
    """Measurements of adults' bodies. Columns `height` (cm), `weight` (kg), `sex` (1 man, 0 woman), `age` (years) …

    "bdims": 507 physically active adults, 247 men and 260 women, and twelve girths in cm more: `shoulder_girth`,
    `chest_girth`, `waist_girth`, `navel_girth`, `hip_girth`, `thigh_girth`, `bicep_girth`, `forearm_girth`,
    `knee_girth`, `calf_girth`, `ankle_girth`, `wrist_girth`.
    Source: Heinz, Peterson, Johnson and Kerk 2003; openintro (R, GPL-3).

    "nhefs": 1,629 cigarette smokers of 25 to 74 years, measured in 1971.
    Source: NHANES I Epidemiologic Follow-up Study, US National Center for Health Statistics (public domain), in the
    selection of Hernán and Robins; causaldata (R, MIT licence).

    Raises:
        ValueError: the source is unknown.
        DataError: the file is missing or damaged.
    """
    _one_of(source, ("bdims", "nhefs"), "source")
    return _table(f"{source}.csv", ("cm", "kg", "", "yr", *["cm"] * (12 if source == "bdims" else 0)))


@functools.cache
def datasaurus() -> Table:
    """A dinosaur of 142 points, columns `x` and `y` without unit, y upwards.

    Drawn by Alberto Cairo 2016; known from Matejka and Fitzmaurice 2017 as one of 13 sets with the same means,
    deviations and correlation. In datasauRus (R, MIT licence); taken from stevedata (R, GPL-2).
    """
    return _table("datasaurus.csv", ("", ""))


@functools.cache
def photograph(name: str) -> Tensor:
    """A photograph, (3, 128, 128) uint8, red, green and blue: "chelsea", a cat, or "coffee", a cup of espresso.

    Stefan van der Walt and Rachel Michetti, both CC0; from scikit-image, cut to a square and scaled.

    Raises:
        ValueError: the name is unknown.
        DataError: the file is missing or damaged.
    """
    from PIL import Image

    _one_of(name, PHOTOGRAPHS, "photograph")
    with Image.open(io.BytesIO(shipped(f"{name}.png"))) as file:
        pixels = np.array(file.convert("RGB"))  # (128, 128, 3)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()  # (3, 128, 128)


def dinosaur(n: int, generator: torch.Generator) -> Tensor:
    """Points (n, 2) drawn from the Datasaurus' 142, each moved a little."""
    return shapes.around(shapes.standardised(datasaurus().values), n, generator)


SHAPES: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "moons": shapes.moons,
    "rings": shapes.rings,
    "blobs": shapes.blobs,
    "dinosaur": dinosaur,
}


def shape(name: str, n: int, generator: torch.Generator) -> Tensor:
    """Points (n, 2) float64 of a shape in the plane: "moons", "rings", "blobs" or "dinosaur".

    Centred, with variance 1 averaged over both axes, so that noise of the same size hides them. No unit.
    The same generator state gives the same points. Made here (CC0); the dinosaur from `datasaurus`.

    Raises:
        ValueError: the name is unknown, or n is below 1.
    """
    return SHAPES[_one_of(name, SHAPES, "shape")](n, generator)


def _table(file: str, units: tuple[str, ...]) -> Table:
    text = shipped(file).decode()
    names = tuple(text.partition("\n")[0].split(","))
    values = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, ndmin=2, dtype=np.float64)  # (N, D)
    return Table(names, units, torch.from_numpy(values))


def _one_of(value: str, known: object, what: str) -> str:
    """Return a value that is among the known ones, or say (ValueError) which those are."""
    choices = tuple(known)
    if value not in choices:
        raise ValueError(f"There is no {what} called {value!r}; choose one of: {', '.join(choices)}.")
    return value
