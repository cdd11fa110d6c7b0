"""Thirty students at once: websocket clients that turn widgets on all pages while one training run is watched by all.

python -m benchmarks.classroom                      30 clients for ten minutes; the run alone for two minutes before
python -m benchmarks.classroom --minutes 2 --clients 10
python -m benchmarks.classroom --slowest 20         also which actions took longest

Each client speaks Streamlit's own protocol: it opens the page of training, joins the run, walks on to a page of its own
and then changes a widget there every 0.5 to 1.5 s, one in ten times the page. As a browser does, it asks anew for a
fragment that the server wants polled. An answer is there when the server says that the script has finished; nothing is
drawn, and the clients' own work, which a class has elsewhere, is done on the same cores (its share is printed).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.serving import server

ARRIVING = 20.0  # seconds over which the class comes in, one after another
THINKING = (0.5, 1.5)  # seconds between an answer and the next action
WALKS = 0.1  # so often the next action is another page
TRAINING = "diffusion_model"
START, JOIN = "diffusion_model.train.start", "diffusion_model.train.join"
LONG = "diffusion_model.train.length=long"
NOT_TURNED = re.compile(r"^shell\.|\.(start|stop|join|leave|fold|lock|link|pick|again|reset)$|\.train\.")
WIDGETS = ("slider", "button_group", "selectbox", "number_input", "checkbox", "button", "radio")
FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass
class Student:
    """One client: the widgets that it was shown, what it has set, and how long it waited."""

    name: int
    socket: ClientConnection
    chance: random.Random
    pages: dict[str, str] = field(default_factory=dict)  # path of a page -> its hash
    page: str = TRAINING
    query: str = "lang=en"
    shown: dict[str, tuple[str, object, str]] = field(default_factory=dict)  # key -> (kind, element, fragment)
    states: dict[str, WidgetState] = field(default_factory=dict)
    polls: dict[str, asyncio.Task] = field(default_factory=dict)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    waits: list[tuple[float, str, float]] = field(default_factory=list)  # seconds, for what, and when it was asked
    errors: list[str] = field(default_factory=list)

    async def listen(self) -> None:
        """Takes what the server sends, as a browser would without drawing it."""
        async for data in self.socket:
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "delta":
                self._see(message)
            elif kind == "new_session":
                self._begin(set(message.metadata.run.fragment_ids))
            elif kind == "navigation":
                self.pages = {p.url_pathname or "overview": p.page_script_hash for p in message.navigation.app_pages}
            elif kind == "auto_rerun":
                self._poll(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            elif kind == "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._end_poll(fragment)
            elif kind == "script_finished" and message.script_finished in FINISHED:
                self.answered.set()
            elif kind == "session_event" and message.session_event.HasField("script_compilation_exception"):
                self.errors.append(str(message.session_event))

    def _begin(self, fragments: set[str]) -> None:
        """A run begins, of these fragments or of the whole page: what it draws takes the place of what was there."""
        if not fragments:
            for fragment in list(self.polls):
                self._end_poll(fragment)
        self.shown = {k: w for k, w in self.shown.items() if fragments and w[2] not in fragments}

    def _see(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.errors.append(f"{self.page}: {element.exception.type}: {element.exception.message}")
        elif kind in WIDGETS:
            widget = getattr(element, kind)
            *_, key = widget.id.rpartition("-")
            if not widget.disabled and key != "None":
                self.shown[key] = (kind, widget, message.delta.fragment_id)

    def _poll(self, fragment: str, seconds: float) -> None:
        if fragment not in self.polls:
            self.polls[fragment] = asyncio.create_task(self._ask_again(fragment, seconds))

    def _end_poll(self, fragment: str) -> None:
        if fragment in self.polls:
            self.polls.pop(fragment).cancel()

    async def _ask_again(self, fragment: str, seconds: float) -> None:
        while self._polls(fragment):  # wait_for forgets that it was cancelled where the answer comes as well
            await asyncio.sleep(seconds)
            async with self.busy:
                if self._polls(fragment):
                    with suppress(TimeoutError):  # the server does not answer for a fragment that has just gone
                        await self._rerun(fragment, polled=True, patience=2)

    def _polls(self, fragment: str) -> bool:
        """Whether the task that asks is still the one that polls this fragment."""
        return self.polls.get(fragment) is asyncio.current_task()

    async def _rerun(
        self, fragment: str = "", *, polled: bool = False, page: str = "", trigger: str = "", patience: float = 60
    ) -> None:
        """One run of the script, or of a fragment, and its end."""
        ask = BackMsg()
        client = ask.rerun_script
        client.query_string = self.query
        client.page_script_hash = page or self.pages.get(self.page, "")
        client.fragment_id = fragment
        client.is_auto_rerun = polled
        client.context_info.locale = "en-US"
        client.widget_states.CopyFrom(WidgetStates(widgets=list(self.states.values())))
        if trigger:
            client.widget_states.widgets.append(WidgetState(id=trigger, trigger_value=True))
        if not self.pages:
            client.page_name = self.page
        self.answered.clear()
        await self.socket.send(ask.SerializeToString())
        await asyncio.wait_for(self.answered.wait(), patience)

    async def act(self, what: str, **asked: str) -> None:
        """Something that a person does, timed from the click on: a poll under way is waited for."""
        began = time.perf_counter()
        async with self.busy:
            await self._rerun(**asked)
        self.waits.append((time.perf_counter() - began, what, began))

    async def walk(self, page: str) -> None:
        """To another page."""
        for fragment in list(self.polls):
            self._end_poll(fragment)
        self.page, self.query = page, ""
        self.shown.clear()
        self.states.clear()
        await self.act(f"opens {page}", page=self.pages[page])

    async def press(self, key: str) -> None:
        """A button, once it is there."""
        for _ in range(100):
            if key in self.shown:
                break
            await asyncio.sleep(0.2)
        else:
            raise LookupError(f"{key} is not on {self.page}, but {sorted(self.shown)}; {self.errors}")
        _, widget, fragment = self.shown[key]
        await self.act(key, fragment=fragment, trigger=widget.id)

    async def turn(self) -> None:
        """Changes one widget of the page at random."""
        keys = [key for key in self.shown if not NOT_TURNED.search(key)]
        if not keys:
            return
        key = self.chance.choice(sorted(keys))
        kind, widget, fragment = self.shown[key]
        if kind == "button":
            await self.press(key)
            return
        self.states[widget.id] = moved(kind, widget, self.chance)
        await self.act(f"{key} {said(self.states[widget.id])}", fragment=fragment)


def moved(kind: str, widget: Element, chance: random.Random) -> WidgetState:
    """A state of the widget that a person could have set."""
    state = WidgetState(id=widget.id)
    match kind:
        case "slider":
            ends = len(widget.default)
            count = max(1, round((widget.max - widget.min) / (widget.step or 1)))
            at = sorted(widget.min + (widget.step or 1) * chance.randint(0, count) for _ in range(ends))
            state.double_array_value.data.extend(min(v, widget.max) for v in at)
        case "number_input":
            low, high = (widget.min if widget.has_min else 0), (widget.max if widget.has_max else 100)
            value = low + (widget.step or 1) * chance.randint(0, max(1, round((high - low) / (widget.step or 1))))
            state.double_value = min(value, high)
        case "button_group":
            state.string_array_value.data.append(chance.choice(widget.options).content)
        case "selectbox":
            state.string_value = chance.choice(widget.options)
        case "radio":
            state.string_value = chance.choice(widget.options)
        case "checkbox":
            state.bool_value = chance.random() < 0.5
    return state


def said(state: WidgetState) -> str:
    """The value of a state, for the list of slow actions."""
    return " ".join(str(state).split("\n")[1:]).strip()[:60]


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def memory(pid: int) -> tuple[float, float]:
    """Resident megabytes of the server, and of what it has started."""
    pages = [int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in family(pid)]
    return tuple(n * os.sysconf("SC_PAGE_SIZE") / 1e6 for n in (pages[0], sum(pages[1:])))


def processor(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def learnt(home: str) -> list[tuple[float, int]]:
    """(time of day, examples) of the checkpoints that lie in the store now: when, and how much was learnt."""
    found = []
    for file in Path(home).rglob("*.json"):
        try:
            record = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue  # it is just being replaced
        if isinstance(record, dict) and "step" in record and "training" in record:
            found.append((file.stat().st_mtime, int(record["step"]) * int(record["training"]["batch_size"])))
    return sorted(found)


async def enter(address: str, name: int, query: str, kind: type[Student] = Student) -> Student:
    """A student with a page open, the one that this kind begins with."""
    wire = await connect(
        address.replace("http", "ws", 1) + "/_stcore/stream", subprotocols=["streamlit"], max_size=None
    )
    student = kind(name, wire, random.Random(name), query=query)
    student.task = asyncio.create_task(student.listen())
    await student._rerun()
    return student


async def lesson(student: Student, wait: float, until: float) -> None:
    """Comes in, thinks, acts, until the time is over."""
    await asyncio.sleep(wait)
    places = [path for path in student.pages if path != "overview"]
    await student.walk(places[student.name % len(places)])
    while time.monotonic() < until:
        await asyncio.sleep(student.chance.uniform(*THINKING))
        if student.chance.random() < WALKS:
            await student.walk(student.chance.choice(places))
        else:
            await student.turn()


async def watch_store(home: str, pid: int, seconds: float, marks: list, sizes: list) -> None:
    """Notes the checkpoints and the server's memory as time goes by."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for mark in learnt(home):
            if mark not in marks:
                marks.append(mark)
        sizes.append(memory(pid))
        await asyncio.sleep(2)


def rate(marks: list[tuple[float, int]]) -> float:
    """Examples a second between the first checkpoint and the last."""
    (t0, n0), (t1, n1) = marks[0], marks[-1]
    return (n1 - n0) / (t1 - t0) if t1 > t0 else float("nan")


async def alone(address: str, home: str, pid: int, seconds: float) -> float:
    """Examples a second of a run that one student watches."""
    student = await enter(address, 0, f"lang=en&{LONG}&diffusion_model.train.seed=7")
    await student.press(START)
    marks: list[tuple[float, int]] = []
    await watch_store(home, pid, seconds, marks, [])
    await student.press("diffusion_model.train.stop")
    await watch_store(home, pid, 5, marks, [])
    await student.socket.close()
    return rate(marks)


async def together(address: str, home: str, pid: int, clients: int, seconds: float) -> tuple:
    """All students; (students, checkpoints of their run, sizes of the server, errors)."""
    before = set(learnt(home))
    students = [await enter(address, k, f"lang=en&{LONG}") for k in range(clients)]
    await students[0].press(START)
    for student in students[1:]:
        await student._rerun()
        await student.press(JOIN)
    for student in students:
        student.waits.clear()
    marks: list[tuple[float, int]] = [(time.time(), 0)]  # it begins about now; replaced by the first checkpoint
    sizes: list[tuple[float, float]] = []
    until = time.monotonic() + seconds
    work = (sum(map(processor, family(pid))), processor(os.getpid()), time.monotonic())
    ended = await asyncio.gather(
        watch_store(home, pid, seconds, marks, sizes),
        *(lesson(s, s.name * ARRIVING / clients, until) for s in students),
        return_exceptions=True,
    )
    spent = time.monotonic() - work[2]
    shares = ((sum(map(processor, family(pid))) - work[0]) / spent, (processor(os.getpid()) - work[1]) / spent)
    errors = [f"{type(e).__name__}: {e}" for e in ended if isinstance(e, BaseException)]
    for student in students:
        errors += student.errors
        for fragment in list(student.polls):
            student._end_poll(fragment)
        await student.socket.close()
    marks = [mark for mark in marks if mark not in before]
    return students, marks[1:] if len(marks) > 2 else marks, sizes, errors, shares


def by_quarters(acts: list[tuple[float, str, float]]) -> list[str]:
    """Median and 99th percentile of the answers to what was asked in each quarter of the time."""
    first = min(began for *_, began in acts)
    length = (max(began for *_, began in acts) - first) / 4 or 1.0
    quarters: list[list[float]] = [[], [], [], []]
    for wait, _, began in acts:
        quarters[min(3, int((began - first) / length))].append(wait)
    cuts = [statistics.quantiles(quarter, n=100) for quarter in quarters if len(quarter) > 1]
    return [f"{cut[49]:.3f} and {cut[98]:.2f} s" for cut in cuts]


def main() -> None:
    """Prints what thirty students wait for, what the run lost, and what the server holds."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--clients", type=int, default=30)
    asked.add_argument("--minutes", type=float, default=10)
    asked.add_argument("--alone", type=float, default=130, help="seconds of the run alone; 0 leaves it out")
    asked.add_argument("--slowest", type=int, default=0)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as home:
        log = Path(home) / "server.log"
        with server(home, log) as (address, pid):
            single = asyncio.run(alone(address, home, pid, options.alone)) if options.alone else float("nan")
            students, marks, sizes, errors, shares = asyncio.run(
                together(address, home, pid, options.clients, 60 * options.minutes)
            )
        complaints = [line for line in log.read_text().splitlines() if "Traceback" in line or "Error" in line]
    acts = sorted((act for student in students for act in student.waits), reverse=True)
    waits = [wait for wait, *_ in acts]
    cuts = statistics.quantiles(waits, n=100)
    print(f"{options.clients} clients, {options.minutes:g} minutes, {len(waits)} actions")
    print(f"answer: median {statistics.median(waits):.3f} s, 90 % {cuts[89]:.3f} s, 99 % {cuts[98]:.3f} s, "
          f"longest {waits[0]:.2f} s")  # fmt: skip
    print(f"by quarters of the time: {', '.join(by_quarters(acts))}")
    if len(marks) > 1:
        together_rate = rate(marks)
        print(f"training: {together_rate:.0f} examples a second, alone {single:.0f}: {together_rate / single:.2f}")
    for name, process in zip(("server", "runs"), zip(*sizes, strict=True), strict=True):
        tenths = [process[k * len(process) // 10] for k in range(10)] + [process[-1]]
        print(f"memory of the {name}, MB, by tenths of the time: {' '.join(f'{size:.0f}' for size in tenths)}")
    print(f"processor: server {shares[0]:.2f} of {os.cpu_count()} cores, the clients themselves {shares[1]:.2f}")
    print(f"errors: {len(errors)} seen by clients, {len(complaints)} lines in the log")
    for what, count in Counter([*errors, *complaints]).most_common(10):
        print(f"  {count} × {what[:300]}")
    for wait, what, _ in acts[: options.slowest]:
        print(f"  {wait:.2f} s  {what}")


if __name__ == "__main__":
    main()
