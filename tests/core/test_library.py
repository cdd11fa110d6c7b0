"""The models at hand, from a store that ships and one that is a person's."""

import pytest
import torch

from core import library
from core.diffusion import library as diffusion_library
from core.store import ModelNotFound, ModelStore


@pytest.fixture
def stores(tmp_path, monkeypatch) -> tuple[ModelStore, ModelStore]:
    both = ModelStore(tmp_path / "ships"), ModelStore(tmp_path / "mine")
    monkeypatch.setattr(library, "stores", lambda: both)
    return both


def put(store: ModelStore, key: str, date: str, **record) -> None:
    store.save(key, {"w": torch.zeros(1, device="cpu")}, {"kind": "diffusion", "date": date, **record})


def test_those_that_ship_come_first_then_the_newest_and_none_twice(stores):
    ships, mine = stores
    assert library.available("diffusion") == []
    put(ships, "diffusion-old", "2026-01-01", name="ships")
    put(mine, "diffusion-old", "2026-06-01", name="mine")
    put(mine, "diffusion-new", "2026-05-01")
    put(mine, "diffusion-older", "2026-04-01")
    put(mine, "vae-other", "2026-07-01", kind="vae")
    found = library.available("diffusion")
    assert [record["key"] for record in found] == ["diffusion-old", "diffusion-new", "diffusion-older"]
    assert found[0]["name"] == "ships" and found == diffusion_library.available()
    assert [record["key"] for record in library.available("vae")] == ["vae-other"]


def test_a_model_is_taken_from_the_first_store_that_has_it(stores):
    ships, mine = stores
    put(mine, "diffusion-a", "2026-01-01")
    assert library.store_of("diffusion-a") is mine
    put(ships, "diffusion-a", "2026-01-01")
    assert library.store_of("diffusion-a") is ships
    with pytest.raises(ModelNotFound, match="no model diffusion-b on this machine"):
        library.store_of("diffusion-b")
    with pytest.raises(ModelNotFound):
        diffusion_library.load("diffusion-b")
