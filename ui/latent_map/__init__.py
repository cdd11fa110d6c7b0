"""The latent map: a plane of two latent numbers, and the picture that a decoder draws at the place under the pointer.

from ui.latent_map import LABELS, Posterior, latent_map

latent_map(
    key="vae.latent_map.map", layers=decoder, at=at, classes=labels, images=images, ends={"a": A, "b": B},
    posterior=Posterior(...), labels={name: t.template(f"vae.latent_map.part.{name}") for name in LABELS},
)

The decoder is a perceptron, and its own float32 weights are sent: the browser evaluates it, so that the picture follows
the pointer without asking the server. Points of known pictures lie on the plane, each a digit in the colour of its
class. Two of them, A and B, are dragged from point to point; the walk between them is drawn through the plane and,
beside it, through the pixels. When one is let go, its setting takes the new index and a rerun follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from ui import component, links
from ui.links import Setting

LABELS = (
    "map", "keys", "x", "y", "here", "place", "posterior", "guess", "truth", "bound", "gap", "evidence", "walk",
    "through", "blend", "end", "invite",
)  # fmt: skip
"""Labels, each translated: the map's name, how its keys work, its axes, the title of the picture under the pointer and
its place ({x}, {y}), the title of the close-up ({width}) and its two legends, the three numbers of the bar ({value}),
the title of the walk and of its two columns, an end ({name}, {class}), and the idle callout."""

# Ten classes: no ten colours are safe for every eye, so that each point is drawn as its class's own digit.
CLASS_COLOURS = {
    "light": (
        "#0072B2", "#B34F00", "#007A59", "#A64D80", "#946600", "#5B5BD6", "#B3261E", "#007C89", "#5E7000", "#6F4E37",
    ),
    "dark": (
        "#4DA3D9", "#F0803C", "#2FBF94", "#DB9BC0", "#F2B632", "#A3A3F7", "#F58A87", "#3CC8D6", "#B9CE4B", "#CFAF95",
    ),
}  # fmt: skip

_render = component.declare("latent_map")


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is laid over the map for one picture: the guess q, a normal, and the truth on a grid. Nats."""

    mean: Sequence[float]  # (2,) of q
    std: Sequence[float]  # (2,) of q
    box: Sequence[float]  # z₁ low, z₁ high, z₂ low, z₂ high
    density: np.ndarray  # (G, G) over the box, row 0 at low z₂
    log_evidence: float
    elbo: float


def encode(
    *,
    key: str,
    layers: Sequence[tuple[np.ndarray, np.ndarray]],
    at: np.ndarray,
    classes: np.ndarray,
    images: np.ndarray,
    ends: tuple[int, int],
    labels: Mapping[str, str],
    posterior: Posterior | None = None,
    activation: str = "relu",
    output: str = "sigmoid",
    reach: float = 4.0,
    height: int = 372,
    scene: str = "",
) -> bytes:
    """The message of `latent_map`. Raises ValueError for a missing label, for arrays that do not fit, above 2 MB."""
    missing = [name for name in LABELS if name not in labels]
    if missing:
        raise ValueError(f"the latent map lacks the labels {', '.join(missing)}")
    widths = [layers[0][0].shape[1], *(weight.shape[0] for weight, _ in layers)]
    fits = all(w.shape == (after, before) for (w, _), before, after in zip(layers, widths, widths[1:], strict=False))
    side = int(round(widths[-1] ** 0.5))
    if widths[0] != 2 or side * side != widths[-1] or not fits:
        raise ValueError(f"a decoder from two numbers to a square picture is needed; this one has widths {widths}")
    if at.shape != (len(images), 2) or len(classes) != len(images) or images.shape[1:] != (side, side):
        raise ValueError("every point needs its place, its class and its picture")
    parts = {"at": at.astype(np.float32), "classes": classes.astype(np.uint8), "images": images.astype(np.uint8)}
    for number, (weight, bias) in enumerate(layers):
        parts[f"weight{number}"], parts[f"bias{number}"] = weight.astype(np.float32), bias.astype(np.float32)
    header: dict[str, object] = {
        "key": key, "labels": {name: labels[name] for name in LABELS}, "widths": widths, "side": side,
        "activation": activation, "output": output, "reach": reach, "height": height, "colours": CLASS_COLOURS,
        "ends": [_within(end, len(images)) for end in ends], "scene": scene, "posterior": None,
    }  # fmt: skip
    if posterior is not None:
        top = max(float(posterior.density.max()), 1e-30)
        parts["density"] = np.rint(np.clip(posterior.density / top, 0, 1) * 255).astype(np.uint8)
        header["posterior"] = {
            "mean": [float(v) for v in posterior.mean],
            "std": [float(v) for v in posterior.std],
            "box": [float(v) for v in posterior.box],
            "size": len(posterior.density),
            "log_evidence": float(posterior.log_evidence),
            "elbo": float(posterior.elbo),
        }
    return component.encode(header, parts)


def latent_map(*, key: str, ends: Mapping[str, Setting], images: np.ndarray, **described: object) -> None:
    """Draw the map; `ends` are the settings (whole numbers) of the pictures A and B, the rest is as in `encode`."""
    a, b = (int(links.value(ends[name])) for name in ("a", "b"))
    versions = "-".join(str(links.version(ends[name])) for name in ("a", "b"))
    message = encode(key=key, ends=(a, b), images=images, scene=versions, **described)  # type: ignore[arg-type]
    listen = partial(_take, key, dict(ends), len(images))
    _render(key=key, data=message, default={"ends": None}, on_ends_change=listen)


def taken(reported: object, count: int) -> tuple[int, int] | None:
    """The two ends that the browser reported, or None for what they cannot be."""
    fits = isinstance(reported, (list, tuple)) and len(reported) == 2
    if not fits or not all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v < count for v in reported):
        return None
    return int(reported[0]), int(reported[1])


def _take(key: str, ends: Mapping[str, Setting], count: int) -> None:
    """The settings take what was dragged, before the rerun that follows."""
    held = st.session_state.get(key)
    found = taken(held.get("ends") if isinstance(held, Mapping) else getattr(held, "ends", None), count)
    if found is not None:
        for setting, value in zip((ends["a"], ends["b"]), found, strict=True):
            links.put(setting, value)
            links.settled(setting.experiment)


def _within(index: int, count: int) -> int:
    return min(max(int(index), 0), count - 1)
