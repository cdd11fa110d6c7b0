"""Trained models on disk: safetensors for the tensors, JSON for the record, nothing ever unpickled.

A model is two files, ``<key>.safetensors`` and ``<key>.json``. The first alone is the truth: its header carries the
record and a SHA-256 of the whole file, so that one rename publishes a model and a crash between two renames loses
nothing. The second is the same record for people and scripts; where it is missing or stale, ``load`` writes it again.

Every write goes to a temporary file in the same folder, is flushed to the disk and renamed over the old one, under a
lock that all processes on the folder share. A file that is cut short, foreign or from a newer version is reported in
one sentence and moved into ``set-aside/``. Readers take no lock: a rename never changes a file that is open.
"""

import contextlib
import errno
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.store_file import (
    FORMAT_VERSION,
    DamagedModel,
    ForeignModel,
    InvalidKey,
    ModelNotFound,
    NewerModel,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreReadOnly,
    opened,
    record_of_file,
    sealed,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FORMAT_VERSION",
    "DamagedModel",
    "ForeignModel",
    "InvalidKey",
    "ModelNotFound",
    "ModelStore",
    "NewerModel",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "key_of",
    "shipped",
    "user_store",
]


SET_ASIDE = "set-aside"
LOCK_FILE = ".lock"
LOCK_SECONDS = 30.0

_KEY = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,119}")
_TENSORS, _RECORD, _TEMPORARY = ".safetensors", ".json", ".tmp"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_log = logging.getLogger(__name__)


def key_of(kind: str, description: Mapping[str, Any]) -> str:
    """The name of a model: its kind and 12 hex digits of a hash of all that made it.

    description: plain data (JSON: text, finite numbers, lists, mappings), for example architecture, data set and its
    checksum, training settings and seed. The format version is part of the hash.
    Raises InvalidKey if the kind cannot begin a file name, TypeError or ValueError if the description is not plain.
    """
    plain = {"kind": kind, "format_version": FORMAT_VERSION, "description": dict(description)}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return _checked(f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}")


def shipped() -> "ModelStore":
    """The models that come with the project. Nothing is ever written there, not even a lock."""
    return ModelStore(Path(__file__).resolve().parent.parent / "models", read_only=True)


def user_store() -> "ModelStore":
    """This person's models: the folder that TEN_STEPS_HOME names, else ~/.cache/ten-steps-to-diffusion."""
    home = os.environ.get("TEN_STEPS_HOME")
    return ModelStore(Path(home).expanduser() if home else Path.home() / ".cache" / "ten-steps-to-diffusion")


class ModelStore:
    """Named tensors with a record each, in one folder that several threads and processes may share.

    max_bytes bounds the whole folder, what was set aside included: after a save the files set aside and then the
    models that were longest neither saved nor loaded are removed, never the one just saved.
    With read_only nothing in the folder is touched: no lock, no time stamps, nothing set aside.
    """

    def __init__(self, folder: str | os.PathLike[str], *, max_bytes: int = 2_000_000_000, read_only: bool = False):
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        self.read_only = read_only

    def save(self, key: str, tensors: "Mapping[str, Tensor]", record: Mapping[str, Any]) -> None:
        """Keep tensors (any shapes and devices) and a record (plain JSON data) under a name, whole or not at all.

        The record gains "key" and, where absent, "format_version", "library_versions" and "date" (UTC, ISO 8601).
        Raises StoreFull, StoreReadOnly, StoreBusy or another StoreError; what was there before is then still there.
        """
        from safetensors.torch import save

        _checked(key)
        full_record = {
            "format_version": FORMAT_VERSION,
            "library_versions": _library_versions(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            **record,
            "key": key,
        }
        text = json.dumps(full_record, ensure_ascii=False)
        own = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
        content = sealed(save(own), text)
        readable = _readable(full_record)
        if len(content) + len(readable) > self.max_bytes:
            raise StoreFull(
                f"The model {key} needs {len(content):,} bytes and the store may hold {self.max_bytes:,} in all; "
                "give the store more room."
            )
        with self._writing(f"The model {key} could not be kept"):
            for leftover in self.folder.glob(f".*{_TEMPORARY}"):  # of a process that was killed: we hold the lock
                leftover.unlink(missing_ok=True)
            self._publish({self._path(key, _TENSORS): content, self._path(key, _RECORD): readable})
            self._evict(keep=key)

    def load(self, key: str) -> "tuple[dict[str, Tensor], dict[str, Any]]":
        """The tensors of a model, on the CPU and as they were saved, and its record.

        Raises ModelNotFound, or DamagedModel (ForeignModel, NewerModel) after setting the file aside.
        """
        path = self._path(key, _TENSORS)
        try:
            tensors, record = opened(path.read_bytes(), key)
        except DamagedModel as damage:
            self._put_aside(key, damage)
            raise
        except OSError as problem:
            raise self._unreadable(path, problem) from None
        if not self.read_only:
            with contextlib.suppress(OSError):  # last use, by which the oldest is found
                os.utime(path)
            self._mend_readable(key, record)
        return tensors, record

    def record(self, key: str) -> dict[str, Any]:
        """The record of one model without its tensors; only the head of the file is read. Raises as load does."""
        path = self._path(key, _TENSORS)
        try:
            return record_of_file(path, key)
        except DamagedModel as damage:
            self._put_aside(key, damage)
            raise
        except OSError as problem:
            raise self._unreadable(path, problem) from None

    def records(self, ending: str = "") -> list[dict[str, Any]]:
        """The record of every model that can be read, each with its "key", in the order of the keys.

        ending: of the keys that are looked at. Only the headers are read. What cannot be read is set aside, and a
        sentence about it goes to the log.
        """
        found = []
        for path in sorted(self.folder.glob(f"*{ending}{_TENSORS}")):
            key = path.name.removesuffix(_TENSORS)
            if not _KEY.fullmatch(key):
                continue
            try:
                found.append(record_of_file(path, key))
            except DamagedModel as damage:
                self._put_aside(key, damage)
            except OSError as problem:  # removed meanwhile, or not ours to read
                _log.warning("%s could not be read: %s.", path.name, problem.strerror)
        return found

    def remove(self, key: str) -> None:
        """Forget a model; one that is not there is no error. Raises StoreReadOnly, StoreBusy or StoreError."""
        if key in self or self._path(key, _RECORD).exists():
            with self._writing(f"The model {key} could not be removed"):
                self._unlink(key)

    def __contains__(self, key: str) -> bool:
        """Whether there is a file for the key; only load says whether it can be read."""
        return self._path(_checked(key), _TENSORS).is_file()

    def set_aside(self) -> list[str]:
        """The names of the files that could not be read and were moved into set-aside/."""
        return sorted(path.name for path in self.folder.glob(f"{SET_ASIDE}/*"))

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / f"{_checked(key)}{suffix}"

    def _unreadable(self, path: Path, problem: OSError) -> StoreError:
        if isinstance(problem, FileNotFoundError | NotADirectoryError):
            return ModelNotFound(f"There is no model {path.name.removesuffix(_TENSORS)} in {self.folder}.")
        return StoreError(f"{path} could not be read: {problem.strerror}.")

    @contextlib.contextmanager
    def _writing(self, what_failed: str) -> Iterator[None]:
        """Hold the folder's lock; turn what the file system says into one of our sentences."""
        import filelock

        if self.read_only:
            raise StoreReadOnly(f"{what_failed}: {self.folder} holds what ships with the project and is never changed.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / LOCK_FILE, timeout=LOCK_SECONDS):
                yield
        except filelock.Timeout:
            raise StoreBusy(
                f"{what_failed}: another program held {self.folder} for more than {LOCK_SECONDS:g} seconds; try again."
            ) from None
        except OSError as problem:
            if problem.errno in _FULL:
                raise StoreFull(
                    f"{what_failed}: the disk that holds {self.folder} is full; free some room."
                ) from problem
            if problem.errno in _READ_ONLY:
                raise StoreReadOnly(
                    f"{what_failed}: {self.folder} cannot be written to; name another folder in TEN_STEPS_HOME."
                ) from problem
            raise StoreError(f"{what_failed}: {problem.strerror or problem} ({self.folder}).") from problem

    def _publish(self, contents: dict[Path, bytes]) -> None:
        """Write all files beside their places, then rename them in order: an error comes before anything changed."""
        temporary = {path: self.folder / f".{path.name}.{secrets.token_hex(4)}{_TEMPORARY}" for path in contents}
        try:
            for path, content in contents.items():
                _write(temporary[path], content)
            for path in contents:
                temporary[path].replace(path)
            _flush_folder(self.folder)
        finally:
            for path in temporary.values():
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _evict(self, keep: str) -> None:
        """Remove what was set aside, then the models longest unused, until the folder is within its bound."""
        sizes: dict[Path, tuple[float, int]] = {}
        for path in [*self.folder.glob(f"*{_TENSORS}"), *self.folder.glob(f"*{_RECORD}"), *self._aside_files()]:
            with contextlib.suppress(OSError):
                status = path.stat()
                sizes[path] = (status.st_mtime, status.st_size)
        excess = sum(size for _, size in sizes.values()) - self.max_bytes
        aside = sorted((path for path in sizes if path.parent != self.folder), key=lambda path: sizes[path])
        models = sorted(
            (path for path in sizes if path.parent == self.folder and path.suffix == _TENSORS),
            key=lambda path: sizes[path],
        )
        for path in [*aside, *models]:
            key = path.name.removesuffix(_TENSORS)
            if excess <= 0:
                return
            if path in models and (key == keep or not _KEY.fullmatch(key)):
                continue
            if path in aside:
                path.unlink(missing_ok=True)
                excess -= sizes[path][1]
            else:
                self._unlink(key)
                excess -= sizes[path][1] + sizes.get(self._path(key, _RECORD), (0.0, 0))[1]

    def _aside_files(self) -> list[Path]:
        return [path for path in self.folder.glob(f"{SET_ASIDE}/*") if path.is_file()]

    def _unlink(self, key: str) -> None:
        self._path(key, _RECORD).unlink(missing_ok=True)
        self._path(key, _TENSORS).unlink(missing_ok=True)

    def _put_aside(self, key: str, damage: DamagedModel) -> None:
        """Move an unreadable model out of the way, unless somebody has put a good one there meanwhile."""
        _log.warning("%s", damage)
        if self.read_only:
            return
        path = self._path(key, _TENSORS)
        with contextlib.suppress(StoreError), self._writing(f"The model {key} could not be set aside"):
            try:
                opened(path.read_bytes(), key)
            except DamagedModel:
                aside = self.folder / SET_ASIDE
                aside.mkdir(exist_ok=True)
                path.replace(aside / path.name)
                if self._path(key, _RECORD).exists():
                    self._path(key, _RECORD).replace(aside / self._path(key, _RECORD).name)

    def _mend_readable(self, key: str, record: dict[str, Any]) -> None:
        """Write the readable record again if it is not that of the tensors (a crash fell between two renames)."""
        path = self._path(key, _RECORD)
        with contextlib.suppress(OSError):
            if path.read_bytes() == _readable(record):
                return
        with contextlib.suppress(StoreError), self._writing(f"The record of {key} could not be mended"):
            self._publish({path: _readable(record_of_file(self._path(key, _TENSORS), key))})


def _checked(key: str) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidKey(
            f"{key!r} cannot name a model: use at most 120 small letters, digits, _, - and ., not starting with . or -."
        )
    return key


def _library_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("torch", "numpy", "safetensors"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _readable(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, indent=1) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make renames last through a power cut, where the system lets a folder be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
