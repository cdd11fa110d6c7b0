"""The one runner of this process, to which everybody brings what is to be run: `jobs.runner().ask(config, watcher)`.

What it does is in core/runner.py. In the app it does it in a child process (core/runner_process.py), elsewhere here.
"""

import atexit
import threading

from core.job import Job, RunConfig, Snapshot
from core.kept import KEPT, Checkpoint
from core.runner import Runner, RunnerClosed
from core.runner_process import RunnerProcess
from core.store import user_store

__all__ = ["KEPT", "Checkpoint", "Job", "RunConfig", "Runner", "RunnerClosed", "Snapshot", "runner", "work_apart"]

_process_lock = threading.Lock()
_process_runner: Runner | RunnerProcess | None = None
_apart = False


def work_apart() -> None:
    """From now on the runner works in a child process: what a server does that answers people meanwhile."""
    global _apart
    _apart = True


def runner() -> Runner | RunnerProcess:
    """The runner of this process, on this person's store; made on the first call and after a close."""
    global _process_runner
    with _process_lock:
        if _process_runner is None or _process_runner.closed:
            _process_runner = RunnerProcess() if _apart else Runner(user_store())
            atexit.register(_process_runner.close)
        return _process_runner
