"""Training without a screen: what a teacher runs the night before, and what made the models that ship.

python -m core.train diffusion --dataset mnist --epochs 8
"""

import argparse
import math
import signal
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core import data, device
from core.diffusion.latent import LatentConfig, train_latent
from core.diffusion.learned import IMAGE_SETS, SHAPES, DiffusionConfig, train_diffusion
from core.diffusion.mistaken import TWINS, MistakenConfig, train_mistaken
from core.diffusion.noisy_classifier import NoisyClassificationConfig, train_noisy_classifier
from core.hierarchical_learned import HierarchyRun, train_hierarchy
from core.hierarchical_vae import HierarchyConfig
from core.kept import KEPT  # as in the app, so that either goes on with what the other began
from core.neural_network import ClassificationConfig, train_classifier
from core.store import DamagedModel, ModelNotFound, ModelStore, StoreError, user_store
from core.training import Checkpoint, TrainingConfig, out_of_memory
from core.vae import BODIES, LIKELIHOODS, VAEConfig
from core.vae_learned import VAERun, train_vae

KEEP_SECONDS = 60.0  # between two checkpoints
PROBLEMS = {  # by the code of a state's problem
    "diverged": "The loss ran away; a lower --learning-rate helps.",
    "out_of_memory": "The device ran out of memory; a smaller --batch-size helps, or --device cpu.",
}


def diffusion_config(dataset: str, epochs: float, **training: Any) -> DiffusionConfig:
    """The config for so many passes over a data set; a shape's pass is 100 updates."""
    if dataset in SHAPES:
        return DiffusionConfig.for_points(dataset, steps=max(1, round(100 * epochs)), **training)
    return DiffusionConfig.for_images(dataset, image_steps(dataset, epochs, training), **training)


def mistaken_config(dataset: str, epochs: float, *, mistake: str = "right", **training: Any) -> MistakenConfig:
    """The config of a network trained with a mistake, or of its right twin, for so many passes over a data set."""
    training = {"batch_size": 128, **training} if dataset in IMAGE_SETS else training
    steps = max(1, round(100 * epochs)) if dataset in SHAPES else image_steps(dataset, epochs, training)
    return MistakenConfig.of(mistake, dataset, steps, **training)


def classifier_config(dataset: str, epochs: float, **training: Any) -> ClassificationConfig:
    """The config for so many passes over a data set."""
    training = {"batch_size": 128, "learning_rate": 3e-3, **training}
    return ClassificationConfig(dataset, TrainingConfig(image_steps(dataset, epochs, training), **training))


def noisy_classifier_config(dataset: str, epochs: float, **training: Any) -> NoisyClassificationConfig:
    """The config for so many passes over a data set."""
    training = {"batch_size": 128, **training}
    return NoisyClassificationConfig.for_images(dataset, image_steps(dataset, epochs, training), **training)


def latent_config(dataset: str, epochs: float, *, vae: str = "digits", **training: Any) -> LatentConfig:
    """The config for so many passes over the codes that a VAE which ships gives a data set."""
    training = {"batch_size": 512, **training}
    return LatentConfig.over(vae, dataset, image_steps(dataset, epochs, training), **training)


def vae_config(dataset: str, epochs: float, *, beta: float = 1.0, network: Any = None, **training: Any) -> VAERun:
    """The config for so many passes over a data set; `network` are fields of core.vae.VAEConfig."""
    training = {"batch_size": 100, "learning_rate": 1e-3, "beta2": 0.999, **training}
    steps = image_steps(dataset, epochs, training)
    return VAERun(dataset, TrainingConfig(steps, **training), VAEConfig(**(network or {})), beta)


def hierarchical_config(
    dataset: str, epochs: float, *, beta: float = 1.0, network: Any = None, **training: Any
) -> HierarchyRun:
    """The same for two levels; `network` may have fields of core.hierarchical_vae.HierarchyConfig as well."""
    one = dict(network or {})
    levels = {name: one.pop(name) for name in UPPER if name in one}
    lower = vae_config(dataset, epochs, network=one, **training)
    return HierarchyRun(dataset, lower.training, HierarchyConfig(lower.network, **levels), beta)


def image_steps(dataset: str, epochs: float, training: dict[str, Any]) -> int:
    """How many updates so many passes over the training images are."""
    batch_size = max(1, training.get("batch_size", TrainingConfig.batch_size))  # the config refuses 0
    return max(1, round(epochs * (len(data.images(dataset, "train").labels) // batch_size)))


# what can be trained: the data sets it knows, how its config is made, and what trains it
KINDS = {
    "diffusion": ((*IMAGE_SETS, *SHAPES), diffusion_config, train_diffusion),
    "classifier": (IMAGE_SETS, classifier_config, train_classifier),
    "noisy_classifier": (IMAGE_SETS, noisy_classifier_config, train_noisy_classifier),
    "latent_diffusion": (("mnist",), latent_config, train_latent),
    "vae": (IMAGE_SETS, vae_config, train_vae),
    "hierarchical": (IMAGE_SETS, hierarchical_config, train_hierarchy),
    "mistaken": ((*IMAGE_SETS, *SHAPES), mistaken_config, train_mistaken),
}

NETWORK = ("latent", "hidden", "likelihood", "std", "body", "activation")  # settings of a VAE's network
UPPER = ("upper", "width")  # of the upper level of a VAE of two


def _widths(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line, read and checked."""
    ask = argparse.ArgumentParser(prog="python -m core.train", description=__doc__.splitlines()[0])
    ask.add_argument("kind", choices=KINDS)
    known = sorted({name for names, *_ in KINDS.values() for name in names})
    ask.add_argument("--dataset", default="mnist", choices=known)
    ask.add_argument("--epochs", type=float, default=8, help="passes over the data; of a shape, 100 updates each")
    ask.add_argument("--device", default=None, help="cpu, cuda, mps; default: the best there is")
    ask.add_argument("--name", default=None, help="a name to find the model by, such as digits")
    ask.add_argument("--store", type=Path, default=None, help="folder for the model; default: where the app looks")
    tunable = {field.name for field in fields(TrainingConfig)} - {"steps"}
    for name in sorted(tunable):
        kind = type(getattr(TrainingConfig, name))
        ask.add_argument(f"--{name.replace('_', '-')}", type=kind, help="see core.training.TrainingConfig")
    of_vae = ask.add_argument_group("of a VAE", "see core.vae.VAEConfig")
    of_vae.add_argument("--beta", type=float, help="weight of the KL in the loss; 1 is the bound")
    of_vae.add_argument("--latent", type=int, help="numbers in z")
    of_vae.add_argument("--hidden", type=_widths, help="widths of the hidden layers, such as 200,200")
    of_vae.add_argument("--likelihood", choices=LIKELIHOODS)
    of_vae.add_argument("--std", type=float, help="of a Gaussian pixel; 0: learnt")
    of_vae.add_argument("--body", choices=BODIES)
    of_vae.add_argument("--activation", choices=("relu", "tanh"))
    of_vae.add_argument("--upper", type=int, help="of two levels: numbers in z_2")
    of_vae.add_argument("--width", type=int, help="of two levels: of the hidden layer between z_1 and z_2")
    ask.add_argument("--mistake", choices=TWINS, help="of a mistaken network: see core.diffusion.mistakes")
    ask.add_argument("--vae", help="of latent diffusion: name of the VAE that ships and gives the codes")
    a = ask.parse_args(argv)
    network = {name: value for name in (*NETWORK, *UPPER) if (value := getattr(a, name)) is not None}
    if a.kind not in ("vae", "hierarchical") and (network or a.beta is not None):
        ask.error(f"these are settings of a VAE: {', '.join('--' + n for n in network) or '--beta'}")
    if a.kind == "vae" and (upper := [name for name in UPPER if name in network]):
        ask.error(f"these are settings of a VAE of two levels: {', '.join('--' + n for n in upper)}")
    if a.dataset not in KINDS[a.kind][0]:
        ask.error(f"a {a.kind} is trained on one of: {', '.join(KINDS[a.kind][0])}")
    if not 0 < a.epochs < 1e6:
        ask.error("--epochs must be a positive number, below a million")
    a.settings = {name: getattr(a, name) for name in tunable if getattr(a, name) is not None}
    if network:
        a.settings["network"] = network
    if a.beta is not None:
        a.settings["beta"] = a.beta
    if a.vae is not None:
        if a.kind != "latent_diffusion":
            ask.error("--vae is a setting of latent diffusion")
        a.settings["vae"] = a.vae
    if a.mistake is not None:
        if a.kind != "mistaken":
            ask.error("--mistake is a setting of a mistaken network")
        a.settings["mistake"] = a.mistake
    return a


def main(argv: list[str] | None = None) -> int:
    """Trains, shows a progress bar, and says in its last line where the model is. Ctrl-C keeps what was learnt."""
    a = arguments(argv)
    _, make, start = KINDS[a.kind]
    try:
        device.settle_threads()
        where = device.pick(a.device)
        config = make(a.dataset, a.epochs, **a.settings)
        store = ModelStore(a.store) if a.store else user_store()
        return _train(config, start, where, store, a.name)
    except KeyboardInterrupt:
        print("Stopped at once; the same command goes on from what was last kept.", file=sys.stderr)
        return 130
    except (data.DataError, StoreError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        print(PROBLEMS["out_of_memory"], file=sys.stderr)
        return 1


def _train(config: Any, start: Any, where: Any, store: ModelStore, name: str | None) -> int:
    record = _found(store, config.key)
    if record is not None:
        record = record[1]
        print(f"Trained before ({record['seconds']} s on {record['device']}): {store.folder / config.key}.safetensors")
        return 0
    resume = _found(store, config.key + KEPT)
    steps, begun, kept_at = config.training.steps, resume[1]["step"] if resume else 0, -math.inf
    with _Asked() as asked, tqdm(total=steps, initial=begun, unit="step", mininterval=0.5) as bar:
        for state in start(config, device=where, resume=resume):
            mean = state.training.losses[-100:].mean()
            bar.set_postfix(loss=f"{mean:.4f}", per_second=f"{state.training.rate:.0f}", refresh=False)
            bar.update(state.training.step - bar.n)
            if asked.to_stop or state.problem:
                break
            late = time.monotonic() - kept_at > KEEP_SECONDS  # the first at once: a full disk is told before the work
            if late or state.training.step == steps:
                store.save(config.key + KEPT, *state.checkpoint())
                kept_at = time.monotonic()
    if asked.to_stop or state.problem:
        tensors, record = state.checkpoint()
        store.save(config.key + KEPT, tensors, record)
        done = f"{record['step']} of {steps} updates"
        if state.problem is None:
            print(f"Stopped after {done}; the same command goes on from there.")
            return 130
        print(f"{PROBLEMS[state.problem]} What was learnt in {done} is kept.", file=sys.stderr)
        return 1
    tensors, record = state.result()
    store.save(config.key, tensors, record | ({"name": name} if name else {}))
    store.remove(config.key + KEPT)
    print(f"The model is in {store.folder / config.key}.safetensors")
    return 0


def _found(store: ModelStore, key: str) -> Checkpoint | None:
    """What the store has under a key; what cannot be read is told, set aside by the store, and begun anew."""
    try:
        return store.load(key)
    except ModelNotFound:
        return None
    except DamagedModel as error:
        print(f"{error} It was set aside; beginning anew.", file=sys.stderr)
        return None


class _Asked:
    """Within it, the first Ctrl-C only asks: an update that is cut in two could not be gone on from exactly."""

    to_stop = False

    def __enter__(self) -> "_Asked":
        self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, *_: Any) -> None:
        self.to_stop = True
        signal.signal(signal.SIGINT, self._before)  # a second one does not wait

    def __exit__(self, *_: Any) -> None:
        signal.signal(signal.SIGINT, self._before)


if __name__ == "__main__":
    sys.exit(main())
