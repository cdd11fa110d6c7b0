"""How fast the networks of step 6 learn.

python -m benchmarks.classifier            the digit network to 97 %, beside the same network fed image by image
python -m benchmarks.classifier curve      what it costs the training of a curve that its picture is drawn every second
"""

import argparse
import statistics
import threading
import time

import torch
from torch.utils.data import DataLoader, Dataset

from core import data
from core.device import describe, pick, settle_threads
from core.digit_mlp import DigitMLP, DigitRun, look

TARGET = 0.97


def digits() -> None:
    """Wall and CPU seconds until 97 % of the test digits are named rightly, and an epoch of each way of feeding."""
    data.mnist("train"), data.mnist("test")
    run = DigitRun()
    began, cpu = time.perf_counter(), time.process_time()
    reached = None
    marks = [(0, cpu)]
    for state in run.start():
        if len(state.looks) > len(marks):
            marks.append((state.looks[-1].epoch, time.process_time()))
            if reached is None and state.looks[-1].accuracy >= TARGET:
                reached = (state.looks[-1].epoch, time.perf_counter() - began, time.process_time() - cpu)
    whole = time.perf_counter() - began
    print(f"{describe(pick())}: 97 % after epoch {reached[0]}: {reached[1]:.1f} s, {reached[2]:.1f} CPU s")
    print(f"  {run.epochs} epochs: {whole:.1f} s, {state.looks[-1].accuracy:.2%} right")
    mine = statistics.median(b[1] - a[1] for a, b in zip(marks[1:], marks[2:], strict=False))
    theirs = image_by_image(run)
    print(f"  an epoch with its look: {mine:.2f} CPU s; image by image with a DataLoader: {theirs:.2f} CPU s")
    print(f"  ratio {mine / theirs:.2f}")


class OneByOne(Dataset):
    """MNIST as most tutorials feed it: each image is made a tensor of its own when it is asked for."""

    def __init__(self) -> None:
        images = data.mnist("train")
        self.images, self.labels = images.images.numpy(), images.labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(self.images[index].copy()).float() / 255, self.labels[index]


def image_by_image(run: DigitRun) -> float:
    """CPU seconds of one epoch of the same network, Adam and batch size, fed by a DataLoader."""
    model = DigitMLP(run.hidden)
    optimizer = torch.optim.Adam(model.parameters(), run.rate)
    began = time.process_time()
    for images, labels in DataLoader(OneByOne(), run.batch_size, shuffle=True):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images * 255), labels).backward()
        optimizer.step()
    look(model, data.mnist("test"), 1)
    return time.process_time() - began


def curve(steps: int) -> None:
    """Updates a second of a curve with its picture made anew every second, and without; by turns, the same run."""
    from streamlit.logger import set_log_level

    from core.curve import CurveRun
    from core.jobs import Runner
    from core.scenes.neural_network import CURVE_POINTS, CurveScene, fits_as_arrays
    from pages.neural_network import curve as page
    from ui.plane import encode

    set_log_level("error")  # no session: the settings stand at their defaults

    def seconds(drawn: bool, seed: int) -> tuple[float, int]:
        runner, redraws = Runner(None), 0
        job = runner.ask(CurveRun(CURVE_POINTS, steps=steps, seed=seed), "benchmark")
        tick = threading.Event()
        while job.snapshot().status in ("waiting", "running"):
            tick.wait(1.0)
            state = job.snapshot().state
            if drawn and state is not None:
                arrays = fits_as_arrays(state.fits, state.training.losses.numpy())
                panels, frames = page.parts(CurveScene(), arrays, CurveScene())
                encode(panels, key="benchmark", values={"points": page.POINTS}, frames=frames)
                redraws += 1
        runner.close()
        return job.snapshot().seconds, redraws

    seconds(False, 99)
    pairs = [(seconds(False, seed), seconds(True, seed)) for seed in range(4)]
    without, drawn = (statistics.median(pair[k][0] for pair in pairs) for k in (0, 1))
    redraws = sum(pair[1][1] for pair in pairs)
    print(f"{steps:,} updates: {without:.2f} s without a picture, {drawn:.2f} s with ({redraws} redraws in 4 runs)")
    print(f"  drawing takes {drawn / without - 1:+.1%} of the training's time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="digits", choices=("digits", "curve"))
    parser.add_argument("--steps", type=int, default=16_000, help="updates of the curve")
    a = parser.parse_args()
    settle_threads()
    digits() if a.what == "digits" else curve(a.steps)


if __name__ == "__main__":
    main()
