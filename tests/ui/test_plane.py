"""What is sent to the plane, and what is made of what comes back."""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest

from ui import component, links, plane
from ui.plane import Axis, Cloud, Components, Curve, Density, Dot, Editor, Heat, Mixture, Normal, Panel, models, parts
from ui.plane import encode as encode_plane

X, Y = Axis("x", -1, 1), Axis("y", -1, 1)
MEAN = links.real("test.plane.mean", 0.5, low=-1, high=1, step=0.1)
COUNT = links.whole("test.plane.count", 3, low=1, high=9)
POINTS = links.points("test.plane.points", ((0.1, 0.2),), low=-1, high=1, most=3)
ROWS = links.rows("test.plane.rows", ((1, 0),), ((0, 1), (-1, 1)), most=2)
VALUES = {"mean": MEAN, "count": COUNT, "points": POINTS, "rows": ROWS}
JUNK = [None, 5, "abc", [], {}, True, math.nan, [["a"]], {"values": 3}, {"values": {"mean": "x"}}]


def cloud(n: int = 4, *, frames: int = 0, **options) -> Panel:
    at = np.zeros((frames, n, 2) if frames else (n, 2))
    return Panel(name="main", x=X, y=Y, layers=[Cloud(name="cloud", at=at, pick=True, **options)])


def sent(panels, **options) -> tuple[dict, dict]:
    return component.decode(encode_plane(panels, key="test.plane", **options))


def test_the_message_holds_values_panels_and_arrays():
    layer = Density(name="curve", model=Normal("mean", [1.0, 2.0]), role="data", between=(-1, "mean"))
    curve = Curve(name="line", x=np.arange(3), y=np.ones((2, 3)))
    panel = Panel(name="main", x=X, y=Y, layers=[layer, curve], handles=[Dot(name="mean", x="mean", y=0, label="mean")])
    header, arrays = sent([panel], values=VALUES, frames=["a", "b"], heard=7, scene="s", start=0)
    assert (header["heard"], header["scene"], header["start"], header["frames"]) == (7, "s", 0, ["a", "b"])
    assert header["values"]["mean"] == {"kind": "real", "now": 0.5, "low": -1, "high": 1, "step": 0.1}
    assert header["values"]["rows"] == {"kind": "rows", "now": [[1, 0]], "columns": [[0, 1], [-1, 1]]}
    drawn, line = header["panels"][0]["layers"]
    assert drawn["kind"] == "density" and drawn["model"] == {"kind": "normal", "mean": "mean", "std": [1.0, 2.0]}
    assert drawn["between"] == [-1, "mean"]
    assert header["panels"][0]["handles"][0]["kind"] == "dot" and header["panels"][0]["x"]["kind"] == "axis"
    assert (line["x"]["framed"], line["y"]["framed"], line["y"]["shape"]) == (False, True, [2, 3])
    assert arrays[line["y"]["part"]].tolist() == [1.0] * 6 and arrays[line["x"]["part"]].tolist() == [0, 1, 2]


def test_not_a_number_is_sent_in_arrays_only():
    header, arrays = sent([Panel(name="main", x=X, y=Y, layers=[Curve(name="c", x=[0, 1], y=[np.nan, 1])])])
    assert np.isnan(arrays[header["panels"][0]["layers"][0]["y"]["part"]][0])
    with pytest.raises(ValueError):
        sent([Panel(name="main", x=X, y=Axis("y", 0, math.nan))])


def test_photographs_are_sent_in_colour_and_a_sum_of_values_as_its_terms():
    images = np.arange(2 * 1 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 1, 3, 4, 3)  # two frames of one picture
    layer = plane.Photographs(name="photograph", images=images, boxes=np.array([[0, 0, 1, 1]]))
    follows = Density(name="curve", model=Normal(plane.Linear([(0.5, "mean"), (-1.0, "count")]), 1.0))
    header, arrays = sent([Panel(name="main", x=X, y=Y, layers=[layer, follows])], values=VALUES, frames=["a", "b"])
    drawn, curve = header["panels"][0]["layers"]
    assert (drawn["kind"], drawn["images"]["framed"], drawn["images"]["shape"]) == (
        "photographs",
        True,
        [2, 1, 3, 4, 3],
    )
    assert arrays[drawn["images"]["part"]].dtype == np.uint8
    assert curve["model"]["mean"] == {"kind": "linear", "terms": [[0.5, "mean"], [-1.0, "count"]]}
    with pytest.raises(ValueError, match="needs 4 dimensions"):
        grey = plane.Photographs(name="grey", images=images[0, 0, :, :, 0], boxes=np.array([[0, 0, 1, 1]]))
        sent([Panel(name="main", x=X, y=Y, layers=[grey])])


@pytest.mark.parametrize("start, first", [(-1, 4), (0, 0), (2, 2), (99, 4), (-99, 0)])
def test_the_first_frame(start, first):
    assert sent([cloud()], frames=list("abcde"), start=start)[0]["start"] == first
    assert plane.read_state(None, [cloud()], list("abcde"), start=start).frame == first
    assert sent([cloud()], start=start)[0]["start"] == 0


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"panels": []}, "1 to 4 panels"),
        ({"panels": [cloud()] * 5}, "1 to 4 panels"),
        ({"panels": [cloud()], "frames": [""] * 401}, "at most 400 frames"),
        ({"panels": [cloud()], "frames": ["a", "b"], "moves": ["E"]}, "2 frames need as many moves, not 1"),
        ({"panels": [cloud()], "values": {"flag": links.flag("test.plane.flag")}}, "no numbers, points or rows: flag"),
        ({"panels": [cloud(frames=3)], "frames": ["a"]}, "the layer cloud has at of shape (3, 4, 2)"),
        ({"panels": [cloud(frames=3)]}, "needs 2 dimensions"),
        ({"panels": [cloud(shares=np.ones(4))]}, "has shares of shape (4,)"),
        ({"panels": [dataclasses.replace(cloud(), note=np.ones(2))]}, "give a list"),
        ({"panels": [cloud(300_000)]}, "at most 2,000,000 are sent"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(options, sentence):
    panels = options.pop("panels")
    with pytest.raises(ValueError, match=re.escape(sentence)):
        sent(panels, **options)


def test_the_end_stays_the_end_and_what_is_picked_must_be_there():
    said = {"scene": "", "frame": 4, "frames": 5, "picked": ["cloud", 2]}
    read = lambda said, count, n=4: plane.read_state(said, [cloud(n)], [""] * count, start=0)  # noqa: E731
    assert read(said, 5) == plane.PlaneState(4, ("cloud", 2))
    assert read(said, 9).frame == 8
    assert read(said | {"frame": 3}, 9).frame == 3
    assert read(said | {"frame": 3}, 2).frame == 1
    assert read(said, 5, n=2).picked is None
    assert read(said | {"picked": ["other", 0]}, 5).picked is None


@pytest.mark.parametrize("junk", JUNK + [{"scene": "s", "frame": f} for f in ("1", None, -5, 10**9, 1.5, True, [])])
def test_hostile_reports_of_the_place(junk):
    state = plane.read_state(junk, [cloud()], ["a", "b"], start=0, scene="s")
    assert state.frame in (0, 1) and type(state.frame) is int and state.picked is None


@pytest.mark.parametrize(
    "picked", [5, "ab", [1], ["cloud"], ["cloud", "0"], ["cloud", -1], ["cloud", 4], ["cloud", 1.0]]
)
def test_hostile_reports_of_what_is_picked(picked):
    said = {"scene": "", "frame": 0, "frames": 1, "picked": picked}
    assert plane.read_state(said, [cloud()], []).picked is None


@pytest.mark.parametrize("count", ["5", None, {}, [], -1, 1.5])
def test_a_hostile_number_of_frames(count):
    state = plane.read_state({"scene": "", "frame": 1, "frames": count}, [cloud()], ["a", "b", "c"], start=0)
    assert state.frame in (0, 1, 2)


def test_values_are_taken_within_their_bounds():
    said = {"values": {"mean": 7, "count": 3.4, "points": [[0, 5], [0.25, -0.5]], "rows": [[2, 0.5]], "stranger": 3}}
    assert plane.taken(said, VALUES) == {MEAN: 1.0, COUNT: 3, POINTS: ((0.0, 1.0), (0.25, -0.5)), ROWS: ((1.0, 0.5),)}
    many = {"values": {"points": [[0, 0]] * 50, "rows": [[0, 0]] * 9}}
    assert [len(v) for v in plane.taken(many, VALUES).values()] == [3, 2]


@pytest.mark.parametrize("junk", JUNK)
def test_hostile_values_are_left_out(junk):
    assert plane.taken(junk, VALUES) == {}
    assert MEAN not in plane.taken({"values": {"mean": junk}}, VALUES) or junk in (5, True)
    for name in ("points", "rows"):
        assert all(v == () for v in plane.taken({"values": {name: junk}}, VALUES).values())


@pytest.mark.parametrize("points", [[[1]], [[1, 2, 3]], [["a", 0]], [[math.nan, 0]], [[math.inf, 0]], [None], 7])
def test_points_that_are_none_are_left_out(points):
    assert plane.taken({"values": {"points": points}}, VALUES) == {}


def test_every_layer_and_handle_has_its_painter_in_the_browser():
    folder = Path(plane.__file__).parent
    script = "\n".join(p.read_text("utf-8") for p in folder.glob("*.js"))
    for kind in vars(plane).values():
        if not (isinstance(kind, type) and issubclass(kind, plane.Layer)) or kind is plane.Layer:
            continue
        assert re.search(rf"^  {kind.__name__.lower()}(\(|: )|kind === \"{kind.__name__.lower()}\"", script, re.M), kind
    table = re.search(r"const HANDLES = \{(.*?)\};", script, re.S)[1]
    assert {k.__name__.lower() for k in parts.Handle.__subclasses__()} == set(re.findall(r"(\w+):", table))
    for kind in models.Measure.__args__:
        assert re.search(rf"^  {kind.__name__.lower()}(\(|: )", script, re.M), kind
    components = re.search(r"const COMPONENT_ROLES = \[(.*?)\];", script)[1]
    assert tuple(re.findall(r'"(\w+)"', components)) == plane.COMPONENTS


def test_the_scripts_of_a_component_name_nothing_twice():
    folder = Path(plane.__file__).parent
    scripts = [folder.parent / "shared.js", *folder.glob("*.js")]
    names = [n for p in scripts for n in re.findall(r"^(?:function|const|class|let) (\w+)", p.read_text("utf-8"), re.M)]
    assert sorted(names) == sorted(set(names))


def test_a_whole_page_of_parts_fits_a_message():
    layers = [
        Heat(name="heat", values=np.zeros((3, 4)), x=(-1, 1), y=(-1, 1), low=0, high=1),
        Density(name="bands", model=Mixture("rows"), show="contours"),
    ]
    handles = [
        Components(name="parts", rows="rows", label="part"),
        Editor(name="points", points="points", label="point"),
    ]
    header, _ = sent([Panel(name="main", x=X, y=Y, layers=layers, handles=handles)], values=VALUES)
    assert [layer["kind"] for layer in header["panels"][0]["layers"]] == ["heat", "density"]
    assert header["panels"][0]["layers"][0]["values"]["shape"] == [3, 4]
