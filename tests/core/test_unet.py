"""The networks that predict v: their shapes, their labels, their start, and that every part of them learns."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from core.diffusion.point_network import PointNetwork, PointNetworkConfig
from core.diffusion.unet import Attention, UNet, UNetConfig, time_embedding
from core.training import seeded

SMALL = UNetConfig(widths=(8, 16), embedding=16, heads=2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(labels: int = 3) -> tuple[nn.Module, Tensor]:
    model = seeded(lambda: PointNetwork(PointNetworkConfig(width=32, depth=2, labels=labels)), 0)
    return model, torch.randn(6, 2, generator=generator())


def images(labels: int = 3) -> tuple[nn.Module, Tensor]:
    config = UNetConfig(widths=(8, 16), embedding=16, heads=2, labels=labels)
    return seeded(lambda: UNet(config), 0), torch.randn(6, 1, 28, 28, generator=generator())


NETWORKS = {"images": images, "points": points}
T = torch.tensor([1, 10, 200, 500, 999, 1000])


def awake(make: Callable[[], tuple[nn.Module, Tensor]]) -> tuple[nn.Module, Tensor]:
    """A network none of whose weights is zero any more, with running means that it has seen, in evaluation mode."""
    model, x = make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator(parameter.numel())))
        for _ in range(5):
            model(x, T, torch.zeros(6, dtype=torch.int64))
    return model.eval(), x


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (UNetConfig(), 28),
        (SMALL, 28),
        (UNetConfig(channels=3, widths=(8, 16), embedding=16, heads=2), 16),
        (UNetConfig(patch=1, widths=(8, 12, 16), embedding=16, heads=4, labels=0), 28),
        (UNetConfig(patch=4, widths=(8, 16, 16), embedding=32, heads=1), 28),  # 7 × 7, 4 × 4, 2 × 2
    ],
)
def test_a_prediction_is_shaped_like_its_image(config, size):
    x = torch.randn(3, config.channels, size, size, generator=generator())
    out = UNet(config)(x, T[:3])
    assert (out.shape, out.dtype) == (x.shape, torch.float32)


def test_a_prediction_is_shaped_like_its_points():
    out = PointNetwork(PointNetworkConfig(dimensions=3))(torch.zeros(5, 3), T[:5])
    assert (out.shape, out.dtype) == ((5, 3), torch.float32)


def test_the_network_that_ships_has_the_size_that_was_planned():
    assert sum(p.numel() for p in UNet().parameters()) == pytest.approx(431_000, rel=0.05)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_a_fresh_network_predicts_zero(make):
    model, x = make()
    assert torch.equal(model(x, T), torch.zeros_like(x))


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_minus_one_is_no_label_in_that_element_alone(make):
    model, x = awake(make)
    none, first = model(x, T), model(x, T, torch.zeros(6, dtype=torch.int64))
    assert torch.equal(none, model(x, T, torch.full((6,), -1)))
    mixed = model(x, T, torch.tensor([-1, 0, -1, 0, 0, -1]))
    dropped = torch.tensor([0, 2, 5])
    asked = torch.tensor([1, 3, 4])
    torch.testing.assert_close(mixed[dropped], none[dropped])
    torch.testing.assert_close(mixed[asked], first[asked])
    assert (none - first).flatten(1).abs().amax(1).min() > 1e-3


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_every_label_and_every_level_is_told_apart(make):
    model, x = awake(make)
    same = x[:1].expand_as(x)
    by_label = model(same[:3], T[:1].expand(3), torch.tensor([0, 1, 2]))
    by_level = model(same, T)
    for out in (by_label, by_level):
        distances = torch.cdist(out.flatten(1), out.flatten(1)) + 9 * torch.eye(len(out))
        assert distances.min() > 1e-3


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_a_network_without_labels_takes_none_and_minus_one(make):
    model, x = make(labels=0)
    nn.init.ones_(model.leave.weight)
    assert torch.equal(model.eval()(x, T), model(x, T, torch.full((6,), -1)))
    assert model(x, T).abs().max() > 0.01


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_in_evaluation_batch_mates_do_not_matter(make):
    model, x = awake(make)
    label = torch.tensor([0, 1, 2, -1, 1, 0])
    together = model(x, T, label)
    for k in range(6):
        torch.testing.assert_close(
            model(x[k : k + 1], T[k : k + 1], label[k : k + 1])[0], together[k], rtol=1e-3, atol=2e-4
        )


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_every_weight_gets_a_gradient_after_a_few_steps(make):
    """Not at the first: what ends in zeros passes nothing back until those have moved."""
    model, x = make()
    label = torch.tensor([0, 1, 2, -1, 0, 1])
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        (model(x, T, label) - x.flip(0)).square().mean().backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name
        per_row = parameter.grad.flatten(1).abs().amax(1) if name == "label.weight" else torch.ones(1)
        assert per_row.min() > 0  # each label's row, and that of "no condition"


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_double_precision_is_taken_too(make):
    model, x = awake(make)
    torch.testing.assert_close(model(x.double(), T), model(x, T))


def test_time_embedding_is_sines_and_cosines_of_the_level():
    embedded = time_embedding(torch.tensor([0, 1, 250]), 8)
    assert (embedded.shape, embedded.dtype) == ((3, 8), torch.float32)
    for row, t in zip(embedded.tolist(), (0, 1, 250), strict=True):
        frequencies = [10_000 ** (-k / 4) for k in range(4)]  # 1, 1/10, 1/100, 1/1000
        expected = [math.sin(t * f) for f in frequencies] + [math.cos(t * f) for f in frequencies]
        assert row == pytest.approx(expected, abs=1e-5)


def test_attention_is_that_of_the_paper():
    """softmax(Q Kᵀ / √d) V for each head, over the places of an image. Vaswani et al. 2017, equation 1."""
    attention = Attention(6, heads=2).eval()
    nn.init.normal_(attention.out.weight, generator=generator())
    x = torch.randn(2, 6, 3, 4, generator=generator(1))
    places = attention.norm(x).flatten(2).mT  # (2, 12, 6)
    qkv = places @ attention.query_key_value.weight[:, :, 0, 0].T  # (2, 12, 18)
    heads = []
    for head in range(2):
        q, k, v = (qkv[:, :, 6 * part + 3 * head :][:, :, :3] for part in range(3))
        heads.append((q @ k.mT / math.sqrt(3)).softmax(-1) @ v)
    mixed = torch.cat(heads, dim=2) @ attention.out.weight[:, :, 0, 0].T + attention.out.bias
    torch.testing.assert_close(attention(x), x + mixed.mT.reshape(2, 6, 3, 4), rtol=1e-4, atol=1e-5)
