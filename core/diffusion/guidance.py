"""Guidance: a denoiser that is pulled towards what was asked for, made from a denoiser that knows labels."""

import math

import torch
from torch import Tensor

from core.diffusion.prediction import Denoiser


def classifier_free(denoiser: Denoiser, scale: float) -> Denoiser:
    """The Denoiser ε̂ = ε(x, ∅) + scale · (ε(x, label) − ε(x, ∅)). Ho and Salimans 2022, equation 6, with scale = 1 + w.

    Scale 1 is the plain conditional prediction, 0 the unconditional one; between the two it interpolates, and beyond 1
    it exaggerates what sets the label apart. Both predictions come from one call on 2N elements; where one of them is
    the answer by itself (scale 0, scale 1, or no label at all), from one call on N.
    Raises ValueError for a scale that is not a finite number.
    """
    if not math.isfinite(scale):
        raise ValueError(f"The scale of guidance must be a finite number, but it is {scale}.")

    def guided(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None or scale == 0:
            return denoiser(x, t, None)
        if scale == 1:
            return denoiser(x, t, label)
        labels = torch.cat([label, torch.full_like(label, -1)])  # (2N,)
        conditional, none = denoiser(torch.cat([x, x]), torch.cat([t, t]), labels).chunk(2)  # (N, …) each
        return none + scale * (conditional - none)

    return guided
