"""diffusion_theory.hierarchy without a browser: two levels as measured, T levels as written, and the bound of noise."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from core import library, scene, shapes
from core.hierarchical_learned import HierarchyRun, restore_hierarchy, train_hierarchy
from core.hierarchical_vae import HierarchyConfig, elbo
from core.scenes import diffusion_theory_hierarchy as scenes
from core.store import ModelStore
from core.training import TrainingConfig
from core.vae import VAEConfig
from core.vae_bound import held_out
from pages.diffusion_theory import many_levels, two_levels
from tests.pages.apptest import fits, layer, message, number, press, said, sound, tables, visitor
from ui import text

ID = "diffusion_theory.hierarchy"
visit = visitor("diffusion_theory")


def there(**settings: object):
    """The page with this experiment opened by its link."""
    named = {f"hierarchy__{name}": value for name, value in settings.items()}
    language = named.pop("hierarchy__language", "en")
    return visit(language=language, **named)


# ---- two levels, learnt ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", text.languages())
def test_what_a_kept_model_reaches_is_what_it_says(language):
    at = there(seed=1, language=language)
    values = fits(f"{ID}.caption.levels", at, language)
    record = scenes.models()[scenes.SHIPPED]
    model = restore_hierarchy(*library.store_of(record["key"]).load(record["key"]), torch.device("cpu"))
    x = held_out("mnist", "bernoulli", 1000, 0)
    with torch.no_grad():
        bounds = [elbo(model, x, torch.Generator().manual_seed(s)) for s in (11, 12, 13)]
    lower, upper = (np.mean([float(getattr(b, name).sum(dim=1).mean()) for b in bounds]) for name in ("lower", "upper"))
    assert int(values["upper_active"]) <= int(values["upper_units"]) == record["config"]["network"]["upper"]
    units = layer(at, f"{ID}.units", "upper", "upper")[1]["heights"]
    assert tables(at).count("<img") == 7 and "{{" not in said(at)
    words, rows = text.Words(language), [row.split("|")[1:3] for row in said(at).splitlines() if row.startswith("| ")]
    cells = {quantity.strip(): value.strip() for quantity, value in rows}
    told = [number(cells[words.words(f"{ID}.table.{name}")]) for name in ("elbo", "reconstruction", "lower", "upper")]
    assert told[0] == pytest.approx(told[1] - told[2] - told[3], abs=0.02)
    assert told[2] == pytest.approx(lower, abs=0.3)
    assert told[3] == pytest.approx(upper, abs=0.2)
    assert told[3] == pytest.approx(float(units.sum()), abs=0.01)
    assert told[0] == pytest.approx(np.mean([float(b.elbo.mean()) for b in bounds]), abs=0.6)


def test_the_model_beside_has_the_same_size_and_where_there_is_none_it_is_said(monkeypatch, tmp_path):
    record = scenes.models()[scenes.SHIPPED]
    other = next(r for r in library.available("vae") if r["key"] == scenes.beside(record))
    assert other["config"]["network"] == record["config"]["network"]["lower"]
    assert other["config"]["dataset"] == record["config"]["dataset"]
    small = {**record["config"]["network"], "lower": {**record["config"]["network"]["lower"], "latent": 3}}
    assert scenes.beside({**record, "config": {**record["config"], "network": small}}) == ""
    a = scenes.TwoLevelsScene(record["key"], "").compute()
    assert a["means"].shape == (1, 4) and "one" not in a
    monkeypatch.setattr("core.library.stores", lambda: (ModelStore(tmp_path),))
    at = there(seed=2)
    assert "Nothing is trained yet" in said(at)


def test_one_noise_for_both_and_what_each_level_decides():
    record = scenes.models()[scenes.SHIPPED]
    a = scene.shown(scenes.TwoLevelsScene(record["key"], scenes.beside(record)))
    assert np.array_equal(a["same_top"][0], a["drawn"][0][0])  # the first draw of each row is the same
    assert np.array_equal(a["new_top"][0], a["drawn"][0][0])
    assert not np.array_equal(a["same_top"][1], a["new_top"][1])
    assert not np.array_equal(a["drawn"][0], a["drawn"][1])


def test_the_settings_are_the_run_that_is_started_and_its_extremes_can_be_run():
    at = there(open="new", latent=1, upper=64, rate="3", beta=0, length="short", likelihood="gaussian", hidden=25)
    assert "Nothing is trained yet" in said(at)
    config = _config(at)
    lower = VAEConfig(1, (25,), likelihood="gaussian")
    assert config.network == HierarchyConfig(lower, 64, 25) and (config.beta, config.training.steps) == (0, 600)
    assert _config(there(open="new")).network == HierarchyConfig(VAEConfig(20, (200,)), 20, 200)
    at = there(open="nonsense", latent=900, levels="7", seed=-4)
    assert "{{" not in said(at)


def _config(at):
    from ui import links

    class Here:
        @staticmethod
        def value(setting):
            return at.session_state[links.VALUES].get(setting.key, setting.default)

    before, two_levels.links = two_levels.links, Here
    try:
        return two_levels.config()
    finally:
        two_levels.links = before


def test_a_running_training_a_finished_one_and_one_that_ran_away(monkeypatch):
    run = HierarchyRun("mnist", TrainingConfig(30, 16, 1e-2, warmup=5), HierarchyConfig(VAEConfig(2, (8,)), 1, 4))
    states = train_hierarchy(run, torch.device("cpu"))
    for _ in range(27):
        state = next(states)
    drawn, sentences = [], []
    monkeypatch.setattr(text, "FALLBACK", "en")
    monkeypatch.setattr(two_levels, "_growing", lambda *parts: drawn.append(parts))
    monkeypatch.setattr(two_levels.text, "prose", lambda body, small=False: sentences.append(body))
    monkeypatch.setattr(two_levels.links, "value", lambda setting: setting.default)
    for status, what in (("running", None), ("done", None), ("failed", "diverged")):
        two_levels._run(SimpleNamespace(status=status, state=state, message=what, key=run.key))
    assert [parts[2].shape for parts in drawn] == [(27, 3)] * 3 and len(drawn[0][4]) == 1
    assert "Update 27 of 30" in sentences[0] and "It is kept" in sentences[1] and "At update 27" in sentences[2]
    two_levels._run(SimpleNamespace(status="waiting", state=None, message=None, key=run.key))
    assert len(sentences) == 3  # a run that has been started is not to be started
    two_levels._run(None)
    assert sentences[3].startswith("Nothing is trained yet")


@pytest.mark.parametrize("rows", [[], [[5.0, 0.0, 1.0]], [[200.0, 1.0, 0.0], [1e24, 3.0, np.nan]]])
def test_the_picture_of_a_run_takes_any_numbers(rows, monkeypatch):
    drawn = []
    monkeypatch.setattr(two_levels, "plane", lambda panels, **look: drawn.append(panels[0]))
    monkeypatch.setattr(two_levels.strips, "rows", lambda head, body: None)
    at, parts = two_levels._blocks(np.array(rows).reshape(-1, 3))
    two_levels._growing(10, at, parts, np.zeros((2, 28, 28), np.uint8), ())
    assert drawn[0].y.low < drawn[0].y.high <= 2000


# ---- T levels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("T", scenes.CHOICES)
def test_as_many_terms_are_written_as_there_are(T, fixed):
    tex = text.coloured(many_levels.written(T, fixed))
    assert tex.count("{") == tex.count("}") and r"\role" not in tex
    decoders, encoders, bound = (
        many_levels._decoders(T, fixed),
        many_levels._encoders(T, fixed),
        many_levels._bound(T, fixed),
    )
    shown = min(T, 6) if T <= 6 else 3
    assert decoders.count(r"\role{model}{p_\theta}") == shown
    assert encoders.count(r"q_\phi" if not fixed else r"\role{noise}{q(x_{") == shown
    if fixed:
        assert bound.count(r"\role{latent}{q(") == (T - 1 if T <= 6 else 2) and bound.count(r"D_{\mathrm{KL}}") >= 1
    else:
        assert bound.count(r"\frac") == (T - 1 if T <= 6 else 2) and bound.count(r"D_{\mathrm{KL}}") == 1
    assert (r"\cdots" in tex) == (T > 6)
    assert ("z_{1:1000}" in tex or "x_{1:1000}" in tex) == (T == 1000)


@pytest.mark.parametrize("language", text.languages())
def test_levels_on_paper_in_every_language(language):
    at = there(view="many", levels=6, language=language)
    assert "12" in fits(f"{ID}.learnt", at, language).values() and len(at.latex) > 0
    header = message(at, f"{ID}.graph")[0]
    assert [one["text"] for one in header["panels"][0]["layers"] if one["kind"] == "words"][-1] == "z₆"
    at = there(view="many", levels=1000, language=language)
    assert fits(f"{ID}.learnt", at, language) == {"networks": "2,000", "terms": "1,001"}


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize("T, variance", [(1, "step"), (6, "posterior"), (1000, "best")])
def test_what_the_bound_of_noise_says_adds_up(T, variance, language):
    at = there(view="many", encoder="fixed", levels=T, variance=variance, language=language)
    template = f"{ID}.caption.fixed"
    told = {name: number(value.strip("()")) for name, value in fits(template, at, language).items()}
    assert told["bound"] == pytest.approx(-told["last"] - told["steps"] - told["first"], abs=0.003)
    assert told["gap"] == pytest.approx(told["exact"] - told["bound"], abs=1e-9) and told["gap"] > 0
    curve = layer(at, f"{ID}.plane", "bound", variance)
    row = int(np.flatnonzero(curve[1]["x"] == T)[0])
    assert float(curve[1]["y"][row]) == pytest.approx(told["bound"], abs=0.001)
    points = layer(at, f"{ID}.plane", "ladder", "up")[1]["at"]
    assert points.shape == (220 * (len(scenes.shown_levels(T)) - 1), 2)


def test_the_truth_above_the_bound_is_a_mean_of_log_densities():
    """E log p(x_0) of the three blobs, by draws and SciPy; one level is one normal distribution and no more."""
    weights, means, covs = (part.numpy() for part in shapes.blobs_mixture())
    x = shapes.blobs(100_000, torch.Generator().manual_seed(3)).numpy()
    density = sum(w * multivariate_normal(m, c).pdf(x) for w, m, c in zip(weights, means, covs, strict=True))
    a = scene.shown(scenes.LevelBoundScene())
    assert float(a["log_density"]) == pytest.approx(np.log(density).mean(), abs=0.015)
    one = -a["terms"][0].sum(axis=1)
    assert one[0] == pytest.approx(-np.log(2 * np.pi) - 1, abs=0.002)  # the entropy of N(0, I) in two dimensions
    assert (np.diff(-a["terms"][:, [0, 2]].sum(axis=2), axis=0) > 0).all()  # rises with T, but for β̃


def test_presets_lead_where_they_say():
    at = there(seed=1)
    for name, words in (
        ("one_step", "T = 1:"),
        ("thousand", "T = 1,000:"),
        ("six", "12 networks"),
        ("two", "KL of z₁"),
    ):
        at = press(at, f"{ID}.preset.{name}")
        assert words in said(sound(at))
