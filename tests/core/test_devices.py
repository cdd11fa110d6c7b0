"""No tensor without a device: every public function of core/diffusion under a mode that forbids it.

A tensor that is made without a device lands on the CPU, and the first person with a GPU finds out. The mode looks at
the calls, and so needs no GPU. Where there is one, everything also runs there, and results must stay where the inputs
are; samplers and guidance do so everywhere, on the meta device.
"""

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from core.diffusion import (
    bound,
    exact,
    forward,
    guidance,
    learned,
    mixtures,
    painted,
    point_network,
    prediction,
    reverse,
    samplers,
    schedule,
    unet,
)
from core.gaussian_mixture import GaussianMixture

FACTORIES = {
    torch.arange,
    torch.as_tensor,
    torch.asarray,
    torch.empty,
    torch.empty_strided,
    torch.eye,
    torch.full,
    torch.linspace,
    torch.logspace,
    torch.normal,
    torch.ones,
    torch.rand,
    torch.randint,
    torch.randn,
    torch.randperm,
    torch.scalar_tensor,
    torch.tensor,
    torch.tril_indices,
    torch.triu_indices,
    torch.zeros,
}
FOLLOW_A_TENSOR = {torch.as_tensor, torch.asarray, torch.normal}  # given one, they make theirs where it is


class DevicesAreNamed(TorchFunctionMode):
    """Within it, a call that makes a tensor out of numbers fails unless it names the device.

    Within torch itself, as in building an nn.Module or an optimiser, calls are not looked at.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in FACTORIES and kwargs.get("device") is None:
            follows = func in FOLLOW_A_TENSOR and any(isinstance(argument, Tensor) for argument in args)
            caller = inspect.currentframe().f_back.f_globals.get("__name__", "")
            if not follows and not caller.startswith("torch."):
                raise AssertionError(f"{caller} calls torch.{func.__name__} without a device.")
        return func(*args, **kwargs)


def generator() -> torch.Generator:
    return torch.Generator("cpu").manual_seed(0)


SCHEDULE = schedule.NoiseSchedule.cosine(20)
MIXTURE = GaussianMixture(
    torch.tensor([0.5, 0.5]), torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.eye(2).expand(2, 2, 2) / 9
)
LINE = mixtures.named("humps", 1)
X = torch.linspace(-1, 1, 8).reshape(4, 2)
T = torch.tensor([1, 5, 9, 20])
LABEL = torch.tensor([0, 1, -1, 0])
IMAGES = torch.zeros(4, 1, 28, 28)


def tenth(x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
    return 0.1 * x


def point_net() -> point_network.PointNetwork:
    return point_network.PointNetwork(point_network.PointNetworkConfig(labels=2))


def loss(at: str) -> Tensor:
    return learned.denoising_loss(SCHEDULE, 0.5)(point_net().to(at), (X.to(at), LABEL.to(at)), generator())


def walk(sampler: Callable, **settings: object) -> Callable[[str], list[Tensor]]:
    def run(at: str) -> list[Tensor]:
        guided = guidance.classifier_free(tenth, 1.5)
        return [state.x for state in sampler(guided, SCHEDULE, X.to(at), label=LABEL.to(at), **settings)]

    return run


def exactly(at: str) -> list[Tensor]:
    denoiser = exact.MixtureDenoiser(MIXTURE, SCHEDULE)
    return [denoiser(X.to(at), T.to(at), label) for label in (None, LABEL.to(at))]


def by_classifier(at: str) -> Tensor:
    perfect = exact.MixtureDenoiser(MIXTURE, SCHEDULE).log_posterior
    return guidance.classifier_guided(tenth, perfect, 2.0, SCHEDULE)(X.to(at), T.to(at), LABEL.to(at))


def network(make: Callable[[], torch.nn.Module], x: Tensor) -> Callable[[str], list[Tensor]]:
    def run(at: str) -> list[Tensor]:
        model = make().to(at).eval()
        return [model(x.to(at), T.to(at), label) for label in (None, LABEL.to(at))]

    return run


# for each public name: a call with inputs on the device that it is given
ANYWHERE = {
    "samplers.ddpm": walk(samplers.ddpm, generator=generator()),
    "samplers.ddim": walk(samplers.ddim, steps=3, eta=0.5, generator=generator()),
    "samplers.heun": walk(samplers.heun, steps=3),
    "samplers.dpm_solver_pp": walk(samplers.dpm_solver_pp, steps=3),
    "guidance.classifier_free": lambda at: guidance.classifier_free(tenth, 2.0)(X.to(at), T.to(at), LABEL.to(at)),
    "guidance.composed": lambda at: guidance.composed(tenth, (1, 0), (2.0, -1.0))(X.to(at), T.to(at)),
}
WITH_NUMBERS = ANYWHERE | {
    "forward.step_by_step": lambda at: [s.x for s in forward.step_by_step(SCHEDULE, X.to(at), generator=generator())],
    "forward.add_noise": lambda at: forward.add_noise(SCHEDULE, X.to(at), T.to(at), X.to(at)),
    "forward.signal_and_noise": lambda at: list(forward.signal_and_noise(SCHEDULE, T.to(at), X.to(at))),
    "prediction.v_target": lambda at: prediction.v_target(SCHEDULE, X.to(at), T.to(at), X.to(at)),
    "prediction.x0_from_noise": lambda at: prediction.x0_from_noise(SCHEDULE, X.to(at), T.to(at), X.to(at)),
    "prediction.noise_from_x0": lambda at: prediction.noise_from_x0(SCHEDULE, X.to(at), T.to(at), X.to(at)),
    "prediction.score_from_noise": lambda at: prediction.score_from_noise(SCHEDULE, X.to(at), T.to(at), X.to(at)),
    "prediction.noise_from_score": lambda at: prediction.noise_from_score(SCHEDULE, X.to(at), T.to(at), X.to(at)),
    "prediction.from_v": lambda at: prediction.from_v(tenth, SCHEDULE)(X.to(at), T.to(at)),
    "prediction.from_x0": lambda at: prediction.from_x0(tenth, SCHEDULE)(X.to(at), T.to(at)),
    "prediction.clipped": lambda at: prediction.clipped(tenth, SCHEDULE)(X.to(at), T.to(at)),
    "exact.MixtureDenoiser": exactly,
    "guidance.classifier_guided": by_classifier,
    "unet.UNet": network(unet.UNet, IMAGES),
    "unet.time_embedding": lambda at: unet.time_embedding(T.to(at), 8),
    "point_network.PointNetwork": network(point_net, X),
    "learned.denoising_loss": loss,
}
ON_THE_CPU = {  # by agreement
    "forward.kl_to_noise": lambda: forward.kl_to_noise(SCHEDULE, X),
    "painted.painted": lambda: painted.painted([0.8, 0.9, 0.1], 5),
    "bound.posterior": lambda: bound.posterior(SCHEDULE),
    "bound.model_variance": lambda: bound.model_variance(SCHEDULE, "step"),
    "bound.bound_weights": lambda: bound.bound_weights(SCHEDULE),
    "bound.bound_constants": lambda: bound.bound_constants(SCHEDULE, 2),
    "bound.of_error": lambda: bound.of_error(SCHEDULE, "x0"),
    "bound.squared_errors": lambda: bound.squared_errors(tenth, SCHEDULE, X, T, generator=generator(), against=tenth),
    "bound.bound": lambda: bound.bound(tenth, SCHEDULE, X, generator=generator()),
    "schedule.NoiseSchedule": lambda: (schedule.NoiseSchedule.linear(5), schedule.NoiseSchedule.cosine(5)),
    "reverse": lambda: (
        reverse.kl_to_best_normal(reverse.reverse_posterior(LINE, SCHEDULE, 1, 3, X[:, :1].double())),
        reverse.wasserstein(X.double(), MIXTURE),
        reverse.expected_wasserstein(MIXTURE, 3),
        reverse.gaussian_way_back(SCHEDULE, 0.0, 1.0, [3, 0], 1.0),
    ),
    "mixtures": lambda: (
        [mixtures.named(name, size) for name in mixtures.NAMES for size in (1, 2)],
        mixtures.spread(mixtures.from_rows(mixtures.as_rows(mixtures.named("three", 2)))),
    ),
    "exact.MixtureDenoiser.marginal": lambda: exact.MixtureDenoiser(MIXTURE, SCHEDULE).marginal(3),
    "gaussian_mixture": lambda: (
        MIXTURE.log_prob(X),
        MIXTURE.responsibilities(X),
        MIXTURE.sample(5, generator=generator()),
    ),
    "learned.draw_preview": lambda: learned.draw_preview(unet.UNet().eval(), SCHEDULE, 0),
    "learned.training_data": lambda: learned.training_data(
        learned.DiffusionConfig.for_points("moons", 5), torch.device("cpu")
    ),
}
NO_TENSORS = {"samplers.levels", "samplers.SamplerState", "unet.UNetConfig", "point_network.PointNetworkConfig"}
NO_TENSORS |= {"unet.ResidualBlock", "unet.Attention"}  # parts of UNet
NO_TENSORS |= {"forward.ForwardState", "painted.Painted", "bound.Posterior"}  # what others give back


def test_nothing_public_is_forgotten():
    for module in (schedule, painted, forward, bound, prediction, exact, guidance, samplers, unet, point_network):
        room = module.__name__.rpartition(".")[2]
        for name, thing in vars(module).items():
            made_here = (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__ == module.__name__
            if made_here and not name.startswith("_"):
                assert f"{room}.{name}" in WITH_NUMBERS | ON_THE_CPU or f"{room}.{name}" in NO_TENSORS


@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_every_tensor_names_its_device(name):
    with DevicesAreNamed():
        WITH_NUMBERS[name]("cpu")


@pytest.mark.parametrize("name", ON_THE_CPU)
def test_what_lives_on_the_cpu_says_so(name):
    with DevicesAreNamed():
        ON_THE_CPU[name]()


@pytest.mark.parametrize("name", ANYWHERE)
def test_on_the_meta_device_nothing_comes_back_to_the_cpu(name):
    assert_on("meta", ANYWHERE[name]("meta"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_on_a_gpu_results_stay_there(name):
    assert_on("cuda", WITH_NUMBERS[name]("cuda"))


def assert_on(kind: str, results: Tensor | list[Tensor]) -> None:
    for result in [results] if isinstance(results, Tensor) else results:
        assert result.device.type == kind


def careless(like: Tensor) -> Tensor:
    return torch.zeros(3) + like


@pytest.mark.parametrize(
    "make",
    [lambda: careless(X[0, 0]), lambda: torch.randn(2, generator=generator()), lambda: torch.as_tensor([1.0])],
)
def test_the_mode_catches_a_tensor_without_a_device(make):
    with DevicesAreNamed(), pytest.raises(AssertionError, match="without a device"):
        make()
    with DevicesAreNamed():
        torch.zeros(3, device="cpu")
        torch.as_tensor(X)
