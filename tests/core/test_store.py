"""The store under what disks, other programs and other versions do to it."""

import contextlib
import errno
import json
import logging
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import core.store as store_module
from core.store import (
    FORMAT_VERSION,
    DamagedModel,
    ForeignModel,
    InvalidKey,
    ModelNotFound,
    ModelStore,
    NewerModel,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreReadOnly,
    key_of,
)

ROOT = Path(__file__).resolve().parents[2]


def tensors(value: float = 1.0, count: int = 64) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((count,), value, device="cpu")}


def one_sentence(error: BaseException) -> bool:
    text = str(error)
    return text.endswith(".") and "\n" not in text and "Traceback" not in text and "Errno" not in text


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


def file_of(store: ModelStore, key: str) -> Path:
    return store.folder / f"{key}.safetensors"


def names(store: ModelStore) -> set[str]:
    return {path.name for path in store.folder.iterdir()} - {".lock", "set-aside"}


def test_everything_comes_back_as_it_was(store: ModelStore) -> None:
    square = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), device="cpu")
    given = {
        "square": square,
        "transposed": square.t(),  # not contiguous
        "row": square[0],  # shares memory
        "step": torch.tensor(7, dtype=torch.int64, device="cpu"),
        "half": square.to(torch.bfloat16),
        "nothing": torch.empty(0, device="cpu"),
        "generator": torch.Generator().get_state(),
    }
    record = {"losses": [1.5, float("inf")], "이름": "숫자", "config": {"steps": 3}}
    store.save("digits", given, record)
    got, got_record = store.load("digits")
    assert got.keys() == given.keys()
    for name, tensor in given.items():
        assert got[name].dtype == tensor.dtype and torch.equal(got[name], tensor), name
    assert {name: got_record[name] for name in record} == record
    assert got_record["key"] == "digits" and got_record["format_version"] == FORMAT_VERSION
    assert got_record["library_versions"]["torch"] == torch.__version__ and got_record["date"]
    assert json.loads((store.folder / "digits.json").read_text("utf-8")) == got_record
    assert store.records() == [got_record] and store.record("digits") == got_record


def test_what_was_kept_is_apart_from_what_is_trained_on(store: ModelStore) -> None:
    given = tensors()
    store.save("a", given, {})
    given["weight"] += 1
    assert torch.equal(store.load("a")[0]["weight"], tensors()["weight"])


def test_a_model_without_tensors(store: ModelStore) -> None:
    store.save("a", {}, {"x": 1})
    assert store.load("a")[0] == {}


def test_a_store_that_does_not_exist_yet_is_empty(store: ModelStore) -> None:
    assert store.records() == [] and "a" not in store
    store.remove("a")
    assert not store.folder.exists()
    with pytest.raises(ModelNotFound) as error:
        store.load("a")
    assert one_sentence(error.value)
    with pytest.raises(ModelNotFound):
        store.record("a")


def test_remove(store: ModelStore) -> None:
    store.save("a", tensors(), {})
    store.save("a.kept", tensors(), {})
    store.remove("a")
    assert "a" not in store and "a.kept" in store and names(store) == {"a.kept.safetensors", "a.kept.json"}


@pytest.mark.parametrize("key", ["", "..", "../x", "a/b", "A", ".hidden", "-x", "a b", "가", "a\\b", "a\0", "x" * 121])
def test_keys_that_cannot_be_file_names(store: ModelStore, key: str) -> None:
    for use in (store.load, store.record, store.remove, store.__contains__, lambda k: store.save(k, {}, {})):
        with pytest.raises(InvalidKey) as error:
            use(key)
        assert one_sentence(error.value)


def test_key_of_names_all_that_made_a_model() -> None:
    description = {"steps": 3, "channels": (32, 64), "data": {"name": "mnist", "sha": "00"}}
    key = key_of("diffusion", description)
    assert key == key_of("diffusion", dict(reversed(description.items())))
    assert key.startswith("diffusion-") and len(key) == len("diffusion-") + 12
    assert key != key_of("diffusion", {**description, "steps": 4}) and key != key_of("vae", description)
    with pytest.raises(TypeError):
        key_of("vae", {"x": object()})
    with pytest.raises(ValueError):
        key_of("vae", {"x": float("nan")})
    with pytest.raises(InvalidKey):
        key_of("../vae", {})


def test_a_file_cut_short_anywhere_is_set_aside(store: ModelStore) -> None:
    store.save("a", tensors(), {"losses": list(range(20))})
    path = file_of(store, "a")
    whole = path.read_bytes()
    for length in [*range(0, len(whole) - 1, 37), 1, 7, 8, 9, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedModel) as error:
            store.load("a")
        assert one_sentence(error.value)
        assert "a" not in store and "a.safetensors" in store.set_aside()
        path.write_bytes(whole[:length])
        assert store.records() == [] and "a" not in store
    store.save("a", tensors(2.0), {})
    assert torch.equal(store.load("a")[0]["weight"], tensors(2.0)["weight"])


def test_an_altered_byte_anywhere_is_noticed(store: ModelStore) -> None:
    store.save("a", tensors(), {"losses": [1.0, 2.0]})
    path = file_of(store, "a")
    whole = path.read_bytes()
    for place in [*range(0, len(whole), 23), len(whole) - 1]:
        altered = bytearray(whole)
        altered[place] ^= 1
        path.write_bytes(altered)
        with pytest.raises(DamagedModel):
            store.load("a")
    path.write_bytes(whole + b"\0")
    with pytest.raises(DamagedModel):
        store.load("a")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04K\x01.",  # a pickle
        b"PK\x03\x04" + b"\0" * 200,
        b"hello" * 100,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 8) + b'{"a": 1}',
        struct.pack("<Q", 18) + b'{"__metadata__":1} ',
        struct.pack("<Q", 50_000) + b"[" * 50_000,
    ],
)
def test_what_is_no_model_at_all(store: ModelStore, content: bytes) -> None:
    store.folder.mkdir()
    for _ in range(2):
        file_of(store, "a").write_bytes(content)
        with pytest.raises(DamagedModel) as error:
            store.load("a")
        assert one_sentence(error.value)
    file_of(store, "a").write_bytes(content)
    assert store.records() == [] and store.set_aside() == ["a.safetensors"]


def test_a_foreign_file_is_set_aside_and_told(store: ModelStore, caplog: pytest.LogCaptureFixture) -> None:
    store.save("mine", tensors(), {})
    save_file(tensors(), file_of(store, "theirs"))
    (store.folder / "Notes.safetensors").write_text("no key could be this name: left alone")
    with caplog.at_level(logging.WARNING):
        assert [record["key"] for record in store.records()] == ["mine"]
    assert "theirs" in caplog.text and store.set_aside() == ["theirs.safetensors"]
    save_file(tensors(), file_of(store, "theirs"), metadata={"ten_steps_sha256": "\ud7ff", "ten_steps_record": "{}"})
    with pytest.raises(DamagedModel):
        store.load("theirs")
    save_file(tensors(), file_of(store, "theirs"))
    with pytest.raises(ForeignModel):
        store.load("theirs")
    assert (store.folder / "Notes.safetensors").exists()


def test_a_newer_file_is_set_aside_whole(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "FORMAT_VERSION", FORMAT_VERSION + 1)
    store.save("a", tensors(), {})
    monkeypatch.undo()
    content = file_of(store, "a").read_bytes()
    with pytest.raises(NewerModel) as error:
        store.load("a")
    assert one_sentence(error.value) and "newer" in str(error.value)
    assert store.set_aside() == ["a.json", "a.safetensors"]
    assert (store.folder / "set-aside" / "a.safetensors").read_bytes() == content


def test_a_good_file_that_came_meanwhile_is_not_set_aside(store: ModelStore) -> None:
    store.save("a", tensors(), {})
    store._put_aside("a", DamagedModel("What somebody read a moment ago was damaged."))
    assert "a" in store and store.set_aside() == []


def test_a_folder_in_the_place_of_a_file(store: ModelStore) -> None:
    file_of(store, "a").mkdir(parents=True)
    for read in (store.load, store.record):
        with pytest.raises(StoreError) as error:
            read("a")
        assert one_sentence(error.value)
    assert store.records() == []


@pytest.mark.parametrize("record", ["", "{", '{"losses": []}', None])
def test_the_readable_record_is_mended(store: ModelStore, record: str | None) -> None:
    store.save("a", tensors(), {"x": 1})
    path = store.folder / "a.json"
    good = path.read_bytes()
    path.unlink() if record is None else path.write_text(record)
    assert store.records()[0]["x"] == 1
    assert store.load("a")[1]["x"] == 1
    assert path.read_bytes() == good


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreReadOnly),
        (errno.EACCES, StoreReadOnly),
        (errno.EIO, StoreError),
    ],
)
@pytest.mark.parametrize("where", ["fsync", "replace", "write"])
def test_a_disk_that_refuses_keeps_the_last_good_version(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[StoreError], where: str
) -> None:
    store.save("a", tensors(1.0), {"x": 1})
    before = {name: (store.folder / name).read_bytes() for name in names(store)}

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    def write_half(path: Path, content: bytes) -> None:
        path.write_bytes(content[: len(content) // 2])
        raise OSError(number, os.strerror(number))

    if where == "write":
        monkeypatch.setattr(store_module, "_write", write_half)
    else:
        monkeypatch.setattr(os, where, refuse)
    for key in ("a", "b"):
        with pytest.raises(StoreError) as error:
            store.save(key, tensors(2.0), {"x": 2})
        assert type(error.value) is kind and one_sentence(error.value)
    monkeypatch.undo()
    assert {name: (store.folder / name).read_bytes() for name in names(store)} == before
    assert store.load("a")[1]["x"] == 1


def test_a_crash_between_the_two_renames_loses_nothing(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("a", tensors(1.0), {"x": 1})
    real = os.replace

    def crash_on_the_second(source: Path, target: Path) -> None:
        if Path(target).suffix == ".json":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", crash_on_the_second)
    with pytest.raises(KeyboardInterrupt):
        store.save("a", tensors(2.0), {"x": 2})
    monkeypatch.undo()
    assert json.loads((store.folder / "a.json").read_text())["x"] == 1
    got, record = store.load("a")
    assert record["x"] == 2 and torch.equal(got["weight"], tensors(2.0)["weight"])
    assert json.loads((store.folder / "a.json").read_text())["x"] == 2


def test_what_a_killed_process_left_is_cleared(store: ModelStore) -> None:
    store.folder.mkdir()
    (store.folder / ".a.safetensors.0123abcd.tmp").write_bytes(b"half a model")
    store.save("b", tensors(), {})
    assert names(store) == {"b.safetensors", "b.json"}


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as error:
        ModelStore(tmp_path / "file").save("a", tensors(), {})
    assert one_sentence(error.value)
    with pytest.raises(ModelNotFound):
        ModelStore(tmp_path / "file").load("a")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreReadOnly) as error:
        ModelStore(tmp_path / "new").save("a", tensors(), {})
    assert one_sentence(error.value)


def test_reading_from_a_disk_that_is_read_only(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("a", tensors(), {})
    (store.folder / "a.json").unlink()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("utime", "replace", "fsync"):
        monkeypatch.setattr(os, name, refuse)
    assert torch.equal(store.load("a")[0]["weight"], tensors()["weight"])
    file_of(store, "a").write_bytes(b"")
    with pytest.raises(DamagedModel):
        store.load("a")
    assert store.records() == []


def test_a_read_only_store_touches_nothing(store: ModelStore) -> None:
    store.save("a", tensors(), {})
    (store.folder / "a.json").unlink()
    file_of(store, "bad").write_bytes(b"bad")
    (store.folder / ".lock").unlink(missing_ok=True)
    before = {path.name: path.stat().st_mtime_ns for path in [store.folder, *store.folder.iterdir()]}
    shipped = ModelStore(store.folder, read_only=True)
    shipped.load("a")
    with pytest.raises(DamagedModel):
        shipped.load("bad")
    assert [record["key"] for record in shipped.records()] == ["a"]
    for change in (lambda: shipped.save("c", {}, {}), lambda: shipped.remove("a")):
        with pytest.raises(StoreReadOnly) as error:
            change()
        assert one_sentence(error.value)
    assert {path.name: path.stat().st_mtime_ns for path in [store.folder, *store.folder.iterdir()]} == before


def used_at(store: ModelStore, key: str, seconds: float) -> None:
    os.utime(file_of(store, key), (seconds, seconds))


def test_the_longest_unused_goes_first_and_never_the_one_just_saved(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, max_bytes=14_000)
    for place, key in enumerate("abc"):
        store.save(key, tensors(count=800), {})  # about 4 kB each
        used_at(store, key, 1000 + place)
    used_at(store, "c", 5)
    store.load("a")  # now the latest used
    store.save("d", tensors(count=800), {})
    assert [record["key"] for record in store.records()] == ["a", "b", "d"]
    used_at(store, "d", 1)
    store.save("d", tensors(count=1600), {})
    assert "d" in store and "b" not in store
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= store.max_bytes
    assert not (tmp_path / "b.json").exists()


def test_what_was_set_aside_goes_before_any_model(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, max_bytes=14_000)
    store.save("a", tensors(count=800), {})
    file_of(store, "bad").write_bytes(b"x" * 8000)
    assert len(store.records()) == 1 and store.set_aside() == ["bad.safetensors"]
    store.save("b", tensors(count=800), {})
    assert store.set_aside() == [] and "a" in store and "b" in store


def test_a_model_larger_than_the_store_is_refused_and_evicts_nothing(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, max_bytes=6_000)
    store.save("a", tensors(count=800), {})
    with pytest.raises(StoreFull) as error:
        store.save("b", tensors(count=8000), {})
    assert one_sentence(error.value)
    assert "a" in store and "b" not in store


def test_a_lock_that_is_held_too_long_is_told(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import filelock

    store.save("a", tensors(), {})
    monkeypatch.setattr(store_module, "LOCK_SECONDS", 0.1)
    with filelock.FileLock(store.folder / ".lock"):
        with pytest.raises(StoreBusy) as error:
            store.save("a", tensors(2.0), {})
        assert store.load("a")[0]["weight"][0] == 1  # readers do not wait
    assert one_sentence(error.value)


WRITER = """
import sys
import torch
from core.store import ModelNotFound, ModelStore
store, me = ModelStore(sys.argv[1], max_bytes=120_000), float(sys.argv[2])
for turn in range(25):
    value = me * 100 + turn
    store.save("shared", {"w": torch.full((5000,), value)}, {"value": value})
    store.save(f"own-{sys.argv[2]}-{turn % 5}", {"w": torch.full((2000,), value)}, {"value": value})
    tensors, record = store.load("shared")
    assert (tensors["w"] == record["value"]).all(), record
    store.records()
print("done")
"""


def test_several_processes_write_the_same_models(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(number)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2)
    ]
    store = ModelStore(tmp_path)
    while any(writer.poll() is None for writer in writers):
        for key in [record["key"] for record in store.records()]:
            with contextlib.suppress(ModelNotFound):  # evicted meanwhile
                got, record = store.load(key)
                assert (got["w"] == record["value"]).all()
        time.sleep(0.01)
    for writer in writers:
        output, problems = writer.communicate()
        assert output.strip() == "done", problems
    assert store.set_aside() == []
    assert not list(tmp_path.glob(".*.tmp"))
    for record in store.records():
        assert (store.load(record["key"])[0]["w"] == record["value"]).all()


def test_the_store_is_imported_without_torch() -> None:
    code = "import sys, core.store, core.jobs; assert not {'torch', 'safetensors'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_where_models_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEN_STEPS_HOME", str(tmp_path / "here"))
    assert store_module.user_store().folder == tmp_path / "here"
    monkeypatch.delenv("TEN_STEPS_HOME")
    assert store_module.user_store().folder == Path.home() / ".cache" / "ten-steps-to-diffusion"
    assert store_module.shipped().folder == ROOT / "models" and store_module.shipped().read_only
