"""The names of models and runs: another key would orphan what people have trained, and what ships."""

import pytest

from core import train
from core.curve import CurveConfig, CurveRun
from core.diffusion.latent import LatentConfig
from core.diffusion.learned import DiffusionConfig, ScheduleConfig
from core.diffusion.mistaken import MistakenConfig
from core.diffusion.noisy_classifier import NoisyClassificationConfig, NoisyClassifierConfig
from core.diffusion.quality import Entry, QualityConfig
from core.diffusion.sampling import SamplingConfig
from core.digit_mlp import DigitRun
from core.hierarchical_learned import HierarchyRun
from core.neural_network import ClassificationConfig, ClassifierConfig
from core.store import shipped
from core.training import TrainingConfig
from core.vae_bound import BoundRun
from core.vae_learned import VAERun

SHIPPED = {record["key"]: record for record in shipped().records()}
SHORT = TrainingConfig(100)


def config_of(record: dict):
    """The config that a shipped model was trained from."""
    if record["kind"] == "diffusion":
        return DiffusionConfig.from_record(record["config"])
    if record["kind"] == "mistaken":
        return MistakenConfig.from_record(record["config"])
    if record["kind"] == "vae":
        return VAERun.from_record(record["config"])
    if record["kind"] == "hierarchical":
        return HierarchyRun.from_record(record["config"])
    config = record["config"]
    if record["kind"] == "latent_diffusion":
        return LatentConfig.from_record(config)
    if record["kind"] == "noisy_classifier":
        network = NoisyClassifierConfig(**{**config["network"], "widths": tuple(config["network"]["widths"])})
        schedule = ScheduleConfig(**config["schedule"])
        return NoisyClassificationConfig(config["dataset"], TrainingConfig(**config["training"]), network, schedule)
    network = ClassifierConfig(**{**config["network"], "widths": tuple(config["network"]["widths"])})
    return ClassificationConfig(config["dataset"], TrainingConfig(**config["training"]), network)


def test_every_kind_of_model_ships():
    assert {record["kind"] for record in SHIPPED.values()} >= {"classifier", "diffusion", "vae", "mistaken"}


@pytest.mark.parametrize("key", SHIPPED)
def test_a_model_that_ships_has_the_key_of_its_config(key):
    assert config_of(SHIPPED[key]).key == key


@pytest.mark.parametrize(
    ("config", "key", "short"),
    [
        (DigitRun(), "digitmlp-079182e48c22", False),
        (DigitRun(hidden=16, epochs=1, seed=3), "digitmlp-5d949dd0212c", False),
        (CurveRun(((-1.0, 0.5), (1.0, -0.5))), "curve-119ddf93e92a", True),
        (CurveRun((), CurveConfig(4, 2, "relu"), 0.1, 100, 2), "curve-6ebc2522575c", True),
        (VAERun("mnist", SHORT), "vae-aed9799491f2", False),
        (ClassificationConfig("mnist", SHORT), "classifier-f90cd9b274be", False),
        (DiffusionConfig.for_images("mnist", 703), "diffusion-1aee8e5a1770", False),
        (DiffusionConfig.for_points("moons", 500), "diffusion-fa8864c54245", True),
        (DiffusionConfig.for_points("dinosaur", 500), "diffusion-9311a5887aee", True),
        (DiffusionConfig.for_points("drawing", 500, (((0, 0.5), (1, 1)),)), "diffusion-ffaadcfe0bc1", True),
        (BoundRun("vae-1"), "bound-6eb220f080f3", True),
        (BoundRun("vae-1", images=1000), "bound-be4067b5ae5b", False),
        (SamplingConfig("m"), "sampling-597706bc5b97", True),
        (QualityConfig("m", "mnist", (Entry("ddim", 5),)), "quality-a22e21ed464d", False),
        (train.diffusion_config("mnist", 8), "diffusion-51b579075d9c", False),
        (train.classifier_config("mnist", 8), "classifier-f4f9043dbc49", False),
        (train.vae_config("mnist", 8), "vae-c633a5c46cff", False),
        (train.hierarchical_config("mnist", 8), "hierarchical-830fea5af2b3", False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_run_has_the_key_that_it_always_had(config, key, short):
    assert config.key == key
    assert config.short is short
