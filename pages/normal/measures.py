"""The second picture of normal.clt: how near to the normal at each N, and means that settle or never do."""

from __future__ import annotations

import numpy as np

from core.scenes.normal import LENGTH, GatherScene
from ui import text
from ui.plane import Axis, Curve, Panel, Paths, Rule, plane

ID = "normal.clt"


def draw(arrays, far, floor, gathered: GatherScene) -> None:
    """Both panels, and what they say."""
    t = text.current()
    plane(
        [_distance(far, floor, gathered), _running(arrays, far)],
        key=f"{ID}.measures",
        height=280,
        scene=gathered.key,
    )
    sentence, said = _verdict(arrays, far, floor, gathered)
    text.prose(t.words(sentence, **said))
    if arrays["normal"]:
        text.prose(t.words(f"{ID}.running.settles"))
        return
    draw, place, jump = (float(v) for v in far["largest"])
    numbers = {"draw": text.number(draw), "place": f"{place:,.0f}", "jump": text.number(jump, 2)}
    text.prose(t.words(f"{ID}.running.never", **numbers))


def _distance(far, floor, gathered: GatherScene) -> Panel:
    t = text.current()
    sizes, distance = far["sizes"], far["distance"]
    low = float(10 ** np.floor(np.log10(min(float(distance.min()), float(floor["low"])))))
    ends = np.array([1.0, 100.0])

    def level(name: str, **look) -> Curve:
        return Curve(name=name, x=ends, y=np.full(2, float(floor[name])), role="exact", **look)

    return Panel(
        name="distance",
        x=Axis(t.words(f"{ID}.axis.n"), 1, 100, log=True),
        y=Axis(t.words(f"{ID}.axis.distance"), low, 1.0, log=True),
        layers=[
            level("low", faint=True),
            level("high", faint=True),
            level("mean", label=t.words(f"{ID}.floor")),
            Curve(name="distance", x=sizes, y=distance, points=True, role="data", label=t.words(f"{ID}.distance")),
            Rule(name="now", x=float(gathered.n), role="noise", label=f"N = {gathered.n}"),
        ],
        title=t.words(f"{ID}.panel.distance"),
    )


def _running(arrays, far) -> Panel:
    t = text.current()
    running = far["running"]
    layers = [
        Paths(name="runs", at=running[1:], role="data"),
        Curve(name="first", x=running[0, :, 0], y=running[0, :, 1], role="data", label=t.words(f"{ID}.runs")),
    ]
    if len(far["band"]):
        mean, std = (float(v) for v in arrays["moments"])
        low, high = mean - 2.5 * std, mean + 2.5 * std
        for k, name in enumerate(("band_low", "band_high")):
            label = "" if k else t.words(f"{ID}.band")
            layers.append(Curve(name=name, x=running[0, :, 0], y=far["band"][:, k], role="exact", label=label))
    else:
        low, high = -12.0, 12.0
    return Panel(
        name="running",
        x=Axis(t.words(f"{ID}.axis.length"), 1, LENGTH, log=True),
        y=Axis(t.words(f"{ID}.axis.running"), low, high),
        layers=layers,
        title=t.words(f"{ID}.panel.running"),
    )


def _verdict(arrays, far, floor, gathered: GatherScene) -> tuple[str, dict[str, str]]:
    """Which sentence the distances deserve, and its numbers."""
    sizes, distance = far["sizes"], far["distance"]
    floor_said = {
        "repetitions": f"{gathered.repetitions:,}",
        "floor": text.number(float(floor["mean"]), 2),
        "expected": text.number(float(floor["expected"]), 2),
        "high": text.number(float(floor["high"]), 2),
    }
    ends = {
        "first": text.number(float(distance[0]), 2),
        "last": text.number(float(distance[-1]), 2),
        "largest": str(int(sizes[-1])),
    }
    if not arrays["normal"]:
        return f"{ID}.verdict.cauchy", floor_said | ends
    if gathered.source == "coin":
        step = float((arrays["heights"][-1] * np.diff(arrays["edges"])).max())
        return f"{ID}.verdict.coin", floor_said | ends | {"n": str(gathered.n), "half": text.number(step / 2, 2)}
    within = np.nonzero(distance <= float(floor["high"]))[0]
    if len(within):
        return f"{ID}.verdict.reached", floor_said | {"n": str(int(sizes[within[0]]))}
    return f"{ID}.verdict.above", floor_said | ends
