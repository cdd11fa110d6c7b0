"""How good the digits are that ship: Fréchet distance and agreement against the guidance scale.

python -m benchmarks.digits            2,000 digits for each scale, 10 network steps of DPM-Solver++

Features and names come from the digit classifier that ships. The floor is the same distance between 2,000 training
images (200 of each digit, like the samples) and the 10,000 test images. The classifier has seen the training images and
is a little surer of them, which raises that floor; so a second one is printed: 2,000 test images against the others.
"""

import argparse

import torch

from core import data, diffusion, neural_network
from core.device import describe, pick, settle_threads
from core.diffusion.guidance import classifier_free
from core.diffusion.prediction import clipped
from core.diffusion.samplers import dpm_solver_pp
from core.metrics import frechet_distance


@torch.no_grad()
def look(classifier: torch.nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, F) and named digits (N,) of images in [−1, 1]."""
    found = [(f := classifier.features(block), classifier.to_scores(f).argmax(1)) for block in images.split(500)]
    return torch.cat([f for f, _ in found]).double().cpu(), torch.cat([n for _, n in found]).cpu()


def balanced(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Places of the first images of each digit, `count` in all."""
    return torch.cat([(labels == digit).nonzero()[: count // 10, 0] for digit in range(10)])


def samples(name: str, scale: float, count: int, steps: int, seed: int, device: torch.device) -> torch.Tensor:
    """`count` digits, as many of each, (N, 1, 28, 28); those of one seed start from the same noise at every scale."""
    denoiser, schedule = diffusion.pretrained(name, device)
    guided = clipped(classifier_free(denoiser, scale), schedule)
    generator = torch.Generator("cpu").manual_seed(seed)
    ends = []
    for _ in range(count // 100):
        noise = torch.randn(100, 1, 28, 28, generator=generator, device="cpu").to(device)
        *_, end = dpm_solver_pp(guided, schedule, noise, steps=steps, label=torch.arange(100, device=device) % 10)
        ends.append(end.x)
    return torch.cat(ends)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--name", default="digits")
    ask.add_argument("--count", type=int, default=2000)
    ask.add_argument("--steps", type=int, default=10)
    ask.add_argument("--seeds", type=int, default=1)
    ask.add_argument("--scales", type=float, nargs="+", default=[0.0, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 2.0, 3.0])
    a = ask.parse_args()
    settle_threads()
    device = pick()
    classifier = neural_network.pretrained("digits", device)
    train, test = data.mnist("train"), data.mnist("test")
    real = look(classifier, neural_network.to_unit(test.images.to(device)))[0]
    each, some = balanced(train.labels, a.count), balanced(test.labels, a.count)
    floor = frechet_distance(look(classifier, neural_network.to_unit(train.images[each].to(device)))[0], real)
    others = torch.ones(len(real), dtype=torch.bool, device="cpu").index_fill(0, some, False)
    unseen = frechet_distance(real[some], real[others])
    print(f"{describe(device)}; {a.count} samples, {a.steps} network steps")
    print(f"real against real: {floor:.2f} (training images), {unseen:.2f} (test images against the others)\n")
    print("| scale | Fréchet distance | times the floor | named as asked |\n|---|---|---|---|")
    asked = torch.arange(a.count, device="cpu") % 10
    for scale in a.scales:
        distances, agreements = [], []
        for seed in range(a.seeds):
            features, named = look(classifier, samples(a.name, scale, a.count, a.steps, seed, device))
            distances.append(frechet_distance(features, real))
            agreements.append(float((named == asked).double().mean()))
        distance, agreement = sum(distances) / a.seeds, sum(agreements) / a.seeds
        print(f"| {scale:g} | {distance:.2f} | {distance / floor:.2f} | {agreement:.2%} |", flush=True)


if __name__ == "__main__":
    main()
