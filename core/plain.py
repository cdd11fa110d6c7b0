"""What crosses from one process to another, as bytes: configs and states of runs, and nothing that could act.

A tree of JSON, with the arrays behind it. It holds None, truth values, numbers, text, tuples, lists, dicts, NumPy
arrays, tensors (which arrive on the CPU) and dataclasses of this project. What acts, a network or a function, belongs
to the process that made it and arrives as None; the rest is refused. Nothing is unpickled: reading makes only these.

    uint32 little-endian   length of the tree
    tree                   JSON in UTF-8; {"array": [type, shape, offset], …} stands for an array
    arrays                 little-endian, one behind the other
"""

from __future__ import annotations

import dataclasses
import json
import sys
from importlib import import_module
from typing import Any

import numpy as np

KINDS = "biuf"  # NumPy's kinds of arrays that may cross: truth values, integers, floats


class NotPlain(ValueError):
    """A value that cannot cross; bytes that are no such message, or name something that may not be made."""


def pack(value: Any) -> bytes:
    """The value as bytes. Raises NotPlain for what cannot cross."""
    blobs: list[bytes] = []
    tree = json.dumps(_tree(value, blobs, [0]), separators=(",", ":")).encode()
    return b"".join([len(tree).to_bytes(4, "little"), tree, *blobs])


def unpack(message: bytes) -> Any:
    """The value that `pack` wrote; arrays are copies that may be written to. Raises NotPlain."""
    try:
        end = 4 + int.from_bytes(message[:4], "little")
        return _value(json.loads(message[4:end]), memoryview(message)[end:])
    except (ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise NotPlain(f"This is no message of this version: {error}") from error


def _tree(value: Any, blobs: list[bytes], size: list[int]) -> Any:
    inner = lambda part: _tree(part, blobs, size)  # noqa: E731
    match value:
        case None | bool() | int() | float() | str():
            return value
        case tuple():
            return {"tuple": [inner(part) for part in value]}
        case list():
            return [inner(part) for part in value]
        case dict():
            return {"dict": [[inner(key), inner(part)] for key, part in value.items()]}
        case np.generic():
            return value.item()
        case np.ndarray() if value.dtype.kind in KINDS:
            return {"array": _array(value, blobs, size)}
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)  # another thread may be importing torch just now
    if tensor is not None and isinstance(value, tensor):
        return {"array": _array(value.detach().cpu().numpy(), blobs, size), "tensor": True}
    if dataclasses.is_dataclass(value) and _ours(type(value).__module__):
        fields = {field.name: inner(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"of": [type(value).__module__, type(value).__qualname__], "fields": fields}
    if callable(value):
        return None
    raise NotPlain(f"a {type(value).__name__} cannot cross")


def _array(array: np.ndarray, blobs: list[bytes], size: list[int]) -> list[Any]:
    data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    described = [array.dtype.newbyteorder("<").str, list(array.shape), size[0]]
    blobs.append(data)
    size[0] += len(data)
    return described


def _value(tree: Any, arrays: memoryview) -> Any:
    match tree:
        case {"tuple": parts}:
            return tuple(_value(part, arrays) for part in parts)
        case {"dict": pairs}:
            return {_value(key, arrays): _value(part, arrays) for key, part in pairs}
        case {"array": [kind, shape, offset]}:
            return _read(np.dtype(kind), shape, offset, arrays, "tensor" in tree)
        case {"of": [module, name], "fields": fields}:
            return _made(module, name, {key: _value(part, arrays) for key, part in fields.items()})
        case list():
            return [_value(part, arrays) for part in tree]
        case _:
            return tree


def _read(kind: np.dtype, shape: list[int], offset: int, arrays: memoryview, tensor: bool) -> Any:
    if kind.kind not in KINDS:
        raise NotPlain(f"an array of type {kind} may not cross")
    count = int(np.prod(shape, dtype=np.int64))
    array = np.frombuffer(arrays, kind, count, offset).reshape(shape).copy()
    if not tensor:
        return array
    import torch

    return torch.from_numpy(array)


def _made(module: str, name: str, fields: dict[str, Any]) -> Any:
    """A dataclass of this project with these fields, as it was: what was derived when it was first made is in them."""
    if not _ours(module):
        raise NotPlain(f"{module} is no part of this project")
    kind = getattr(import_module(module), name)
    if not dataclasses.is_dataclass(kind) or {field.name for field in dataclasses.fields(kind)} != fields.keys():
        raise NotPlain(f"{module}.{name} is another thing here")
    made = object.__new__(kind)
    for key, part in fields.items():
        object.__setattr__(made, key, part)
    return made


def _ours(module: str) -> bool:
    return module.split(".")[0] == "core"
