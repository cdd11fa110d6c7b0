"""The file of a kept model, and what can be wrong with it. core.store says where the files are.

A safetensors file (8 bytes little-endian length, a JSON header of that length, the tensors' bytes) whose header also
carries the record and a SHA-256 of everything. The digest is that of the file with 64 zeros where the digest stands.
"""

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

FORMAT_VERSION = 1

_NO_DIGEST = b"0" * 64
MOST_RECORDS = 500  # that are remembered
_records: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}  # file: (what it was then, its record)


class StoreError(Exception):
    """What went wrong, in one plain sentence. `code` names the kind, for those who translate it."""

    code = "store_failed"


class InvalidKey(StoreError, ValueError):
    """The key could not be the name of a file."""

    code = "store_invalid_key"


class ModelNotFound(StoreError, KeyError):
    """There is no model of that name."""

    code = "model_not_found"
    __str__ = Exception.__str__


class DamagedModel(StoreError):
    """The file is there and cannot be read: cut short, altered, or one of the two below."""

    code = "model_damaged"


class ForeignModel(DamagedModel):
    """The file was not written by this store."""

    code = "model_foreign"


class NewerModel(DamagedModel):
    """The file was written by a later version of this program."""

    code = "model_newer"


class StoreFull(StoreError):
    """No room: the disk is full, or the model is larger than the whole store may be."""

    code = "store_full"


class StoreReadOnly(StoreError):
    """The folder does not take writes."""

    code = "store_read_only"


class StoreBusy(StoreError):
    """Another process held the lock for too long."""

    code = "store_busy"


def sealed(plain: bytes, record: str) -> bytes:
    """A plain safetensors file, with the record and the digest added to its header (kept a multiple of 8 long)."""
    (length,) = struct.unpack("<Q", plain[:8])
    header = {
        "__metadata__": {"ten_steps_sha256": _NO_DIGEST.decode(), "ten_steps_record": record},
        **json.loads(plain[8 : 8 + length]),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    content = struct.pack("<Q", len(text)) + text + plain[8 + length :]
    return content.replace(_NO_DIGEST, hashlib.sha256(content).hexdigest().encode(), 1)


def opened(content: bytes, key: str) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """Check a whole file and take it apart; raises DamagedModel or a kind of it."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    digest, record = _header(content, len(content), key)
    if hashlib.sha256(content.replace(digest, _NO_DIGEST, 1)).hexdigest().encode() != digest:
        raise DamagedModel(f"The model {key} is damaged: its contents are not what was saved.")
    try:
        return load(content), record
    except (SafetensorError, KeyError, ValueError) as problem:
        raise DamagedModel(f"The model {key} cannot be read by this version of safetensors ({problem}).") from problem


def record_of_file(path: Path, key: str) -> dict[str, Any]:
    """The record from the header of a file, after checking that the file is as long as its header says.

    Pages ask for all records again and again, so what was read is remembered for as long as the file stays as it is.
    """
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        stamp = (about.st_ino, about.st_mtime_ns, about.st_size)
        known = _records.get(path)
        if known is None or known[0] != stamp:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            record = _header(start + file.read(min(length, about.st_size)), about.st_size, key)[1]
            if len(_records) >= MOST_RECORDS:
                _records.clear()
            known = _records[path] = (stamp, record)
        return dict(known[1])


def _header(start: bytes, size: int, key: str) -> tuple[bytes, dict[str, Any]]:
    """Digest and record, from the start of a file of `size` bytes; raises as opened does."""
    length = struct.unpack("<Q", start[:8])[0] if len(start) >= 8 else 0
    if not length or 8 + length > size:
        raise DamagedModel(f"The model {key} is damaged: its file is cut short or is no model at all.")
    try:
        header = json.loads(start[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        digest, text = metadata.get("ten_steps_sha256"), metadata.get("ten_steps_record")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as problem:
        raise DamagedModel(f"The model {key} is damaged: the head of its file cannot be read.") from problem
    if 8 + length + end != size:
        raise DamagedModel(f"The model {key} is damaged: its file has {size:,} bytes instead of {8 + length + end:,}.")
    if not isinstance(digest, str) or not isinstance(text, str):
        raise ForeignModel(f"The file of {key} holds tensors, but no model that this program has written.")
    try:
        record = json.loads(text)
        version = int(record["format_version"])
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise DamagedModel(f"The model {key} is damaged: its record cannot be read.") from problem
    if version > FORMAT_VERSION:
        raise NewerModel(
            f"The model {key} was written by a newer version of this program (format {version}, this one knows "
            f"{FORMAT_VERSION}); update to use it."
        )
    record["key"] = key
    return digest.encode(errors="replace"), record
