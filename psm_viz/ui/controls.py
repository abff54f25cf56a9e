"""Pickers bound to the link, and what clicks and keys mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from psm_viz.errors import UnknownName
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.cast import ASSISTANT, nearest
from psm_viz.study.reader import Study
from psm_viz.ui import figure, studies


def pick_study(where: Any) -> Study:
    """The study of the link, or the default one. Raises PsmVizError where it cannot be opened.

    `where` is the container for notices.
    """
    names = studies.study_names()
    return studies.opened(names[pick("Study", {n: n for n in names}, "study", "study", where)])


def check_link(key: str, options: Mapping[str, str], what: str, where: Any) -> None:
    """Check a value of the link before its widget reads it: `options` maps ids to labels.

    A label is what widgets write into the link; an id is accepted as well, for links written by
    hand. Anything else is reported in the container `where`; the widget shows its default.
    """
    values = st.query_params.get_all(key)
    unknown = [v[:80] for v in values if v not in options and v not in options.values()]
    if unknown:
        error = UnknownName(
            f"The link asks for a {what} that this study does not have: {unknown[0]!r}.",
            f"The default is shown. The study has: {nearest(unknown[0], options)}",
        )
        with where:
            figure.notice(error)
    ids = [v for v in values if v in options and v not in options.values()]
    if ids and key not in st.session_state and len(values) == 1:
        st.session_state[key] = ids[0]


def pick(
    label: str,
    options: Mapping[str, str],
    key: str,
    what: str,
    where: Any,
    default: str | None = None,
    **more: Any,
) -> str:
    """A select box over ids with labels, bound to the link."""
    check_link(key, options, what, where)
    ids = list(options)
    return st.selectbox(
        label,
        ids,
        index=ids.index(default) if default in ids else 0,
        format_func=lambda i: options.get(i, str(i)),
        key=key,
        bind="query-params",
        **more,
    )


def pick_segment(
    label: str, options: Mapping[str, str], key: str, what: str, where: Any, **more: Any
) -> str:
    """A choice among a few, side by side, bound to the link."""
    check_link(key, options, what, where)
    if st.session_state.get(key) not in (None, *options):
        del st.session_state[key]  # What was chosen is no longer offered.
    chosen = st.segmented_control(
        label,
        list(options),
        default=next(iter(options)),
        required=True,
        format_func=lambda i: options.get(i, str(i)),
        key=key,
        bind="query-params",
        **more,
    )
    return chosen or next(iter(options))


def pooling_options(poolings: Sequence[str]) -> dict[str, str]:
    """Pooling ids with their names in words."""
    return {p: POOLING_NAMES.get(p, p) for p in poolings}


def persona_options(study: Study) -> dict[str, str]:
    """Persona ids with name and family, the Assistant first."""
    family = {f.id: f.name for f in study.cast.families}
    out = {ASSISTANT: "Assistant"}
    return out | {p.id: f"{p.name}, {family[p.family]}" for p in study.cast.personas}


def picked(selection: Mapping[str, Any] | None, known: Sequence[str]) -> str:
    """The persona that a click on the map means; a click beside every mark means the Assistant."""
    rows = (selection or {}).get("persona") or []
    if isinstance(rows, Mapping):  # Field-wise form: {"id": ["maresa"]}
        rows = [{"id": i} for i in rows.get("id", [])]
    ids = [str(r.get("id", "")) for r in rows if isinstance(r, Mapping)]
    return next((i for i in ids if i in known), ASSISTANT)


def stepped(options: Sequence[int], current: int, by: int) -> int:
    """The neighbour of `current` among `options`, staying at the ends."""
    at = list(options).index(current) if current in options else len(options) - 1
    return options[min(max(at + by, 0), len(options) - 1)]


def select_persona(persona: str) -> None:
    """Choose a persona from outside the map: a new chart key drops the old click."""
    st.session_state["persona"] = persona
    forget_click()


def forget_click() -> None:
    """Drop the map's own selection, so that a later click on the same mark counts again."""
    st.session_state["map_epoch"] = st.session_state.get("map_epoch", 0) + 1


def take_click(study: Study) -> None:
    """What a click on the map does."""
    event = st.session_state.get(f"map-{st.session_state.get('map_epoch', 0)}") or {}
    st.session_state["persona"] = picked(event.get("selection"), study.cast.ids)


AT_ONCE = 3
"""Branches that a page opens with: with more, labels and findings crowd each other."""


def default_branches(study: Study) -> list[str]:
    """The branches that a page opens with: the first few that start at the reference, the controls
    that have rows of their own (benign, other role) left out."""
    m = study.manifest
    own_rows = {m.notes.get("benign"), m.notes.get("other_role")}
    free = [b for b in m.fine_tuned if b not in own_rows]
    return free[:AT_ONCE] or m.fine_tuned[:AT_ONCE] or m.branches[-1:]


def pick_branches(study: Study, where: Any) -> list[str]:
    """The branches to show."""
    every = study.manifest.branches
    check_link("branches", {b: b for b in every}, "branch", where)
    return st.multiselect(
        "Branches",
        every,
        default=default_branches(study),
        key="branches",
        bind="query-params",
        placeholder="Choose branches",
    )


def branch_order(study: Study) -> list[str]:
    """All branches, the fine-tuned ones first: they get the plainest marks and dashes."""
    m = study.manifest
    return [*m.fine_tuned, *(b for b in m.branches if b not in m.fine_tuned)]


def pick_step(options: Sequence[int], slot: Any, back: Any, on: Any, where: Any) -> int:
    """The step to look at: a slider, and a button on either side for Left and Right."""
    if len(options) < 2:
        return options[-1]
    check_link("step", {str(s): str(s) for s in options}, "step", where)
    if st.session_state.get("step") not in (None, *options):
        del st.session_state["step"]  # Other branches were chosen: their last step again.

    def move(by: int) -> None:
        now = int(st.session_state.get("step", options[-1]))
        st.session_state["step"] = stepped(options, now, by)

    now = slot.select_slider(
        "Training step", list(options), value=options[-1], key="step", bind="query-params"
    )
    for place, by, label, shortcut in ((back, -1, "Back", "Left"), (on, 1, "Next", "Right")):
        place.button(
            label,
            key=f"step-{shortcut}",
            shortcut=shortcut,
            help="Earlier checkpoint" if by < 0 else "Later checkpoint",
            on_click=move,
            args=(by,),
            width="stretch",
        )
    return int(now)
