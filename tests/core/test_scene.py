"""Scenes: the same settings give the same arrays, what ships is what core/ works out today, reading takes no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from core import scene
from core.scene import Scene

ROOT = Path(__file__).resolve().parents[2]
FIRST = tuple(scene.first())


@dataclass(frozen=True)
class Powers(Scene):
    base: float = 2.0
    count: int = 3

    def compute(self) -> Mapping[str, np.ndarray]:
        calls.append(self)
        return {"powers": self.base ** np.arange(self.count), "last": self.base ** (self.count - 1)}


calls: list[Powers] = []


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(scene, "_remembered", scene.Memory())
    calls.clear()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(scene, "FOLDER", tmp_path)
    return tmp_path


def test_a_scene_is_worked_out_once_and_cannot_be_changed(folder):
    first, again = scene.shown(Powers()), scene.shown(Powers())
    assert first["powers"].tolist() == [1, 2, 4] and float(first["last"]) == 4
    assert again is first and len(calls) == 1
    with pytest.raises(ValueError, match="read-only"):
        first["powers"][0] = 5


def test_what_is_kept_is_read_and_not_worked_out(folder):
    file = scene.keep(Powers(3.0))
    assert file.name == f"{Powers(3.0).key}.npz"
    calls.clear()
    assert scene.shown(Powers(3.0))["powers"].tolist() == [1, 3, 9] and not calls


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_worked_out_anew(folder, damage):
    file = scene.keep(Powers())
    calls.clear()
    file.write_bytes(file.read_bytes()[:100] if damage is None else damage)
    assert scene.shown(Powers())["powers"].tolist() == [1, 2, 4] and len(calls) == 1


def test_other_settings_and_other_classes_have_other_names():
    @dataclass(frozen=True)
    class Other(Powers):
        pass

    names = {Powers().key, Powers(2.5).key, Powers(count=4).key, Other().key}
    assert len(names) == 4 and Powers().key == Powers(2.0, 3).key


def test_memory_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(scene, "MOST_BYTES", 8 * 50)
    for count in range(1, 30):
        scene.shown(Powers(1.0, count))
    assert scene._remembered.bytes <= 8 * 50
    scene.shown(Powers(1.0, 29))
    assert len(calls) == 29
    scene.shown(Powers(1.0, 1))
    assert len(calls) == 30
    monkeypatch.setattr(scene, "MOST_BYTES", 1)  # what is larger than all the room is still shown
    assert len(scene.shown(Powers(1.0, 40))["powers"]) == 40


def test_a_few_rows_do_not_hold_all_of_a_large_array_in_memory():
    found = scene.remember(Powers(), {"rows": np.zeros((1000, 1000))[:2]})["rows"]
    assert found.base is None and scene._remembered.bytes == found.nbytes == 16_000


@pytest.mark.parametrize("page", scene.PAGES)
def test_a_page_of_scenes_has_plain_settings_and_needs_no_torch_to_be_read(page):
    module = import_module(f"core.scenes.{page}")
    assert module.FIRST, "the first paint of this page has no picture"
    for one in module.FIRST:
        assert json.loads(json.dumps(asdict(one))) is not None
        assert type(one)(**{field.name: getattr(one, field.name) for field in fields(one)}) == one
        file = scene.FOLDER / f"{one.key}.npz"
        assert file.is_file(), "python -m core.first_paint scenes makes it"
        assert file.stat().st_size < 1_100_000
    code = (
        f"import sys; from core import scene; from core.scenes.{page} import FIRST; [scene.shown(s) for s in FIRST]; "
        "assert not {'torch', 'scipy', 'streamlit'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "one", FIRST, ids=lambda one: f"{type(one).__module__.rpartition('.')[2]}-{type(one).__name__}"
)
def test_what_ships_is_what_is_worked_out_today(one, on_the_cpu):
    with np.load(scene.FOLDER / f"{one.key}.npz", allow_pickle=False) as opened:
        kept = {name: opened[name] for name in opened.files}
    fresh = {name: np.asarray(values) for name, values in one.compute().items()}
    assert fresh.keys() == kept.keys()
    for name, values in fresh.items():
        assert values.dtype == kept[name].dtype, name
        if values.dtype.kind in "fc":
            tolerance = 1e-4 if values.dtype == np.float32 else 1e-7
            np.testing.assert_allclose(values, kept[name], rtol=tolerance, atol=tolerance, err_msg=name)
        elif values.dtype == np.uint8 and values.ndim >= 3:  # pictures: a network's last digit may round the other way
            np.testing.assert_allclose(values.astype(int), kept[name].astype(int), rtol=0, atol=1, err_msg=name)
        else:
            np.testing.assert_array_equal(values, kept[name], err_msg=name)
