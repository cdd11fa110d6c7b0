"""The runner in a process of its own, so that work and answers do not wait for one interpreter.

`RunnerProcess` stands in the server for the `core.jobs.Runner` of a child process and answers the same questions. A
config goes over as plain data, states come back as plain data (core/plain.py), fetched when somebody looks at them.
The child begins when somebody asks for a run. It ends with the server however that ends: its standard input closes, and
it keeps what its runs had learnt.
If the child ends, another one takes its place at the next question; what it had kept is offered for continuation.

Run as a program this file is the child: `python -m core.runner_process`.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from core import plain
from core.job import RunConfig, Snapshot
from core.kept import KeptCheckpoints
from core.store import user_store

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("torch", "core.device", "core.training", "core.diffusion.sampling")  # imported before anybody asks
_log = logging.getLogger(__name__)


class RemoteJob:
    """A run in the child, as those who asked for it see it."""

    def __init__(self, runner: RunnerProcess, light: Snapshot):
        self._runner, self._light = runner, light

    @property
    def key(self) -> str:
        return self._light.key

    def snapshot(self) -> Snapshot:
        """The run now; asks the child, for its state only where that has changed."""
        return self._runner.snapshot(self._light)

    def glance(self) -> Snapshot:
        """The same without the state."""
        return self._runner.glance(self._light)


class RunnerProcess:
    """A runner that works in a child process. See core.jobs.Runner, whose methods these are."""

    def __init__(self):
        self._lock = threading.Lock()
        self._child: subprocess.Popen | None = None
        self._shots: dict[str, Snapshot] = {}  # the last whole snapshot of each run
        self.closed = False

    def begin(self) -> None:
        """Begin the child now, so that the first run need not wait for it."""
        self._call("active")

    def ask(
        self, config: RunConfig, watcher: str, owner: str | None = None, *, note: Mapping[str, Any] | None = None
    ) -> RemoteJob:
        return RemoteJob(self, self._call("ask", config, watcher, owner, dict(note) if note is not None else None))

    def find(self, key: str) -> RemoteJob | None:
        light = self._child and self._call("find", key)
        return RemoteJob(self, light) if light else None

    def watch(self, key: str, watcher: str) -> RemoteJob | None:
        light = self._child and self._call("watch", key, watcher)
        return RemoteJob(self, light) if light else None

    def jobs(self) -> tuple[RemoteJob, ...]:
        return tuple(RemoteJob(self, light) for light in self._call("jobs")) if self._child else ()

    def active(self) -> tuple[Snapshot, ...]:
        return self._call("active") if self._child else ()

    def kept(self, key: str) -> dict[str, Any] | None:
        return self._call("kept", key) if self._child else KeptCheckpoints(user_store()).record(key)

    def interrupted(self) -> list[dict[str, Any]]:
        return self._call("interrupted") if self._child else KeptCheckpoints(user_store()).interrupted()

    def leave(self, key: str, watcher: str) -> None:
        if self._child:
            self._call("leave", key, watcher)

    def stop(self, key: str, watcher: str) -> bool:
        return bool(self._child) and self._call("stop", key, watcher)

    def seen(self, watcher: str) -> None:
        if self._child:
            self._call("seen", watcher)

    def snapshot(self, light: Snapshot) -> Snapshot:
        """The run's snapshot with its state; the one that is here already where nothing has changed."""
        known = self._shots.get(light.key)
        found = self._call("snapshot", light.key, known.version if known else -1)
        if found is None:  # forgotten by the child, or by one that took its place
            self._shots.pop(light.key, None)
            return known or light
        if known is not None and found.version == known.version:
            return known
        self._shots[light.key] = found
        return found

    def glance(self, light: Snapshot) -> Snapshot:
        """The run's snapshot without its state; the one that is given where the child has forgotten the run."""
        return self._call("find", light.key) or light

    def close(self, timeout: float = 30.0) -> bool:
        """Stop all runs, keep what they had learnt and end the child; False if that took too long."""
        with self._lock:
            self.closed, child = True, self._child
            if child is None:
                return True
            try:
                child.stdin.close()  # this is how it is told
                child.wait(timeout)
            except (OSError, subprocess.TimeoutExpired):
                child.kill()
                child.wait()
                return False
            return True

    def _call(self, method: str, *values: Any) -> Any:
        """One question to the child and its answer. A child that has ended is replaced, once."""
        from core.jobs import RunnerClosed

        message = plain.pack((method, values))
        with self._lock:
            if self.closed:
                raise RunnerClosed("The server is shutting down and takes no more runs.")
            try:
                self._child = self._child or self._begin()
                answer = self._exchange(message)
            except (OSError, EOFError) as error:
                _log.error("The process of the runs has ended (%s); another one begins.", error)
                self._child.kill()
                self._child.wait()
                self._shots.clear()
                self._child = self._begin()
                answer = self._exchange(message)
        kind, value = plain.unpack(answer)
        if kind == "error":
            raise RuntimeError(value)
        return value

    def _exchange(self, message: bytes) -> bytes:
        _write(self._child.stdin, message)
        return _read(self._child.stdout)

    @staticmethod
    def _begin() -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "core.runner_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the server, which then closes this
        )


def answer(runner: Any, method: str, values: tuple) -> Any:
    """What the child's runner says to one question, as plain data."""
    match method:
        case "ask":
            config, watcher, owner, note = values
            return runner.ask(config, watcher, owner, note=note).glance()
        case "find" | "watch":
            job = getattr(runner, method)(*values)
            return job.glance() if job else None
        case "jobs":
            return tuple(job.glance() for job in runner.jobs())
        case "snapshot":
            key, version = values
            job = runner.find(key)
            shot = job.snapshot() if job else None
            return replace(shot, state=None) if shot is not None and shot.version == version else shot
        case "active" | "kept" | "interrupted" | "leave" | "stop" | "seen":
            return getattr(runner, method)(*values)
    raise ValueError(f"there is no question {method!r}")


def _write(pipe: BinaryIO, message: bytes) -> None:
    pipe.write(len(message).to_bytes(8, "little"))
    pipe.write(message)
    pipe.flush()


def _read(pipe: BinaryIO) -> bytes:
    """One message; EOFError where the other side has gone."""
    length = pipe.read(8)
    message = pipe.read(int.from_bytes(length, "little")) if len(length) == 8 else b""
    if len(length) < 8 or len(message) < int.from_bytes(length, "little"):
        raise EOFError("the other side has gone")
    return message


def main() -> None:
    """The child: answers until its standard input closes, then keeps what there is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    from core import jobs

    runner = jobs.runner()
    threading.Thread(target=lambda: [import_module(name) for name in NEEDED], name="warm-up", daemon=True).start()
    try:
        while True:
            method, values = plain.unpack(_read(questions))
            try:
                said = ("answer", answer(runner, method, values))
            except Exception as error:
                _log.exception("The question %s failed", method)
                said = ("error", f"{type(error).__name__}: {error}")
            _write(answers, plain.pack(said))
    except (EOFError, OSError):
        pass
    finally:
        runner.close()


if __name__ == "__main__":
    main()
