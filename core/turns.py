"""The runs that a runner knows, and whose turn it is.

First the runs that are to be stopped or saved. Then the short ones in rotation: they may be a few turns ahead of the
long ones, after which the two kinds alternate. So what one person asks for now and then is there at once, and a
training that a class watches keeps half of the time however much thirty people ask for meanwhile.
"""

from collections.abc import Iterator

from core.job import Run

HEAD_START = 4  # turns that short runs may be ahead of the long ones that wait


class Turns:
    """Runs by key: active ones in the order of their last turn, ended ones of their end. Its owner holds the lock."""

    def __init__(self, remembered: int):
        self._remembered = remembered
        self._runs: dict[str, Run] = {}
        self._ahead = 0  # turns of short runs while a long one waited, less those of long ones

    def __iter__(self) -> Iterator[Run]:
        return iter(tuple(self._runs.values()))

    def get(self, key: str) -> Run | None:
        """The run of that key, if it is remembered."""
        return self._runs.get(key)

    def add(self, run: Run) -> Run:
        """Remember a run; its turn comes after those of the others."""
        self._runs[run.key] = run
        return run

    def choose(self) -> Run | None:
        """Whose turn it is; None where nothing is to be done."""
        for run in self._runs.values():
            if run.wish:
                return run
        short = next((run for run in self._runs.values() if run.active and run.short), None)
        long = next((run for run in self._runs.values() if run.active and not run.short), None)
        if short and not (long and self._ahead >= HEAD_START):
            self._ahead += long is not None
            return short
        self._ahead = max(0, self._ahead - 1)
        return long

    def to_the_end(self, run: Run) -> None:
        """It had its turn, or has ended: the others come before it. Nothing happens if it is forgotten."""
        if self._runs.get(run.key) is run:
            self._runs[run.key] = self._runs.pop(run.key)

    def forget_ended(self) -> list[str]:
        """Forget the runs that ended first, until no more than `remembered` ended ones are left; their keys."""
        ended = [run.key for run in self._runs.values() if not run.active and not run.wish]
        forgotten = ended[: max(0, len(ended) - self._remembered)]
        for key in forgotten:
            del self._runs[key]
        return forgotten
