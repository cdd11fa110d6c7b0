"""The test log-likelihood of the VAE that ships, by 5,000 importance samples, and how long its training takes.

python -m benchmarks.vae                    all 10,000 test images; stops at Ctrl-C and goes on at the next start
python -m benchmarks.vae --images 200       a look
python -m benchmarks.vae --epochs           seconds of CPU an epoch, beside the same network fed by a DataLoader

Binarised test images, thrown once (seed 0), as in Burda et al. 2016, table 1, whose VAE with one stochastic layer of 50
reaches −86.76 nats. A finished measurement of all images is written to models/vae_likelihood.json, where the page reads
it.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch
from tqdm import tqdm

from core import data, vae_library
from core.device import describe, pick, settle_threads
from core.store import user_store
from core.training import TrainingConfig
from core.vae import VAE, VAEConfig, binarized, importance_bound
from core.vae_bound import MEASURED, PUBLISHED, held_out
from core.vae_learned import VAERun, negative_elbo, train_vae

BATCH = 20  # images at a time; what is measured is kept after each


def main() -> None:
    ask = argparse.ArgumentParser(prog="python -m benchmarks.vae", description=__doc__.splitlines()[0])
    ask.add_argument("--model", default="digits", help="the name of a model that ships")
    ask.add_argument("--images", type=int, default=10_000)
    ask.add_argument("--samples", type=int, default=5_000)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--epochs", action="store_true", help="measure training instead")
    a = ask.parse_args()
    settle_threads()
    if a.epochs:
        epochs()
    else:
        likelihood(a.model, a.images, a.samples, a.seed)


def likelihood(name: str, images: int, samples: int, seed: int) -> None:
    """Measures, keeping what is done; prints the mean and its standard error over the images."""
    key = vae_library.key_named(name)
    if not key:
        raise SystemExit(f"No VAE named {name!r} is there.")
    model, record = vae_library.load(key).to(pick()), vae_library.record(key)
    x = held_out(record["config"]["dataset"], model.config.likelihood, images, seed)
    file = user_store().folder / f"likelihood-{key}-{samples}-{seed}.json"
    done = _kept(file)
    began = time.perf_counter()
    with tqdm(total=images, initial=min(len(done["nats"]), images), unit="image") as bar:
        while (begin := len(done["nats"])) < images:
            generator = torch.Generator("cpu").manual_seed(seed * 1_000_003 + begin)
            batch = x[begin : begin + BATCH].to(pick())
            done["nats"] += importance_bound(model, batch, samples, generator).tolist()
            done["seconds"] += time.perf_counter() - began
            began = time.perf_counter()
            _write(file, done)
            bar.update(len(done["nats"]) - begin)
            bar.set_postfix(nats=f"{sum(done['nats']) / len(done['nats']):.2f}", refresh=False)
    nats = torch.tensor(done["nats"][:images], dtype=torch.float64)
    error = float(nats.std() / len(nats) ** 0.5)
    print(f"{describe(pick())}: {images:,} images, k = {samples:,}: {nats.mean():.3f} ± {error:.3f} nats")
    print(f"in {done['seconds']:.0f} s; published {PUBLISHED['vae']} (Burda et al. 2016, table 1)")
    if images == 10_000 and name == "digits":
        table = {
            "model": key, "images": images, "k": samples, "nats": round(float(nats.mean()), 4),
            "standard_error": round(error, 4), "seconds": round(done["seconds"]), "device": describe(pick()),
        }  # fmt: skip
        _write(MEASURED, table)
        print(f"written to {MEASURED}")


def epochs() -> None:
    """CPU seconds of an epoch of the 784-400-20 VAE here, and fed image by image by a DataLoader with a transform."""
    run = VAERun("mnist", TrainingConfig(600, 100, 1e-3, warmup=0), VAEConfig(20, (400,)))
    ours = _cpu(lambda: [None for _ in train_vae(run, torch.device("cpu"))])
    theirs = _cpu(lambda: _fed_by_loader(run))
    print(f"an epoch of 60,000 digits: {ours:.1f} s of CPU here, {theirs:.1f} s by DataLoader: {ours / theirs:.2f}")


def _fed_by_loader(run: VAERun) -> None:
    images = data.images("mnist", "train").images

    class Digits(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> torch.Tensor:
            return images[index].float().div(255)  # what a per-image transform to a tensor does

    model, generator = VAE(run.network), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loss = negative_elbo("bernoulli", 1.0)
    for batch in torch.utils.data.DataLoader(Digits(), batch_size=100, shuffle=True, drop_last=True):
        optimizer.zero_grad()
        value = loss(model, ((binarized(batch, generator) * 255),), generator)
        value.backward()
        optimizer.step()


def _cpu(work) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
