"""python -m core.train: one command from nothing to a model, that can be stopped at any time."""

import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from core import train
from core.diffusion.learned import train_diffusion
from core.hierarchical_learned import HierarchyRun, restore_hierarchy
from core.hierarchical_vae import HierarchyConfig
from core.kept import KEPT
from core.store import ModelStore, StoreFull
from core.training import TrainingConfig
from core.vae import VAEConfig
from core.vae_learned import VAERun

ROOT = Path(__file__).resolve().parents[2]
SHORT = ["diffusion", "--dataset", "moons", "--epochs", "0.6", "--batch-size", "32", "--device", "cpu"]  # 60 updates
KEY = train.diffusion_config("moons", 0.6, batch_size=32).key


def command(store: Path, *more: str) -> int:
    return train.main([*SHORT, "--store", str(store), *more])


def injected(monkeypatch: pytest.MonkeyPatch, change: Callable[[Iterator], Iterator]) -> list:
    """Puts `change` around the iterator that the command runs through; gives back the checkpoints it began from."""
    resumed: list = []

    def start(config, device=None, resume=None):
        resumed.append(resume)
        return change(train_diffusion(config, device, resume))

    names, make, _ = train.KINDS["diffusion"]
    monkeypatch.setitem(train.KINDS, "diffusion", (names, make, start))
    return resumed


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


# --- what is asked for


def test_a_pass_over_the_digits_is_as_many_updates_as_there_are_batches():
    assert train.diffusion_config("mnist", 2).training.steps == 2 * 937
    assert train.diffusion_config("mnist", 0.5, batch_size=100).training.steps == 300
    assert train.diffusion_config("rings", 3).training.steps == 300
    assert train.diffusion_config("rings", 0.001).training.steps == 1
    config = train.classifier_config("mnist", 1)
    assert (config.training.steps, config.training.batch_size, config.training.learning_rate) == (468, 128, 3e-3)


def test_every_setting_of_the_training_is_an_option():
    line = "diffusion --dataset rings --seed 3 --learning-rate 0.01 --ema-decay 0.9 --warmup 7 --beta1 0.5 --beta2 0.6"
    a = train.arguments([*line.split(), "--batch-size", "9"])
    expected = {"seed": 3, "learning_rate": 0.01, "ema_decay": 0.9, "warmup": 7, "beta1": 0.5, "beta2": 0.6}
    assert a.settings == {**expected, "batch_size": 9}
    assert train.arguments(["diffusion"]).settings == {} and train.arguments(["diffusion"]).dataset == "mnist"
    assert train.diffusion_config("rings", 1, **a.settings).training == TrainingConfig(100, **a.settings)


def test_the_settings_of_a_vae_reach_its_config_and_no_other_kind():
    line = "vae --dataset mnist --epochs 2 --latent 3 --hidden 20,10 --likelihood gaussian --std 0.5 --body mlp"
    a = train.arguments([*line.split(), "--activation", "tanh", "--beta", "4", "--batch-size", "200"])
    config = train.vae_config(a.dataset, a.epochs, **a.settings)
    assert config.network == VAEConfig(3, (20, 10), "gaussian", 0.5, "mlp", "tanh") and config.beta == 4
    assert (config.training.steps, config.training.batch_size) == (600, 200)
    assert train.vae_config("mnist", 1) == VAERun("mnist", TrainingConfig(600, 100, 1e-3, beta2=0.999))
    for wrong in (["diffusion", "--latent", "3"], ["classifier", "--beta", "1"], ["vae", "--hidden", "many"]):
        with pytest.raises(SystemExit):
            train.arguments(wrong)


def test_the_settings_of_two_levels_reach_their_config_and_no_other_kind():
    line = "hierarchical --dataset mnist --epochs 2 --latent 3 --hidden 20,10 --upper 4 --width 7 --beta 2"
    a = train.arguments([*line.split(), "--activation", "tanh", "--batch-size", "200"])
    config = train.hierarchical_config(a.dataset, a.epochs, **a.settings)
    lower = VAEConfig(3, (20, 10), activation="tanh")
    assert config == HierarchyRun("mnist", TrainingConfig(600, 200, 1e-3, beta2=0.999), HierarchyConfig(lower, 4, 7), 2)
    assert train.hierarchical_config("mnist", 1).training == train.vae_config("mnist", 1).training
    for wrong in (["vae", "--upper", "3"], ["diffusion", "--width", "3"], ["hierarchical", "--dataset", "moons"]):
        with pytest.raises(SystemExit):
            train.arguments(wrong)


def test_two_levels_are_trained_by_the_command(tmp_path, capsys):
    line = "hierarchical --epochs 0.01 --latent 2 --upper 1 --hidden 4 --width 3 --device cpu --name tiny --store"
    assert train.main([*line.split(), str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*.safetensors")
    assert capsys.readouterr().out == f"The model is in {path}\n"
    weights, record = ModelStore(tmp_path).load(path.name.removesuffix(".safetensors"))
    assert (record["kind"], record["name"], record["examples"]) == ("hierarchical", "tiny", 600)
    assert restore_hierarchy(weights, record, torch.device("cpu")).config.upper == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("painting", "invalid choice: 'painting'"),
        ("diffusion --dataset cats", "invalid choice: 'cats'"),
        ("classifier --dataset moons", "a classifier is trained on one of: mnist, fashion_mnist"),
        ("diffusion --epochs 0", "--epochs must be a positive number"),
        ("diffusion --epochs nan", "--epochs must be a positive number"),
        ("diffusion --epochs inf", "--epochs must be a positive number"),
        ("diffusion --epochs many", "invalid float value"),
        ("diffusion --seed 1.5", "invalid int value"),
        ("", "required: kind"),
    ],
)
def test_nonsense_is_told_with_how_to_ask(line, said, capsys):
    with pytest.raises(SystemExit) as end:
        train.arguments(line.split())
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("usage: python -m core.train")


def test_help_tells_what_there_is(capsys):
    with pytest.raises(SystemExit) as end:
        train.main(["--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    for word in ("diffusion", "classifier", "--dataset", "moons", "fashion_mnist", "--epochs", "--device", "--store"):
        assert word in out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--device", "abacus"), "device 'abacus' is unknown"),
        (("--batch-size", "0"), "batch_size must lie between 1"),
        (("--learning-rate", "nan"), "learning_rate must lie between"),
        (("--seed", "-1"), "seed must lie between"),
        (("--epochs", "999999"), "steps must lie between"),
        (("--batch-size", "20000"), "cannot be drawn from 10000"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(more, said, tmp_path, capsys):
    assert command(tmp_path, *more) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and said in captured.err and "Traceback" not in captured.err
    assert not list(tmp_path.glob("*.safetensors"))


# --- from nothing to a model


def test_a_run_ends_with_a_model_and_says_where(tmp_path, capsys):
    assert command(tmp_path, "--name", "half-moons") == 0
    captured = capsys.readouterr()
    path = tmp_path / f"{KEY}.safetensors"
    assert captured.out.splitlines() == [f"The model is in {path}"] and path.is_file()
    assert "60/60" in captured.err and "loss=" in captured.err  # the bar
    weights, record = ModelStore(tmp_path).load(KEY)
    assert (record["kind"], record["name"], record["examples"]) == ("diffusion", "half-moons", 60 * 32)
    assert KEY + KEPT not in ModelStore(tmp_path)

    before = path.stat().st_mtime_ns, path.read_bytes()
    assert command(tmp_path) == 0  # trained before
    assert re.fullmatch(rf"Trained before \([\d.]+ s on CPU × \d+\): {re.escape(str(path))}\n", capsys.readouterr().out)
    assert path.read_bytes() == before[1]


def test_without_a_folder_the_model_goes_where_the_app_looks(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TEN_STEPS_HOME", str(tmp_path / "home"))
    assert train.main([*SHORT, "--epochs", "0.02"]) == 0
    (file,) = (tmp_path / "home").glob("*.safetensors")
    assert capsys.readouterr().out == f"The model is in {file}\n"


@pytest.fixture(autouse=True)
def ctrl_c_interrupts() -> Iterator[None]:
    """As at a terminal: where tests run side by side, their processes ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupting(at: int, times: int = 1) -> Callable[[Iterator], Iterator]:
    def change(states: Iterator) -> Iterator:
        for state in states:
            if state.training.step == at:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            yield state

    return change


def test_ctrl_c_keeps_what_was_learnt_and_the_same_command_goes_on(tmp_path, monkeypatch, capsys):
    assert command(tmp_path / "whole") == 0
    capsys.readouterr()
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        injected(patch, interrupting(41))
        assert command(tmp_path / "cut") == 130
    assert signal.getsignal(signal.SIGINT) is handler
    out = capsys.readouterr().out
    assert out == "Stopped after 41 of 60 updates; the same command goes on from there.\n"
    store = ModelStore(tmp_path / "cut")
    assert KEY not in store and store.record(KEY + KEPT)["step"] == 41

    resumed = injected(monkeypatch, lambda states: states)
    assert command(tmp_path / "cut") == 0
    assert resumed[0][1]["step"] == 41
    captured = capsys.readouterr()
    assert captured.out.startswith("The model is in ") and "60/60" in captured.err
    assert same(ModelStore(tmp_path / "whole").load(KEY)[0], store.load(KEY)[0]) and KEY + KEPT not in store


def test_ctrl_c_in_the_middle_of_an_update_waits_for_its_end(tmp_path, monkeypatch, capsys):
    """Else the noise would have been drawn and the weights not moved: no run could go on exactly from there."""
    assert command(tmp_path / "whole") == 0
    real, calls = torch.optim.Adam.step, 0

    def step(self, *args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == 33:
            signal.raise_signal(signal.SIGINT)
        return real(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", step)
        assert command(tmp_path / "cut") == 130
    assert "Stopped after 33 of 60" in capsys.readouterr().out
    assert command(tmp_path / "cut") == 0
    assert same(ModelStore(tmp_path / "whole").load(KEY)[0], ModelStore(tmp_path / "cut").load(KEY)[0])


def test_a_second_ctrl_c_does_not_wait_and_what_was_kept_stays(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(train, "KEEP_SECONDS", 0.0)
        injected(patch, interrupting(30, times=2))
        assert command(tmp_path) == 130
    assert "goes on from what was last kept" in capsys.readouterr().err
    assert ModelStore(tmp_path).record(KEY + KEPT)["step"] == 29
    resumed = injected(monkeypatch, lambda states: states)
    assert command(tmp_path) == 0 and resumed[0][1]["step"] == 29


def test_a_run_that_was_stopped_at_its_very_end_becomes_a_model(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        injected(patch, interrupting(60))
        assert command(tmp_path) == 130
    assert ModelStore(tmp_path).record(KEY + KEPT)["step"] == 60
    assert command(tmp_path) == 0 and KEY in ModelStore(tmp_path)


def test_a_run_is_kept_now_and_then(tmp_path, monkeypatch):
    """A machine that is switched off at night sends no Ctrl-C."""
    kept = []
    real = ModelStore.save
    monkeypatch.setattr(
        ModelStore, "save", lambda self, key, *r: (kept.append((key, r[1].get("step"))), real(self, key, *r))
    )
    now = iter(range(0, 10_000, 7))
    monkeypatch.setattr(train, "time", SimpleNamespace(monotonic=lambda: next(now)))
    monkeypatch.setattr(train, "KEEP_SECONDS", 139.0)  # two looks at the clock where it is kept, one elsewhere
    assert command(tmp_path) == 0
    steps = [step for key, step in kept if key.endswith(KEPT)]
    assert steps[0] == 1 and steps[-1] == 60 and steps == sorted(set(steps)) and 3 <= len(steps) <= 6
    assert kept[-1][0] == KEY


def test_a_real_ctrl_c_from_a_terminal(tmp_path):
    arguments = [sys.executable, "-m", "core.train", *SHORT, "--epochs", "500", "--store", str(tmp_path)]
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(f"*{KEPT}.safetensors")) and time.monotonic() < until:
            time.sleep(0.05)  # the first update is kept at once
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, error
    done = re.fullmatch(r"Stopped after (\d+) of 50000 updates; the same command goes on from there.\n", out)
    assert done and "Traceback" not in error
    (file,) = tmp_path.glob("*.safetensors")
    assert ModelStore(tmp_path).record(file.name.removesuffix(".safetensors"))["step"] == int(done[1]) > 0


# --- what goes wrong


def test_a_loss_that_runs_away_is_told_and_what_was_good_is_kept(tmp_path, capsys):
    assert command(tmp_path, "--epochs", "5", "--learning-rate", "1000") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.splitlines()[-1]
    assert re.search(
        r"The loss ran away; a lower --learning-rate helps. What was learnt in \d+ of 500 updates is kept", last
    )
    (file,) = tmp_path.glob("*.safetensors")
    tensors, record = ModelStore(tmp_path).load(file.name.removesuffix(".safetensors"))
    assert file.name.endswith(f"{KEPT}.safetensors")
    assert all(bool(value.isfinite().all()) for value in tensors.values()) and math.isfinite(record["step"])


@pytest.mark.parametrize("where", ["in an update", "elsewhere"])
def test_a_device_without_room_is_told_and_nothing_is_lost(where, tmp_path, monkeypatch, capsys):
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    real, calls = torch.optim.Adam.step, 0

    def step(self, *args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == 31:
            raise error
        return real(self, *args, **kwargs)

    def no_room(states: Iterator) -> Iterator:
        for state in states:
            yield state
            if state.training.step == 30:
                raise error

    with monkeypatch.context() as patch:
        if where == "in an update":
            patch.setattr(torch.optim.Adam, "step", step)
        else:
            injected(patch, no_room)
        assert command(tmp_path) == 1
    assert "The device ran out of memory; a smaller --batch-size helps" in capsys.readouterr().err.splitlines()[-1]
    assert command(tmp_path) == 0 and KEY in ModelStore(tmp_path)


def test_a_store_that_takes_nothing_is_told_before_the_night(tmp_path, monkeypatch, capsys):
    file = tmp_path / "a-file"
    file.write_text("not a folder")
    states = []
    injected(monkeypatch, lambda run: (states.append(state) or state for state in run))
    assert command(file) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and str(file) in captured.err.splitlines()[-1] and "Traceback" not in captured.err
    assert len(states) == 1


def test_a_read_only_store_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "ModelStore", lambda folder: ModelStore(folder, read_only=True))
    assert command(tmp_path) == 1
    assert "is never changed" in capsys.readouterr().err.splitlines()[-1]


def test_a_disk_that_fills_up_leaves_the_last_good_checkpoint(tmp_path, monkeypatch, capsys):
    real, calls = ModelStore.save, 0

    def save(self, key, tensors, record):
        nonlocal calls
        calls += 1
        if calls == 20:
            raise StoreFull("The disk is full; free some room.")
        real(self, key, tensors, record)

    with monkeypatch.context() as patch:
        patch.setattr(train, "KEEP_SECONDS", -1.0)
        patch.setattr(ModelStore, "save", save)
        assert command(tmp_path) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "The disk is full; free some room."
    assert ModelStore(tmp_path).record(KEY + KEPT)["step"] == 19
    assert command(tmp_path) == 0


@pytest.mark.parametrize("what", ["model", "checkpoint"])
def test_a_file_that_was_cut_short_is_set_aside_and_trained_anew(what, tmp_path, monkeypatch, capsys):
    if what == "checkpoint":
        with monkeypatch.context() as patch:
            injected(patch, interrupting(20))
            command(tmp_path)
    else:
        command(tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    capsys.readouterr()
    resumed = injected(monkeypatch, lambda states: states)
    assert command(tmp_path) == 0 and resumed == [None]
    captured = capsys.readouterr()
    assert "is damaged" in captured.err and "beginning anew" in captured.err
    assert captured.out.startswith("The model is in ") and ModelStore(tmp_path).load(KEY)
    assert file.name in ModelStore(tmp_path).set_aside()
