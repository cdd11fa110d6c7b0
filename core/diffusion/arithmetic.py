"""What a step did to one number: one pixel, or one coordinate of a particle, worked out line by line.

Each row names the line of core/diffusion/samplers.py that it follows, so that a page can show both side by side. What a
step drew at random, and what a second look of the network found, is not kept in a frame; it follows from where the step
led, and its row says so by its name.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from core.diffusion.sampling import Frame, SamplingConfig


@dataclass(frozen=True)
class Row:
    """One line of the arithmetic."""

    name: str  # what the number is; names its reason in the page's words
    code: str  # a piece of the line of code that computes it
    numbers: str  # the same line with numbers in it
    value: float


def explain(config: SamplingConfig, frame: Frame, place: tuple[int, ...]) -> tuple[Row, ...]:
    """The arithmetic of the step that began at `frame`, for the number at `place` in its arrays (N, …).

    The last row's value is the number that the step led to. Raises ValueError for the last frame, which leads nowhere.
    """
    if frame.t_next is None:
        raise ValueError("No step leads on from clean data.")
    x, noise, x0, after = (float(a[place]) for a in (frame.x, frame.noise, frame.x0, frame.x_next))
    signal, sigma = math.sqrt(frame.alpha_bar), math.sqrt(1 - frame.alpha_bar)
    begin = (
        Row("noise", "noise = denoiser(x, torch.full(", f"ε̂(x_{frame.t}, {frame.t})", noise),
        Row(
            "x0",
            "(x - math.sqrt(1 - alpha_bar) * noise) / math.sqrt(alpha_bar)",
            f"({_n(x)} − {_n(sigma)} · {_b(noise)}) / {_n(signal)}",
            x0,
        ),
    )
    return begin + _STEPS[config.sampler](config.eta, frame, x, noise, x0, after)


def _ddpm(eta: float, frame: Frame, x: float, noise: float, x0: float, after: float) -> tuple[Row, ...]:
    left_t, left_s = frame.alpha_bar, frame.alpha_bar_next  # ᾱ_t and ᾱ_s
    alpha = left_t / left_s  # α_t, since s is t − 1
    beta = 1 - alpha
    towards_x0 = math.sqrt(left_s) * beta / (1 - left_t)
    towards_x = math.sqrt(alpha) * (1 - left_s) / (1 - left_t)
    mean = towards_x0 * x0 + towards_x * x
    text = f"{_n(towards_x0)} · {_b(x0)} + {_n(towards_x)} · {_b(x)}"
    rows = (Row("mean", "x = towards_x0 * x0 + towards_x * x", text, mean),)
    variance = (1 - left_s) / (1 - left_t) * beta
    if frame.t_next == 0:
        return rows
    text = f"{_n(1 - left_s)} / {_n(1 - left_t)} · {_n(beta)}"
    variance_row = Row("variance", "variance = (1 - alpha_bar[s]) / (1 - alpha_bar[t]) * beta[t]", text, variance)
    code = "x = x + math.sqrt(variance) * _normal_like(x, generator)"
    return (*rows, variance_row, _fresh(code, mean, variance, after))


def _ddim(eta: float, frame: Frame, x: float, noise: float, x0: float, after: float) -> tuple[Row, ...]:
    left_t, left_s = frame.alpha_bar, frame.alpha_bar_next  # ᾱ_t and ᾱ_s
    variance = eta**2 * (1 - left_s) / (1 - left_t) * (1 - left_t / left_s)
    kept = max(1 - left_s - variance, 0.0)
    mean = math.sqrt(left_s) * x0 + math.sqrt(kept) * noise
    text = f"{_n(eta)}² · {_n(1 - left_s)} / {_n(1 - left_t)} · (1 − {_n(left_t / left_s)})"
    rows = (
        Row("variance", "variance = eta**2 * (1 - alpha_bar[s])", text, variance),
        Row("kept", "kept = max(1 - alpha_bar[s] - variance, 0.0)", f"{_n(1 - left_s)} − {_n(variance)}", kept),
        Row(
            "mean",
            "x = math.sqrt(alpha_bar[s]) * x0 + math.sqrt(kept) * noise",
            f"{_n(math.sqrt(left_s))} · {_b(x0)} + {_n(math.sqrt(kept))} · {_b(noise)}",
            mean,
        ),
    )
    if variance == 0:
        return rows[2:]
    return (*rows, _fresh("x = x + math.sqrt(variance) * _normal_like(x, generator)", mean, variance, after))


def _heun(eta: float, frame: Frame, x: float, noise: float, x0: float, after: float) -> tuple[Row, ...]:
    angle_t, angle_s = (math.atan2(math.sqrt(1 - a), math.sqrt(a)) for a in (frame.alpha_bar, frame.alpha_bar_next))
    turn = angle_s - angle_t
    slope = math.cos(angle_t) * noise - math.sin(angle_t) * x0
    ahead = x + turn * slope
    rows = (
        Row(
            "slope",
            "slope = math.cos(angle[t]) * noise - math.sin(angle[t]) * x0",
            f"{_n(math.cos(angle_t))} · {_b(noise)} − {_n(math.sin(angle_t))} · {_b(x0)}",
            slope,
        ),
        Row("ahead", "ahead = x + turn * slope", f"{_n(x)} + {_b(turn)} · {_b(slope)}", ahead),
    )
    if frame.t_next == 0:
        return rows
    slope_ahead = 2 * (after - x) / turn - slope
    both = f"{_n(x)} + {_b(turn)} · ({_n(slope)} + {_b(slope_ahead)}) / 2"
    return (
        *rows,
        Row("slope_ahead", "slope_ahead = math.cos(angle[s])", f"v̂(x_{frame.t_next}, {frame.t_next})", slope_ahead),
        Row("both", "ahead = x + turn * (slope + slope_ahead) / 2", both, after),
    )


def _dpm_solver_pp(eta: float, frame: Frame, x: float, noise: float, x0: float, after: float) -> tuple[Row, ...]:
    left_t, left_s = frame.alpha_bar, frame.alpha_bar_next  # ᾱ_t and ᾱ_s
    signal_t, signal_s, sigma_t, sigma_s = (math.sqrt(v) for v in (left_t, left_s, 1 - left_t, 1 - left_s))
    if frame.t_next == 0:
        text = f"0 · {_b(x)} + 1 · {_b(x0)}"
        return (Row("step", "x = sigma[s] / sigma[t] * x - signal[s] * math.expm1(-h) * D", text, x0),)
    h = math.log(signal_s / sigma_s) - math.log(signal_t / sigma_t)
    shrink, grow = sigma_s / sigma_t, -signal_s * math.expm1(-h)
    direction = (after - shrink * x) / grow
    two = "D = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * x0_before", f"D(x̂₀ = {_n(x0)}, …)"
    line = ("D = x0", _n(x0)) if frame.calls == 0 else two  # the first step has no x̂_0 before it
    text = f"{_n(math.log(signal_s / sigma_s))} − {_b(math.log(signal_t / sigma_t))}"
    return (
        Row("h", "h = _log_ratio(signal[s], sigma[s])", text, h),
        Row("direction", *line, direction),
        Row(
            "step",
            "x = sigma[s] / sigma[t] * x - signal[s] * math.expm1(-h) * D",
            f"{_n(shrink)} · {_b(x)} + {_n(grow)} · {_b(direction)}",
            after,
        ),
    )


def _fresh(code: str, mean: float, variance: float, after: float) -> Row:
    drawn = (after - mean) / math.sqrt(variance)
    return Row("fresh", code, f"{_n(mean)} + {_n(math.sqrt(variance))} · {_b(drawn)}", after)


def _n(value: float) -> str:
    """A number for people: four significant digits, a true minus sign."""
    return f"{value:.4g}".replace("-", "−")


def _b(value: float) -> str:
    """The same as a factor or a later term: in brackets where it is negative."""
    return f"({_n(value)})" if value < 0 else _n(value)


_STEPS: dict[str, Callable[..., tuple[Row, ...]]] = {
    "ddpm": _ddpm,
    "ddim": _ddim,
    "heun": _heun,
    "dpm_solver_pp": _dpm_solver_pp,
}
