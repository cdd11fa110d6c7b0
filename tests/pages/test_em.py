"""The page of step 5 without a browser: what it says and draws, at its defaults, its extremes and on bad input."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import norm

from core import data, em, em_starts, jobs, scene
from core.scene_run import Working
from core.scenes.em import HalfSteps
from core.scenes.em_more import HowMany
from pages import working
from pages.em import common
from tests.pages.apptest import message, numbers, said, visitor, wait_for
from ui import component, packing, text

visit = visitor("em")
HALF, BOUND, STARTS, KL, MANY, RIVALS = (
    f"em.{name}" for name in ("half_steps", "bound", "starts", "kl", "how_many", "rivals")
)


def points(setting: str, at: tuple, low: float, high: float) -> dict[str, str]:
    return {setting: packing.pack_points(at, low, high)}


@pytest.mark.parametrize("language", text.languages())
def test_the_first_paint_is_finished_in_every_language(language):
    at = visit(language=language)
    t = text.Words(language)
    header, parts = message(at, f"{HALF}.plane")
    assert len(header["frames"]) == 19 and header["start"] == 10 and header["glide"]
    assert [panel["name"] for panel in header["panels"]] == ["data", "curves", "close_up"]
    assert [panel["seek"] for panel in header["panels"]] == [False, True, False]
    assert header["moves"] == ["start", *["E", "M"] * 9] and header["frames"][-1].endswith(
        t.words(f"{HALF}.moment.end")
    )
    shares = next(values for name, values in parts.items() if name.endswith("shares"))
    assert shares.size == 19 * 272 * 2
    for name in (f"{HALF}.new", f"{BOUND}.plane", f"{STARTS}.plane"):
        assert message(at, name)[1]


# ---- half steps -----------------------------------------------------------------------------------------------------


def book_states() -> list[em.EMState]:
    return list(em.expectation_maximization(data.old_faithful().values, em_starts.book_start()))


def test_the_sentence_of_the_default_moment_is_that_of_the_algorithm():
    at, states = visit(), book_states()
    before, now = states[9], states[10]
    risen, at_now, bound, gap = numbers(r"M 5: .*?rises by (\S+) to (\S+)\. That is (\S+) by .*? and (\S+) by", at)
    assert at_now == pytest.approx(now.log_likelihood, abs=5e-5)
    assert risen == pytest.approx(now.log_likelihood - before.log_likelihood, rel=5e-3)
    assert bound == pytest.approx(now.lower_bound - before.lower_bound, rel=5e-3)
    assert gap == pytest.approx(now.log_likelihood - now.lower_bound, rel=5e-3)
    true, printed, hidden, n = numbers(
        r"true log-likelihood is (\S+)\. .* prints (\S+): for (\d+) of the (\d+) points", at
    )
    assert (true, printed, hidden, n) == (-137.488, -16.538, 215, 272)


def test_what_the_plane_is_sent_are_the_states_of_the_algorithm():
    header, parts = message(visit(), f"{HALF}.plane")
    states = book_states()
    layers = {layer["name"]: layer for panel in header["panels"] for layer in panel["layers"]}

    def sent(name: str, array: str) -> np.ndarray:
        described = layers[name][array]
        return parts[described["part"]].reshape(described["shape"])

    means = np.stack([s.mixture.means.numpy() for s in states])
    np.testing.assert_allclose(sent("components", "means"), means, rtol=1e-6)
    np.testing.assert_allclose(sent("log_likelihood", "y"), [s.log_likelihood for s in states], rtol=1e-6)
    np.testing.assert_allclose(sent("lower_bound", "y")[1:], [s.lower_bound for s in states[1:]], rtol=1e-6)
    shares = sent("points", "shares")
    np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-6)
    np.testing.assert_allclose(shares[-1], states[-1].responsibilities.numpy(), atol=1e-6)
    gaps = sent("gaps", "y").reshape(-1, 3)  # from the bound to the log-likelihood, and a break
    np.testing.assert_allclose(gaps[1:, 0], [s.lower_bound for s in states[1:]], rtol=1e-6)
    np.testing.assert_allclose(gaps[:, 1], [s.log_likelihood for s in states], rtol=1e-6)


def test_the_close_up_is_each_half_step_at_its_own_scale():
    header, parts = message(visit(), f"{HALF}.plane")
    states = book_states()
    layers = {layer["name"]: layer for layer in header["panels"][2]["layers"]}
    line, dashed = (parts[layers[name]["y"]["part"]].reshape(19, 2) for name in ("rise", "bound_rise"))
    assert np.isnan(line[0]).all() and np.isnan(dashed[0]).all() and np.isnan(dashed[1, 0])
    for i in range(2, 19):
        four = np.array([[s.log_likelihood, s.lower_bound] for s in states[i - 1 : i + 1]])
        expected = (four - four.min()) / np.ptp(four)
        np.testing.assert_allclose(line[i], expected[:, 0], atol=1e-6)
        np.testing.assert_allclose(dashed[i], expected[:, 1], atol=1e-6)
    # the sum that the picture shows: what the bound rose and what the gap opened are what the log-likelihood rose
    said = [layers[name]["text"][10] for name in ("risen", "bound_risen", "opened")]
    risen, rose, opened = (float(word.split()[-1].lstrip("+")) for word in said)
    assert risen == pytest.approx(rose + opened, abs=1.01e-4) and risen == pytest.approx(0.0452, abs=5e-5)
    assert [layers["risen"]["text"][9], layers["opened"]["text"][9]] == ["+0", "gap 0"]
    assert layers["shut"]["text"][9] == "gap 0.0246"


def test_a_link_leads_to_its_moment_and_a_preset_back_to_the_usual_one():
    at = visit({f"{HALF}.moment": 9})
    assert message(at, f"{HALF}.plane")[0]["start"] == 9
    assert "E 5: the" in re.sub(r"<[^>]+>|:\w+\[|\]", "", said(at))
    scene_before = message(at, f"{HALF}.plane")[0]["scene"]
    next(b for b in at.button if b.label == "The book's start").click().run()
    header = message(at, f"{HALF}.plane")[0]
    assert header["start"] == 10 and header["scene"] != scene_before
    for asked, start in (("9999", 18), ("-3", 0), ("x", 10)):
        assert message(visit({f"{HALF}.moment": asked}), f"{HALF}.plane")[0]["start"] == start


def test_numbers_of_one_sum_have_the_same_decimals():
    assert common.together(0.04524, 0.02541, 0.01983) == ("0.0452", "0.0254", "0.0198")
    assert common.together(133.07345, 132.97297, 0.10048) == ("133.073", "132.973", "0.100")
    assert common.together(1.373e-5, 1.116e-5, 2.57e-6) == tuple(
        f"{m}\u202f×\u202f10⁻⁵" for m in ("1.373", "1.116", "0.257")
    )
    assert common.together(0.0, 0.0, 1e-17) == ("0", "0", "0")
    assert common.together(2.0, 2.0, 1e-9)[2] == "1.00\u202f×\u202f10⁻⁹"


def test_in_a_thinned_history_each_sentence_is_of_its_own_half_step():
    wanted = HalfSteps(data="bodies", start="kmeans", components=8, tolerance=0.0)
    a = scene.shown(wanted)
    assert int(a["states"]) == 201 > len(a["phase"])
    shut = a["phase"] == 1
    assert (a["log_likelihood"][shut] == a["likelihood_before"][shut]).all()
    steps = np.diff(a["iteration"])
    gone = np.flatnonzero(steps > 1) + 1  # shown moments with hidden ones before them
    assert len(gone) and (a["bound_before"][gone] != a["lower_bound"][gone - 1]).all()


@pytest.mark.parametrize("language", text.languages())
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"start": "own", "x1": 3, "y1": 70, "x2": 3, "y2": 70}, "twins"),
        ({"data": "own", "start": "random", "k": 5, "floor": 0}, "collapsed"),
    ],
)
def test_a_run_that_goes_wrong_says_so_and_offers_a_way_out(language, settings, code):
    at = visit({f"{HALF}.{name}": value for name, value in settings.items()}, language=language)
    t = text.Words(language)
    out = next(b for b in at.button if b.key == f"{HALF}.way_out")
    assert out.label == t.words(f"em.trouble.{code}.out")
    sentence = t.template(f"em.trouble.{code}").partition("{{")[0]
    assert sentence in said(at)
    out.click().run()
    assert not at.exception and sentence not in said(at)


def test_fewer_points_than_components_keep_the_last_good_picture():
    few = points(f"{HALF}.points", ((0.0, 0.0), (1.0, 1.0)), -3, 3)
    at = visit({f"{HALF}.data": "own", f"{HALF}.start": "kmeans", f"{HALF}.k": 2} | few)
    before = message(at, f"{HALF}.plane")[0]["frames"]
    at.slider(key=f"{HALF}.k").set_value(4).run()
    assert not at.exception and "K = 4 needs at least 4 points; so far there are 2." in said(at)
    assert message(at, f"{HALF}.plane")[0]["frames"] == before
    at.button(key=f"{HALF}.way_out").click().run()
    assert at.slider(key=f"{HALF}.k").value == 2 and "need at least" not in said(at)


@pytest.mark.parametrize("packed", [(), ((1.0, 1.0),) * 9])
def test_no_points_and_points_all_in_one_place(packed):
    at = visit({f"{HALF}.data": "own", f"{HALF}.start": "random"} | points(f"{HALF}.points", packed, -3, 3))
    assert any(b.key == f"{HALF}.way_out" for b in at.button)
    header, parts = message(at, f"{HALF}.plane")
    drawn = next(layer for layer in header["panels"][0]["layers"] if layer["kind"] == "cloud")
    assert abs(parts[drawn["at"]["part"]]).max() <= 3  # points of this place, and not the geyser's minutes
    at = visit(
        {f"{HALF}.data": "own", f"{HALF}.start": "random", f"{HALF}.floor": 0} | points(f"{HALF}.points", packed, -3, 3)
    )
    at.button(key=f"{HALF}.way_out").click().run()
    assert not at.exception


def test_a_floor_of_some_size_holds_groups_that_are_no_collapse():
    at = visit({f"{HALF}.data": "blobs", f"{HALF}.k": 3, f"{HALF}.floor": 0.05})
    assert "The covariance floor, 0.05, keeps a component wider" in said(at) and "√0.05 = 0.22" in said(at)
    assert "of no use" not in said(at)
    at = visit({f"{HALF}.data": "blobs", f"{HALF}.k": 8, f"{HALF}.floor": "1e-6"})
    assert "the covariance floor, 1e-6, holds it up" in said(at) and "of no use" in said(at)


def test_where_nothing_moves_it_says_so():
    said_of_one = said(visit({f"{HALF}.data": "blobs", f"{HALF}.k": 1}))
    assert "M 2: nothing moves any more." in said_of_one and "rises by 0 " not in said_of_one


@pytest.mark.parametrize("preset", ["book", "long", "four", "twins", "collapse"])
def test_presets_of_half_steps(preset):
    at = visit()
    at.button(key=f"{HALF}.preset.{preset}").click().run()
    assert not at.exception, [e.message for e in at.exception]
    assert len(message(at, f"{HALF}.plane")[0]["frames"]) >= 3


@pytest.mark.parametrize("dataset", ["faithful", "bodies", "blobs", "moons", "own"])
@pytest.mark.parametrize(("k", "start"), [(1, "kmeans"), (8, "random"), (8, "own")])
def test_the_extremes_of_half_steps(dataset, k, start):
    at = visit({f"{HALF}.data": dataset, f"{HALF}.k": k, f"{HALF}.start": start, f"{HALF}.tolerance": 0})
    found = next(c.proto for c in at.get("bidi_component") if c.proto.id.endswith(f"-{HALF}.plane"))
    assert len(found.bytes) < 2_000_000
    header, _ = component.decode(found.bytes)
    assert len(header["frames"]) >= 3


def test_the_books_start_is_offered_where_it_makes_sense():
    at = visit()
    at.slider(key=f"{HALF}.k").set_value(3).run()
    assert not at.exception and len(message(at, f"{HALF}.plane")[0]["frames"]) >= 3
    assert "the true log-likelihood" not in said(at)


# ---- the others -----------------------------------------------------------------------------------------------------


def test_the_bound_at_its_default():
    before, to, bound, risen, gap = numbers(
        r"M: μ₁ goes from (\S+) to the bound's top, (\S+)\. The bound rises by (\S+), the log-likelihood by (\S+); "
        r"the difference, (\S+), is",
        visit(),
    )
    assert before == 76 and risen == pytest.approx(bound + gap, rel=1e-2)
    x = data.old_faithful().values.numpy()[:, 1]
    a = scene.shown(HalfSteps())  # only for the reader: the two-dimensional fit is another one
    assert a["x"].shape == (272, 2)
    weight, mean, std = (0.36087, 0.63913), (54.6149, 80.0911), (5.8713, 5.8677)
    parts = [weight[0] * norm(76, std[0]).pdf(x), weight[1] * norm(mean[1], std[1]).pdf(x)]
    q = parts[0] / (parts[0] + parts[1])
    assert to == pytest.approx((q @ x) / q.sum(), abs=0.02)


@pytest.mark.parametrize("parameter", ["mean", "std", "weight"])
@pytest.mark.parametrize("value", [-1e9, 1e9, "nonsense"])
def test_the_bound_takes_any_link(parameter, value):
    at = visit({f"{BOUND}.parameter": parameter, f"{BOUND}.{parameter}": value})
    assert len(message(at, f"{BOUND}.plane")[0]["frames"]) >= 3


def test_how_often_the_best_is_found():
    found, runs, best, different = numbers(
        r"(\d+) of (\d+) starts .*? log-likelihood (\S+)\. .*? decimals: (\d+)", visit()
    )
    import torch

    fits = list(
        em_starts.many_starts(
            data.old_faithful().values, 3, "random", count=40, generator=torch.Generator().manual_seed(0),
            tolerance=1e-6, max_iterations=250,
        )
    )  # fmt: skip
    assert runs == 40 and found == em_starts.times_found(fits)
    assert best == pytest.approx(em_starts.best(fits).log_likelihood, abs=5e-5)
    assert different == len({round(fit.log_likelihood, 3) for fit in fits if not fit.collapsed})


def test_the_twins_among_ones_own_means_are_named():
    placed = points(f"{STARTS}.means", ((2.0, 55.0), (3.0, 70.0), (3.0, 70.0)), -5, 220)
    assert "Components 2, 3 start with the same mean" in said(visit(placed))


def test_ones_own_means_run_from_where_they_are():
    placed = points(f"{STARTS}.means", ((2.0, 55.0), (4.3, 80.0)), -5, 220)
    at = visit({f"{STARTS}.k": 2} | placed)
    (reached,) = numbers(r"Your start \(K = 2\) reaches (\S+): the best", at)
    assert reached == pytest.approx(-4.1554, abs=1e-4)
    header, parts = message(at, f"{STARTS}.plane")
    own = next(layer for layer in header["panels"][0]["layers"] if layer["name"] == "own_paths")
    start = parts[own["at"]["part"]].reshape(own["at"]["shape"])[:, 0]
    np.testing.assert_allclose(start, [[2, 55], [4.3, 80]], atol=0.01)


def test_own_means_that_coincide_or_are_one():
    twins = visit(points(f"{STARTS}.means", ((3.0, 70.0), (3.0, 70.0)), -5, 220))
    assert "they never part" in said(twins)
    assert "Your start (K = 1) reaches" in said(visit(points(f"{STARTS}.means", ((3.0, 70.0),), -5, 220)))


@pytest.mark.parametrize("preset", ["random", "spread", "many", "own", "twins"])
def test_presets_of_starts(preset):
    at = visit()
    at.button(key=f"{STARTS}.preset.{preset}").click().run()
    assert not at.exception, [e.message for e in at.exception]


def test_kl_both_ways_in_the_sentence():
    there, back = numbers(r"KL\(p ‖ q\) = (\S+) and KL\(q ‖ p\) = (\S+) nats", visit({f"{KL}.mean": 0.5}))
    assert there == pytest.approx(np.log(1.5) + (1 + 0.25) / (2 * 2.25) - 0.5, abs=5e-4)
    assert back == pytest.approx(-np.log(1.5) + (2.25 + 0.25) / 2 - 0.5, abs=5e-4)
    equal = visit({f"{KL}.mean": 0, f"{KL}.std": 1})
    assert "only then is KL zero both ways: KL(p ‖ q) = 0, KL(q ‖ p) = 0" in said(equal)


@pytest.mark.parametrize("settings", [{"mean": -4, "std": 0.3}, {"mean": 4, "std": 3}, {"shape": "humps", "std": 0.3}])
@pytest.mark.parametrize("model", [(45, 4), (95, 25)])
def test_the_extremes_of_kl(settings, model):
    asked = {f"{KL}.{name}": value for name, value in settings.items()}
    at = visit(asked | {f"{KL}.model": model[0], f"{KL}.width": model[1]})
    kl, likelihood, total, entropy = numbers(
        r"KL (\S+) and log-likelihood (\S+) add up to (\S+)\. .*? = (\S+), wher", at
    )
    assert total == entropy and kl + likelihood == pytest.approx(total, rel=1e-3)


def test_how_many_keeps_its_picture_until_other_data_are_worked_out(monkeypatch):
    """Ten seconds of work for a few clicks: a run, so that nobody else waits for it."""
    enough = threading.Event()

    def slowly(self: HowMany) -> Iterator[Working]:
        while not enough.wait(0.01):
            yield Working(1, 4)
        yield Working(4, 4, scene.shown(HowMany()))

    monkeypatch.setattr(HowMany, "steps", slowly)
    monkeypatch.setattr(working, "PATIENCE", 0.0)
    at = visit({f"{MANY}.data": "bodies", f"{MANY}.seed": 9999})
    at.session_state[f"{MANY}.fold"] = True
    at.run()
    assert message(at, f"{MANY}.plane")[0]["scene"] == "faithful"  # what ships, until then
    assert re.search(r"Computing: \d+% done\. Until then the last picture stays", said(at))
    enough.set()
    wait_for(lambda: not jobs.runner().active())
    at.run()
    assert not at.exception and message(at, f"{MANY}.plane")[0]["scene"] == "bodies" and "Computing" not in said(at)


def test_how_many_says_where_they_disagree():
    at = visit({f"{MANY}.seed": 0, f"{MANY}.data": "faithful"})
    assert not at.exception
    at = visit()
    at.session_state[f"{MANY}.fold"] = True
    at.run()
    aic, bic, held_out = numbers(r"AIC chooses K = (\d), BIC K = (\d), .* K = (\d)", at)
    assert (aic, bic, held_out) == (5, 2, 2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"rate": "0.1"}, "EM had passed after"),
        ({"rate": "1"}, "goes up and down"),
        ({"rate": "3", "start": "book"}, "A rate of 3 is too large: gradient ascent diverged at step 1"),
        ({"data": "moons", "k": 6, "rate": "3"}, "k-means"),
    ],
)
def test_rivals_at_every_rate(settings, expected):
    assert expected in said(visit({f"{RIVALS}.{name}": value for name, value in settings.items()}))


@pytest.mark.parametrize("language", text.languages())
def test_the_prediction_is_answered_by_the_run(language):
    at, t = visit(language=language), text.Words(language)
    at.radio(key="em.prediction.pick").set_value("most").run()
    at.button(key="em.prediction.lock").click().run()
    assert t.words("em.prediction.option.nothing") in said(at)
    assert not at.exception
    states = book_states()
    moved = max(
        abs(b.log_likelihood - a.log_likelihood) for a, b in zip(states, states[1:], strict=False) if b.phase == "E"
    )
    assert moved == 0
