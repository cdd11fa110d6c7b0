"""Runs that people share: one thread does all heavy work and takes turns among the runs.

A run is an iterator of states that a frozen config starts; it has one job, whoever asks for it. The thread calls
`next` on one run for about 0.2 s, then on another; core/turns.py says on which. Nobody holds the lock while a run
works, and a snapshot is an immutable object that is read without any lock.

What a run had learnt is kept in the store under `<key>.kept`: after `FIRST_SECONDS`, then twice as long after each time
until it is every `checkpoint_seconds`; when it is stopped, when its last watcher leaves, and when the runner closes. So
a process that is killed loses half of a short run at most, and of a long one `checkpoint_seconds`. Whoever asks again
goes on from there. A run that fails leaves its last checkpoint and the last state that it yielded; the other runs do
not notice. If the store takes nothing, the checkpoint stays in memory and the job says so in its message; the result of
a run that is done is tried again every `checkpoint_seconds`.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from core.job import Job, Run, RunConfig, Snapshot
from core.kept import KeptCheckpoints
from core.store import ModelStore, StoreError
from core.turns import Turns

WATCHER_SECONDS = 180.0
SWITCH_SECONDS = 2e-4  # torch lets go of the interpreter in every operation: from busy scripts it has to come back soon
FIRST_SECONDS = 5.0  # until the first checkpoint
_log = logging.getLogger(__name__)


class RunnerClosed(RuntimeError):
    """The runner was closed and takes no more runs."""


class Runner:
    """One daemon thread that owns all heavy work, and the jobs that people asked of it.

    slice_seconds: length of a turn; checkpoint_seconds: between two checkpoints, at most;
    watcher_seconds: without a sign of life for so long, a watcher counts as having left;
    remembered: so many runs that have ended stay in memory, the oldest are forgotten; clock: seconds, for tests.
    """

    def __init__(
        self,
        store: ModelStore | None,
        slice_seconds: float = 0.2,
        checkpoint_seconds: float = 60.0,
        *,
        watcher_seconds: float = WATCHER_SECONDS,
        remembered: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._store = store
        self._kept = KeptCheckpoints(store)
        self._slice_seconds = slice_seconds
        self._checkpoint_seconds = checkpoint_seconds
        self._watcher_seconds = watcher_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._turns = Turns(remembered)
        self._seen: dict[str, float] = {}  # watcher: when it last gave a sign of life
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def closed(self) -> bool:
        return self._closed

    def ask(
        self, config: RunConfig, watcher: str, owner: str | None = None, *, note: Mapping[str, Any] | None = None
    ) -> Job:
        """Start a run, join it, go on with one that was stopped or failed, or get a finished one as it is.

        note: plain data that is kept with the run's checkpoints and comes back in `interrupted`. Who starts a run or
        goes on with it owns it: `owner`, or the watcher if none is named. A model that the store has already is a job
        that is done, with no state. Raises RunnerClosed after close.
        """
        key = config.key
        stored = self._store is not None and key in self._store
        with self._changed:
            if self._closed:
                raise RunnerClosed("The server is shutting down and takes no more runs.")
            self._seen[watcher] = self._clock()
            run = self._turns.get(key)
            begins = run is None or run.status in ("stopped", "failed")
            if run is None:
                run = self._turns.add(Run(config, owner or watcher))
            elif run.wish == "stop":  # not stopped yet: it just goes on
                run.wish, run.owner = None, owner or watcher
            elif run.status == "done" and not stored and run.state is None:
                begins = True  # it was in the store and no longer is
            elif run.status == "done" and not stored and self._store is not None:
                run.wish = "save"
            if begins:
                run.status, run.message, run.detail = "done" if stored else "waiting", None, ""
                run.owner, run.state = owner or watcher, None if stored else run.state
            run.by_hand = False
            if note is not None and (begins or not run.note):
                run.note = dict(note)
            run.watchers.add(watcher)
            if not run.active:
                self._turns.to_the_end(run)
            run.publish()
            self._forget_absent()
            self._forget_ended()
            if self._thread is None and (run.active or run.wish):
                self._thread = threading.Thread(target=self._work, name="runner", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return Job(run)

    def find(self, key: str) -> Job | None:
        """The job of that key, if it is remembered."""
        with self._changed:
            run = self._turns.get(key)
        return Job(run) if run else None

    def jobs(self) -> tuple[Job, ...]:
        """All jobs that are remembered, active or ended."""
        with self._changed:
            return tuple(Job(run) for run in self._turns)

    def active(self) -> tuple[Snapshot, ...]:
        """The runs that wait or work, without their states."""
        return tuple(shot for job in self.jobs() if (shot := job.glance()).status in ("waiting", "running"))

    def kept(self, key: str) -> dict[str, Any] | None:
        """The record of the checkpoint that a run would go on from, with "kept_progress" (0 to 1) if known; or None."""
        return self._kept.record(key)

    def interrupted(self) -> list[dict[str, Any]]:
        """The records of the checkpoints of runs that are neither done nor going on here, nor stopped by somebody.

        So of those whose process has ended, and of those whose watchers had all gone.
        """
        found = self._kept.interrupted()
        with self._changed:
            here = {run.key for run in self._turns if run.status != "stopped" or run.by_hand}
        return [record for record in found if record["key"] not in here]

    def leave(self, key: str, watcher: str) -> None:
        """Watch a run no longer. The last one to leave ends it; what it had learnt is kept."""
        with self._changed:
            run = self._turns.get(key)
            if run and watcher in run.watchers:
                run.watchers.discard(watcher)
                self._stop_if_deserted(run)
                run.publish()
                self._changed.notify_all()

    def stop(self, key: str, watcher: str) -> bool:
        """End a run and keep what it had learnt; False, and nothing happens, unless it is the owner who asks."""
        with self._changed:
            run = self._turns.get(key)
            if run is None or watcher != run.owner:
                return False
            if run.active:
                run.wish, run.by_hand = "stop", True
                self._changed.notify_all()
            return True

    def seen(self, watcher: str) -> None:
        """A sign of life from a watcher, for all that it watches."""
        with self._changed:
            if watcher in self._seen:
                self._seen[watcher] = self._clock()

    def close(self, timeout: float = 30.0) -> bool:
        """Stop all runs after the step that is being made and keep their checkpoints; False if that took too long."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    # Under the lock.

    def _forget_absent(self) -> None:
        """Watchers without a sign of life have left."""
        oldest = self._clock() - self._watcher_seconds
        self._seen = {watcher: seen for watcher, seen in self._seen.items() if seen >= oldest}
        for run in self._turns:
            if not run.watchers <= self._seen.keys():
                run.watchers &= self._seen.keys()
                self._stop_if_deserted(run)
                run.publish()

    def _stop_if_deserted(self, run: Run) -> None:
        if run.active and not run.watchers:
            run.wish = "stop"

    def _forget_ended(self) -> None:
        for key in self._turns.forget_ended():
            self._kept.forget(key)

    def _choose(self) -> Run | None:
        self._forget_absent()
        for run in self._turns:
            if run.unsaved and not run.wish and self._clock() - run.kept_at >= self._checkpoint_seconds:
                run.wish = "save"
        return self._turns.choose()

    # In the runner's thread, without the lock.

    def _work(self) -> None:
        from core.device import settle_threads  # here, because it imports torch

        settle_threads()
        sys.setswitchinterval(SWITCH_SECONDS)
        while True:
            with self._changed:
                run = None
                while not self._closed and (run := self._choose()) is None:
                    self._changed.wait(1.0 if any(run.unsaved for run in self._turns) else None)
                if self._closed:
                    break
                self._turns.to_the_end(run)
            if run.wish == "save":
                self._save_result(run)
            elif run.wish == "stop":
                self._stop(run)
            else:
                self._turn(run)
        for run in self._turns:
            if run.active:
                run.wish = "stop"
                self._stop(run)
            elif run.wish == "save" or run.unsaved:
                self._save_result(run)

    def _turn(self, run: Run) -> None:
        """Let a run make steps until its slice is over, it ends, or somebody wants it stopped."""
        until = time.perf_counter() + self._slice_seconds
        while True:
            began = time.perf_counter()
            try:
                if run.iterator is None:
                    self._start(run)
                state = next(run.iterator)
            except StopIteration:
                self._save_result(run)
                return
            except Exception as error:
                if self._start_anew(run, error):
                    continue
                self._fail(run, error)
                return
            now = time.perf_counter()
            run.resumed = False
            problem = getattr(state, "problem", None)
            with self._changed:
                run.seconds += now - began
                run.unkept = True
                if problem is None or run.state is None:
                    run.state = state
                run.publish()
            if problem is not None:
                self._keep(run, state)
                self._end(run, "failed", problem, str(getattr(state, "detail", "")))
                return
            if self._clock() - run.kept_at >= run.keep_after:
                self._keep(run, run.state)
                run.keep_after = min(2 * run.keep_after, self._checkpoint_seconds)
            if now >= until or run.wish or self._closed:
                return

    def _start(self, run: Run) -> None:
        """Begin, or go on from the kept checkpoint; one that cannot be read is told and the run begins anew."""
        checkpoint, message, detail = None, None, ""
        run.kept_at, run.unkept, run.resumed, run.ignores_kept = self._clock(), False, False, False
        run.keep_after = min(FIRST_SECONDS, self._checkpoint_seconds)
        try:
            checkpoint = self._kept.load(run.key)
        except StoreError as problem:
            message, detail = problem.code, str(problem)
        record = checkpoint[1] if checkpoint else {}
        run.resumed = checkpoint is not None
        with self._changed:
            run.status, run.message, run.detail = "running", message, detail
            run.seconds = float(record.get("kept_seconds", record.get("seconds", 0.0)))
            run.publish()
        run.iterator = run.config.start(checkpoint)

    def _start_anew(self, run: Run, error: Exception) -> bool:
        """Where a checkpoint did not lead to a single state, try once without it; it stays until the next is kept."""
        if not run.resumed or _kind_of(error) == "out_of_memory":
            return False
        _log.warning("The checkpoint of %s could not be used: %s", run.key, error)
        _close(run.iterator, run.key)
        run.resumed = False
        try:
            run.iterator = run.config.start(None)
        except Exception as second:
            _log.warning("Nor could %s begin anew: %s", run.key, second)
            return False
        with self._changed:
            run.ignores_kept, run.seconds = True, 0.0
            run.message, run.detail = "checkpoint_unusable", f"{type(error).__name__}: {error}"
            run.publish()
        return True

    def _keep(self, run: Run, state: Any) -> None:
        """Keep a state's checkpoint. Never raises: what went wrong becomes the run's message."""
        run.kept_at = self._clock()
        checkpoint = getattr(state, "checkpoint", None)
        if checkpoint is None or not run.unkept:
            return
        message, detail = None, ""
        try:
            tensors, record = checkpoint()
            failed = getattr(state, "problem", None) is not None
            ended = run.by_hand or failed  # and so is no interruption
            record = {**record, "kept_seconds": run.seconds, "kept_ended": ended, "kept_note": run.note}
            if not failed:  # else the checkpoint is older than the state
                record["kept_progress"] = float(state.progress)
            self._kept.save(run.key, (tensors, record), replace=run.ignores_kept or failed)
            run.ignores_kept = False
        except Exception as error:
            message, detail = _told(error, "The checkpoint of %s could not be kept", run.key)
        with self._changed:
            run.unkept, run.message, run.detail = False, message, detail
            run.publish()

    def _stop(self, run: Run) -> None:
        """Keep a checkpoint, then stop, unless somebody has asked for the run meanwhile."""
        self._keep(run, run.state)
        self._end(run, "stopped", run.message, run.detail, unless_asked=True)

    def _save_result(self, run: Run) -> None:
        """Put the result of a finished run into the store; if that fails the run is done and its state still has it."""
        result = getattr(run.state, "result", None)
        message, detail = None, ""
        run.kept_at, run.unsaved = self._clock(), False
        try:
            if result is not None and self._store is not None:
                self._store.save(run.key, *result())
            self._kept.remove(run.key)
        except Exception as error:
            message, detail = _told(error, "The result of %s could not be kept", run.key)
            run.unsaved = True
        self._kept.forget(run.key)
        self._end(run, "done", message, detail)

    def _fail(self, run: Run, error: Exception) -> None:
        kind = _kind_of(error)
        _log.error("The run %s failed", run.key, exc_info=error)
        self._end(run, "failed", kind, f"{type(error).__name__}: {error}")
        error.__traceback__ = None  # its frames hold tensors
        torch = sys.modules.get("torch")
        if kind == "out_of_memory" and torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _end(self, run: Run, status: str, message: str | None, detail: str, *, unless_asked: bool = False) -> None:
        with self._changed:
            if unless_asked and run.wish is None:
                return  # somebody came while the checkpoint was written: it goes on
            iterator, run.iterator = run.iterator, None
            run.status, run.message, run.detail = status, message, detail
            run.wish, run.unkept = None, False
            run.publish()
            self._turns.to_the_end(run)
            self._forget_ended()
        _close(iterator, run.key)


def _told(error: Exception, what: str, key: str) -> tuple[str, str]:
    """A message and its detail: the store's own sentence, or what else went wrong, which then goes to the log too."""
    if isinstance(error, StoreError):
        return error.code, str(error)
    _log.error(what, key, exc_info=error)
    return _kind_of(error), f"{type(error).__name__}: {error}"


def _kind_of(error: Exception) -> str:
    """The code of a store's error; "out_of_memory" for what PyTorch raises on a GPU and on the CPU; else "failed"."""
    if isinstance(error, StoreError):
        return error.code
    text = str(error).lower()
    memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return "out_of_memory" if memory or "out of memory" in text or "can't allocate memory" in text else "failed"


def _close(iterator: Iterator[Any] | None, key: str) -> None:
    """Let a generator run its clean-up now, in the thread that made its tensors."""
    try:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
    except Exception:
        _log.exception("The run %s did not close cleanly", key)
