"""Every setting that the pages declare, values that each may have, and texts that a link may hold instead."""

from __future__ import annotations

import base64
import contextlib
import importlib
import math
import random
import zlib
from collections.abc import Iterator

from tests.pages.apptest import ROOT
from ui import catalogue, links

# settings whose choices are the models at hand, so that no module declares them
OF_MODELS = {
    "vae": ("vae.train.open", "vae.bound.model"),
    "diffusion_theory": ("diffusion_theory.hierarchy.open",),
    "diffusion_model": tuple(f"diffusion_model.{name}.model" for name in ("denoise", "samplers", "anatomy")),
    "guidance": ("guidance.classifier.which",),
}
NONSENSE = (
    *("", " ", "nan", "inf", "-inf", "1e999", "-1e300", "1e-320", "0x10", "1_0", "--", "_", "~", "__~__", "-", "."),
    *("１２", "٣", "½", "💥", "가나다", "\x00", "a\x00b", "\ud800", "%00", "\u202e3", "null", "None", "NaN", "True"),
    *("<script>alert(1)</script>", "<b>가~~~", "{{name}}", "$\\infty$", "../../etc/passwd", "C:\\x", "'; --", "[1, 2]"),
    *("eJw", ".eJw", "AAAA", "." + "A" * 40, "9" * 400, "1." + "0" * 5_000 + "x", "3-" * 50_000, "9" * 100_000),
    *("1_2~" * 30_000, "0.5~0.5", "1_nan", "1_2_3_4_5_6_7_8", " 1 ", "+1", "-0", "1e1", "diffusion-0123456789ab"),
)  # fmt: skip


def settings(page: catalogue.Page) -> dict[str, links.Setting]:
    """Every setting that the page's modules declare, by its key."""
    found: dict[str, links.Setting] = {}

    def look(value: object) -> None:
        if isinstance(value, links.Setting):
            found[value.key] = value
        elif isinstance(value, dict | list | tuple | set | frozenset):
            for one in (*value, *value.values()) if isinstance(value, dict) else value:
                look(one)

    for file in sorted((ROOT / "pages" / page.id).glob("*.py")):
        for value in vars(importlib.import_module(f"pages.{page.id}.{file.stem}")).values():
            look(value)
    return {key: setting for key, setting in found.items() if key.startswith(f"{page.id}.")}


def some(setting: links.Setting, chance: random.Random) -> object:
    """A value that the setting may have. Whole numbers are mostly small: many say how much there is to do."""

    def between(low: float, high: float) -> float:
        return chance.uniform(low, high)

    match setting.kind:
        case "whole":
            steps = int((setting.high - setting.low) // setting.step)
            value = setting.low + setting.step * int(chance.random() ** 3 * (steps + 1))
        case "real":
            value = between(setting.low, setting.high)
        case "choice":
            value = chance.choice(setting.choices)
        case "flag":
            value = chance.random() < 0.5
        case "several":
            value = tuple(c for c in setting.choices if chance.random() < 0.5)
        case "span":
            value = sorted(between(setting.low, setting.high) for _ in range(2))
        case "points":
            pairs = range(chance.randint(0, setting.most))
            value = tuple(tuple(between(setting.low, setting.high) for _ in range(2)) for _ in pairs)
        case "strokes":
            value = tuple(tuple((between(0, 1), between(0, 1)) for _ in range(20)) for _ in range(chance.randint(0, 4)))
        case "rows":
            rows = range(chance.randint(1, setting.most))
            value = tuple(tuple(between(*column) for column in setting.columns) for _ in rows)
    return links.clamp(setting, value)[0]


def texts(setting: links.Setting, chance: random.Random, others: list[str]) -> Iterator[str]:
    """What a link may hold for a setting: nonsense, what is for another one, and what was right once and was hurt."""
    yield from NONSENSE
    yield from chance.sample(others, 12)
    right = links.encode(setting, some(setting, chance))
    yield right
    for _ in range(8):  # cut short, a letter changed, doubled
        at = chance.randrange(len(right) + 1)
        yield right[:at]
        yield right[:at] + chance.choice("0aZ_-~.é💥 ") + right[at + 1 :]
    yield right + right
    span = setting.high - setting.low
    for _ in range(8):  # off the grid, and out of bounds
        yield repr(chance.uniform(setting.low - span, setting.high + span))
    yield "".join(chr(chance.randrange(32, 0x2FA1)) for _ in range(chance.randint(1, 60)))
    junk = chance.randbytes(chance.choice((3, 8, 41, 200)))
    for raw in (junk, zlib.compress(junk), zlib.compress(bytes(200_000))):
        yield chance.choice(("", ".")) + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def says_the_same(setting: links.Setting, asked: str, value: object) -> bool:
    """Whether a text from a link asks for just this value; read here anew, without what is tested."""
    asked = asked.strip()
    match setting.kind:
        case "flag":
            return asked.lower() in (("1", "true") if value else ("0", "false"))
        case "choice":
            with contextlib.suppress(ValueError):
                return asked == str(value) or float(asked) == float(value)
            return False
        case "several":
            return {part for part in asked.split("-") if part} == set(map(str, value))
        case "points" | "strokes":
            return links.encode(setting, value) == asked or bool(value) or not asked.strip(".")
    rows = [row for row in asked.split("~") if row] if setting.kind == "rows" else [asked]
    several = setting.kind in ("rows", "span")
    numbers = [[float(part) for part in (row.split("_") if several else [row])] for row in rows]
    now = {"rows": value, "span": [value]}.get(setting.kind, [[value]])
    return [len(row) for row in numbers] == [len(row) for row in now] and all(
        math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-300)
        for ours, theirs in zip(now, numbers, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    )
