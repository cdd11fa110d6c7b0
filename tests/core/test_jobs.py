"""Runs that people share: who is served when, what is kept, and what happens when something breaks."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from core.jobs import KEPT, Checkpoint, Job, Runner, RunnerClosed, Snapshot, runner
from core.store import ModelStore, StoreFull, StoreReadOnly


@dataclass(frozen=True)
class Counted:
    """A state that can be kept: all that was counted so far."""

    count: int
    steps: int
    seen: tuple[int, ...]
    problem: str | None = None

    @property
    def progress(self) -> float:
        return self.count / self.steps

    def checkpoint(self) -> Checkpoint:
        return {"count": torch.tensor(self.count, device="cpu")}, {"seen": list(self.seen)}

    def result(self) -> Checkpoint:
        return {"count": torch.tensor(self.count, device="cpu")}, {"seen": list(self.seen)}


@dataclass(frozen=True)
class Bare:
    """A state that cannot be kept."""

    progress: float


@dataclass(frozen=True)
class Counting:
    """A run that counts. Each step takes one ticket, if there is a gate; `before` is called with each number."""

    key: str
    steps: int = 5
    short: bool = True
    gate: threading.Semaphore | None = None
    before: Callable[[int], None] | None = None
    ends: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    problem_at: int | None = None

    @property
    def title(self) -> str:
        return f"counting to {self.steps}"

    def start(self, checkpoint: Checkpoint | None) -> Iterator[Counted]:
        count = int(checkpoint[0]["count"]) if checkpoint else 0
        seen = tuple(checkpoint[1]["seen"]) if checkpoint else ()
        self.starts.append(count)
        try:
            while count < self.steps:
                if self.gate is not None:
                    assert self.gate.acquire(timeout=20)
                if self.before is not None:
                    self.before(count + 1)
                count += 1
                seen += (count,)
                diverged = count == self.problem_at
                yield Counted(count, self.steps, seen, "diverged" if diverged else None)
                if diverged:
                    return
        finally:
            self.ends.append(threading.current_thread().name)


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


def ended(job: Job) -> Snapshot:
    wait_for(lambda: job.snapshot().status in ("done", "stopped", "failed"))
    return job.snapshot()


def reached(job: Job, count: int) -> None:
    wait_for(lambda: job.snapshot().state is not None and job.snapshot().state.count >= count)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path)


@pytest.fixture
def make(store: ModelStore) -> Iterator[Callable[..., Runner]]:
    made: list[Runner] = []

    def build(store: ModelStore | None = store, slice_seconds: float = 0.0, **settings: Any) -> Runner:
        made.append(Runner(store, slice_seconds, **settings))
        return made[-1]

    yield build
    for one in made:
        assert one.close(timeout=10)


def test_a_run_from_start_to_store(make: Callable[..., Runner], store: ModelStore) -> None:
    config = Counting("a")
    job = make().ask(config, "ann")
    snapshot = ended(job)
    assert (snapshot.status, snapshot.message, snapshot.state.seen) == ("done", None, (1, 2, 3, 4, 5))
    assert (snapshot.key, snapshot.title, snapshot.owner, snapshot.watchers) == ("a", "counting to 5", "ann", 1)
    assert config.ends == ["runner"]  # begun and ended in the runner's thread
    assert store.load("a")[1]["seen"] == [1, 2, 3, 4, 5]
    with pytest.raises(FrozenInstanceError):
        snapshot.status = "running"


def test_a_snapshot_never_changes_and_is_never_waited_for(make: Callable[..., Runner]) -> None:
    gate = threading.Semaphore(1)
    service = make()
    job = service.ask(Counting("a", gate=gate), "ann")
    reached(job, 1)
    first = job.snapshot()
    with service._changed:  # even while somebody holds the lock
        assert job.snapshot() is first
    gate.release(4)
    assert ended(job).version > first.version
    assert (first.state.count, first.status) == (1, "running")


def test_two_askers_share_one_run(make: Callable[..., Runner]) -> None:
    gate = threading.Semaphore(0)
    service, first, second = make(), Counting("a", gate=gate), Counting("a", gate=gate)
    job = service.ask(first, "ann")
    again = service.ask(second, "bob", owner="bob")
    assert again.snapshot().watchers == 2 and again.snapshot().owner == "ann"
    assert service.jobs()[0].key == "a" and len(service.jobs()) == 1
    gate.release(5)
    assert ended(job).state is again.snapshot().state
    assert first.starts == [0] and second.starts == []
    assert service.find("a").snapshot() is job.snapshot() and service.find("b") is None


def test_who_asks_for_a_finished_run_gets_it(make: Callable[..., Runner], store: ModelStore) -> None:
    config, service = Counting("a"), make()
    ended(service.ask(config, "ann"))
    assert service.ask(config, "bob").snapshot().state.count == 5
    other = make().ask(config, "cy").snapshot()  # a server that never saw it run
    assert (other.status, other.state) == ("done", None)
    assert config.starts == [0]
    store.remove("a")
    anew = make()
    assert ended(anew.ask(config, "cy")).state.count == 5 and config.starts == [0, 0]


def test_a_model_that_left_the_store_is_made_again(make: Callable[..., Runner], store: ModelStore) -> None:
    store.save("a", {}, {})
    config, service = Counting("a"), make()
    assert service.ask(config, "ann").snapshot().state is None
    store.remove("a")
    job = service.ask(config, "ann")
    wait_for(lambda: "a" in store and job.snapshot().status == "done")
    assert config.starts == [0]
    store.remove("a")  # the state still has it: it is only written again
    service.ask(config, "ann")
    wait_for(lambda: "a" in store)
    assert config.starts == [0] and job.snapshot().status == "done"


@pytest.mark.parametrize("with_store", [True, False])
def test_a_run_that_was_stopped_goes_on_exactly(
    make: Callable[..., Runner], store: ModelStore, with_store: bool
) -> None:
    gate = threading.Semaphore(2)
    config, service = Counting("a", gate=gate), make(store if with_store else None)
    job = service.ask(config, "ann")
    reached(job, 2)
    assert service.stop("a", "ann")
    gate.release()  # the step that was being made
    snapshot = ended(job)
    assert (snapshot.status, snapshot.message, snapshot.state.count) == ("stopped", None, 3)
    assert service.kept("a")["seen"] == [1, 2, 3] and service.kept("a")["kept_progress"] == 0.6
    assert (("a" + KEPT) in store) == with_store
    gate.release(2)
    assert service.ask(config, "bob").snapshot().owner == "bob"
    wait_for(lambda: job.snapshot().status == "done")
    assert job.snapshot().state.seen == (1, 2, 3, 4, 5) and config.starts == [0, 3]
    assert ("a" + KEPT) not in store and service.kept("a") is None
    assert job.snapshot().seconds > snapshot.seconds


def test_only_the_owner_stops(make: Callable[..., Runner]) -> None:
    gate = threading.Semaphore(0)
    service = make()
    job = service.ask(Counting("a", gate=gate), "ann-1", owner="ann")
    service.ask(Counting("a", gate=gate), "bob")
    assert not service.stop("a", "bob") and not service.stop("a", "ann-1") and not service.stop("b", "ann")
    gate.release()
    reached(job, 1)
    assert job.snapshot().status == "running"
    assert service.stop("a", "ann")
    gate.release()
    assert ended(job).status == "stopped"
    assert service.stop("a", "ann")  # a second click does no harm


def test_a_run_ends_when_its_last_watcher_leaves(make: Callable[..., Runner], store: ModelStore) -> None:
    gate = threading.Semaphore(0)
    service, config = make(), Counting("a", gate=gate)
    job = service.ask(config, "ann")
    service.ask(config, "bob")
    service.leave("a", "ann")  # though she started it
    service.leave("a", "nobody")
    service.leave("nothing", "ann")
    gate.release(2)
    reached(job, 2)
    assert (job.snapshot().status, job.snapshot().watchers) == ("running", 1)
    service.leave("a", "bob")
    gate.release()
    assert ended(job).status == "stopped" and store.load("a" + KEPT)[1]["seen"] == [1, 2, 3]


def test_whoever_joins_a_run_counts_once(make: Callable[..., Runner]) -> None:
    gate = threading.Semaphore(0)
    service = make()
    job = service.ask(Counting("a", gate=gate), "ann")
    for _ in range(2):
        joined = service.ask(Counting("a", gate=gate), "bob").snapshot()
        assert (joined.watchers, joined.owner) == (2, "ann")
    service.leave("a", "ann")
    gate.release(5)
    assert ended(job).status == "done"


def test_who_comes_back_in_time_changes_nothing(make: Callable[..., Runner]) -> None:
    gate = threading.Semaphore(0)
    service, config = make(), Counting("a", gate=gate)
    job = service.ask(config, "ann")
    wait_for(lambda: job.snapshot().status == "running")
    service.leave("a", "ann")
    service.ask(config, "ann")
    gate.release(5)
    assert ended(job).status == "done" and config.starts == [0]


def test_who_comes_while_a_checkpoint_is_written_changes_nothing(
    make: Callable[..., Runner], store: ModelStore
) -> None:
    gate, writing, go_on = threading.Semaphore(1), threading.Event(), threading.Event()
    config, save = Counting("a", gate=gate), store.save

    def slow_save(*arguments: Any) -> None:
        writing.set()
        assert go_on.wait(10)
        save(*arguments)

    store.save = slow_save
    service = make()
    job = service.ask(config, "ann")
    reached(job, 1)
    service.stop("a", "ann")
    gate.release()
    assert writing.wait(10)
    service.ask(config, "bob")
    go_on.set()
    gate.release(3)
    assert ended(job).status == "done" and config.starts == [0]


def test_a_watcher_that_gives_no_sign_of_life_has_left(make: Callable[..., Runner]) -> None:
    gate, clock = threading.Semaphore(0), Clock()
    service, config = make(clock=clock, checkpoint_seconds=1e9), Counting("a", steps=50, gate=gate)
    job = service.ask(config, "ann")
    service.ask(config, "bob")
    clock.now = 100.0
    service.seen("bob")
    service.seen("a stranger")
    clock.now = 200.0
    gate.release(2)
    reached(job, 2)
    wait_for(lambda: job.snapshot().watchers == 1)
    assert job.snapshot().status == "running"
    clock.now = 281.0
    gate.release(2)
    assert ended(job).status == "stopped" and job.snapshot().watchers == 0
    assert service._seen == {}


def test_the_short_ones_first_and_a_long_one_never_starves(make: Callable[..., Runner]) -> None:
    order: list[str] = []
    gate = threading.Semaphore(0)

    def run(key: str, short: bool, steps: int) -> Counting:
        return Counting(key, steps, short, before=lambda _: order.append(key))

    service = make(store=None)
    service.ask(Counting("first", steps=1, short=False, gate=gate), "ann")  # holds the thread until all have asked
    jobs = [service.ask(run(key, key < "x", 6 if key < "x" else 4), "ann") for key in ("x", "y", "a", "b", "c")]
    gate.release()
    for job in jobs:
        assert ended(job).status == "done"
    assert sorted(order) == sorted("a" * 6 + "b" * 6 + "c" * 6 + "x" * 4 + "y" * 4)
    # four turns of short runs ahead of the long ones (of which "first" was one), a step or two in each, then by turns
    said = "".join(order)
    assert not set("xy") & set(said[:4])
    assert max(map(len, re.split("[xy]", said[: said.rindex("y")]))) <= 10


def test_a_turn_is_as_long_as_its_slice(make: Callable[..., Runner]) -> None:
    order: list[str] = []

    def run(key: str) -> Counting:
        return Counting(key, 40, before=lambda _: (order.append(key), time.sleep(0.002)))

    service = make(store=None, slice_seconds=0.02)
    for job in [service.ask(run("a"), "ann"), service.ask(run("b"), "ann")]:
        ended(job)
    turns = sum(1 for one, two in zip(order, order[1:], strict=False) if one != two)
    assert 2 <= turns <= 40  # not at every one of the 79 steps, and not only at the end; fewer where nobody else works


def test_a_run_that_breaks_leaves_the_others_alone(make: Callable[..., Runner], store: ModelStore) -> None:
    broken = [True]

    def fail(number: int) -> None:
        if number == 4 and broken[0]:
            raise RuntimeError("the cat sat on the keyboard")

    service, config = make(checkpoint_seconds=0), Counting("a", before=fail)
    job, other = service.ask(config, "ann"), service.ask(Counting("b", steps=30), "ann")
    snapshot = ended(job)
    assert (snapshot.status, snapshot.message) == ("failed", "failed") and "keyboard" in snapshot.detail
    assert snapshot.state.count == 3 and store.load("a" + KEPT)[1]["seen"] == [1, 2, 3]
    assert ended(other).status == "done"
    broken[0] = False
    service.ask(config, "ann")
    wait_for(lambda: job.snapshot().status == "done")
    assert job.snapshot().state.seen == (1, 2, 3, 4, 5) and job.snapshot().message is None
    assert config.starts == [0, 3]


def test_a_run_that_cannot_even_start(make: Callable[..., Runner]) -> None:
    class Impossible(Counting):
        def start(self, checkpoint: Checkpoint | None) -> Iterator[Counted]:
            raise ValueError("The data are missing.")

    snapshot = ended(make().ask(Impossible("a"), "ann"))
    assert (snapshot.status, snapshot.message, snapshot.state) == ("failed", "failed", None)
    assert "The data are missing." in snapshot.detail


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes."),
        MemoryError(),
    ],
)
def test_out_of_memory_has_its_own_code(make: Callable[..., Runner], error: Exception) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise error

    snapshot = ended(make().ask(Counting("a", before=fail), "ann"))
    assert (snapshot.status, snapshot.message, snapshot.state.count) == ("failed", "out_of_memory", 1)
    assert error.__traceback__ is None  # its frames would keep the memory


def test_a_run_that_diverges_keeps_its_last_good_state(make: Callable[..., Runner], store: ModelStore) -> None:
    job = make().ask(Counting("a", problem_at=3), "ann")
    snapshot = ended(job)
    assert (snapshot.status, snapshot.message, snapshot.state.count) == ("failed", "diverged", 2)
    assert "a" not in store and "kept_progress" not in store.record("a" + KEPT)  # its last good checkpoint


def test_states_that_cannot_be_kept_are_not(make: Callable[..., Runner], store: ModelStore) -> None:
    class Passing(Counting):
        def start(self, checkpoint: Checkpoint | None) -> Iterator[Any]:
            yield Bare(0.5)
            yield Bare(1.0)

    snapshot = ended(make(checkpoint_seconds=0).ask(Passing("a"), "ann"))
    assert (snapshot.status, snapshot.message, snapshot.state) == ("done", None, Bare(1.0))
    assert store.records() == []


def test_a_checkpoint_now_and_then(make: Callable[..., Runner], store: ModelStore) -> None:
    gate, clock = threading.Semaphore(0), Clock()
    job = make(clock=clock, checkpoint_seconds=60).ask(Counting("a", gate=gate), "ann")
    gate.release()
    reached(job, 1)
    assert "a" + KEPT not in store
    clock.now = 61.0
    gate.release()
    wait_for(lambda: "a" + KEPT in store)
    gate.release()
    reached(job, 3)
    assert store.load("a" + KEPT)[1]["seen"] == [1, 2]
    gate.release(2)
    ended(job)


def test_close_keeps_what_every_run_had_learnt(make: Callable[..., Runner], store: ModelStore) -> None:
    gate = threading.Semaphore(2)
    config, service = Counting("a", gate=gate), make()
    job = service.ask(config, "ann")
    waiting = Counting("z", short=False)
    reached(job, 2)
    never_begun = service.ask(waiting, "ann")
    closing = threading.Thread(target=service.close)
    closing.start()
    wait_for(lambda: service.closed)
    gate.release()  # only the step that is being made is waited for
    closing.join(10)
    assert not closing.is_alive()
    assert (job.snapshot().status, never_begun.snapshot().status) == ("stopped", "stopped")
    assert store.load("a" + KEPT)[1]["seen"] == [1, 2, 3] and waiting.starts == []
    with pytest.raises(RunnerClosed):
        service.ask(config, "ann")
    gate.release(2)
    later = make().ask(config, "bob")
    assert ended(later).state.seen == (1, 2, 3, 4, 5) and config.starts == [0, 3]


def test_close_gives_up_on_a_step_that_takes_too_long(make: Callable[..., Runner]) -> None:
    gate = threading.Semaphore(0)
    service = make()
    job = service.ask(Counting("a", gate=gate), "ann")
    wait_for(lambda: job.snapshot().status == "running")
    assert not service.close(timeout=0.05)
    gate.release()
    assert service.close(timeout=10)
    assert make().close()  # one that never began


@pytest.mark.parametrize(("error", "code"), [(StoreFull, "store_full"), (StoreReadOnly, "store_read_only")])
def test_a_store_that_takes_nothing_loses_nothing(
    make: Callable[..., Runner], store: ModelStore, error: type[Exception], code: str
) -> None:
    def refuse(*_: Any) -> None:
        raise error("The disk takes nothing.")

    save, store.save = store.save, refuse
    gate = threading.Semaphore(0)
    service, config = make(checkpoint_seconds=0), Counting("a", gate=gate)
    job = service.ask(config, "ann")
    gate.release(2)
    reached(job, 2)
    wait_for(lambda: job.snapshot().message == code)
    assert job.snapshot().status == "running" and job.snapshot().detail == "The disk takes nothing."
    service.stop("a", "ann")
    gate.release()
    stopped = ended(job)
    assert (stopped.status, stopped.message, service.kept("a")["seen"]) == ("stopped", code, [1, 2, 3])
    service.ask(config, "ann")  # goes on from memory
    gate.release(2)
    wait_for(lambda: job.snapshot().status == "done")
    done = job.snapshot()
    assert (done.message, config.starts, done.state.result()[1]["seen"]) == (code, [0, 3], [1, 2, 3, 4, 5])
    store.save = save  # room again: who asks has it written
    service.ask(config, "bob")
    wait_for(lambda: job.snapshot().message is None)
    assert store.load("a")[1]["seen"] == [1, 2, 3, 4, 5] and config.starts == [0, 3]


def test_close_tries_once_more_to_write_a_result(make: Callable[..., Runner], store: ModelStore) -> None:
    gate = threading.Semaphore(0)
    service, finished = make(), Counting("a")
    ended(service.ask(finished, "ann"))
    store.remove("a")
    busy = service.ask(Counting("b", gate=gate), "ann")
    wait_for(lambda: busy.snapshot().status == "running")
    service.ask(finished, "ann")  # is to be written when the step of b is made
    closing = threading.Thread(target=service.close)
    closing.start()
    wait_for(lambda: service.closed)
    gate.release()
    closing.join(10)
    assert "a" in store and finished.starts == [0]


def test_a_checkpoint_that_cannot_be_made_does_not_end_the_run(make: Callable[..., Runner]) -> None:
    class Odd(Counting):
        def start(self, checkpoint: Checkpoint | None) -> Iterator[Any]:
            for count in (1, 2):
                yield OddState(count, 2, (count,))

    class OddState(Counted):
        def checkpoint(self) -> Checkpoint:
            return {}, {"not plain": object()}

        result = checkpoint

    snapshot = ended(make(checkpoint_seconds=0).ask(Odd("a"), "ann"))
    assert (snapshot.status, snapshot.message, snapshot.state.count) == ("done", "failed", 2)


def test_a_damaged_checkpoint_is_told_and_the_run_begins_anew(make: Callable[..., Runner], store: ModelStore) -> None:
    (store.folder / f"a{KEPT}.safetensors").write_bytes(b"cut sho")
    gate = threading.Semaphore(1)
    config, service = Counting("a", gate=gate), make()
    job = service.ask(config, "ann")
    reached(job, 1)
    assert job.snapshot().message == "model_damaged" and store.set_aside()
    gate.release(4)
    assert ended(job).status == "done" and config.starts == [0]


def test_a_checkpoint_of_another_kind_of_run_is_told_and_not_used(
    make: Callable[..., Runner], store: ModelStore
) -> None:
    store.save("a" + KEPT, {}, {"kept_progress": 0.9})
    gate = threading.Semaphore(1)
    config, service = Counting("a", gate=gate), make()
    job = service.ask(config, "ann")
    reached(job, 1)
    assert job.snapshot().message == "checkpoint_unusable"
    service.stop("a", "ann")
    gate.release()
    assert ended(job).status == "stopped" and store.load("a" + KEPT)[1]["seen"] == [1, 2]


def test_a_second_server_does_not_undo_what_the_first_has_kept(make: Callable[..., Runner], store: ModelStore) -> None:
    ahead, behind = threading.Semaphore(3), threading.Semaphore(0)
    one, two = make(), make()
    first = one.ask(Counting("a", gate=ahead), "ann")
    second = two.ask(config := Counting("a", gate=behind), "bob")
    wait_for(lambda: second.snapshot().status == "running")
    reached(first, 3)
    one.stop("a", "ann")
    ahead.release()
    assert ended(first).state.count == 4
    behind.release()
    reached(second, 1)
    two.stop("a", "bob")
    behind.release()
    assert ended(second).state.count == 2
    assert store.load("a" + KEPT)[1]["seen"] == [1, 2, 3, 4]
    behind.release(5)
    two.ask(config, "bob")
    wait_for(lambda: second.snapshot().status == "done")
    assert second.snapshot().state.seen == (1, 2, 3, 4, 5) and config.starts == [0, 4]
    assert one.ask(Counting("a"), "ann").snapshot().status == "done"


def test_the_oldest_that_ended_are_forgotten(make: Callable[..., Runner]) -> None:
    service = make(store=None, remembered=3)
    for number in range(6):
        ended(service.ask(Counting(f"run-{number}"), "ann"))
    wait_for(lambda: len(service.jobs()) == 3)
    service.ask(Counting("run-3"), "ann")
    ended(service.ask(Counting("run-6"), "ann"))
    wait_for(lambda: [job.key for job in service.jobs()] == ["run-5", "run-3", "run-6"])


def test_many_people_at_once(make: Callable[..., Runner]) -> None:
    service = make(slice_seconds=0.001)

    def person(name: str) -> None:
        for turn in range(30):
            key = f"run-{turn % 4}"
            service.ask(Counting(key, steps=50, short=turn % 2 == 0), name)
            service.seen(name)
            if turn % 3 == 0:
                service.leave(key, name)
            if turn % 5 == 0:
                service.stop(key, name)
            service.jobs()

    people = [threading.Thread(target=person, args=(f"p{number}",)) for number in range(6)]
    for one in people:
        one.start()
    for one in people:
        one.join(20)
        assert not one.is_alive()
    for number in range(4):
        service.ask(Counting(f"run-{number}", steps=50), "ann")
    wait_for(lambda: all(job.snapshot().status == "done" for job in service.jobs()))
    for job in service.jobs():
        state = job.snapshot().state
        assert state is None or state.seen == tuple(range(1, 51))


@dataclass(frozen=True)
class Descended:
    """A state of Descent; its tensors are live until the next step."""

    progress: float
    kept: Callable[[], Checkpoint]

    def checkpoint(self) -> Checkpoint:
        return self.kept()

    def result(self) -> Checkpoint:
        return self.kept()


@dataclass(frozen=True)
class Descent:
    """Noisy gradient descent with momentum on one weight vector that is changed in place."""

    key: str
    steps: int
    gate: threading.Semaphore | None = None
    title: str = "descent"
    short: bool = False

    def start(self, checkpoint: Checkpoint | None) -> Iterator[Descended]:
        generator = torch.Generator("cpu").manual_seed(0)
        weight, momentum, step = torch.ones(50, device="cpu"), torch.zeros(50, device="cpu"), 0
        if checkpoint is not None:
            tensors, record = checkpoint
            weight, momentum, step = tensors["weight"].clone(), tensors["momentum"].clone(), record["step"]
            generator.set_state(tensors["generator"])
        while step < self.steps:
            if self.gate is not None:
                assert self.gate.acquire(timeout=20)
            noise = torch.randn(50, generator=generator, device="cpu")
            momentum.mul_(0.9).add_(weight + noise)
            weight.sub_(0.01 * momentum)
            step += 1
            now = {"weight": weight, "momentum": momentum, "generator": generator.get_state()}
            yield Descended(step / self.steps, lambda now=now, step=step: (now, {"step": step}))


def test_real_tensors_stopped_and_resumed_equal_an_unbroken_run(make: Callable[..., Runner], store: ModelStore) -> None:
    unbroken = list(Descent("b", 40).start(None))[-1].result()[0]
    gate = threading.Semaphore(0)
    config, service = Descent("a", 40, gate), make(checkpoint_seconds=0)
    job = service.ask(config, "ann")
    for steps in (1, 9, 4):
        gate.release(steps)
        wait_for(lambda job=job: job.snapshot().state is not None)
        service.stop("a", "ann")
        gate.release()
        ended(job)
        assert service.close()
        while gate.acquire(blocking=False):
            pass
        service = make(checkpoint_seconds=0)
        job = service.ask(config, "ann")
        wait_for(lambda job=job: job.snapshot().status == "running")
    gate.release(40)
    assert ended(job).status == "done"
    tensors, record = store.load("a")
    assert record["step"] == 40
    for name, tensor in unbroken.items():
        assert torch.equal(tensors[name], tensor), name


def test_the_runner_of_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEN_STEPS_HOME", str(tmp_path))
    runner().close()  # that of another test in this process, with another home
    first = runner()
    assert runner() is first
    assert ended(first.ask(Counting("a"), "ann")).status == "done"
    assert "a" in ModelStore(tmp_path)
    assert first.close()
    second = runner()
    assert second is not first
    second.close()
