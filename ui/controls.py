"""Widgets of settings: labelled, seeded from the link, clamped, and always in the link that is copied.

    steps = controls.slider(STEPS)                         whole, real (a slider of two ends for span)
    steps = controls.slider(STEPS, high=schedule_T)        bounds that follow from another setting
    n = controls.number(N)                                 a field
    name = controls.select(SAMPLER)                        look="segmented" | "pills" | "select" | "radio"
    on = controls.toggle(TRACE)
    digits = controls.pills(DIGITS)                        several
    controls.presets("diffusion_model.denoise", {"few_steps": {STEPS: 5, SAMPLER: "ddim"}, ...})
    controls.seed(SEED)                                    the number, and a button for another

Labels are the page's section `<key>` (else `setting.<last part>` of ui.toml), help its section `<key>.help` if there is
one, a choice's label the section `<key>.<choice>` (else `choice.<choice>` of ui.toml, else the choice itself), a
preset's label the section `<experiment>.preset.<name>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from ui import links, text
from ui.links import Setting


def slider(setting: Setting, *, format: str | None = None, **bounds: float) -> float | int | tuple[float, float]:
    """A slider for a whole or real number, or for two ends."""
    s = links.within(setting, **bounds) if bounds else setting
    cast = int if s.kind == "whole" else float
    if s.low >= s.high:  # nothing to choose: a slider of no length is an error in Streamlit
        return links.value(s)
    _seed(s)
    now = st.slider(
        links.name_of(s.key),
        cast(s.low),
        cast(s.high),
        step=cast(s.step),
        format=format,
        key=s.key,
        help=_help(s),
        on_change=_touched,
        args=(s,),
    )
    return _keep(s, now)


def number(setting: Setting, **bounds: float) -> float | int:
    """A field for a whole or real number."""
    s = links.within(setting, **bounds) if bounds else setting
    cast = int if s.kind == "whole" else float
    _seed(s)
    now = st.number_input(
        links.name_of(s.key),
        cast(s.low),
        cast(s.high),
        value=None,  # what an emptied or unreadable field says; without it, it would say the lowest value
        step=cast(s.step),
        key=s.key,
        help=_help(s),
        on_change=_touched,
        args=(s,),
    )
    return _keep(s, links.value(s) if now is None else now)


def select(
    setting: Setting,
    *,
    look: str = "segmented",
    choices: tuple | None = None,
    names: Callable[[str | int], str] | None = None,
) -> str | int:
    """One of the choices. `choices` narrows them to those that make sense just now; `names` labels them otherwise."""
    s = links.within(setting, choices=tuple(choices)) if choices is not None else setting
    if links.value(s) not in s.choices:
        links.adjust(s, s.choices[0])
    _seed(s)
    shared = {
        "key": s.key, "help": _help(s), "on_change": _touched, "args": (s,),
        "format_func": names or (lambda option: links.name_of_choice(s.key, option)),
    }  # fmt: skip
    label, options = links.name_of(s.key), list(s.choices)
    match look:
        case "segmented":
            now = st.segmented_control(label, options, required=True, **shared)
        case "pills":
            now = st.pills(label, options, required=True, **shared)
        case "radio":
            now = st.radio(label, options, horizontal=True, **shared)
        case _:
            now = st.selectbox(label, options, **shared)
    return _keep(s, links.value(s) if now is None else now)


def pills(setting: Setting) -> tuple[str | int, ...]:
    """Any number of the choices, in their order."""
    _seed(setting, list)
    now = st.pills(
        links.name_of(setting.key),
        list(setting.choices),
        selection_mode="multi",
        key=setting.key,
        help=_help(setting),
        format_func=lambda option: links.name_of_choice(setting.key, option),
        on_change=_touched,
        args=(setting,),
    )
    return _keep(setting, tuple(c for c in setting.choices if c in now))


def toggle(setting: Setting) -> bool:
    """On or off."""
    _seed(setting)
    label = links.name_of(setting.key)
    now = st.toggle(label, key=setting.key, help=_help(setting), on_change=_touched, args=(setting,))
    return _keep(setting, now)


def seed(setting: Setting) -> int:
    """A seed, shown, with a button for the next one."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        now = number(setting)
        nxt = int(now) + 1 if now < setting.high else int(setting.low)
        st.button(
            text.current().label("control.another_seed"),
            key=f"{setting.key}.next",
            icon=":material/casino:",
            on_click=links.put_all,
            args=({setting: nxt},),
        )
    return int(now)


def presets(experiment: str, table: Mapping[str, Mapping[Setting, object]]) -> None:
    """A row of named settings that lead to moments worth seeing."""
    t = text.current()
    with st.container(horizontal=True, gap="small", key=f"{experiment}.presets", vertical_alignment="center"):
        st.caption(t.label("control.try"), width="content")
        for name, wished in table.items():
            st.button(
                t.words(f"{experiment}.preset.{name}"),
                key=f"{experiment}.preset.{name}",
                type="secondary",
                on_click=links.put_all,
                args=(dict(wished),),
            )


def _seed(setting: Setting, cast: type | None = None) -> None:
    """Give the widget its value before it exists, unless it has that one already."""
    wished = links.value(setting)
    wished = cast(wished) if cast else wished
    if links.forced(setting) or setting.key not in st.session_state or not _is(setting, wished):
        st.session_state[setting.key] = wished


def _is(setting: Setting, wished: object) -> bool:
    """Whether the widget stands at this value: a slider's 0.1 + 0.2 is 0.3, and telling it so would pull it back."""
    held = st.session_state[setting.key]
    if held is not None and setting.kind in ("real", "span"):
        return links.encode(setting, held) == links.encode(setting, wished)
    return held == wished


def _keep(setting: Setting, now):
    links.put(setting, now)
    return links.value(setting)


def _touched(setting: Setting) -> None:
    """A person set it: what is in the widget counts, and old sentences about the link are done with."""
    links.touched(setting)
    now = st.session_state.get(setting.key)
    if now is not None:
        links.put(setting, tuple(now) if setting.kind in ("several", "span") else now)


def _help(setting: Setting) -> str | None:
    t = text.current()
    return t.words(f"{setting.key}.help") if t.has(f"{setting.key}.help") else None
