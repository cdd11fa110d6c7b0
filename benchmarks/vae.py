"""The test log-likelihood of the VAE that ships, by 5,000 importance samples, and how long its training takes.

python -m benchmarks.vae                    all 10,000 test images; stops at Ctrl-C and goes on at the next start
python -m benchmarks.vae --images 200       a look
python -m benchmarks.vae --device cuda      the same on a GPU: seconds instead of an hour
python -m benchmarks.vae --epochs           seconds of CPU an epoch, beside the same network fed by a DataLoader

Binarised test images, thrown once (seed 0), as in Burda et al. 2016, table 1, whose VAE with one stochastic layer of 50
reaches −86.76 nats. A finished measurement of all images is written to models/vae_likelihood.json, where the page reads
it.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from core import data, vae_library
from core.device import describe, pick, settle_threads
from core.store import user_store
from core.training import TrainingConfig
from core.vae import VAE, VAEConfig, binarized, elbo, importance_bound
from core.vae_bound import MEASURED, PUBLISHED, held_out
from core.vae_learned import VAERun, train_vae

TURNS, TURN = 10, 60  # of each way of training, and the updates in one
# images at a time, after each of which what is measured is kept; and images decoded at once
SIZES = {"cpu": (20, 20_000), "mps": (20, 20_000), "cuda": (250, 500_000)}
DECODED = 40_000  # bytes that one image takes while it is decoded and compared


def main() -> None:
    ask = argparse.ArgumentParser(prog="python -m benchmarks.vae", description=__doc__.splitlines()[0])
    ask.add_argument("--model", default="digits", help="the name of a model that ships")
    ask.add_argument("--images", type=int, default=10_000)
    ask.add_argument("--samples", type=int, default=5_000)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--device", default=None, help="cpu, cuda, mps; default: the best there is")
    ask.add_argument("--epochs", action="store_true", help="measure training instead")
    a = ask.parse_args()
    settle_threads()
    if a.epochs:
        epochs()
    else:
        likelihood(a.model, a.images, a.samples, a.seed, pick(a.device))


def likelihood(name: str, images: int, samples: int, seed: int, device: torch.device) -> None:
    """Measures, keeping what is done; prints the mean and its standard error over the images."""
    key = vae_library.key_named(name)
    if not key:
        raise SystemExit(f"No VAE named {name!r} is there.")
    model, record = vae_library.load(key).to(device), vae_library.record(key)
    x = held_out(record["config"]["dataset"], model.config.likelihood, images, seed)
    batch_size, at_once = SIZES[device.type]
    if device.type == "cuda":
        at_once = min(at_once, torch.cuda.mem_get_info(device)[0] // (2 * DECODED))
    file = user_store().folder / f"likelihood-{key}-{samples}-{seed}-{device.type}.json"
    done = _kept(file)
    began = time.perf_counter()
    with tqdm(total=images, initial=min(len(done["nats"]), images), unit="image") as bar:
        while (begin := len(done["nats"])) < images:
            # 2.5 billion normal numbers in all: drawn where they are used
            generator = torch.Generator(device).manual_seed(seed * 1_000_003 + begin)
            batch = x[begin : begin + batch_size].to(device)
            done["nats"] += importance_bound(model, batch, samples, generator, most=at_once).tolist()
            done["seconds"] += time.perf_counter() - began
            began = time.perf_counter()
            _write(file, done)
            bar.update(len(done["nats"]) - begin)
            bar.set_postfix(nats=f"{sum(done['nats']) / len(done['nats']):.2f}", refresh=False)
    nats = torch.tensor(done["nats"][:images], dtype=torch.float64)
    error = float(nats.std() / len(nats) ** 0.5)
    print(f"{describe(device)}: {images:,} images, k = {samples:,}: {nats.mean():.3f} ± {error:.3f} nats")
    print(f"in {done['seconds']:.0f} s; published {PUBLISHED['vae']} (Burda et al. 2016, table 1)")
    if images == 10_000 and name == "digits":
        table = {
            "model": key, "images": images, "k": samples, "nats": round(float(nats.mean()), 4),
            "standard_error": round(error, 4), "seconds": round(done["seconds"]), "device": describe(device),
        }  # fmt: skip
        _write(MEASURED, table)
        print(f"written to {MEASURED}")


def epochs() -> None:
    """CPU seconds of an epoch of the 784-400-20 VAE here, and fed image by image by a DataLoader with a transform.

    Both do the same arithmetic on the same thread. They take turns of a tenth of an epoch, because a busy machine slows
    down whoever is at work; the first turn of each, which loads and begins, is not counted.
    """
    run = VAERun("mnist", TrainingConfig((TURNS + 1) * TURN, 100, 1e-3, warmup=0), VAEConfig(20, (400,)))
    ways = {"here": train_vae(run, torch.device("cpu")), "by DataLoader": _fed_by_loader(run)}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS + 1):
        for name, updates in ways.items():
            began = time.process_time()
            for _ in range(TURN):
                next(updates)
            spent[name].append(time.process_time() - began)
    ours, theirs = (statistics.median(turns[1:]) * 600 / TURN for turns in spent.values())
    print(f"an epoch of 60,000 digits: {ours:.1f} s of CPU here, {theirs:.1f} s by DataLoader: {ours / theirs:.2f}")


def _fed_by_loader(run: VAERun) -> Iterator[None]:
    """The same network, loss, batch size and rate as a tutorial writes them, one update at a time."""
    model, generator = VAE(run.network), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    while True:
        for batch, _ in torch.utils.data.DataLoader(_one_by_one(), batch_size=100, shuffle=True):
            optimizer.zero_grad()
            loss = -elbo(model, binarized(batch, generator), generator).elbo.mean()
            loss.backward()
            optimizer.step()
            yield


def _one_by_one() -> torch.utils.data.Dataset:
    """torchvision's MNIST with ToTensor where torchvision is installed; else its steps by hand, which take less."""
    train = data.images("mnist", "train")
    images, labels = train.images[:, 0], train.labels
    try:
        from torchvision import datasets, transforms
    except ImportError:

        class Digits(torch.utils.data.Dataset):
            def __len__(self) -> int:
                return len(images)

            def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
                picture, label = Image.fromarray(images[index].numpy()), int(labels[index])
                pixels = torch.from_numpy(np.array(picture, copy=True)).view(28, 28, 1)
                return pixels.permute(2, 0, 1).contiguous().to(torch.float32).div(255), label

        return Digits()

    class TorchvisionDigits(datasets.MNIST):
        def __init__(self) -> None:  # its files are not needed: the images are here
            self.data, self.targets = images, labels
            self.transform, self.target_transform = transforms.ToTensor(), None

    return TorchvisionDigits()


def _kept(file: Path) -> dict:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"nats": [], "seconds": 0.0}


def _write(file: Path, content: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".tmp")
    beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    beside.replace(file)


if __name__ == "__main__":
    main()
