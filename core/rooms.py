"""Rooms: a class that answers together. No accounts, no names, no addresses; nothing is written to disk.

    code = rooms().begin(token)                     token: this browser's random name, which nobody else is shown
    rooms().join("k7m-3p", other)
    rooms().ask(token, "likelihood.fit", Question(data=(1.0, 2.0), bounds=((-6, 6), (0.05, 6))))
    rooms().answer(other, "likelihood.fit", (1.5, 0.5))
    rooms().reveal(token, "likelihood.fit")
    rooms().of(other).topic("likelihood.fit").answers    what everybody answered, in no order that says who
    rooms().lead(rooms().key(token), tablet)             a second browser that owns the room

Whoever begins a room owns it: only an owner asks, reveals, clears and ends. The room's key, which owners alone are
shown, lets another browser own it too: a second device, or the same one once its cookie is lost. Everything handed out
is immutable. A room lives in this process's memory and ends by itself: when nobody in it has given a sign of life for
half an hour, or after a school day. Codes have five of 27 signs: a lesson is too short to guess one of 14 million, and
a browser that was wrong too often waits. A key has 128 bits.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

SIGNS = "0123456789ACDEFHJKMNPRTVWXY"  # of a code: none looks like another
ALIKE = str.maketrans("OQILUSZBG", "0011V5286")  # read as the sign that was meant
LENGTH = 5
SILENCE = 30 * 60.0  # seconds without a sign of life from anybody, after which a room ends
LONGEST = 8 * 3600.0  # seconds that a room lasts at most
PRESENT = 90.0  # seconds since a sign of life for which a member counts as there; browsers slow down hidden tabs
MOST_ROOMS, MOST_MEMBERS, MOST_TOPICS = 40, 100, 40
MOST_ANSWERS = 100  # to a question: what a picture can show, and what can be worked out while a class waits
MOST_NUMBERS = 16  # in an answer
MOST_TEXT = 64  # characters of a topic's name or an option
MOST_OWNERS = 4  # browsers that lead a room
MOST_MISSES, PAUSE = 20, 60.0  # wrong codes of one browser within so many seconds, after which it waits for the rest
REMEMBERED = 1000  # members of rooms that have ended, to whom that has not been said yet; browsers that guessed wrong

Answer = str | tuple[float, ...]
Status = Literal["open", "closed", "revealed"]


class RoomError(ValueError):
    """What cannot be done, with a `code` for which the page has a sentence: unknown, often, full, owner, invalid."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Question:
    """What a topic asks: for one of `options`, or for numbers, one within each (low, high) of `bounds`.

    data: plain numbers and texts that those who answer need, such as the points to be fitted.
    """

    data: tuple = ()
    options: tuple[str, ...] = ()
    bounds: tuple[tuple[float, float], ...] = ()

    def checked(self, answer: object) -> Answer:
        """The answer as it is kept; RoomError "invalid" for one that the question does not allow."""
        if self.options:
            if isinstance(answer, str) and answer in self.options:
                return answer
        elif isinstance(answer, tuple | list) and len(answer) == len(self.bounds):
            plain = all(isinstance(v, int | float) and not isinstance(v, bool) for v in answer)
            if plain and all(low <= v <= high for v, (low, high) in zip(answer, self.bounds, strict=True)):
                return tuple(float(v) for v in answer)  # the comparison has refused what is not a number
        raise RoomError("invalid", "The answer must be one of the options, or as many numbers as asked, within bounds.")


@dataclass(frozen=True)
class Topic:
    """One question of a room, as one member may see it.

    version: grows when it is asked, closed, revealed or cleared, not with each answer.
    count, expected: how many have answered, of how many who are there (an owner only counts if he answered).
    mine: this member's answer, or None.  answers: all of them once it is revealed, sorted; empty before.
    """

    name: str
    status: Status
    question: Question
    version: int
    count: int
    expected: int
    mine: Answer | None
    answers: tuple[Answer, ...] = ()

    @property
    def chosen(self) -> Counter[Answer]:
        """How many gave each answer."""
        return Counter(self.answers)


@dataclass(frozen=True)
class Room:
    """A room as one member may see it.

    owner: whether it is this member's.  people: how many members are there now, its owners not among them.
    version: of the latest change of a topic.
    """

    code: str
    owner: bool
    people: int
    version: int
    topics: tuple[Topic, ...]

    def topic(self, name: str) -> Topic | None:
        """The topic of that name; None where it was not asked."""
        return next((topic for topic in self.topics if topic.name == name), None)


@dataclass
class _Topic:
    question: Question
    version: int
    status: Status = "open"
    answers: dict[str, Answer] = field(default_factory=dict)  # by token


@dataclass
class _Room:
    code: str
    owners: set[str]
    begun: float
    seen: dict[str, float]  # token: last sign of life; the owners' too
    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    topics: dict[str, _Topic] = field(default_factory=dict)
    version: int = 0

    def next_version(self) -> int:
        self.version += 1
        return self.version


class Rooms:
    """All rooms of a server. clock: seconds, for tests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._rooms: dict[str, _Room] = {}
        self._where: dict[str, str] = {}  # token: code
        self._ended: OrderedDict[str, str] = OrderedDict()  # token: code of a room that has ended under it
        self._misses: OrderedDict[str, tuple[int, float]] = OrderedDict()  # token: wrong codes, since when

    def begin(self, owner: str) -> str:
        """A new room's code; the one that this owner has already, if there is one. RoomError "full"."""
        with self._lock:
            self._forget()
            mine = self._room(owner)
            if mine is not None and owner in mine.owners:
                return mine.code
            if len(self._rooms) >= MOST_ROOMS:
                raise RoomError("full", f"There are {MOST_ROOMS} rooms already; one has to end first.")
            self._leave(owner)
            code = _draw()
            while code in self._rooms:
                code = _draw()
            now = self._clock()
            self._rooms[code] = _Room(code, {owner}, now, {owner: now})
            self._where[owner] = code
            self._ended.pop(owner, None)
            return code

    def join(self, code: object, member: str) -> str:
        """Enter a room, and leave the one before. RoomError: "unknown" code, "full", or "owner" of another room.

        After too many unknown codes none is looked at for a while: "often".
        """
        with self._lock:
            self._forget()
            self._enter(self._found(code, member), member)
            return self._where[member]

    def key(self, owner: str) -> str:
        """What lets another browser own the room, too. RoomError if it is not an "owner" who asks."""
        with self._lock:
            return self._owned(owner).key

    def lead(self, key: object, token: str) -> str:
        """Enter the room of this key as one of its owners; its code. RoomError as `join`; "full" of owners, too."""
        asked = str(key)[:MOST_TEXT].encode(errors="replace")
        with self._lock:
            self._forget()
            room = next((r for r in self._rooms.values() if secrets.compare_digest(r.key.encode(), asked)), None)
            if room is None:
                raise RoomError("unknown", "There is no room with this key, or it has ended.")
            if token not in room.owners and len(room.owners) >= MOST_OWNERS:
                room.owners &= self._there(room)
                if len(room.owners) >= MOST_OWNERS:
                    raise RoomError("full", f"A room is led from {MOST_OWNERS} browsers at most.")
            self._enter(room, token)
            room.owners.add(token)
            return room.code

    def of(self, token: str) -> Room | None:
        """The room that this browser is in, and a sign of life for it."""
        with self._lock:
            self._forget()
            room = self._room(token)
            if room is None:
                return None
            room.seen[token] = self._clock()
            topics = tuple(self._shown(room, name, token) for name in room.topics)
            people = len(self._there(room) - room.owners)
            return Room(room.code, token in room.owners, people, room.version, topics)

    def leave(self, token: str) -> None:
        """Out of the room; what was answered stays. With an owner who leaves a room ends."""
        with self._lock:
            self._leave(token)

    def exists(self, code: str) -> bool:
        """Whether there is a room with exactly this code."""
        with self._lock:
            self._forget()
            return code in self._rooms

    def farewell(self, token: str) -> str | None:
        """The code of the room that has ended while this browser was in it; said once."""
        with self._lock:
            self._forget()
            return self._ended.pop(token, None)

    def ask(self, owner: str, name: str, question: Question) -> None:
        """Open a topic anew, without answers. RoomError: not the "owner", "full", or an "invalid" question."""
        with self._lock:
            room = self._owned(owner)
            self._open(room, name, question)

    def expect(self, token: str, name: str, question: Question) -> None:
        """Open a topic that every page asks by itself, if it is not there yet. Errors as `ask`, whoever calls."""
        with self._lock:
            room = self._room(token)
            if room is not None and (name not in room.topics or room.topics[name].question != question):
                self._open(room, name, question)

    def answer(self, token: str, name: str, answer: object) -> bool:
        """Keep a member's answer in place of an earlier one; False if no more are taken. RoomError "invalid"."""
        with self._lock:
            room = self._room(token)
            topic = room.topics.get(name) if room is not None else None
            if topic is None or topic.status != "open":
                return False
            if len(topic.answers) >= MOST_ANSWERS and token not in topic.answers:
                return False
            topic.answers[token] = topic.question.checked(answer)
            return True

    def close(self, owner: str, name: str) -> tuple[Answer, ...]:
        """Take no more answers. Returns those there are, sorted: what is drawn of them can be worked out first."""
        with self._lock:
            room = self._owned(owner)
            topic = room.topics.get(name)
            if topic is None:
                return ()
            if topic.status == "open":
                topic.status, topic.version = "closed", room.next_version()
            return tuple(sorted(topic.answers.values()))

    def reveal(self, owner: str, name: str) -> None:
        """Show everybody's answers to everybody; no more are taken. RoomError if it is not the "owner" who asks."""
        with self._lock:
            room = self._owned(owner)
            topic = room.topics.get(name)
            if topic is not None and topic.status != "revealed":
                topic.status, topic.version = "revealed", room.next_version()

    def clear(self, owner: str, name: str) -> None:
        """Take a topic away, with its answers. RoomError if it is not the "owner" who asks."""
        with self._lock:
            room = self._owned(owner)
            if room.topics.pop(name, None) is not None:
                room.next_version()

    # Under the lock.

    def _room(self, token: str) -> _Room | None:
        return self._rooms.get(self._where.get(token, ""))

    def _owned(self, owner: str) -> _Room:
        room = self._room(owner)
        if room is None or owner not in room.owners:
            raise RoomError("owner", "Only who owns the room can do this.")
        return room

    def _found(self, code: object, member: str) -> _Room:
        """The room of this code, unless this browser has been wrong too often."""
        now = self._clock()
        misses, since = self._misses.get(member, (0, now))
        if now - since > PAUSE:
            misses, since = 0, now
        if misses >= MOST_MISSES:
            raise RoomError("often", f"{MOST_MISSES} codes were wrong; in {PAUSE:.0f} seconds there is another try.")
        room = self._rooms.get(read_code(code))
        if room is None:
            self._misses[member] = (misses + 1, since)
            self._misses.move_to_end(member)
            while len(self._misses) > REMEMBERED:
                self._misses.popitem(last=False)
            raise RoomError("unknown", "There is no room with this code, or it has ended.")
        return room

    def _enter(self, room: _Room, member: str) -> None:
        before = self._room(member)
        if before is not room:
            if before is not None and member in before.owners:
                raise RoomError("owner", "Whoever has a room of his own must end it before he joins another.")
            if len(room.seen) >= MOST_MEMBERS:
                for absent in room.seen.keys() - self._there(room) - room.owners:
                    del room.seen[absent], self._where[absent]
            if len(room.seen) >= MOST_MEMBERS:
                raise RoomError("full", f"The room is full: {MOST_MEMBERS} people are in it.")
            self._leave(member)
            self._where[member] = room.code
            self._ended.pop(member, None)
        room.seen[member] = self._clock()

    def _open(self, room: _Room, name: str, question: Question) -> None:
        if not name or len(name) > MOST_TEXT or not _sound(question):
            raise RoomError("invalid", "A question asks for one of some options, or for a few numbers within bounds.")
        if name not in room.topics and len(room.topics) >= MOST_TOPICS:
            raise RoomError("full", f"A room has {MOST_TOPICS} topics at most.")
        room.topics[name] = _Topic(question, room.next_version())

    def _shown(self, room: _Room, name: str, token: str) -> Topic:
        topic = room.topics[name]
        expected = len((self._there(room) - room.owners) | topic.answers.keys())
        answers = tuple(sorted(topic.answers.values())) if topic.status == "revealed" else ()
        mine = topic.answers.get(token)
        count = len(topic.answers)
        return Topic(name, topic.status, topic.question, topic.version, count, expected, mine, answers)

    def _there(self, room: _Room) -> set[str]:
        oldest = self._clock() - PRESENT
        return {token for token, seen in room.seen.items() if seen >= oldest}

    def _leave(self, token: str) -> None:
        room = self._room(token)
        self._where.pop(token, None)
        if room is None:
            return
        if token in room.owners:
            self._end(room)
        else:
            room.seen.pop(token, None)

    def _end(self, room: _Room) -> None:
        del self._rooms[room.code]
        for token in room.seen:
            if self._where.pop(token, None) == room.code:
                self._ended[token] = room.code
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def _forget(self) -> None:
        """Rooms in which nobody is any more, and those that have lasted long enough, have ended."""
        now = self._clock()
        for room in list(self._rooms.values()):
            if now - max(room.seen.values()) > SILENCE or now - room.begun > LONGEST:
                self._end(room)


def read_code(code: object) -> str:
    """A code as it was meant: any case or width, spaces and dashes left out, O read as 0, and so on."""
    folded = unicodedata.normalize("NFKC", str(code)[:MOST_TEXT]).upper().translate(ALIKE)
    return "".join(sign for sign in folded if sign in SIGNS)


def _draw() -> str:
    return "".join(secrets.choice(SIGNS) for _ in range(LENGTH))


def _sound(question: Question) -> bool:
    """Whether a question can be asked: a few options, or a few pairs of finite bounds."""
    if question.options:
        short = all(isinstance(option, str) and len(option) <= MOST_TEXT for option in question.options)
        return short and not question.bounds and len(question.options) <= MOST_NUMBERS
    finite = all(math.isfinite(low) and math.isfinite(high) and low <= high for low, high in question.bounds)
    return finite and 1 <= len(question.bounds) <= MOST_NUMBERS


_process_rooms = Rooms()


def rooms() -> Rooms:
    """The rooms of this process."""
    return _process_rooms
