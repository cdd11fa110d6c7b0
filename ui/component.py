"""What every canvas component is made of: its folder's files, and one message of bytes.

A component is a folder beside this file with ``<name>.html``, ``<name>.css``, ``<name>.js`` and, where the script is
long, further ``*.js`` that it uses. They cannot import each other in the browser, so `declare` joins them:
the table of colours, ``shared.js``, the further scripts by name, and last ``<name>.js`` with the default export.

A message (`encode`) is bytes at the top level, since bytes inside a dict would become one long string:

    uint32 little-endian   length of the header
    header                 JSON in UTF-8; its "parts" say where each array lies: name -> [type, offset, count]
    padding                to a multiple of 8
    arrays                 little-endian, each padded to a multiple of 8
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from ui import colours

HERE = Path(__file__).parent
MAX_BYTES = 2_000_000  # a message stays under this: about 0.1 s on a slow wireless network
_TYPES = {"uint8": "u8", "int16": "i16", "float32": "f32", "int32": "i32"}


def declare(name: str, borrowed: Sequence[str] = ()) -> Any:
    """Declare the component in ``ui/<name>/`` to Streamlit. Call it once, at module level; returns its renderer.

    borrowed: further scripts of other components, such as "plane/formulas.js"; they stand behind shared.js.
    """
    folder = HERE / name
    own = folder / f"{name}.js"
    further = sorted(p for p in folder.glob("*.js") if p != own)
    scripts = [HERE / "shared.js", *(HERE / path for path in borrowed), *further, own]
    table = f"const COLOURS = {json.dumps(_colours())};"
    styles = [HERE / "shared.css", folder / f"{name}.css"]
    return st.components.v2.component(
        f"ten_steps.{name}",
        html=(folder / f"{name}.html").read_text("utf-8"),
        css="\n".join(p.read_text("utf-8") for p in styles),
        js="\n".join([table, *(p.read_text("utf-8") for p in scripts)]),
    )


def _colours() -> dict[str, dict[str, dict[str, str]]]:
    """The one table of colours, by theme: surface, mark and text, each a colour by name."""
    return {
        theme: {
            "surface": {name: colours.surface(name, theme) for name in colours.SURFACES},
            "mark": {role: colours.mark(role, theme) for role in colours.ROLES},
            "text": {role: colours.text(role, theme) for role in colours.ROLES},
        }
        for theme in ("light", "dark")
    }


def encode(header: Mapping[str, Any], parts: Mapping[str, np.ndarray]) -> bytes:
    """One message: `header` (plain data) and `parts` (uint8, int16, int32 or float32 arrays) as bytes.

    Raises ValueError if the message would be longer than `MAX_BYTES`, or an array has another type.
    """
    listed, blobs, offset = {}, [], 0
    for name, array in parts.items():
        if array.dtype.name not in _TYPES:
            raise ValueError(f"an array of type {array.dtype.name} cannot be sent; use one of {', '.join(_TYPES)}")
        blob = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        listed[name] = [_TYPES[array.dtype.name], offset, array.size]
        blobs += [blob, b"\0" * (-len(blob) % 8)]
        offset += len(blob) + -len(blob) % 8
    text = json.dumps({**header, "parts": listed}, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    start = len(text).to_bytes(4, "little") + text
    message = b"".join([start, b"\0" * (-len(start) % 8), *blobs])
    if len(message) > MAX_BYTES:
        raise ValueError(f"the message is {len(message):,} bytes; at most {MAX_BYTES:,} are sent: send fewer frames")
    return message


def decode(message: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header (without "parts") and the flat arrays of a message: what the browser reads, for tests."""
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4 : 4 + length])
    body = (4 + length + 7) // 8 * 8
    names = {short: name for name, short in _TYPES.items()}
    parts = {
        name: np.frombuffer(message, np.dtype(names[kind]).newbyteorder("<"), count, body + offset)
        for name, (kind, offset, count) in header.pop("parts").items()
    }
    return header, parts
