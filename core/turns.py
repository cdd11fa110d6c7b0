"""The runs that a runner knows, and whose turn it is.

First the runs that are to be stopped or saved, then the short ones in rotation, and after every third turn of a short
run one turn of a long run, also in rotation. So a short run waits for one turn of a long one at most, and a long one
keeps at least a quarter of the time however many short ones come.
"""

from collections.abc import Iterator

from core.job import Run

SHORT_TURNS = 3  # of short runs for one turn of a long run, while both wait


class Turns:
    """Runs by key: active ones in the order of their last turn, ended ones of their end. Its owner holds the lock."""

    def __init__(self, remembered: int):
        self._remembered = remembered
        self._runs: dict[str, Run] = {}
        self._short_turns = 0

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
        if short and not (long and self._short_turns >= SHORT_TURNS):
            self._short_turns += 1
            return short
        self._short_turns = 0
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
