"""neural_network.autograd: numbers go forward through a graph, gradients come back, and each is checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import scene
from core.scenes.neural_network import USED, VARIABLES, AutogradScene
from pages.neural_network.common import ROUNDING, size
from ui import chapter, controls, links, presenter, text
from ui.plane import Arrows, Axis, Curve, Layer, Panel, Words, plane

ID = "neural_network.autograd"
GOOD = f"{ID}.good"  # in the session: the last settings that have a value
REACH = 5.0
EXPRESSION = links.choice(f"{ID}.expression", "error", tuple(USED))
INPUTS = {
    name: links.real(f"{ID}.{name}", first, low=-REACH, high=REACH, step=0.1) for name, first in VARIABLES.items()
}
HALF, HIGH = 0.43, 0.41  # of a box, in columns and rows
WIDE = 5  # columns, from which on boxes are narrow
SAID = 52, 94  # pixels of the two lines in the picture's corner, and with the presenter's larger type
ROW, LOWEST, HIGHEST = 64, 312, (372, 424)  # pixels of a row, and of the whole picture
TINY = 1e-4  # gradients below it would be zeros in six decimals
SHOWN = 2  # decimals of an input, in its field and in the graph
AGREES = 1e-5  # relative to the gradient's size: at s = 0.01 a finite difference is 2e-6 off


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=(EXPRESSION, *INPUTS.values())):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width=310):
                expression = str(controls.select(EXPRESSION, look="select"))
            for name in USED[expression]:
                with st.container(width=150):
                    controls.number(INPUTS[name])
        given = tuple(round(float(links.value(INPUTS[name])), SHOWN) for name in USED[expression])
        settings = AutogradScene(expression, given)
        arrays = scene.shown(settings)
        if "problem" in arrays:
            with st.container(key=f"{ID}.stage_stale"):
                last = _last_good(expression)
                _picture(last, scene.shown(last))
            problem = t.words(f"{ID}.problem.{arrays['problem']}")
            text.prose(f"{problem} {t.words(f'{ID}.kept')}")
        else:
            st.session_state[GOOD] = settings
            with st.container(key=f"{ID}.stage"):
                _picture(settings, arrays)
            _sentence(arrays)
        first = {setting: setting.default for setting in INPUTS.values()}
        controls.presets(
            ID,
            {
                "twice": first | {EXPRESSION: "product"},
                "asleep": first | {EXPRESSION: "neuron", INPUTS["x"]: 5.0, INPUTS["w"]: 2.0},
                "valley": first | {EXPRESSION: "rosenbrock", INPUTS["x"]: 1.0, INPUTS["y"]: 1.0},
                "score": first | {EXPRESSION: "log_normal"},
            },
        )


def _last_good(expression: str) -> AutogradScene:
    """The expression at the last inputs that gave it a value, else at its first ones."""
    held = st.session_state.get(GOOD)
    if held is not None and held.expression == expression:
        return held
    return AutogradScene(expression, tuple(VARIABLES[name] for name in USED[expression]))


class _Graph:
    """The nodes with their names, and what is known of each at every frame."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.arrays, self.count = arrays, len(arrays["number"])
        self.made = [k for k in range(self.count) if arrays["inputs"][k, 0] >= 0]
        self.names = []
        for k in range(self.count):
            name, place = str(arrays["name"][k]), self.made.index(k) + 1 if k in self.made else 0
            self.names.append(name or (f"v{_below(place)}" if place else short(float(arrays["number"][k]))))
        self.names[-1] = "f" if self.made else self.names[-1]
        # a frame is (forward, node), (begin, end) or (backward, node): what has just been done
        passed = [int(k) for k in arrays["passed"] if k in self.made]
        self.moments = [("inputs", -1), *(("forward", k) for k in self.made), ("begin", self.count - 1)]
        self.moments += [("backward", k) for k in passed]

    def inputs(self, k: int) -> list[int]:
        return [int(j) for j in self.arrays["inputs"][k] if j >= 0]

    def is_constant(self, k: int) -> bool:
        return k not in self.made and not str(self.arrays["name"][k])

    def formula(self, k: int) -> str:
        """How a node is made of its inputs, such as v₁ + b."""
        operation, of = str(self.arrays["operation"][k]), [self.names[j] for j in self.inputs(k)]
        if not of:
            return ""
        if operation.startswith("^"):
            return of[0] + operation[1:].translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        if len(of) == 2:
            return f"{of[0]} {operation} {of[1]}"
        return f"{operation}{of[0]}" if operation == "−" else f"{operation} {of[0]}"

    def has_value(self, k: int, frame: int) -> bool:
        return k not in self.made or self.made.index(k) < frame

    def gradient(self, k: int, frame: int) -> float | None:
        """The gradient that a node has collected at a frame, None before any came."""
        kind, node = self.moments[frame]
        if kind in ("inputs", "forward") or self.is_constant(k):
            return None
        if kind == "begin":
            return 1.0 if k == node else None
        done = {m[1] for m in self.moments[: frame + 1] if m[0] == "backward"}
        fed = k == self.count - 1 or any(k in self.inputs(m) for m in done)
        step = int(np.flatnonzero(self.arrays["passed"] == node)[0])
        return float(self.arrays["gradients"][step, k]) if fed else None

    def is_complete(self, k: int, frame: int) -> bool:
        """Whether everything that is made of a node has passed its gradient on."""
        done = {m[1] for m in self.moments[: frame + 1] if m[0] == "backward"}
        users = [m for m in self.made if k in self.inputs(m)]
        begun = self.moments[frame][0] in ("begin", "backward")
        return begun and all(m in done for m in users)


def _picture(settings: AutogradScene, arrays: Mapping[str, np.ndarray]) -> None:
    t, graph = text.current(), _Graph(arrays)
    frames = [_moment(graph, f) for f in range(len(graph.moments))]
    columns, rows = arrays["at"].max(axis=0)
    plane(
        [
            Panel(
                name="graph",
                x=Axis("", -0.5, columns + 0.5, shown=False),
                y=_room(float(rows)),
                layers=_layers(graph),
                note=[_note(graph, f) for f in range(len(frames))],
                weight=1.8 if _larger() else 2.5,
            ),
            Panel(
                name="check",
                title=t.words(f"{ID}.check"),
                x=Axis("", 0.0, 1.0, shown=False),
                y=Axis("", -max(8.5, len(_checked(graph)) + 0.5), 0.5, shown=False),
                layers=_check(graph),
            ),
        ],
        key=f"{ID}.plane",
        frames=frames,
        height=_height(float(rows)),
        scene=settings.key,
        start=-1,
    )


def _layers(graph: _Graph) -> list[Layer]:
    """Boxes, edges, what moves along them, and the words of each box."""
    t, at = text.current(), graph.arrays["at"]
    edges = [(j, k) for k in graph.made for j in graph.inputs(k)]
    tails = np.array([[at[j, 0] + HALF, at[j, 1]] for j, _ in edges]).reshape(-1, 2)
    heads = np.array([[at[k, 0] - HALF, at[k, 1]] for _, k in edges]).reshape(-1, 2)
    still = np.concatenate([_box(*at[k]) for k in range(graph.count)])
    forward, back = ([_moving(graph, f, kind) for f in range(len(graph.moments))] for kind in ("forward", "backward"))
    lit = np.stack([_box(*at[k]) if k >= 0 else np.full((6, 2), np.nan) for _, k in graph.moments])
    kinds = [kind for kind, _ in graph.moments]
    blue = np.array([k in ("forward",) for k in kinds])
    layers: list[Layer] = [
        Curve(name="boxes", role="noise", x=still[:, 0], y=still[:, 1], faint=True),
        Arrows(name="edges", role="noise", at=tails, by=heads - tails, longest=None),
        Curve(
            name="lit_forward", role="data",
            x=np.where(blue[:, None], lit[..., 0], np.nan), y=np.where(blue[:, None], lit[..., 1], np.nan),
        ),
        Curve(
            name="lit_backward", role="score",
            x=np.where(blue[:, None], np.nan, lit[..., 0]), y=np.where(blue[:, None], np.nan, lit[..., 1]),
        ),
        Arrows(
            name="values", role="data", label=t.words(f"{ID}.values"), longest=None,
            at=np.stack([a for a, _ in forward]), by=np.stack([b for _, b in forward]),
        ),
        Arrows(
            name="gradients", role="score", label=t.words(f"{ID}.gradients"), longest=None,
            at=np.stack([a for a, _ in back]), by=np.stack([b for _, b in back]),
        ),
    ]  # fmt: skip
    moments = range(len(graph.moments))
    for k in range(graph.count):
        x, y = float(at[k, 0]), float(at[k, 1])
        formula, value = graph.formula(k), short(float(graph.arrays["number"][k]))
        head = f"{graph.names[k]} = {formula}" if formula else graph.names[k]
        if at[:, 0].max() > WIDE:
            head = head.replace(" = ", "=").replace(" × ", "×")
        values = [value if graph.has_value(k, f) else "" for f in moments]
        if graph.is_constant(k):
            layers.append(Words(name=f"name{k}", role="noise", x=x, y=y, text=value, align="center"))
            continue
        gradients = ["" if (g := graph.gradient(k, f)) is None else f"∂ {short(g)}" for f in moments]
        layers += [
            Words(name=f"name{k}", role="exact", x=x, y=y + 0.24, text=head, align="center"),
            Words(name=f"value{k}", role="data", x=x, y=y, text=values, align="center"),
            Words(name=f"gradient{k}", role="score", x=x, y=y - 0.24, text=gradients, align="center"),
        ]
    return layers


def _box(x: float, y: float) -> np.ndarray:
    """A rectangle as a line, and the gap after it."""
    left, right, low, high = x - HALF, x + HALF, y - HIGH, y + HIGH
    return np.array([[left, low], [right, low], [right, high], [left, high], [left, low], [np.nan, np.nan]])


def _moving(graph: _Graph, frame: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The arrows along which something moves at a frame: into a node, or out of it and back. Always two, or NaN."""
    at, by = np.full((2, 2), np.nan), np.full((2, 2), np.nan)
    now, node = graph.moments[frame]
    if now == kind:
        place = graph.arrays["at"]
        for n, j in enumerate(graph.inputs(node)):
            if kind == "backward" and graph.is_constant(j):
                continue
            tail = np.array([place[j, 0] + HALF, place[j, 1]])
            head = np.array([place[node, 0] - HALF, place[node, 1]])
            at[n], by[n] = (tail, head - tail) if kind == "forward" else (head, tail - head)
    return at, by


def _room(rows: float) -> Axis:
    """The rows, and above them the two lines that say what happens; few rows are not drawn larger than four."""
    tall, height = max(rows + 1.0, 3.0), _height(rows)
    low = rows / 2 - tall / 2
    return Axis("", low, low + tall * height / (height - SAID[_larger()]), shown=False)


def _height(rows: float) -> int:
    return round(min(HIGHEST[_larger()], max(LOWEST, SAID[_larger()] + ROW * (rows + 1))))


def _larger() -> bool:
    """Whether the page is presented, with larger type."""
    return presenter.presenting()


def _checked(graph: _Graph) -> list[int]:
    """What is compared: the variables first, then all that was made but f itself."""
    shown = [k for k in range(graph.count - 1) if not graph.is_constant(k)]
    return sorted(shown, key=lambda k: (k in graph.made, k))


def _check(graph: _Graph) -> list[Layer]:
    """A table: each gradient as it came backward, and by a finite difference."""
    t = text.current()
    columns = {"name": 0.02, "backward": 0.5, "difference": 0.92}
    layers: list[Layer] = [
        Words(name=f"head_{name}", role=role, x=columns[name], y=0, text=t.words(f"{ID}.check.{name}"), align="right")
        for name, role in (("backward", "score"), ("difference", "exact"))
    ]
    moments = range(len(graph.moments))
    for row, k in enumerate(_checked(graph), 1):
        gradient, checked = float(graph.arrays["gradients"][-1, k]), float(graph.arrays["difference"][k])
        mark = "✓" if agree(gradient, checked) else "≠"
        tiny = ROUNDING < abs(gradient) < TINY
        found = [_long(gradient, tiny) if graph.is_complete(k, f) else "" for f in moments]
        marks = [mark if graph.is_complete(k, f) else "" for f in moments]
        name, known = f"∂f/∂{graph.names[k]}", _long(checked, tiny)
        layers += [
            Words(name=f"row{k}", role="noise" if k in graph.made else "exact", x=columns["name"], y=-row, text=name),
            Words(name=f"found{k}", role="score", x=columns["backward"], y=-row, text=found, align="right"),
            Words(name=f"checked{k}", role="exact", x=columns["difference"], y=-row, text=known, align="right"),
            Words(name=f"mark{k}", role="score", x=0.99, y=-row, text=marks, align="right"),
        ]
    return layers


def _moment(graph: _Graph, frame: int) -> str:
    t, (kind, node) = text.current(), graph.moments[frame]
    name = graph.names[node] if node >= 0 else ""
    return t.words(f"{ID}.moment.{kind}", **({"name": name} if kind in ("forward", "backward") else {}))


def _note(graph: _Graph, frame: int) -> str:
    """The arithmetic of this step, with its numbers."""
    kind, node = graph.moments[frame]
    numbers = graph.arrays["number"]
    if kind == "forward":
        return f"{graph.names[node]} = {graph.formula(node)} = {short(float(numbers[node]))}"
    if kind == "begin":
        return "∂f/∂f = 1"
    if kind != "backward":
        return ""
    step = int(np.flatnonzero(graph.arrays["passed"] == node)[0])
    gradient, said = float(graph.arrays["gradients"][step, node]), []
    for n, j in enumerate(graph.inputs(node)):
        if not graph.is_constant(j):
            slope = float(graph.arrays["slopes"][node, n])
            said.append(f"∂f/∂{graph.names[j]} += {short(gradient)} × {short(slope)} = {short(gradient * slope)}")
    return ",  ".join(said)


def _sentence(arrays: Mapping[str, np.ndarray]) -> None:
    t, graph = text.current(), _Graph(arrays)
    known = [k for k in range(graph.count) if not graph.is_constant(k)]
    gradients, checked = arrays["gradients"][-1], arrays["difference"]
    worst = max(abs(float(gradients[k] - checked[k])) / max(1.0, abs(float(checked[k]))) for k in known)
    variables = [k for k in known if k not in graph.made]
    values = {
        "value": short(float(arrays["number"][-1])),
        "count": len(known),
        "steps": len(graph.made),
        "variables": len(variables),
        "evaluations": 2 * len(variables),
        "worst": size(max(worst, ROUNDING)),
    }
    text.prose(t.words(f"{ID}.caption", **values))
    if all(abs(float(gradients[k])) < 1e-12 for k in variables):
        text.prose(t.words(f"{ID}.flat"), small=True)
    elif "tanh" in arrays["operation"] and all(abs(float(gradients[k])) < 1e-3 for k in variables):
        text.prose(t.words(f"{ID}.asleep"), small=True)


def agree(gradient: float, checked: float) -> bool:
    """Whether a gradient and its finite difference are the same but for rounding."""
    return abs(gradient - checked) <= AGREES * max(1.0, abs(gradient), abs(checked))


def short(value: float) -> str:
    """Four digits, for a box."""
    return size(value, 4)


def _long(value: float, tiny: bool = False) -> str:
    """Six decimals, so that the last digits of the two columns can be compared. tiny: a power of ten instead."""
    if tiny:
        return short(value)
    if abs(value) >= 1e5:
        return text.number(value, 7)
    return f"{round(value, 6) + 0.0:.6f}".replace("-", "−")  # + 0.0: no minus before a zero


def _below(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
