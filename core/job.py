"""A run, and what people see of it. core.jobs makes the runs go."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from core.kept import Checkpoint

ACTIVE = ("waiting", "running")


class RunConfig(Protocol):
    """What to run, as plain data: a frozen dataclass. `short` is for a few seconds of work.

    The states that `start` yields have `progress` (0 to 1) and, if anything is to be kept, `checkpoint()` and
    `result()`, each (tensors, record); both are asked only before the next state is. A state may end the run with a
    `problem`, a code such as "diverged"; its checkpoint is then the last good one.
    """

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def short(self) -> bool: ...
    def start(self, checkpoint: Checkpoint | None) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. It never changes."""

    key: str
    title: str
    status: str  # "waiting" | "running" | "done" | "stopped" | "failed"
    state: Any  # the latest good state, or None: not begun, or finished earlier and to be loaded from the store
    message: str | None  # a code: "diverged", "out_of_memory", "failed", "process_ended", …
    detail: str  # the sentence that came with the code, in English, for those who want to know more
    watchers: int
    owner: str
    version: int  # grows with every change
    seconds: float  # of work in this run, those before it was stopped included


@dataclass(eq=False)
class Run:
    """What the runner knows of a run. `wish` and the fields of the snapshot change under the lock only."""

    config: RunConfig
    owner: str
    status: str = "waiting"
    state: Any = None
    message: str | None = None
    detail: str = ""
    watchers: set[str] = field(default_factory=set)
    seconds: float = 0.0
    wish: str | None = None  # "stop", or "save" for a finished run that the store did not take
    iterator: Iterator[Any] | None = None
    resumed: bool = False  # from a checkpoint, and no state since
    ignores_kept: bool = False  # what is in the store could not be used: overwrite it
    note: dict[str, Any] = field(default_factory=dict)  # of whoever asked, kept with each checkpoint
    by_hand: bool = False  # somebody stopped it, and did not just leave
    kept_at: float = 0.0
    keep_after: float = 0.0  # seconds from one checkpoint to the next
    unsaved: bool = False  # it is done, and the store did not take its result
    unkept: bool = False  # the state is newer than what was kept
    snapshot: Snapshot = field(init=False)
    version: int = 0

    def __post_init__(self) -> None:
        self.key, self.title, self.short = self.config.key, self.config.title, self.config.short
        self.publish()

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    def publish(self) -> None:
        self.version += 1
        self.snapshot = Snapshot(
            self.key,
            self.title,
            self.status,
            self.state,
            self.message,
            self.detail,
            len(self.watchers),
            self.owner,
            self.version,
            self.seconds,
        )


class Job:
    """A run as those who asked for it see it."""

    def __init__(self, run: Run):
        self._run = run

    @property
    def key(self) -> str:
        return self._run.key

    def snapshot(self) -> Snapshot:
        """The run now; takes no lock and never waits."""
        return self._run.snapshot

    def glance(self) -> Snapshot:
        """The same without the state, for those who only ask how it stands."""
        return replace(self._run.snapshot, state=None)
