"""The files behind core.data: where they are, what they must contain, and what to say when they do not.

What ships lies in data/ and is listed in data/SOURCES.md. Fashion-MNIST is too large to ship: it is looked for on the
machine and downloaded where it is not there. Every file is checked against its SHA-256 each time it is read, which is
once in a process, because core.data keeps what it read.
"""

import gzip
import hashlib
import http.client
import io
import os
import secrets
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent.parent / "data"

SHIPPED = {  # file in data/ -> SHA-256
    "bdims.csv": "d173f88bb4f4a0fbdf7b337b7b8fe4b1dd51408ad45ed778b3340a4ae65af36c",
    "chelsea.png": "3794c95b5cd8c9f7fdb1b58e286605bb56c8e77efc6d6ae242c4f1b99ba4218a",
    "coffee.png": "2b98203ee43c552b71f38dd3e60f07b0ec093909acb1d7a39ee3d36a67b8d370",
    "datasaurus.csv": "7df2348758fcf9437369e100a2d7442d0b73b25e832973e148a0caa09498c830",
    "mnist.npz": "b7f222a16dba8b10cc6038e9c03d2c8cf7d204a050fc758d9ec91cb6faa11fb4",
    "nhefs.csv": "938b6ab18c83a8fad70a997e9596df8cb6de0ad5c54026d19cdc91c31e706db1",
    "old_faithful.csv": "a78cc186d2d1c2460cb5ab212c22ebfbc525ec919daa006452961802d2867037",
}


class Idx(NamedTuple):
    """One IDX file of Fashion-MNIST, after unpacking."""

    sha256: str
    size: int  # bytes


FASHION = {
    "train-images-idx3-ubyte": Idx("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", 47_040_016),
    "train-labels-idx1-ubyte": Idx("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 60_008),
    "t10k-images-idx3-ubyte": Idx("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 7_840_016),
    "t10k-labels-idx1-ubyte": Idx("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 10_008),
}
FASHION_SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where Debian's dataset-fashion-mnist puts it
FASHION_ADDRESSES = (  # both are named in the README of Fashion-MNIST; the checksums make plain HTTP safe
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
DOWNLOAD_SECONDS = 30  # without a byte


class DataError(Exception):
    """A data set that is missing or damaged; the message is one plain sentence."""


def shipped(name: str) -> bytes:
    """Read a file of data/, or say in one sentence (DataError) why that does not work."""
    path = FOLDER / name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"The data file {path} is missing; copy it again from the project.") from None
    except OSError as problem:
        raise DataError(f"The data file {path} cannot be read: {problem.strerror or problem}.") from problem
    if hashlib.sha256(content).hexdigest() != SHIPPED[name]:
        raise DataError(f"The data file {path} is damaged or not the original; copy it again from the project.")
    return content


def fashion_is_here() -> bool:
    """Whether all files of Fashion-MNIST are on this machine, so that nothing has to be downloaded."""
    return all(any(True for _ in _copies(name)) for name in FASHION)


def fashion(name: str) -> bytes:
    """The unpacked content of one IDX file of Fashion-MNIST.

    Looked for in the folder that TEN_STEPS_FASHION_MNIST names, in this person's cache folder and where Debian puts
    it, packed or not; a damaged copy is passed over. Otherwise downloaded into the cache folder.

    Raises:
        DataError: the file is nowhere and cannot be downloaded.
    """
    for path in _copies(name):
        content = _unpack(path, name)
        if content is not None:
            return content
    reason = ""
    for address in FASHION_ADDRESSES:
        try:
            packed = _download(f"{address}{name}.gz", limit=FASHION[name].size + 1024)
        except (OSError, ValueError, http.client.HTTPException) as problem:
            reason = str(getattr(problem, "reason", None) or problem)
            continue
        content = _checked(packed, name)
        if content is not None:
            _keep(packed, name)
            return content
        reason = "what came was not the original"
    raise DataError(
        f"Fashion-MNIST is not on this machine and could not be downloaded ({reason}): install Debian's "
        f"dataset-fashion-mnist, or put {name}.gz into the folder that TEN_STEPS_FASHION_MNIST names."
    )


def cache_folder() -> Path:
    """Where this person's downloads go: fashion-mnist/ in TEN_STEPS_HOME, else in ~/.cache/ten-steps-to-diffusion."""
    home = os.environ.get("TEN_STEPS_HOME")
    base = Path(home).expanduser() if home else Path.home() / ".cache" / "ten-steps-to-diffusion"
    return base / "fashion-mnist"


def _copies(name: str) -> Iterator[Path]:
    """The copies of an IDX file on this machine, the most deliberate first."""
    named = os.environ.get("TEN_STEPS_FASHION_MNIST")
    folders = ([Path(named).expanduser()] if named else []) + [cache_folder(), FASHION_SYSTEM_FOLDER]
    for folder in folders:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                yield path


def _unpack(path: Path, name: str) -> bytes | None:
    """The checked content of one copy; None where it is damaged or cannot be read."""
    try:
        return _checked(path.read_bytes(), name)
    except OSError:
        return None


def _checked(content: bytes, name: str) -> bytes | None:
    """Content unpacked if it is packed; None unless it is the original."""
    expected = FASHION[name]
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(expected.size + 1)  # never more, whatever the file claims
        except (OSError, EOFError, ValueError, zlib.error):
            return None
    return content if hashlib.sha256(content).hexdigest() == expected.sha256 else None


def _download(address: str, limit: int) -> bytes:
    """What an address holds; ValueError where that is more than `limit` bytes."""
    with urllib.request.urlopen(address, timeout=DOWNLOAD_SECONDS) as answer:
        content = answer.read(limit + 1)
    if len(content) > limit:
        raise ValueError("the answer is too large")
    return content


def _keep(packed: bytes, name: str) -> None:
    """Write a download into the cache folder, whole or not at all; where that fails it is simply not kept."""
    folder = cache_folder()
    temporary = folder / f".{name}.{secrets.token_hex(4)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / f"{name}.gz")
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
