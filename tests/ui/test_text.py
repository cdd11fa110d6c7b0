"""Placeholders, coloured formulas, numbers."""

from __future__ import annotations

import pytest

from ui import colours, text


def test_a_missing_or_superfluous_value_is_an_error():
    assert text.fill("t = {{t}}", {"t": 3}, "x.y") == "t = 3"
    with pytest.raises(text.WordsError, match="places"):
        text.fill("t = {{t}}", {}, "x.y")
    with pytest.raises(text.WordsError, match="places"):
        text.fill("t", {"t": 3}, "x.y")


def test_single_braces_belong_to_latex():
    assert text.fill(r"$\frac{1}{2}$ {{n}}", {"n": 5}, "x.y") == r"$\frac{1}{2}$ 5"


def test_values_cannot_bring_html():
    assert "<" not in text.fill("{{name}}", {"name": "<script>"}, "x.y")


def test_words_that_do_not_exist_are_an_error():
    for ask in (text.Words("en").words, text.Words("en").label, text.Words("en").formula, text.Words("en").template):
        with pytest.raises(text.WordsError):
            ask("nowhere.at.all")


def test_roles_in_formulas_become_colours_also_nested():
    tex = text.coloured(r"\role{data}{x_{0}} + \role{model}{f(\role{noise}{\varepsilon})}")
    assert tex == (
        rf"\textcolor{{{colours.ROLES['data'].text_light}}}{{x_{{0}}}} + "
        rf"\textcolor{{{colours.ROLES['model'].text_light}}}{{f("
        rf"\textcolor{{{colours.ROLES['noise'].text_light}}}{{\varepsilon}})}}"
    )


@pytest.mark.parametrize("tex", [r"\role{data}", r"\role{data}{x", r"\role{nothing}{x}"])
def test_a_formula_that_is_not_whole_is_an_error(tex):
    with pytest.raises(KeyError):
        text.coloured(tex)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0312, "0.0312"),
        (-0.5, "−0.5"),
        (1234.6, "1,235"),
        (0, "0"),
        (-0.0, "0"),
        (2e-6, "2.00\u00a0×\u00a010⁻⁶"),
        (-3e8, "−3.00\u00a0×\u00a010⁸"),
        (float("nan"), "–"),
    ],
)
def test_numbers(value, shown):
    assert text.number(value) == shown


def test_infinite_numbers():
    assert (text.number(float("inf")), text.number(float("-inf"))) == ("∞", "−∞")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("surface", ["page", "canvas"])
def test_words_in_a_role_s_colour_can_be_read(theme, surface):
    ground = luminance(colours.surface(surface, theme))
    for ink in [*(colours.text(role, theme) for role in colours.ROLES), colours.surface("muted", theme)]:
        light, dark = sorted([luminance(ink), ground], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, theme, surface)


def test_the_table_reaches_css_and_components():
    assert all(f"--{role}-text:" in colours.css() for role in colours.ROLES)
    assert colours.for_components()["dark"]["mark"]["data"] == colours.mark("data", "dark")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("3을/를", "3을"),
        ("2을/를", "2를"),
        ("**0.5**이/가", "**0.5**가"),
        (":model[1.8]으로/로", ":model[1.8]로"),
        ("6으로/로", "6으로"),
        ("0으로/로", "0으로"),
        ("4은/는 9과/와", "4는 9와"),
        ("12%을/를", "12%를"),
        ("평균으로/로, 손실으로/로, 곡선과/와 나과/와", "평균으로, 손실로, 곡선과 나와"),
        ("2 × 10⁻⁵은/는 10⁷으로/로", "2 × 10⁻⁵은 10⁷으로"),
        ("f(x)은/는", "f(x)은/는"),
        ("and/or 1/2", "and/or 1/2"),
    ],
)
def test_korean_particles_follow_the_number_before_them(written, read):
    assert text._with_particles(written) == read


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ("97%가 :data[(맞음)]은 `t = 5`입니다 `t = 5`", "97%_가 :data[(맞음)]_은 `t = 5`_입니다 `t = 5`"),
        ("$x = 5$입니다 $y$.", '<span class="held">$x = 5$입</span>니다 $y$.'),
        (f"${'x + ' * 20}$은", f"${'x + ' * 20}$_은"),
        ("1 $ 와 2%는", "1 $ 와 2%_는"),
    ],
)
def test_no_line_ends_where_it_would_tear_a_sentence(written, held):
    assert text._held(written) == held.replace("_", "\u2060")
