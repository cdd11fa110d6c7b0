"""em.starts in a room: everybody places start means, and the class sees which end each of them found."""

from __future__ import annotations

import streamlit as st

from core import scene
from core.scenes.em import ClassStarts, OwnStart
from pages.em import common, starts_picture
from ui import links, room, text
from ui.plane import Cloud, Panel, plane

ID = "em.starts"
Means = tuple[tuple[float, float], ...]
LISTED = 6  # ends that the sentence names


def question(data: str, components: int) -> room.Question:
    """What the class is asked: so many start means in the picture of the data."""
    return room.Question(data=(data, components), bounds=common.BOXES[data] * components)


def settle(joined: room.Room | None, means: links.Setting) -> room.Topic | None:
    """The class's question, if one stands; a new one begins with no means placed, or with those handed in."""
    topic = joined.topic(ID) if joined is not None else None
    if joined is None or topic is None:
        return None
    place, now = f"{ID}.round", (joined.code, topic.version)
    if topic.status == "open" and st.session_state.get(place) != now:
        st.session_state[place] = now
        links.put_all({means: pairs(topic.mine or ())})
    return topic


def pairs(flat: tuple[float, ...]) -> Means:
    """(x, y, x, y, …), as an answer is handed in, as points."""
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def asked(topic: room.Topic, answers: tuple = ()) -> ClassStarts:
    """The runs from everybody's start."""
    return ClassStarts(topic.question.data[0], tuple(pairs(answer) for answer in answers or topic.answers))


def draw(joined: room.Room, topic: room.Topic, means: links.Setting) -> None:
    """The experiment while a question stands: first the data and one's own means, once revealed every run."""
    t, (data, count) = text.current(), topic.question.data
    placed = tuple(p for p in links.value(means) if common.inside(data, p))
    flat = tuple(v for place in placed for v in place)
    if topic.status != "revealed" and joined.owner:
        text.prose(t.words(f"{ID}.class.asking", k=count))
    elif topic.status != "revealed":
        text.prose(f"{t.words(f'{ID}.class.place', k=count)} {t.words(f'{ID}.class.placed', n=len(placed), k=count)}")
    room.desk(
        ID, joined, question(data, count), flat if len(placed) == count else None,
        prepare=lambda answers: scene.shown(asked(topic, answers)),
    )  # fmt: skip
    if topic.status == "revealed" and topic.answers:
        _revealed(topic, placed, means)
        return
    if topic.status == "revealed":
        text.prose(t.words(f"{ID}.class.none"))
    x, y = common.axes(data)
    points = scene.shown(ClassStarts(data))["x"]
    panel = Panel(
        name="data",
        x=x,
        y=y,
        layers=[Cloud(name="data", at=points, faint=True)],
        handles=[] if joined.owner else [starts_picture.editor(count)],
    )
    invite = "" if joined.owner else t.words(f"{ID}.invite")
    plane([panel], key=f"{ID}.class", values={"means": means}, height=380, invite=invite)


def _revealed(topic: room.Topic, placed: Means, means: links.Setting) -> None:
    t, runs = text.current(), asked(topic)
    a = scene.shown(runs)
    own = scene.shown(OwnStart(runs.data, placed)) if placed else {"refused": "nothing"}
    own = None if "refused" in own else own
    chosen = starts_picture.draw(runs, a, own, means)
    if len(a["optima"]):
        best, found = common.nats(float(a["optima"][0])), int(a["found"][0])
        text.prose(t.words(f"{ID}.class.caption", found=found, runs=len(a["best"]), best=best))
        if len(a["optima"]) > 1:
            others = list(zip(a["optima"][1:LISTED], a["found"][1:LISTED], strict=True))
            listed = ", ".join(f"{common.nats(float(value))} ({count})" for value, count in others)
            text.prose(t.words(f"{ID}.class.ends", n=len(a["optima"]) - 1, listed=listed))
    else:
        text.prose(t.words(f"{ID}.class.unsound", runs=len(a["best"])))
    starts_picture.say_collapsed(a)
    if chosen is not None:
        starts_picture.say_picked(a, chosen)
    if own is not None:
        top = float(a["optima"][0]) if len(a["optima"]) else None
        starts_picture.say_own(own, topic.question.data[1], top, means)
