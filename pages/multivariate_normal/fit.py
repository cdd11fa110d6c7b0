"""multivariate_normal.fit: a normal for real bodies, from one row to all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from core import scene
from core.scenes.multivariate_normal import COLUMNS, ROWS, FitScene
from pages.multivariate_normal import common
from ui import chapter, controls, links, text
from ui.plane import Axis, Cloud, Curve, Ellipses, Line, Panel, plane

ID = "multivariate_normal.fit"
SOURCE = links.choice(f"{ID}.source", "bdims", ("bdims", "nhefs"))
X = links.choice(f"{ID}.x", "height", COLUMNS["bdims"])
Y = links.choice(f"{ID}.y", "weight", COLUMNS["bdims"])
COUNT = links.whole(f"{ID}.rows", 100, low=1, high=max(ROWS.values()))
WATCH = links.choice(f"{ID}.watch", "cov", ("mean_x", "mean_y", "var_x", "var_y", "cov"))
SEED = links.whole(f"{ID}.seed", 0, low=0, high=9999)
SETTINGS = (SOURCE, X, Y, COUNT, WATCH, SEED)
UNITS = {"weight": "kg", "age": "yr"}  # all others: cm
PLACE = {"var_x": (0, 0), "var_y": (1, 1), "cov": (0, 1)}


@st.fragment
def draw(page: chapter.Chapter) -> None:
    """The experiment."""
    with page.experiment(ID, settings=SETTINGS):
        t = text.current()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{ID}.controls"):
            with st.container(width=210):
                source = controls.select(SOURCE, look="select")
            for setting in (replace(setting, choices=COLUMNS[source]) for setting in (X, Y)):
                with st.container(width=160):
                    controls.select(setting, look="select", choices=COLUMNS[source], names=_column)
            rows = controls.slider(COUNT, high=ROWS[source])
            with st.popover(t.label("control.more"), icon=":material/tune:"):
                watch = controls.select(WATCH, look="radio")
                seed = controls.seed(SEED)
        shown = scene.shown(FitScene(source, links.value(X), links.value(Y), rows, seed))
        _picture(shown, watch, links.within(COUNT, high=ROWS[source]))
        _sentence(shown)
        controls.presets(
            ID,
            {
                "two": {COUNT: 2},
                "ten": {COUNT: 10, WATCH: "cov"},
                "all": {COUNT: ROWS[source]},
                "girths": {SOURCE: "bdims", X: "waist_girth", Y: "weight", COUNT: 507},
                "smokers": {SOURCE: "nhefs", X: "height", Y: "weight", COUNT: 1629},
            },
        )
        _numbers(shown)


def _column(name: str) -> str:
    return text.current().words(f"{ID}.column.{name}")


def _unit(name: str) -> str:
    return UNITS.get(name, "cm")


def _picture(shown: dict[str, np.ndarray], watch: str, count: links.Setting) -> None:
    t = text.current()
    names = (links.value(X), links.value(Y))
    x, y = (
        Axis(f"{_column(name)} ({_unit(name)})", float(shown["low"][k]), float(shown["high"][k]))
        for k, name in enumerate(names)
    )
    contours = Ellipses(
        name="fit", means=shown["mean"][None], covs=shown["cov"][None], radii=(1.0, 2.0, 3.0), fill=False
    )
    drawn = [contours] if len(shown["points"]) > 1 else []  # of a flat one they are a line
    plane(
        [
            Panel(
                name="real", title=t.words(f"{ID}.real"), x=x, y=y,
                layers=[Cloud(name="rows", at=shown["points"], role="data"), *drawn],
            ),
            Panel(
                name="generated", title=t.words(f"{ID}.generated"), x=x, y=y,
                layers=[Cloud(name="draws", at=shown["generated"], role="model"), *drawn],
            ),
            _settling(shown, watch, names),
        ],
        key=f"{ID}.plane",
        values={"rows": count},
        height=320,
    )  # fmt: skip


def _settling(shown: dict[str, np.ndarray], watch: str, names: tuple[str, str]) -> Panel:
    """One number of the fit against the number of rows, on a logarithmic axis with a line at the rows that are used."""
    t, counts = text.current(), shown["counts"].astype(float)
    dividing_less, drawn = [], []
    if watch.startswith("mean"):
        k = ("mean_x", "mean_y").index(watch)
        value, everything = shown["means"][:, k], float(shown["all_mean"][k])
        unit = _unit(names[k])
    else:
        i, j = PLACE[watch]
        value, everything = shown["covs"][:, i, j], float(shown["all_cov"][i, j])
        units = _unit(names[i]), _unit(names[j])
        unit = f"{units[0]}²" if units[0] == units[1] else " ".join(units)
        less = np.divide(value * counts, counts - 1, out=np.full(len(counts), np.nan), where=counts > 1)
        drawn.append(less)
        dividing_less = [
            Curve(name="unbiased", label=t.words(f"{ID}.unbiased"), role="exact", x=counts, y=less, dashed=True)
        ]
    drawn.append(value)
    seen = np.stack(drawn)[:, counts >= 2]
    low, high = min(seen.min(), everything), max(seen.max(), everything)
    pad = 0.1 * (high - low) + 1e-6 * max(abs(high), 1.0)
    name = t.words(f"{ID}.watch.{watch}")
    return Panel(
        name="settling",
        title=t.words(f"{ID}.settling", what=name),
        x=Axis(t.words(f"{ID}.rows"), 1.0, float(counts[-1]), log=True),
        y=Axis(f"{name} ({unit})", float(low - pad), float(high + pad)),
        layers=[
            Curve(
                name="everything",
                label=t.words(f"{ID}.everything"),
                role="data",
                x=counts[[0, -1]],
                y=np.array([everything, everything]),
            ),
            *dividing_less,
            Curve(name="likeliest", label=t.words(f"{ID}.likeliest"), role="model", x=counts, y=value),
        ],
        handles=[Line(name="rows", label=t.words(f"{ID}.rows"), role="noise", x="rows")],
    )


def _sentence(shown: dict[str, np.ndarray]) -> None:
    t, n = text.current(), len(shown["points"])
    if bool(shown["flat"]):
        if n == 1:
            text.prose(t.words(f"{ID}.one"))
        else:
            same = links.value(X) == links.value(Y)
            text.prose(t.words(f"{ID}.{'same' if same and n > 2 else 'flat'}", n=f"{n:,}"))
        return
    cov = shown["cov"]
    shares = {
        f"{name}{r}": f"{100 * share:.0f}"
        for name in ("within", "expected")
        for r, share in zip((1, 2), shown[name], strict=True)
    }
    correlation = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
    text.prose(t.words(f"{ID}.caption", n=f"{n:,}", correlation=text.number(correlation), **shares))


def _numbers(shown: dict[str, np.ndarray]) -> None:
    """The fit as it is, and what np.cov makes of the same rows."""
    t, n = text.current(), len(shown["points"])
    common.formula(
        rf"\role{{model}}{{\hat\mu}} = {common.matrix(shown['mean'], 1)}",
        rf"\role{{model}}{{\hat\Sigma}} = \frac{{1}}{{{n}}} \sum_i \cdots = {common.matrix(shown['cov'], 1)}",
        rf"\texttt{{np.cov}} = \frac{{1}}{{{n} - 1}} \sum_i \cdots = {common.matrix(shown['unbiased'], 1)}",
    )
    key = "numbers" if n > 1 else "numbers.one"
    values = {"n": f"{n:,}", "factor": text.number((n - 1) / n, 4)} if n > 1 else {}
    text.prose(t.words(f"{ID}.{key}", **values), small=True)
