"""What crosses from one process to another, as bytes: configs and states of runs, and nothing that could act.

A tree of JSON, with the arrays behind it. It holds None, truth values, numbers, text, tuples, lists, dicts, NumPy
arrays, tensors (which arrive on the CPU) and dataclasses of this project. A NumPy number arrives as Python's. What
acts, a network or a function, belongs to the process that made it and arrives as None; the rest is refused. Nothing is
unpickled: reading makes only these.

    uint32 little-endian   length of the tree
    tree                   JSON in UTF-8; {"array": [type, shape, offset], …} stands for an array
    arrays                 little-endian, one behind the other
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import sys
from importlib import import_module
from typing import Any

import numpy as np

KINDS = "biuf"  # NumPy's kinds of arrays that may cross: truth values, integers, floats
_TYPE = re.compile(rf"[<|][{KINDS}]\d{{1,2}}")  # such a kind, as NumPy writes it


class NotPlain(ValueError):
    """A value that cannot cross; bytes that are no such message, or name something that may not be made."""


def pack(value: Any) -> bytes:
    """The value as bytes. Raises NotPlain for what cannot cross."""
    blobs: list[bytes] = []
    try:
        tree = json.dumps(_tree(value, blobs, [0]), separators=(",", ":")).encode()
    except (TypeError, RuntimeError, RecursionError) as error:  # the tensor has no array; the value holds itself
        raise NotPlain(f"a {type(value).__name__} holds what cannot cross: {error}") from error
    return b"".join([len(tree).to_bytes(4, "little"), tree, *blobs])


def unpack(message: bytes) -> Any:
    """The value that `pack` wrote; arrays are copies that may be written to. Raises NotPlain."""
    try:
        end = 4 + int.from_bytes(message[:4], "little")
        return _value(json.loads(message[4:end]), memoryview(message)[end:])
    except (ValueError, TypeError, AttributeError, ImportError, OverflowError, RecursionError) as error:
        raise NotPlain(f"This is no message of this version: {error}") from error


def _tree(value: Any, blobs: list[bytes], size: list[int]) -> Any:
    inner = lambda part: _tree(part, blobs, size)  # noqa: E731
    match value:
        case None | bool() | int() | float() | str():
            return value
        case tuple() if type(value) is tuple:  # one with names would lose them
            return {"tuple": [inner(part) for part in value]}
        case list():
            return [inner(part) for part in value]
        case dict():
            return {"dict": [[inner(key), inner(part)] for key, part in value.items()]}
        case np.generic() if value.dtype.kind in KINDS:
            return value.item()
        case np.ndarray():
            return {"array": _array(value, blobs, size)}
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)  # another thread may be importing torch just now
    if tensor is not None and isinstance(value, tensor):
        return {"array": _array(value.detach().cpu().numpy(), blobs, size), "tensor": True}
    kind = type(value)
    if dataclasses.is_dataclass(kind) and _ours(kind.__module__) and kind.__qualname__.isidentifier():
        fields = {field.name: inner(getattr(value, field.name)) for field in dataclasses.fields(kind)}
        return {"of": [kind.__module__, kind.__qualname__], "fields": fields}
    if callable(value):
        return None
    raise NotPlain(f"a {type(value).__name__} cannot cross")


def _array(array: np.ndarray, blobs: list[bytes], size: list[int]) -> list[Any]:
    kind = array.dtype.newbyteorder("<")
    if not _TYPE.fullmatch(kind.str):
        raise NotPlain(f"an array of type {kind} cannot cross")
    data = array.astype(kind, copy=False).tobytes()
    described = [kind.str, list(array.shape), size[0]]
    blobs.append(data)
    size[0] += len(data)
    return described


def _value(tree: Any, arrays: memoryview) -> Any:
    match tree:
        case {"tuple": list(parts)}:
            return tuple(_value(part, arrays) for part in parts)
        case {"dict": list(pairs)}:
            return {_value(key, arrays): _value(part, arrays) for key, part in pairs}
        case {"array": [str(kind), list(shape), int(offset)]}:
            return _read(kind, shape, offset, arrays, "tensor" in tree)
        case {"of": [str(module), str(name)], "fields": dict(fields)}:
            return _made(module, name, {key: _value(part, arrays) for key, part in fields.items()})
        case list():
            return [_value(part, arrays) for part in tree]
        case None | bool() | int() | float() | str():
            return tree
    raise NotPlain(f"nothing is written as {str(tree)[:80]}")


def _read(kind: str, shape: list[int], offset: int, arrays: memoryview, tensor: bool) -> Any:
    if not _TYPE.fullmatch(kind) or not all(type(length) is int and length >= 0 for length in (*shape, offset)):
        raise NotPlain(f"there is no array of type {kind[:20]} and shape {str(shape)[:80]} at {offset}")
    data = arrays[offset : offset + math.prod(shape) * np.dtype(kind).itemsize]
    array = np.frombuffer(bytearray(data), kind).reshape(shape)  # ValueError where there are not so many bytes
    if not tensor:
        return array
    import torch

    return torch.from_numpy(array)


def _made(module: str, name: str, fields: dict[str, Any]) -> Any:
    """A dataclass of this project with these fields, as it was: what was derived when it was first made is in them."""
    if not _ours(module):
        raise NotPlain(f"{module} is no part of this project")
    kind = getattr(import_module(module), name)
    if not isinstance(kind, type) or kind.__module__ != module or not dataclasses.is_dataclass(kind):
        raise NotPlain(f"{module}.{name} is no dataclass of this project")
    if {field.name for field in dataclasses.fields(kind)} != fields.keys():
        raise NotPlain(f"{module}.{name} has other fields here")
    made = object.__new__(kind)
    for key, part in fields.items():
        object.__setattr__(made, key, part)
    return made


def _ours(module: str) -> bool:
    parts = module.split(".")
    return parts[0] == "core" and all(part.isidentifier() for part in parts)
