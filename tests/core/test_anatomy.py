"""The U-Net taken apart: hooks hear what a manual forward gives, and leave nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.diffusion.anatomy import attention_shares, hooked, observe, parameters, stages, time_tables
from core.diffusion.schedule import NoiseSchedule
from core.diffusion.unet import UNet, UNetConfig, time_embedding
from core.scenes.diffusion_model_anatomy import FIRST, AnatomyScene
from core.training import seeded
from tests.core.test_devices import DevicesAreNamed

SCHEDULE = NoiseSchedule.cosine(1000)
T = torch.tensor([3, 700])
LABEL = torch.tensor([2, -1])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def network() -> UNet:
    """A small network none of whose weights is zero, in evaluation mode."""
    made = seeded(lambda: UNet(UNetConfig(widths=(8, 16), embedding=16, heads=2, labels=3)), 0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator(parameter.numel())))
    return made.eval()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(2, 1, 28, 28, generator=generator(1))


@torch.no_grad()
def by_hand(network: UNet, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The same call, written out."""
    label = torch.where(LABEL < 0, 3, LABEL)
    told = F.silu(network.time(time_embedding(T, 8)) + network.label(label))
    out = {"told": told, "enter": network.enter(F.pixel_unshuffle(x, 2))}
    out["down0"] = network.down[0](out["enter"], told)
    out["down1"] = network.down[1](F.avg_pool2d(out["down0"], 2), told)
    out["attention"] = network.attention(out["down1"])
    out["middle"] = network.middle(out["attention"], told)
    out["up0"] = network.up[0](torch.cat([out["middle"], out["down1"]], 1), told)
    wide = out["up0"].repeat_interleave(2, 2).repeat_interleave(2, 3)
    out["up1"] = network.up[1](torch.cat([wide, out["down0"]], 1), told)
    out["leave"] = network.leave(F.silu(network.norm(out["up1"])))
    out["v"] = F.pixel_shuffle(out["leave"], 2)
    return out


def test_the_hooks_hear_what_a_manual_forward_gives(network, x):
    seen, expected = observe(network, SCHEDULE, x, T, LABEL), by_hand(network, x)
    assert list(seen.stages) == ["enter", "down0", "down1", "attention", "middle", "up0", "up1", "leave"]
    for name, values in {**seen.stages, "told": seen.told, "v": seen.v}.items():
        torch.testing.assert_close(values, expected[name], msg=name)
    assert [tuple(v.shape[1:]) for v in seen.stages.values()] == [
        (8, 14, 14), (8, 14, 14), (16, 7, 7), (16, 7, 7), (16, 7, 7), (16, 7, 7), (8, 14, 14), (4, 14, 14),
    ]  # fmt: skip


def test_taking_the_hooks_away_leaves_the_network_untouched(network, x):
    with torch.no_grad():
        before = network(x, T, LABEL)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    observe(network, SCHEDULE, x, T, LABEL)
    with pytest.raises(RuntimeError), hooked(stages(network)):
        network(x[:, :, :9], T, LABEL)  # a call that fails takes its hooks along
    assert not any(m._forward_hooks for m in network.modules())
    with torch.no_grad():
        assert torch.equal(network(x, T, LABEL), before)
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_the_noise_and_the_image_follow_from_the_answer(network, x):
    seen = observe(network, SCHEDULE, x, T, LABEL)
    left = SCHEDULE.alpha_bar[T].reshape(-1, 1, 1, 1).numpy()
    v, given = seen.v.double().numpy(), x.double().numpy()
    np.testing.assert_allclose(seen.noise, np.sqrt(1 - left) * given + np.sqrt(left) * v, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen.x0, np.sqrt(left) * given - np.sqrt(1 - left) * v, rtol=1e-3, atol=1e-4)


def test_attention_is_what_it_takes_to_get_what_came_out(network, x):
    seen = observe(network, SCHEDULE, x, T, LABEL)
    torch.testing.assert_close(seen.attention.sum(-1), torch.ones(2, 2, 49))
    with torch.no_grad():
        part, before = network.attention, seen.stages["down1"]
        value = part.query_key_value(part.norm(before))[:, 32:].reshape(2, 2, 8, 49)  # (N, heads, d, P)
        mixed = torch.einsum("nhpq,nhdq->nhdp", seen.attention, value).reshape(2, 16, 7, 7)
        torch.testing.assert_close(before + part.out(mixed), seen.stages["attention"])


def test_places_that_ask_alike_look_alike():
    """Keys of equal length in every direction and a query of zero: an even share for each place."""
    shares = attention_shares(torch.zeros(1, 12, 2, 2), 2)
    torch.testing.assert_close(shares, torch.full((1, 2, 4, 4), 0.25))


def test_the_parts_have_all_the_weights(network):
    counts = parameters(network)
    assert sum(counts.values()) == sum(p.numel() for p in network.parameters())
    assert counts["enter"] == 4 * 8 * 9 + 8 and counts["time"] == 8 * 16 + 16 + 16 * 16 + 16


def test_time_as_sines_and_as_it_is_told(network):
    levels = torch.tensor([1, 500])
    waves, told = time_tables(network, levels, 2)
    frequency = 10_000.0 ** (-np.arange(4) / 4)
    angle = levels.numpy()[:, None] * frequency
    np.testing.assert_allclose(waves, np.concatenate([np.sin(angle), np.cos(angle)], 1), atol=1e-4)
    one = observe(network, SCHEDULE, torch.zeros(1, 1, 28, 28), torch.tensor([500]), torch.tensor([2]))
    torch.testing.assert_close(told[1], one.told[0])


def test_every_tensor_names_its_device(network, x):
    with DevicesAreNamed():
        observe(network, SCHEDULE, x, T.clone(), LABEL)
        time_tables(network, T, -1)


# ---- the scene, of the digits that ship -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene_of_a_test_digit() -> tuple[AnatomyScene, dict[str, np.ndarray]]:
    one = AnatomyScene(FIRST[0].model, t=250, index=3, label=0, seed=5)
    return one, dict(one.compute())


def test_the_image_is_a_test_digit_with_noise(scene_of_a_test_digit):
    from core import data

    one, a = scene_of_a_test_digit
    clean = data.images("mnist", "test").images[3, 0].numpy() / 127.5 - 1
    np.testing.assert_allclose(a["clean"], clean, atol=1e-6)
    left = float(NoiseSchedule.cosine(1000).alpha_bar[250])
    assert float(a["alpha_bar"]) == left and int(a["t"]) == 250
    np.testing.assert_allclose(a["x"], left**0.5 * clean + (1 - left) ** 0.5 * a["drawn"], atol=1e-5)
    assert np.sqrt(np.mean((a["x0"] - clean) ** 2)) < 0.2 < np.sqrt(np.mean((a["x"] - clean) ** 2))


def test_moments_order_and_weights_are_those_of_the_stages(scene_of_a_test_digit):
    _, a = scene_of_a_test_digit
    for name in a["names"]:
        maps, moments = a[f"stage_{name}"], a[f"moments_{name}"]
        each = maps.reshape(len(maps), -1)
        np.testing.assert_allclose(moments[0], [maps.mean(), maps.std()], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(moments[1:, 1], each.std(1), rtol=1e-4)
        assert np.all(np.diff(each.std(1)[a[f"order_{name}"]]) <= 1e-6)
    assert int(a["weights"].sum()) == 420_612  # as the record of the model says


def test_a_state_of_a_run_is_at_the_nearest_level_it_visits(scene_of_a_test_digit):
    one, _ = scene_of_a_test_digit
    last = AnatomyScene(one.model, source="run", t=1, seed=1).compute()
    assert int(last["t"]) == 50 and "clean" not in last  # 20 steps over 1,000 levels; level 0 asks nothing
    start = AnatomyScene(one.model, source="run", t=1000, label=4, seed=1).compute()
    assert int(start["t"]) == 1000
    np.testing.assert_allclose(start["x"], torch.randn(1, 1, 28, 28, generator=generator(1))[0, 0], atol=1e-6)
