"""Which processor the networks run on: CUDA, else Apple's MPS, else the CPU."""

import os

import torch

# full float32 in convolutions, as matrix products have it: a picture from one seed is the CPU's picture, to rounding
torch.backends.cudnn.allow_tf32 = False


def _available() -> tuple[str, ...]:
    """Return the kinds of device this machine has, best first."""
    kinds = []
    if torch.cuda.is_available():
        kinds.append("cuda")
    if torch.backends.mps.is_available():
        kinds.append("mps")
    return (*kinds, "cpu")


def pick(name: str | None = None) -> torch.device:
    """Choose the device for networks.

    Args:
        name: "cpu", "mps", "cuda" or "cuda:1"; None or "auto" takes the best that is there.

    Raises:
        ValueError: the name is unknown, or this machine has no such device.
    """
    available = _available()
    if name is None or name == "auto":
        return torch.device(available[0])
    kind, colon, index = str(name).strip().lower().partition(":")
    if kind not in ("cuda", "mps", "cpu") or (colon and not index.isdecimal()):
        raise ValueError(f"The device {str(name)!r} is unknown; choose auto, cpu, mps, cuda or cuda:0.")
    if kind not in available:
        raise ValueError(f"This machine has no {kind} device; choose one of: {', '.join(available)}.")
    if not colon:
        return torch.device(kind)
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if int(index) >= count:
        raise ValueError(f"The device {kind}:{index} is not there; this machine has {count} of that kind, from 0.")
    return torch.device(kind, int(index))


def settle_threads() -> None:
    """Leave one core to whoever answers people, and take no more than four.

    Networks as small as these gain little from a second thread (a quarter, on two quiet cores) and lose all of it, and
    tenfold more, when another process wants that core: every layer then waits for the slower half. OMP_NUM_THREADS,
    where somebody has set it, is obeyed.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, min(4, (os.cpu_count() or 2) - 1)))


def describe(device: torch.device | str) -> str:
    """Name a device for people, such as "CPU, 2 threads" or the name of the GPU; the same in every language."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU (MPS)"
    return f"CPU × {torch.get_num_threads()}"
