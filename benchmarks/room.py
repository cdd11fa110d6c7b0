"""A room of thirty on one server: what waiting costs, and how long a question, an answer and the reveal take.

python -m benchmarks.room                   a teacher and 30 students on the page of likelihood.fit
python -m benchmarks.room --students 60

The clients are those of benchmarks/classroom.py: they speak Streamlit's own protocol and poll as a browser does. What
an ear does in the browser (ui/pulse/ear.js), they do themselves: once the question or the reveal is out, each asks for
its fragment at a moment within the three seconds of its poll.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.classroom import Student, enter, processor
from benchmarks.serving import server

FIT, EAR = "likelihood.fit", "likelihood.fit.ear"
POLL = 3.0  # seconds between a member's polls, over which those who hear of something are spread
WARM = 15.0  # seconds until the server has imported torch


@dataclass
class Member(Student):
    """A client that also notes the room's code and the fragments in which its ears stand."""

    page: str = "likelihood"
    code: str = ""
    ears: dict[str, str] = field(default_factory=dict)

    def _see(self, message: ForwardMsg) -> None:
        super()._see(message)
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "html" and (found := re.search(r'class="room-code">(\w+)<', element.html.body)):
            self.code = found[1]
        elif kind == "bidi_component":
            self.ears[element.bidi_component.id.rpartition("-")[2]] = message.delta.fragment_id

    async def hear(self, what: str) -> None:
        """What an ear of the experiment has done, at some moment of the poll."""
        await asyncio.sleep(self.chance.uniform(0, POLL))
        await self.act(what, fragment=self.ears[EAR])


async def waiting(pid: int, seconds: float = 20.0) -> float:
    """The share of a core that the server takes while nobody does anything."""
    before = processor(pid)
    await asyncio.sleep(seconds)
    return (processor(pid) - before) / seconds


def told(what: str, members: list[Member]) -> None:
    waits = [seconds for member in members for seconds, done, _ in member.waits if done == what]
    print(f"{what}: median {statistics.median(waits):.2f} s, longest {max(waits):.2f} s")


async def lesson(address: str, pid: int, count: int) -> None:
    teacher = await enter(address, 0, "lang=en", Member)
    await asyncio.sleep(WARM)
    print(f"server alone with its teacher: {waiting_words(await waiting(pid))}")
    await teacher.press("shell.room.start")
    students = [await enter(address, k, f"lang=en&room={teacher.code}", Member) for k in range(1, count + 1)]
    for student in students:
        student.query = "lang=en"  # the browser takes the room out of the address
    print(f"{count} wait in a room: {waiting_words(await waiting(pid))}")
    await teacher.press(f"{FIT}.ask")
    await asyncio.gather(*(student.hear("the question appears") for student in students))
    told("the question appears", students)
    await asyncio.gather(*(student.press(f"{FIT}.hand_in") for student in students))
    told(f"{FIT}.hand_in", students)
    await teacher.press(f"{FIT}.reveal")
    await asyncio.gather(*(student.hear("the reveal appears") for student in students))
    told("the reveal appears", students)
    errors = [error for member in (teacher, *students) for error in member.errors]
    print(f"errors: {errors or 'none'}")


def waiting_words(share: float) -> str:
    return f"{100 * share:.1f}% of a core"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--students", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, server(home, Path(home) / "app.log") as (address, pid):
        asyncio.run(lesson(address, pid, asked.students))


if __name__ == "__main__":
    main()
