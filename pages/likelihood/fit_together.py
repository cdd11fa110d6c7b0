"""likelihood.fit in a room: the class guesses μ and σ by eye, and all guesses appear around the maximum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.likelihood import GuessesScene
from pages.likelihood.common import number
from ui import links, room, text
from ui.plane import COMPONENTS, Cloud, Layer, Rule

ID = "likelihood.fit"
Row = tuple[tuple[float, float], ...]


def question(xs: tuple[float, ...], best_std: float, mean: links.Setting, std: links.Setting) -> room.Question | None:
    """What the class would be asked now; None where the points have no best curve that could be set."""
    if not best_std >= std.low:  # NaN too
        return None
    return room.Question(data=xs, bounds=((mean.low, mean.high), (std.low, std.high)))


def settle(joined: room.Room | None, points: links.Setting, start: Mapping[links.Setting, float]) -> room.Topic | None:
    """The class's question, if one stands; its points are everybody's, and its first curve is nobody's answer."""
    topic = joined.topic(ID) if joined is not None else None
    if joined is None or topic is None:
        return None
    place, now = f"{ID}.round", (joined.code, topic.version)
    wished: Row = tuple((x, 0.0) for x in topic.question.data)
    new = {points: wished} if links.value(points) != wished else {}
    if topic.status == "open" and st.session_state.get(place) != now:
        st.session_state[place] = now
        given = topic.mine or tuple(start.values())
        new |= dict(zip(start, given, strict=True))
    if new:
        links.put_all(new)
    return topic


def guesses(topic: room.Topic) -> Mapping[str, np.ndarray]:
    """The guesses and what follows from them; empty where nobody has handed in."""
    if not topic.answers:
        return {}
    return {"at": np.array(topic.answers)} | scene.shown(GuessesScene(topic.question.data, topic.answers))


def layers(topic: room.Topic, arrays: Mapping[str, np.ndarray]) -> list[Layer]:
    """All guesses, the mean of them, one's own, larger than the handle that lies on it, and the maximum as a cross."""
    if not arrays:
        return []
    t, middle = text.current(), arrays["middle"][None]
    drawn = [
        Rule(name="best_mean", x=float(arrays["best"][0]), role="exact"),
        Rule(name="best_std", y=float(arrays["best"][1]), role="exact", label=t.words(f"{ID}.class.best")),
        Cloud(name="guesses", at=arrays["at"], role="noise", size=4, label=t.words(f"{ID}.class.guesses")),
        Cloud(
            name="middle", at=middle, role="data", size=6, shares=_shape("data"), label=t.words(f"{ID}.class.middle")
        ),
    ]
    if topic.mine is not None:
        label = t.words(f"{ID}.class.mine")
        drawn.append(
            Cloud(name="mine", at=np.array([topic.mine]), role="score", size=11, shares=_shape("score"), label=label)
        )
    return drawn


def data(topic: room.Topic) -> Layer:
    """The points of the question, which nobody can move."""
    return Cloud(name="data", at=np.array([(x, 0.0) for x in topic.question.data]), role="data", size=6)


def _shape(role: str) -> np.ndarray:
    """Shares that give one point the colour of a role and a shape of its own, as a second cue."""
    return np.eye(len(COMPONENTS))[[COMPONENTS.index(role)]]


def sentences(topic: room.Topic, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Where the guesses lie, and how far below the maximum: the middle one, the best one, and their mean."""
    t = text.current()
    if not arrays:
        return [t.words(f"{ID}.class.none")]
    below, count = arrays["below"], len(arrays["below"])
    values = {name: [number(float(v)) for v in arrays[name]] for name in ("middle", "spread")}
    said = [
        t.words(
            f"{ID}.class.caption",
            n=count, mean=values["middle"][0], std=values["middle"][1],
            mean_spread=values["spread"][0], std_spread=values["spread"][1],
            median=nats(float(np.median(below))), best=nats(float(below.min())),
        )
    ]  # fmt: skip
    if count > 1:
        middle = float(arrays["middle_below"])
        said.append(t.words(f"{ID}.class.crowd", gap=nats(middle), beaten=int((below > middle).sum()), n=count))
    return said


def nats(value: float) -> str:
    """A distance below the maximum: two decimals, and two digits of what is so near that these would say little."""
    return number(value) if value >= 0.1 else text.number(value, 2)
