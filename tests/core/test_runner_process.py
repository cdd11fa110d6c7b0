"""The runner in a process of its own says what the one in this process says, and outlives neither it nor its own end.

One child serves the whole file, and each test has runs of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core import plain, runner_process
from core.curve import CurveRun
from core.diffusion.sampling import SamplingConfig
from core.jobs import KEPT, Runner, RunnerClosed, Snapshot
from core.runner_process import RunnerProcess
from core.scenes.em import ManyStarts
from core.store import ModelStore, user_store

ROOT = Path(__file__).resolve().parents[2]
LONG = 300_000  # updates, so many that no test sees the last


def curve(seed: int, steps: int = 60) -> CurveRun:
    return CurveRun(((-1.0, 0.5), (0.0, 1.0), (1.0, -0.5)), steps=steps, seed=seed)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerProcess]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEN_STEPS_HOME", str(tmp_path_factory.mktemp("apart")))
        made = RunnerProcess()
        yield made
        assert made.close(20)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    made = Runner(ModelStore(tmp_path_factory.mktemp("here")))
    yield made
    assert made.close(20)


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
    return found


def ended(job: Any) -> Snapshot:
    wait_for(lambda: job.glance().status in ("done", "stopped", "failed"))
    return job.snapshot()


def begun(job: Any) -> Snapshot:
    wait_for(lambda: job.snapshot().state is not None)
    return job.snapshot()


# ---- before and after -----------------------------------------------------------------------------------------------


def test_nothing_begins_before_a_run_is_asked_for_nor_after_the_end(tmp_path, monkeypatch):
    monkeypatch.setenv("TEN_STEPS_HOME", str(tmp_path))
    monkeypatch.setattr(runner_process, "_begun", lambda: pytest.fail("a process began"))
    record = {"step": 3, "kept_progress": 0.25}
    user_store().save("curve-1" + KEPT, {"x": torch.zeros(1, device="cpu")}, record)
    one = RunnerProcess()
    for _ in range(2):
        assert one.find("curve-1") is None
        assert one.jobs() == one.active() == ()
        assert one.leave("curve-1", "ann") is None and one.stop("curve-1", "ann") is False and one.seen("ann") is None
        assert one.kept("curve-1")["kept_progress"] == 0.25 and one.kept("curve-2") is None
        assert [found["key"] for found in one.interrupted()] == ["curve-1"]
        assert one.close() is True and one.closed
    for ask in (one.begin, lambda: one.ask(curve(0), "ann")):
        with pytest.raises(RunnerClosed):
            ask()


# ---- the same answers -----------------------------------------------------------------------------------------------


def test_a_run_is_what_it_is_in_this_process(apart, here):
    for config in (curve(1), ManyStarts(count=3)):
        far, near = (ended(one.ask(config, "ann", note={"place": "x"})) for one in (apart, here))
        shots = [replace(shot, seconds=0.0, version=0, state=None) for shot in (far, near)]
        assert shots[0] == shots[1] and far.status == "done" and far.seconds > 0
        assert far.state.progress == near.state.progress == 1
        assert apart.kept(config.key) is here.kept(config.key) is None
    found, expected = far.state.arrays, near.state.arrays
    assert found.keys() == expected.keys() and all((found[name] == expected[name]).all() for name in expected)
    far, near = (one.find(curve(1).key).snapshot().state for one in (apart, here))
    assert far.config == near.config and torch.equal(far.training.losses, near.training.losses)
    assert [fit.step for fit in far.fits] == [fit.step for fit in near.fits]
    assert torch.equal(far.fits[-1].curve, near.fits[-1].curve)


def test_people_watch_leave_stop_and_go_on_as_in_this_process(apart, here):
    config, told = curve(2, LONG), []
    for one in (apart, here):
        said: list[Any] = []
        job = one.ask(config, "ann", "ann's browser", note={"place": "here"})
        first = begun(job)
        wait_for(lambda job=job, step=first.state.training.step: job.snapshot().state.training.step > step)
        said += [first.status, first.owner, one.find("curve-0")]
        said += [one.ask(config, "bob").snapshot().watchers, [shot.key for shot in one.active()]]
        said += [one.leave(config.key, "bob"), job.glance().watchers, job.glance().state, one.seen("ann")]
        said += [one.stop(config.key, "bob"), one.stop(config.key, "ann's browser"), ended(job).status]
        step = job.snapshot().state.training.step
        kept = one.kept(config.key)
        said += [kept["step"] == step, kept["kept_ended"], kept["kept_note"], one.active()]
        said += [config.key in [found["key"] for found in one.interrupted()]]
        again = one.ask(config, "bob", note={"place": "there"})
        wait_for(lambda again=again, step=step: again.snapshot().state.training.step > step)
        said += [again.snapshot().owner, again.snapshot().seconds > first.seconds]
        said += [one.leave(config.key, "bob"), one.leave(config.key, "ann"), ended(again).status]
        said += [found["kept_note"] for found in one.interrupted() if found["key"] == config.key]
        said += [sorted(job.key for job in one.jobs() if job.key == config.key)]
        told.append(said)
    assert told[0] == told[1]


def test_what_fails_says_how(apart, here):
    for config in (SamplingConfig("no-such-model"), CurveRun((), steps=9)):
        far, near = (ended(one.ask(config, "ann")) for one in (apart, here))
        assert (far.status, far.message, far.state) == ("failed", near.message, near.state) and far.message
        assert far.detail.split(" in ")[0] == near.detail.split(" in ")[0]


def test_a_state_crosses_once_and_few_are_remembered(apart, monkeypatch):
    job = apart.ask(curve(3), "ann")
    shot = ended(job)
    read, sizes = runner_process._read, []
    monkeypatch.setattr(runner_process, "_read", lambda pipe: sizes.append(read(pipe)) or sizes[-1])
    assert job.snapshot() is shot and len(sizes[-1]) < 1000
    monkeypatch.setattr(runner_process, "REMEMBERED", 1)
    other = ended(apart.ask(curve(4), "ann"))
    assert job.snapshot() is not shot and torch.equal(job.snapshot().state.training.losses, shot.state.training.losses)
    assert list(apart._shots) == [shot.key] and other.key != shot.key


def test_many_pages_ask_what_is_active_and_the_child_is_asked_once(apart, monkeypatch):
    job = apart.ask(curve(6, LONG), "ann")
    assert [shot.key for shot in apart.active()] == [job.key], "what was just asked for is among them"
    with monkeypatch.context() as patch:
        patch.setattr(runner_process, "_read", lambda pipe: pytest.fail("the child was asked"))
        assert [shot.key for shot in apart.active()] == [job.key]
    apart.leave(job.key, "ann")
    wait_for(lambda: apart.active() == ())


@dataclass(frozen=True)
class Foreign:
    """A config that only this process knows."""

    key: str = "foreign"


def test_a_question_that_goes_wrong_is_told_and_ends_nothing(apart, monkeypatch):
    with pytest.raises(plain.NotPlain):
        apart.ask(Foreign(), "ann")
    apart.begin()
    pid = apart._child.pid
    monkeypatch.setattr(plain, "_ours", lambda module: True)
    for question in (
        lambda: apart.ask(Foreign(), "ann"),  # the child may not make it
        lambda: apart._call("ask", 3, "ann", None, None),
        lambda: apart.find(["no key"]),
        lambda: apart._call("close"),
        lambda: apart._call("ask", 1),
    ):
        with pytest.raises(RuntimeError, match="Error|NotPlain"):
            question()
    assert apart.active() == () and apart._child.pid == pid


def test_an_answer_that_cannot_cross_is_told(apart, monkeypatch):
    class Odd:
        def find(self, key: str) -> None:
            return None

        def kept(self, key: str) -> set:
            return {1}

    said = [plain.unpack(runner_process._answered(Odd(), message)) for message in (
        plain.pack(("kept", ("k",))), plain.pack(("find", ("k",))), plain.pack(3), b"no message"
    )]  # fmt: skip
    assert [kind for kind, _ in said] == ["error", "answer", "error", "error"] and "NotPlain" in said[0][1]


def test_many_who_ask_at_once_get_their_own_answers(apart):
    jobs = [apart.ask(curve(10 + n, 2), f"watcher {n}") for n in range(5)]
    wrong, start = [], threading.Barrier(20)

    def ask(number: int) -> None:
        job = jobs[number % 5]
        start.wait()
        for turn in range(20):
            shot = job.snapshot() if turn % 5 == 0 else job.glance()
            if (shot.key, shot.owner) != (job.key, f"watcher {number % 5}"):
                wrong.append(shot)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not wrong and not any(thread.is_alive() for thread in threads)


# ---- ends -----------------------------------------------------------------------------------------------------------


def test_a_child_that_dies_is_replaced_and_what_it_kept_is_offered(apart):
    left, going = curve(20, LONG), curve(21, LONG)
    job = apart.ask(left, "ann", note={"place": "here"})
    begun(job)
    apart.leave(left.key, "ann")
    before = ended(job).state.training.step
    assert job.glance().status == "stopped"
    held = apart.ask(going, "ann")
    last, pid = begun(held), apart._child.pid
    os.kill(pid, signal.SIGKILL)
    apart._child.wait()
    found = apart.interrupted()
    assert left.key in [record["key"] for record in found] and apart._child.pid != pid
    # a page that still holds the run sees it as it last was, and may ask anew
    assert apart.find(going.key) is None and held.glance().key == going.key
    assert held.snapshot().status in ("waiting", "running") and last.state is not None
    again = apart.ask(left, "bob")
    shot = begun(again)
    assert shot.state.training.step > before and shot.owner == "bob"
    os.kill(apart._child.pid, signal.SIGTERM)  # a child that is told to end keeps what goes on
    assert apart._child.wait(10) == 0
    kept = user_store().record(left.key + KEPT)
    assert kept["step"] >= shot.state.training.step and kept["kept_ended"] is False


DEADLY = """
import sys
from core import plain, runner_process
from core.job import Snapshot
while True:
    method, values = plain.unpack(runner_process._read(sys.stdin.buffer))
    if method == "ask" and values[0].seed == 13:
        sys.exit()
    found = Snapshot(values[0].key, "", "done", None, None, "", 1, "", 1, 0.0) if method == "ask" else None
    runner_process._write(sys.stdout.buffer, plain.pack(("answer", found)))
"""


def test_a_run_that_ends_its_process_twice_is_refused_for_a_while(tmp_path, monkeypatch):
    monkeypatch.setenv("TEN_STEPS_HOME", str(tmp_path))
    command = [sys.executable, "-c", DEADLY]
    monkeypatch.setattr(
        runner_process, "_begun",
        lambda: subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT),
    )  # fmt: skip
    one, wrong, right = RunnerProcess(), ManyStarts(seed=13), ManyStarts(seed=14)
    job = one.ask(wrong, "ann")  # a new child is asked once more
    assert (job.snapshot().status, job.glance().message, one.find(wrong.key)) == ("failed", "process_ended", None)
    assert one.ask(right, "ann").glance().status == "done"
    child = one._child
    assert one.ask(wrong, "bob").glance().message == "process_ended"
    assert one._child is child and child.poll() is None  # it was not even asked
    monkeypatch.setattr(runner_process, "REFUSED", 0.0)
    with pytest.raises(RuntimeError, match="ends as soon as it begins"):
        one.ask(wrong, "ann")
    assert one._child is None and one.close()


def test_a_child_that_hangs_in_an_answer_is_replaced(apart, monkeypatch):
    apart.begin()
    child = apart._child
    monkeypatch.setattr(runner_process, "PATIENCE", 1.0)
    os.kill(child.pid, signal.SIGSTOP)
    begun_ = runner_process._begun

    def patient() -> subprocess.Popen:  # the new one has to import first
        monkeypatch.setattr(runner_process, "PATIENCE", 60.0)
        return begun_()

    monkeypatch.setattr(runner_process, "_begun", patient)
    assert apart.active() == () and apart._child is not child and child.poll() is not None


def test_where_no_child_lives_it_is_said_and_the_next_question_tries_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TEN_STEPS_HOME", str(tmp_path))
    one, begun_ = RunnerProcess(), runner_process._begun
    dead = [sys.executable, "-c", "pass"]
    monkeypatch.setattr(
        runner_process, "_begun", lambda: subprocess.Popen(dead, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    )
    for _ in range(2):
        with pytest.raises(RuntimeError, match="ends as soon as it begins"):
            one.begin()
        assert one.ask(curve(0), "ann").glance().message == "process_ended"
        assert one.find("x") is None and one.active() == () and one.interrupted() == []

    def nothing() -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(runner_process, "_begun", nothing)
    with pytest.raises(RuntimeError, match="no more processes"):
        one.begin()
    monkeypatch.setattr(runner_process, "_begun", begun_)
    one.begin()
    child = one._child
    assert one.close() and one.close() and child.returncode == 0


SERVER = """
import json, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests in the background has it ignored
from core.diffusion.quality import Entry, QualityConfig
from core.runner_process import RunnerProcess
one = RunnerProcess()
entries = (Entry("ddim", 2),) * 5_000
jobs = [one.ask(QualityConfig("diffusion-d6165f5289f5", "moons", entries, 20, seed=seed), "ann") for seed in (0, 1)]
while not all((state := job.snapshot().state) and state.measured for job in jobs):
    time.sleep(0.01)
assert "torch" not in sys.modules, "the server waits for it, and has no need of it"
try:
    print(json.dumps([job.key for job in jobs]), flush=True)  # from here on it may be interrupted
    time.sleep(60)
except KeyboardInterrupt:
    began = time.monotonic()
    print(json.dumps([one.close(), one.close(), time.monotonic() - began]), flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_however_a_server_ends_its_runs_are_kept_and_their_process_ends(how, tmp_path):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        # the folder is relative to where the server was started
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "TEN_STEPS_HOME": "models"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with server:
        try:
            keys = json.loads(server.stdout.readline() or "null")
            assert keys, server.stderr.read()
            os.killpg(server.pid, how)
            said, wrong = server.communicate(timeout=60)  # the child holds the pipe until it has ended
        finally:
            server.kill()
    assert not wrong
    if how == signal.SIGINT:  # which reaches a group: the child is in none
        *closed, seconds = json.loads(said)
        assert closed == [True, True] and seconds < 25  # it ended by itself, and was not killed
    kept = ModelStore(tmp_path / "models").records(KEPT)
    assert sorted(record["key"] for record in kept) == sorted(key + KEPT for key in keys)
    assert all(record["entries"] and not record["kept_ended"] for record in kept)
