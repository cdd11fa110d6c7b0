"""multivariate_normal.matrix: two columns to pull, and what becomes of the plane."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import scene
from core.scenes.multivariate_normal import REACH, MatrixScene
from pages.multivariate_normal import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Dot, Mapped, Panel, Surface, plane

ID = "multivariate_normal.matrix"
A = tuple(
    links.real(f"{ID}.a{i}{j}", default, low=-3.0, high=3.0, step=0.1)
    for i, j, default in ((1, 1, 1.2), (1, 2, 0.5), (2, 1, 0.3), (2, 2, 0.9))
)
B = tuple(
    links.real(f"{ID}.b{i}{j}", default, low=-3.0, high=3.0, step=0.1)
    for i, j, default in ((1, 1, 0.0), (1, 2, -1.0), (2, 1, 1.0), (2, 2, 0.0))
)
SHOW = links.choice(f"{ID}.show", "a", ("a", "b", "product", "reverse", "elementwise"))
SETTINGS = (*A, *B, SHOW)
SIDE = 3.5  # of the plane's axes
LEAST_HEIGHT = 1.0  # of the bowl's axis


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS) as experiment:
        if not experiment.open:
            return
        t = text.current()
        columns = st.columns(5, vertical_alignment="bottom")
        for column, setting in zip(columns, A, strict=False):
            with column:
                controls.number(setting)
        with columns[4], st.popover(t.words(f"{ID}.second"), icon=":material/grid_on:"):
            for row in (B[:2], B[2:]):
                for column, setting in zip(st.columns(2), row, strict=True):
                    with column:
                        controls.number(setting)
        show = controls.select(SHOW)
        a, b = (_rows(settings) for settings in (A, B))
        shown = scene.shown(MatrixScene(a, b))
        _picture(shown, show, b)
        _sentence(shown)
        controls.presets(
            ID,
            {
                "turn": dict(zip(A, (0.8, -0.6, 0.6, 0.8), strict=True)) | {SHOW: "a"},
                "stretch": dict(zip(A, (2.0, 0.0, 0.0, 0.5), strict=True)) | {SHOW: "a"},
                "shear": dict(zip(A, (1.0, 1.0, 0.0, 1.0), strict=True)) | {SHOW: "a"},
                "squash": dict(zip(A, (1.0, 2.0, 0.5, 1.0), strict=True)) | {SHOW: "a"},
                "saddle": dict(zip(A, (1.0, 0.0, 0.0, -1.0), strict=True)) | {SHOW: "a"},
            },
        )
        _numbers(shown, a, b)
        page.code("core/matrices.py", "product", "elementwise", "determinant", "inverse", "quadratic")


def _rows(settings: tuple[links.Setting, ...]) -> tuple[tuple[float, float], tuple[float, float]]:
    p, q, r, s = (float(links.value(setting)) for setting in settings)
    return (p, q), (r, s)


def _picture(shown: dict[str, np.ndarray], show: str, b: tuple) -> None:
    t = text.current()
    x, y = common.axes(SIDE, SIDE)
    names = ("a11", "a12", "a21", "a22")
    matrix = {"a": names, "b": sum(b, ())}.get(show) or tuple(shown[show].ravel().tolist())
    handles = [
        Dot(name="first", label=t.words(f"{ID}.first"), x="a11", y="a21", arrow=True, role="model"),
        Dot(name="second", label=t.words(f"{ID}.second_column"), x="a12", y="a22", arrow=True, role="score"),
    ]
    bowl = shown["bowl"]
    low, high = min(0.0, float(bowl.min())), max(0.0, float(bowl.max()))
    plane(
        [
            Panel(
                name="plane", title=t.words(f"{ID}.plane.{show}"), x=x, y=y, equal=True,
                layers=[
                    Mapped(name="before", role="noise", at=_grid(), matrix=(1.0, 0.0, 0.0, 1.0), faint=True),
                    Mapped(name="grid", role="data", at=_grid(), matrix=matrix),
                    Mapped(name="square", role="model", at=SQUARE, matrix=matrix, fill=True),
                ],
                handles=handles if show == "a" else (),
            ),
            Panel(
                name="bowl", title=t.words(f"{ID}.bowl"), kind="surface",
                x=Axis(x.name, -REACH, REACH), y=Axis(y.name, -REACH, REACH),
                layers=[
                    Surface(
                        name="bowl", values=bowl, x=(-REACH, REACH), y=(-REACH, REACH), low=low,
                        high=max(high, low + LEAST_HEIGHT),
                    )
                ],
            ),
        ],
        key=f"{ID}.plane",
        values=dict(zip(names, A, strict=True)),
        height=360,
        invite=t.words(f"{ID}.invite") if show == "a" else "",
    )  # fmt: skip


def _grid(side: int = 3) -> np.ndarray:
    """The lines x = k and y = k for whole k, (P, 2, 2)."""
    lines = [[(k, -side), (k, side)] for k in range(-side, side + 1)]
    return np.array([*lines, *([(q, p) for p, q in line] for line in lines)], float)


SQUARE = np.array([[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]])


def _sentence(shown: dict[str, np.ndarray]) -> None:
    t, det = text.current(), float(shown["det"])
    if not len(shown["inverse"]):
        text.prose(t.words(f"{ID}.singular"))
    else:
        kind = "turned" if det < 0 else "caption"
        text.prose(t.words(f"{ID}.{kind}", area=text.number(abs(det)), det=text.number(det)))
    low, high = shown["curvatures"]
    tiny = 1e-12 * max(abs(low), abs(high))
    shape = (
        "level" if max(abs(low), abs(high)) == 0
        else "trough" if min(abs(low), abs(high)) <= tiny
        else "saddle" if low < 0 < high
        else "bowl" if low > 0
        else "hill"
    )  # fmt: skip
    if shape == "trough" and high <= tiny:
        shape = "ridge"
    text.prose(t.words(f"{ID}.shape.{shape}", low=text.number(low), high=text.number(high)), small=True)


def _numbers(shown: dict[str, np.ndarray], a: tuple, b: tuple) -> None:
    t, matrix = text.current(), common.matrix
    inverse = matrix(shown["inverse"]) if len(shown["inverse"]) else rf"\text{{{t.words(f'{ID}.no_inverse')}}}"
    common.formula(
        rf"A = {matrix(a)}", rf"\det A = {common.decimal(shown['det'])}", rf"A^{{-1}} = {inverse}", rf"B = {matrix(b)}"
    )
    common.formula(
        rf"A B = {matrix(shown['product'])}",
        rf"B A = {matrix(shown['reverse'])}",
        rf"A \circ B = {matrix(shown['elementwise'])}",
    )
    text.prose(t.words(f"{ID}.products"), small=True)
