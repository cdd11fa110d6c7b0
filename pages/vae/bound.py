"""vae.bound: with more samples the bound rises to log p(x) on average; test figures beside the published ones."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import streamlit as st

from core import scene
from core.scenes.vae import MAP, BoundScene
from core.store import StoreError
from pages.vae import common
from ui import chapter, controls, links, live, text
from ui.plane import Axis, Curve, Panel, Paths, Rule, plane

ID = "vae.bound"
K = links.whole(f"{ID}.k", 50, low=1, high=5_000)
IMAGES = links.choice(f"{ID}.images", "100", ("12", "100", "1000"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9_999)
COMMAND = "python -m benchmarks.vae"


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    known = common.models()
    MODEL = common.choice(f"{ID}.model", MAP, tuple(known) or (MAP,))
    with page.experiment(ID, settings=(MODEL, K, IMAGES, SEED)) as shown:
        if not shown.open:
            return
        if not known:
            common.no_model()
            return
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width=230):
                key = known[common.select(MODEL, known)]["key"]
            with st.container(width=200):
                k = int(controls.number(K))
            with st.container(width="content"):
                controls.select(IMAGES)
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                controls.seed(SEED)
        try:
            _run(key, k, known)
        except StoreError:
            common.no_model()
            return
        controls.presets(ID, {"one": {K: 1}, "ten": {K: 10}, "all": {K: 5_000, IMAGES: "12"}})
        _figures(known)
        page.derivation("vae.importance")
        page.code("core/vae_bound.py", "bound_by_count", "weights_of")


def _run(key: str, k: int, known: dict[str, dict]) -> None:
    """A measurement of one's own; before it, what ships for the map."""
    from core.vae_bound import BoundRun, BoundState, from_result

    def make() -> BoundRun:
        return BoundRun(key, int(links.value(IMAGES)), int(links.value(K)), int(links.value(SEED)))

    def show(shot: Any) -> None:
        state: BoundState | None = shot.state if shot is not None else None
        if state is None and shot is not None and shot.status == "done":
            from core.store import user_store

            state = from_result(*user_store().load(shot.key))
        if state is not None and state.curves.shape[1]:
            _picture(np.array(state.counts), state.curves.numpy(), state.exact.numpy(), state.config.k)
        else:
            first = known.get(MAP, known[next(iter(known))])["key"]
            a = scene.shown(BoundScene(first))
            _picture(a["counts"], a["curves"].astype(float), a["exact"].astype(float), k)
            text.prose(text.current().words(f"{ID}.first", model=common.label(_named(first, known), None)), small=True)

    live.watch(ID, make, show, config_key=make().key, kind="measuring")


def _named(key: str, known: dict[str, dict]) -> str:
    return next(name for name, record in known.items() if record["key"] == key)


def _picture(counts: np.ndarray, curves: np.ndarray, exact: np.ndarray, k: int) -> None:
    """Each image's bound beside its own ELBO, and their mean."""
    t = text.current()
    middle = curves.mean(axis=1)
    gain = curves - curves[:1]
    count = curves.shape[1]
    shift = float(exact.mean() - middle[0]) if exact.size else float("nan")
    top = max(float(np.nanmax(gain.mean(axis=1))), shift if exact.size else 0.0, 0.5)
    row = int(np.abs(np.log(counts) - np.log(k)).argmin())
    error = float(gain[row].std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0
    layers: list = []
    if count <= 100:
        paths = np.stack([np.broadcast_to(counts, gain.T.shape), np.clip(gain.T, -top, 3 * top)], axis=2)
        layers.append(
            Paths(name="images", role="latent", at=paths, faint=count > 12, label=t.words(f"{ID}.curve.image"))
        )
    layers.append(
        Curve(name="mean", role="latent", x=counts.astype(float), y=gain.mean(axis=1), points=True,
              label=t.words(f"{ID}.curve.mean"))
    )  # fmt: skip
    if exact.size:
        layers.append(Rule(name="exact", role="exact", y=shift, label=t.words(f"{ID}.curve.exact")))
    layers.append(Rule(name="k", role="noise", x=float(counts[row])))
    plane(
        [
            Panel(
                name="bound",
                x=Axis(t.words(f"{ID}.axis.k"), 1, max(5000.0, float(counts[-1])), log=True),
                y=Axis(t.words(f"{ID}.axis.gain"), -0.15 * top, 1.4 * top),
                layers=layers,
            )
        ],
        key=f"{ID}.plane",
        height=260,
    )
    numbers = {
        "k": f"{int(counts[row]):,}", "bound": _nats(middle[row]), "elbo": _nats(middle[0]),
        "rise": f"{gain[row].mean():.2f}".replace("-", "−"), "error": f"{error:.2f}", "images": f"{count:,}",
    }  # fmt: skip
    if exact.size:
        text.prose(t.words(f"{ID}.caption.exact", exact=_nats(exact.mean()), **numbers))
    else:
        text.prose(t.words(f"{ID}.caption", **numbers))


def _figures(known: dict[str, dict]) -> None:
    """The test log-likelihood of the good model beside the published one, where it has been measured."""
    from core.vae_bound import MEASURED, PUBLISHED, PUBLISHED_EPOCHS

    t = text.current()
    head = [t.words(f"{ID}.table.{name}") for name in ("model", "nats", "source")]
    lines = [(t.words(f"{ID}.table.{name}"), _nats(value), "Burda et al. 2016") for name, value in PUBLISHED.items()]
    found = _measured(MEASURED, known.get("digits", {}).get("key", ""))
    if found is not None:
        said = t.words(f"{ID}.table.ours", images=f"{found['images']:,}", k=f"{found['k']:,}")
        nats = f"{_nats(found['nats'])}\u00a0±\u00a0{found['standard_error']:.2f}"  # never broken into two lines
        lines.insert(0, (said, nats, f"`{COMMAND}`"))
    text.prose(f"**{t.words(f'{ID}.table')}**")
    table = [f"| {' | '.join(head)} |", "|---|---:|---|", *(f"| {' | '.join(line)} |" for line in lines)]
    text.prose("\n".join(table))
    if found is None:
        text.prose(t.words(f"{ID}.table.missing", command=COMMAND), small=True)
    if "digits" in known:
        record = known["digits"]
        numbers = {
            "epochs": f"{round(record['examples'] / 60_000):,}",
            "seconds": f"{round(record['seconds']):,}",
            "device": record["device"],
        }
        text.prose(t.words(f"{ID}.table.training", published=f"{PUBLISHED_EPOCHS:,}", **numbers), small=True)


def _measured(file: Any, key: str) -> dict | None:
    """The measurement of the model of that key; None where there is none, or only another's or a damaged one."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    numbers = [found.get(name) for name in ("images", "k", "nats", "standard_error")] if isinstance(found, dict) else []
    whole = bool(numbers) and all(isinstance(n, int | float) and math.isfinite(n) for n in numbers)
    return found if whole and found.get("model") == key else None


def _nats(value: float) -> str:
    return f"{float(value):.2f}".replace("-", "−")
