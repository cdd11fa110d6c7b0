"""The runner in a process of its own, so that work and answers do not wait for one interpreter.

`RunnerProcess` stands in the server for the `core.runner.Runner` of a child process and answers the same questions. A
config goes over as plain data, states come back as plain data (core/plain.py), fetched when somebody looks at them.
The child begins when somebody asks for a run. It ends with the server however that ends: its standard input closes, and
it keeps what its runs had learnt. If the child ends before, another one takes its place at the next question; what it
had kept is offered for continuation. A run under which it ended twice, as when the memory runs out, is refused for a
while: a page that waits for it would begin it again and again.

Run as a program this file is the child: `python -m core.runner_process`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from core import plain
from core.job import ACTIVE, RunConfig, Snapshot
from core.kept import KeptCheckpoints
from core.runner import RunnerClosed
from core.store import user_store

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("torch", "core.device", "core.training", "core.diffusion.sampling")  # imported before anybody asks
REMEMBERED = 8  # whole snapshots that the server keeps; of others the child is asked again
PATIENCE = 120.0  # seconds that a question may take, the imports of a new child on a slow disk among them
FRESH = 0.25  # seconds for which the list of active runs holds: every page that is drawn asks for it
REFUSED = 120.0  # seconds within which a child must have ended twice under a run, for this not to be begun again
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
    """A runner that works in a child process. See core.runner.Runner, whose methods these are.

    Raises RuntimeError where the child could not answer a question, or no child can be begun. While there is no child
    nothing is begun to answer what the store can tell, or that there is no run; nor after close.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._child: subprocess.Popen | None = None
        self._shots: dict[str, Snapshot] = {}  # the last whole snapshot of each run
        self._active: tuple[float, tuple[Snapshot, ...]] | None = None  # when it was asked, and what was active
        self._going: set[str] = set()  # the runs under way, as last heard
        self._fatal: dict[str, list[float]] = {}  # key: when a child ended under this run
        self._asked_at: float | None = None  # when the question was asked that is not answered yet
        self.closed = False

    def begin(self) -> None:
        """Begin the child now, so that the first run need not wait for it. Raises RunnerClosed after close."""
        self._call("active")

    def ask(
        self, config: RunConfig, watcher: str, owner: str | None = None, *, note: Mapping[str, Any] | None = None
    ) -> RemoteJob:
        key, values = config.key, (config, watcher, owner, None if note is None else dict(note))
        if not self._is_fatal(key):
            try:
                return RemoteJob(self, self._heard(self._call("ask", *values, under=key)))
            except RuntimeError:
                if not self._is_fatal(key):
                    raise
        detail = "The process of the runs has ended twice under this one."
        return RemoteJob(self, Snapshot(key, config.title, "failed", None, "process_ended", detail, 0, watcher, 0, 0.0))

    def find(self, key: str) -> RemoteJob | None:
        light = self._child and self._call("find", key)
        return RemoteJob(self, light) if light else None

    def jobs(self) -> tuple[RemoteJob, ...]:
        return tuple(RemoteJob(self, light) for light in self._call("jobs")) if self._child else ()

    def active(self) -> tuple[Snapshot, ...]:
        known = self._active
        if known is not None and time.monotonic() - known[0] < FRESH:
            return known[1]
        found = self._call("active") if self._child else ()
        self._active, self._going = (time.monotonic(), found), {shot.key for shot in found}
        return found

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
        shots = self._shots
        known = shots.get(light.key)
        found = self._child and self._call("snapshot", light.key, known.version if known else -1)
        if found is None:  # forgotten by the child, or by one that took its place
            shots.pop(light.key, None)
            return known or light
        if known is not None and found.version == known.version:
            # another child counts its versions anew
            return known if shots is self._shots else self.snapshot(light)
        shots.pop(light.key, None)
        shots[light.key] = found
        for key in list(shots)[:-REMEMBERED]:
            shots.pop(key, None)
        return self._heard(found)

    def glance(self, light: Snapshot) -> Snapshot:
        """The run's snapshot without its state; the one that is given where the child has forgotten the run."""
        return self._heard((self._child and self._call("find", light.key)) or light)

    def close(self, timeout: float = 30.0) -> bool:
        """Stop all runs, keep what they had learnt and end the child; False if that took too long."""
        with self._lock:
            self.closed, child, self._child = True, self._child, None
        return child is None or _ended(child, timeout)

    def _heard(self, shot: Snapshot) -> Snapshot:
        """Notes whether the run is under way."""
        (self._going.add if shot.status in ACTIVE else self._going.discard)(shot.key)
        return shot

    def _is_fatal(self, key: str) -> bool:
        """Whether a child has ended under this run twice, of late."""
        with self._lock:
            since = time.monotonic() - REFUSED
            self._fatal = {k: late for k, times in self._fatal.items() if (late := [t for t in times if t > since])}
            return len(self._fatal.get(key, ())) > 1

    def _call(self, method: str, *values: Any, under: str | None = None) -> Any:
        """One question to the child and its answer. A child that has ended is replaced, once.

        under: the key of a run that this begins.
        """
        message = plain.pack((method, values))
        with self._lock:
            if self.closed:
                raise RunnerClosed("The server is shutting down and takes no more runs.")
            try:
                answer = self._exchange(message, under)
            except (OSError, EOFError) as error:
                _log.error("The process of the runs has ended (%s); another one begins.", error)
                self._give_up()
                try:
                    answer = self._exchange(message, under)
                except (OSError, EOFError) as error:
                    self._give_up()
                    raise RuntimeError(f"The process of the runs ends as soon as it begins ({error}).") from error
        if method in ("ask", "leave", "stop"):
            self._active = None
        kind, value = plain.unpack(answer)
        if kind == "error":
            raise RuntimeError(value)
        return value

    def _exchange(self, message: bytes, under: str | None) -> bytes:
        if self._child is None:
            self._child = _begun()
            threading.Thread(target=self._guard, args=(self._child,), name="guard", daemon=True).start()
        self._going |= {under} if under else set()
        self._asked_at = time.monotonic()
        try:
            _write(self._child.stdin, message)
            return _read(self._child.stdout)
        finally:
            self._asked_at = None

    def _guard(self, child: subprocess.Popen) -> None:
        """Ends a child that hangs in the middle of an answer, so that another one takes its place."""
        while child.poll() is None:
            time.sleep(min(1.0, PATIENCE / 4))
            asked_at = self._asked_at
            if self._child is child and asked_at is not None and time.monotonic() - asked_at > PATIENCE:
                _log.error("The process of the runs has not answered for %.0f s and is ended.", PATIENCE)
                child.kill()

    def _give_up(self) -> None:
        """Let go of the child and of what was known of its runs; only under which of them it ended is remembered."""
        for key in tuple(self._going):  # other threads hear of runs meanwhile
            self._fatal.setdefault(key, []).append(time.monotonic())
        child, self._child, self._shots = self._child, None, {}
        self._active, self._going = None, set()
        if child is not None:
            child.kill()
            _ended(child, None)


def _begun() -> subprocess.Popen:
    """A child, on the store that this process has."""
    return subprocess.Popen(
        [sys.executable, "-m", "core.runner_process"],
        cwd=ROOT,
        env={**os.environ, "TEN_STEPS_HOME": str(user_store().folder.absolute())},  # may be relative to elsewhere
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the server, which then closes this
    )


def _ended(child: subprocess.Popen, timeout: float | None) -> bool:
    """Tell a child to end, and wait; False if it took more than so many seconds and was killed."""
    with contextlib.suppress(OSError):  # it has gone already, with a question unread
        child.stdin.close()  # this is how it is told
    try:
        child.wait(timeout)
        return True
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return False
    finally:
        child.stdout.close()


def answer(runner: Any, method: str, values: tuple) -> Any:
    """What the child's runner says to one question, as plain data."""
    match method:
        case "ask":
            config, watcher, owner, note = values
            return runner.ask(config, watcher, owner, note=note).glance()
        case "find":
            job = runner.find(*values)
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


def main() -> NoReturn:
    """The child: answers until its standard input closes, or it is told to end; then keeps what there is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # what a library reads is no question; on Windows to load one waits for whoever reads there
    os.dup2(2, 1)  # what a library prints is no answer
    from core import jobs

    runner = jobs.runner()
    threading.Thread(target=lambda: [import_module(name) for name in NEEDED], name="warm-up", daemon=True).start()
    try:
        while True:
            _write(answers, _answered(runner, _read(questions)))
    except (EOFError, OSError, SystemExit):
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        runner.close()
        logging.shutdown()
        os._exit(0)  # all is kept; to take torch down in good order takes it a second


def _answered(runner: Any, message: bytes) -> bytes:
    """The answer to one message. What goes wrong is an answer, too: a question never ends the child."""
    try:
        method, values = plain.unpack(message)
        return plain.pack(("answer", answer(runner, method, values)))
    except Exception as error:
        _log.exception("A question failed")
        return plain.pack(("error", f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main()
