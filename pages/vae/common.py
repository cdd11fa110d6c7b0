"""What the experiments of step 7 share: the models at hand, and rows of small pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core import vae_library
from core.scenes.vae import BETAS, MAP, WATCHED
from ui import controls, links, strips, text

PAGE = "vae"
NAMED = (MAP, "digits", WATCHED, *(f"beta_{beta}" for beta in BETAS))  # that ship, in the order they are offered


def models() -> dict[str, dict]:
    """The records of the models on this machine by name (where they ship) or key, those that ship first."""
    found: dict[str, dict] = {}
    for record in vae_library.available():
        name = record.get("name")
        found.setdefault(name if name in NAMED else record["key"], record)
    return dict(sorted(found.items(), key=lambda item: NAMED.index(item[0]) if item[0] in NAMED else len(NAMED)))


def choice(key: str, default: str, known: Sequence[str]) -> links.Setting:
    """A setting whose choices are the models there are just now."""
    return links.choice(key, default if default in known else known[0], tuple(known))


def select(setting: links.Setting, known: dict[str, dict]) -> str:
    """A drop-down of models; those trained here say what they are."""
    return str(controls.select(setting, look="select", names=lambda name: label(name, known.get(name))))


def label(name: str, record: dict | None) -> str:
    """What a model is called."""
    t = text.current()
    if record is None or name in NAMED:
        return t.words(f"{PAGE}.model.{name.replace('.', '_')}")
    config = record["config"]
    values = {"latent": config["network"]["latent"], "beta": text.number(config["beta"])}
    values |= {"dataset": t.words(f"{PAGE}.data.{config['dataset']}")}
    epochs = config["training"]["steps"] * config["training"]["batch_size"] / 60_000
    return t.words(f"{PAGE}.model.own", epochs=text.number(epochs, 2), **values)


def no_model() -> None:
    """One sentence where the models that ship are missing."""
    text.prose(text.current().words(f"{PAGE}.no_model"))


def rows(head: Sequence[str], body: Sequence[tuple[str, Sequence[np.ndarray | None]]]) -> None:
    """A table of rows of a decoder's mean pictures: a name, and a strip for each column."""
    strips.rows(head, body)
    text.prose(text.current().words(f"{PAGE}.pictures"), small=True)
