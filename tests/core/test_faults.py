"""A process that is killed, a disk that is full, watchers who drop, two servers on one store: nothing is lost."""

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import scene
from core import store as store_module
from core.jobs import KEPT, Checkpoint, Job, Runner
from core.runner import FIRST_SECONDS
from core.store import ModelStore

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Counted:
    """All that was counted so far, and what a generator that is kept with it has drawn."""

    count: int
    steps: int
    drawn: torch.Tensor  # (count,)
    generator: torch.Tensor
    problem: str | None = None

    @property
    def progress(self) -> float:
        return self.count / self.steps

    def checkpoint(self) -> Checkpoint:
        return {"drawn": self.drawn, "generator": self.generator}, {"step": self.count}

    def result(self) -> Checkpoint:
        return {"drawn": self.drawn}, {"kind": "counting"}


@dataclass(frozen=True)
class Counting:
    """A run that draws a number a step; a step takes a ticket where there is a gate, and so many seconds."""

    key: str
    steps: int = 5
    short: bool = True
    gate: threading.Semaphore | None = None
    pause: float = 0.0
    problem_at: int | None = None
    title: str = "counting"

    def start(self, checkpoint: Checkpoint | None) -> Iterator[Counted]:
        generator = torch.Generator("cpu").manual_seed(3)
        drawn = torch.zeros(0, device="cpu")
        if checkpoint:
            drawn = checkpoint[0]["drawn"]
            generator.set_state(checkpoint[0]["generator"])
        while len(drawn) < self.steps:
            if self.gate is not None:
                assert self.gate.acquire(timeout=20)
            time.sleep(self.pause)
            drawn = torch.cat([drawn, torch.rand(1, generator=generator, device="cpu")])
            problem = "diverged" if len(drawn) == self.problem_at else None
            yield Counted(len(drawn), self.steps, drawn, generator.get_state(), problem)
            if problem:
                return


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


def reached(job: Job, count: int) -> None:
    wait_for(lambda: job.snapshot().state is not None and job.snapshot().state.count >= count)


def ended(job: Job) -> str:
    wait_for(lambda: job.snapshot().status in ("done", "stopped", "failed"))
    return job.snapshot().status


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path)


@pytest.fixture
def make(store: ModelStore) -> Iterator[Callable[..., Runner]]:
    made: list[Runner] = []

    def build(**settings: Any) -> Runner:
        made.append(Runner(store, 0.0, **settings))
        return made[-1]

    yield build
    for one in made:
        assert one.close(timeout=10)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """A disk that is full while "now" is True: every file is written to its middle."""
    write, state = store_module._write, {"now": False}

    def refuse(path: Path, content: bytes) -> None:
        if state["now"]:
            path.write_bytes(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(store_module, "_write", refuse)
    return state


# ---- what is left of a run ------------------------------------------------------------------------------------------


def test_the_first_checkpoint_comes_early_and_each_one_later(make, store):
    gate, clock, kept = threading.Semaphore(0), Clock(), []
    job = make(clock=clock, checkpoint_seconds=60, watcher_seconds=1e9).ask(Counting("a", 300, gate=gate), "ann")
    wait_for(lambda: job.snapshot().status == "running")
    for second in range(1, 241):
        clock.now = float(second)
        gate.release()
        reached(job, second)
        wait_for(lambda: gate._value == 0)
        if "a" + KEPT in store and store.record("a" + KEPT)["step"] not in kept:
            kept.append(store.record("a" + KEPT)["step"])
    late = [b - a for a, b in zip([0, *kept], kept, strict=False)]
    assert late[:4] == pytest.approx([FIRST_SECONDS, 10, 20, 40], abs=1.5)
    assert late[4:] == pytest.approx([60] * len(late[4:]), abs=1.5) and len(late) > 4
    gate.release(100)


def test_what_a_dead_process_left_is_found_by_its_note_and_goes_on_exactly(make, store):
    gate = threading.Semaphore(3)
    dead = make(checkpoint_seconds=0)
    job = dead.ask(Counting("a", gate=gate), "ann", note={"place": "here", "settings": {"x.y.z": "3"}})
    reached(job, 3)
    wait_for(lambda: "a" + KEPT in store and store.record("a" + KEPT)["step"] == 3)
    assert dead.interrupted() == [], "it goes on"
    later = make()
    (found,) = later.interrupted()
    assert (found["key"], found["kept_progress"]) == ("a", 0.6)
    assert found["kept_note"] == {"place": "here", "settings": {"x.y.z": "3"}}
    again = later.ask(Counting("a"), "bob")
    assert ended(again) == "done" and later.interrupted() == []
    *_, whole = Counting("b").start(None)
    torch.testing.assert_close(again.snapshot().state.drawn, whole.drawn, rtol=0, atol=0)
    gate.release(5)


def test_only_what_nobody_ended_counts_as_interrupted(make, store):
    gate, clock = threading.Semaphore(2), Clock()
    service = make(clock=clock, watcher_seconds=180)
    dropped = service.ask(Counting("dropped", gate=gate), "ann")
    reached(dropped, 2)
    clock.now = 170.0
    gate.release()
    reached(dropped, 3)
    assert dropped.snapshot().status == "running", "she may come back"
    clock.now = 200.0
    gate.release()
    assert ended(dropped) == "stopped"
    gate = threading.Semaphore(1)
    stopped = service.ask(Counting("stopped", gate=gate), "bob")
    reached(stopped, 1)
    service.stop("stopped", "bob")
    gate.release()
    assert ended(stopped) == "stopped"
    assert ended(service.ask(Counting("diverged", problem_at=3), "bob")) == "failed"
    for runner in (service, make()):
        assert [record["key"] for record in runner.interrupted()] == ["dropped"]
    assert {r["key"] for r in store.records(KEPT)} == {"dropped" + KEPT, "stopped" + KEPT, "diverged" + KEPT}


# ---- a full disk ----------------------------------------------------------------------------------------------------


def test_on_a_full_disk_a_run_goes_on_and_is_kept_once_there_is_room(make, store, full):
    gate, clock = threading.Semaphore(1), Clock()
    service = make(clock=clock, checkpoint_seconds=4)
    job = service.ask(Counting("a", gate=gate), "ann")
    reached(job, 1)
    clock.now = 5.0
    gate.release()
    wait_for(lambda: "a" + KEPT in store)
    full["now"], clock.now = True, 10.0
    gate.release()
    wait_for(lambda: job.snapshot().message == "store_full")
    assert job.snapshot().status == "running" and store.load("a" + KEPT)[1]["step"] == 2, "the last one is whole"
    gate.release(2)
    assert ended(job) == "done" and job.snapshot().message == "store_full" and "a" not in store
    assert store.load("a" + KEPT)[1]["step"] == 2
    assert not [path for path in store.folder.iterdir() if path.name.endswith(".tmp")]
    full["now"], clock.now = False, 20.0
    wait_for(lambda: job.snapshot().message is None)  # nobody has asked again
    assert len(store.load("a")[0]["drawn"]) == 5 and "a" + KEPT not in store


def test_a_first_paint_that_finds_no_room_leaves_the_one_before(tmp_path, monkeypatch):
    file = tmp_path / "scene.npz"
    scene.save(file, x=np.arange(5))

    def half(path: Path, **arrays: np.ndarray) -> None:
        path.write_bytes(b"PK half of a file")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(OSError, match="space"):
        scene.save(file, x=np.arange(9))
    assert list(tmp_path.iterdir()) == [file] and len(np.load(file)["x"]) == 5


# ---- two servers on one store ---------------------------------------------------------------------------------------

SERVER = """
import sys, time
from core.jobs import Runner
from core.store import ModelStore
from tests.core.test_faults import Counting
runner = Runner(ModelStore(sys.argv[1]), 0.02, checkpoint_seconds=0.02)
wanted = {"shared": 60, sys.argv[2]: int(sys.argv[3])}
jobs = [runner.ask(Counting(key, n, pause=0.01), "me", note={"place": key}) for key, n in wanted.items()]
print("going", flush=True)
while any(job.snapshot().status in ("waiting", "running") for job in jobs):
    ModelStore(sys.argv[1]).records()
    time.sleep(0.01)
print([(job.snapshot().status, job.snapshot().message) for job in jobs], flush=True)
"""


def test_two_servers_train_the_same_on_one_store_and_one_is_killed(tmp_path, make, store):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    one, two = (
        subprocess.Popen(
            [sys.executable, "-c", SERVER, str(tmp_path), name, steps],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name, steps in (("first", "4000"), ("second", "60"))
    )  # fmt: skip
    wait_for(lambda: "first" + KEPT in store and store.record("first" + KEPT)["step"] > 10, 60)
    one.kill()
    one.communicate()
    said, wrong = two.communicate(timeout=60)
    assert said.splitlines() == ["going", str([("done", None)] * 2)], wrong
    assert store.set_aside() == []
    *_, whole = Counting("whole", 60).start(None)
    for key in ("shared", "second"):
        assert torch.equal(store.load(key)[0]["drawn"], whole.drawn)
    service = make()
    assert {record["kept_note"]["place"] for record in service.interrupted()} == {"first"}
    kept = store.record("first" + KEPT)["step"]
    again = service.ask(Counting("first", kept + 20), "bob")
    assert ended(again) == "done"
    *_, whole = Counting("whole", kept + 20).start(None)
    assert torch.equal(store.load("first")[0]["drawn"], whole.drawn)
