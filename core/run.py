"""What the configs of all runs have in common. Imports no torch: a page makes a config before anything is computed."""

from dataclasses import asdict, dataclass
from typing import ClassVar

from core.store import key_of


@dataclass(frozen=True)
class Config:
    """All that a run depends on, as plain data. Subclasses add `title` and `start`: see core.job.RunConfig."""

    kind: ClassVar[str]  # the beginning of the key
    short: ClassVar[bool] = False  # whether it takes seconds rather than minutes

    def describe(self) -> dict:
        """Plain data whose hash is the key: a field more, or one of another meaning, and old models do not match."""
        return asdict(self)

    @property
    def key(self) -> str:
        """The name of the run, of its checkpoint and of what is kept of it."""
        return key_of(self.kind, self.describe())
