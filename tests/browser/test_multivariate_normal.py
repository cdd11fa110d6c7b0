"""Step 3 in a real browser: what is pulled moves the numbers that Python reports, and they are right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import (
    SLOW,
    drag,
    fits_its_width,
    heard,
    knob,
    middle,
    painted,
    part,
    plane,
    press,
    shades,
    sheet,
    until,
    values,
)
from ui import text

NAME = "multivariate_normal"
NUMBER = r"(−?\d[\d,]*(?:\.\d+)?)"


@pytest.fixture
def show(fresh_app, visit) -> Callable[..., Page]:
    """Opens the page with settings, `shape__std_x=2`; waits for the first plane."""

    def open_page(*, lang: str = "en", context: dict | None = None, **settings) -> Page:
        asked = {f"{NAME}.{name.replace('__', '.')}": value for name, value in settings.items()}
        page = visit(f"{fresh_app}/{NAME}?{urlencode({'lang': lang} | asked)}", **(context or {}))
        painted(plane(page, f"{NAME}.shape"))
        return page

    return open_page


def said(page: Page, section: str) -> list[float] | None:
    """The numbers of a section in their order, as they stand on the page now; None while it is not there."""
    template = re.sub(r":\w+\[([^\]]*)\]", r"\1", text.Words("en").template(f"{NAME}.{section}").replace("`", ""))
    pattern = re.sub(r"\\\{\\\{\w+\\\}\\\}", lambda _: NUMBER, re.escape(template))
    shown = " ".join(page.locator("[data-testid=stMarkdown], [data-testid=stCaptionContainer]").all_inner_texts())
    found = re.search(re.sub(r"(\\ |\s)+", r"\\s+", pattern), shown)
    return [float(n.replace(",", "").replace("−", "-")) for n in found.groups()] if found else None


def tells(page: Page, section: str, right: Callable[[list[float]], bool]) -> None:
    until(page, lambda: (now := said(page, section)) is not None and right(now), lambda: (section, said(page, section)))


def near(said: float, truth: float) -> bool:
    return abs(said - truth) <= 0.006 * abs(truth) + 1e-3


def test_an_axis_of_the_ellipse_is_pulled_and_the_numbers_follow(show):
    page = show()
    before = sheet(page, f"{NAME}.shape", "surface").evaluate("c => c.toDataURL()")
    drag(page, knob(page, f"{NAME}.shape", "ellipse.axis0"), 40, -50)
    now = values(page, f"{NAME}.shape")
    assert now["std_x"] > 1.6 and now["std_y"] > 1.3
    cov = now["correlation"] * now["std_x"] * now["std_y"]
    matrix = np.array([[now["std_x"] ** 2, cov], [cov, now["std_y"] ** 2]])
    eigenvalues = np.linalg.eigvalsh(matrix)

    def right(numbers: list[float]) -> bool:
        _, long, short, peak = numbers
        return (
            near(long, math.sqrt(eigenvalues[1]))
            and near(short, math.sqrt(eigenvalues[0]))
            and near(peak, 1 / (2 * math.pi * math.sqrt(np.linalg.det(matrix))))
        )

    tells(page, "shape.caption", right)
    slider = part(page, f"{NAME}.shape.std_x").locator("input[type=range]")
    expect(slider).to_have_value(re.compile(rf"^{now['std_x']:g}"), timeout=SLOW)
    assert sheet(page, f"{NAME}.shape", "surface").evaluate("c => c.toDataURL()") != before


def test_a_slider_moves_the_ellipse(show):
    page = show()
    x, y = middle(knob(page, f"{NAME}.shape", "ellipse.axis0"))
    slider = part(page, f"{NAME}.shape.std_x").locator("input[type=range]")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    heard(page, f"{NAME}.shape", lambda now: now["std_x"] == pytest.approx(1.55))
    assert middle(knob(page, f"{NAME}.shape", "ellipse.axis0")) != (x, y)


def test_distance_and_density_under_the_pointer(show):
    page = show(shape__std_x=2, shape__std_y=1, shape__correlation=0.5)
    box = sheet(page, f"{NAME}.shape", "contours").bounding_box()
    page.mouse.move(box["x"] + 0.62 * box["width"], box["y"] + 0.35 * box["height"])
    readout = plane(page, f"{NAME}.shape").get_by_text(re.compile(r"Mahalanobis distance"))
    expect(readout.last).to_be_visible(timeout=SLOW)
    told = re.search(
        r"\((−?[\d.]+), (−?[\d.]+)\)\s+Mahalanobis distance ([\d.]+), density ([\d.]+)", readout.last.inner_text()
    )
    x, y, distance, density = (float(n.replace("−", "-")) for n in told.groups())
    cov = np.array([[4.0, 1.0], [1.0, 1.0]])
    squared = np.array([x, y]) @ np.linalg.inv(cov) @ [x, y]
    assert distance == pytest.approx(math.sqrt(squared), abs=0.02)
    assert density == pytest.approx(math.exp(-squared / 2) / (2 * math.pi * math.sqrt(3)), abs=2e-3)


def test_the_line_is_dragged_and_the_conditional_follows(show):
    page = show()
    line = knob(page, f"{NAME}.slices", "at")
    drag(page, line, -110, 0)
    at = values(page, f"{NAME}.slices")["at"]
    assert at < 0.5

    def right(numbers: list[float]) -> bool:
        marginal_mean, marginal_variance, known, mean, variance, drop = numbers
        return (
            marginal_mean == 0 and near(marginal_variance, 1.44) and near(known, at)
            and near(mean, 0.7 * 1.2 / 1.5 * at) and near(variance, 0.51 * 1.44) and drop == 49
        )  # fmt: skip

    tells(page, "slices.caption", right)
    page.wait_for_function("name => location.search.includes(name)", arg=f"{NAME}.slices.at=")


def test_the_rows_are_dragged_along_the_settling_curve(show):
    page = show()
    drag(page, knob(page, f"{NAME}.fit", "rows"), -60, 0)
    rows = values(page, f"{NAME}.fit")["rows"]
    assert 1 <= rows < 100
    tells(page, "fit.caption", lambda numbers: numbers[0] == rows)
    tells(page, "fit.numbers", lambda numbers: near(numbers[-1], (rows - 1) / rows))


def test_sampling_is_played_from_the_round_cloud_to_the_end(show):
    page = show(sampling__count=399)
    player = plane(page, f"{NAME}.sampling")
    player.scroll_into_view_if_needed()
    expect(player).to_have_attribute("data-frame", "3", timeout=SLOW)
    player.locator("[data-do=reset]").click()
    expect(player).to_have_attribute("data-frame", "0")
    expect(player.locator(".level .more")).to_have_text("independent standard normals")
    player.locator(".speed").select_option("4")
    player.locator("[data-do=play]").click()
    expect(player).to_have_attribute("data-frame", "3", timeout=SLOW)
    expect(player).to_have_attribute("data-playing", "false", timeout=SLOW)
    player.locator("[data-do=back]").click()
    expect(player).to_have_attribute("data-frame", "2")
    tells(page, "sampling.caption", lambda numbers: numbers[0] == 399)


def test_a_column_of_the_matrix_is_pulled_and_the_determinant_follows(show):
    page = show(matrix__a11=1.1)
    column = knob(page, f"{NAME}.matrix", "first")
    expect(column).to_be_visible(timeout=SLOW)
    drag(page, column, 60, 20)
    now = values(page, f"{NAME}.matrix")
    assert now["a11"] > 1.3
    det = now["a11"] * now["a22"] - now["a12"] * now["a21"]
    tells(page, "matrix.caption", lambda numbers: near(numbers[1], det))
    press(page, f"{NAME}.matrix.preset.squash")
    tells(page, "matrix.singular", lambda numbers: True)


def test_pictures_of_one_class(show):
    page = show(pixels__label=1)
    tells(page, "pixels.singular", lambda numbers: numbers[0] == 6742)
    press(page, f"{NAME}.pixels.preset.eights")
    tells(page, "pixels.singular", lambda numbers: numbers[0] == 5851)
    assert shades(plane(page, f"{NAME}.pixels", "samples_plane").locator("[data-panel=sampled] canvas")) > 50


@pytest.mark.parametrize("width", [1366, 820])
@pytest.mark.parametrize("lang", ["ko", "en"])
def test_nothing_scrolls_sideways_and_the_first_picture_is_in_the_first_screen(show, lang, width):
    page = show(lang=lang, context={"width": width})
    fits_its_width(page)
    if width == 1366:
        box = plane(page, f"{NAME}.shape").bounding_box()
        assert box["y"] + box["height"] <= 768
