"""One colour for each role, everywhere: charts, canvases, formulas and words take it from this table.

    colours.mark("model")            hex of a mark in the theme of this session
    colours.text("model", "dark")    hex that is readable as text in that theme
    colours.css()                    the same as CSS variables: --data, --data-text, --model, ...; canvases read those
    colours.ROLES                    data model score condition latent noise exact

A mark's colour misses 4.5:1 as text in the light theme, so each role has a text colour beside it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """Hex colours of one role; `dash` is its second cue, as pixels on and off (empty: solid)."""

    mark_light: str
    text_light: str
    dark: str
    dash: tuple[int, ...] = ()


ROLES: dict[str, Role] = {
    "data": Role("#0072B2", "#0072B2", "#4DA3D9"),
    "model": Role("#D55E00", "#B34F00", "#F0803C"),
    "score": Role("#009E73", "#007A59", "#2FBF94", (2, 3)),
    "condition": Role("#CC79A7", "#A64D80", "#DB9BC0", (8, 3)),
    "latent": Role("#E69F00", "#946600", "#F2B632", (8, 3, 2, 3)),
    "noise": Role("#7A7F87", "#5F646B", "#9AA0A8", (3, 3)),
    "exact": Role("#1F2430", "#1F2430", "#E6E8EC", (6, 4)),
}

SURFACES: dict[str, tuple[str, str]] = {  # name: (light, dark)
    "page": ("#FAFAF8", "#0E1117"),
    "canvas": ("#FFFFFF", "#12151B"),
    "ink": ("#1F2430", "#E6E8EC"),
    "muted": ("#5B6270", "#A3A9B4"),
    "line": ("#DEDFDC", "#2B313C"),
}


def theme() -> str:
    """ "light" or "dark": what this session's browser shows."""
    import streamlit as st

    return "dark" if st.context.theme.type == "dark" else "light"


def mark(role: str, of_theme: str | None = None) -> str:
    """Hex of the role's marks in the given theme, or in this session's."""
    entry = ROLES[role]
    return entry.dark if (of_theme or theme()) == "dark" else entry.mark_light


def text(role: str, of_theme: str | None = None) -> str:
    """Hex of the role's words in the given theme, or in this session's; at least 4.5:1 on the page."""
    entry = ROLES[role]
    return entry.dark if (of_theme or theme()) == "dark" else entry.text_light


def surface(name: str, of_theme: str | None = None) -> str:
    """Hex of a surface ("page", "canvas", "ink", "muted", "line")."""
    light, dark = SURFACES[name]
    return dark if (of_theme or theme()) == "dark" else light


def for_components() -> dict[str, dict[str, object]]:
    """The table for a component's script: for "light" and "dark", `mark`, `text` and `dash` by role, and `surface`."""
    return {
        name: {
            "mark": {role: mark(role, name) for role in ROLES},
            "text": {role: text(role, name) for role in ROLES},
            "dash": {role: list(ROLES[role].dash) for role in ROLES},
            "surface": {part: surface(part, name) for part in SURFACES},
        }
        for name in ("light", "dark")
    }


def css() -> str:
    """The whole table as CSS variables that follow the root's `color-scheme`, and the formulas' colours with it.

    Dialogs lie outside the app's element, so the variables are the root's.

    KaTeX writes a formula's colours into style attributes; formulas carry the light text colours, and the last
    rules turn those into the variables, so that a change of theme needs no new formula.
    """
    lines = [f"--{name}: light-dark({light}, {dark});" for name, (light, dark) in SURFACES.items()]
    rules = []
    for name, role in ROLES.items():
        lines.append(f"--{name}: light-dark({role.mark_light}, {role.dark});")
        lines.append(f"--{name}-text: light-dark({role.text_light}, {role.dark});")
        red, green, blue = (int(role.text_light[i : i + 2], 16) for i in (1, 3, 5))
        seen = f'.katex [style*="rgb({red}, {green}, {blue})"], .katex [style*="{role.text_light}" i]'
        rules.append(f"{seen} {{ color: var(--{name}-text) !important; }}")
        rules.append(f".role-{name} {{ color: var(--{name}-text); font-weight: 600; }}")
    return ":root {" + " ".join(lines) + "}\n" + "\n".join(rules)
