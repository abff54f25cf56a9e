"""Pickers bound to the link, and what clicks and keys mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from psm_viz.charts import choices
from psm_viz.charts.talk_map import talk_of
from psm_viz.errors import UnknownName
from psm_viz.study.cast import ASSISTANT, nearest
from psm_viz.study.reader import Study
from psm_viz.ui import figure, studies, study_list

MOVES = "Drag: move. Ctrl + wheel: zoom. Double-click: whole map."
"""How a map that can be zoomed is moved, and how one goes back."""
BACK = "Click a mark to read it, beside all marks to go back to the Assistant."
"""How a map is clicked that cannot be zoomed."""


def picker_row(
    widths: Sequence[float], wrap: bool = True, late: bool = False
) -> tuple[Any, Sequence[Any], Any]:
    """The head of a page: room for notices, the columns of its pickers below, and in the last
    column a popover for the pickers that are seldom used. `late`: pickers come after the figure
    (`first_figure.after`), and their room is kept until then."""
    messages = st.container()
    with st.container(key="pickers-late" if late else "pickers"):
        columns = st.columns(widths, vertical_alignment="bottom", wrap=wrap)
    more = columns[-1].popover("More", icon=":material/tune:", width="stretch")
    return messages, columns, more


BY_ID = "psm-by-id"
"""State: keys whose value was an id in the address."""
SEEN_STEP = "psm-seen-step"
"""State: the step that a link asked for, since no widget holds it while the details are folded."""
KEPT = (
    *("study", "checkpoint", "projection", "unit", "persona", "talk", "pooling", "frame"),
    *("branches", "step", "question", "branch", "details", "colour", "story"),
    *("words", "where", "who", "judged"),
    *("by", "first", "second", "one", "other", "at", "moved", "relative"),
)
"""Keys of what a reader chose that another page may not show: kept while pages change."""


def keep_choices() -> None:
    """Keep what was chosen on another page: the state of a widget that a page does not show would
    be dropped. To be called on every run, before the page."""
    for key in KEPT:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def pick_study(where: Any) -> Study:
    """The study of the link, or the default one. Raises PsmVizError where it cannot be opened.

    `where` is the container for notices.
    """
    folders = study_list.study_folders()
    if len(folders) == 1:  # a single one is no choice
        check_link("study", {n: n for n in folders}, "study", where)
        return studies.opened(*folders.values())
    cards = study_list.cards()
    titles = {n: c.title for n, c in cards.items()}
    check_link("study", titles, "study", where)
    asked = st.query_params.get("study")
    if "study" not in st.session_state:
        known = (n for n in titles if asked in (n, titles[n]))
        st.session_state["study"] = next(known, next(iter(titles)))
    chosen = st.selectbox("Study", list(titles), format_func=titles.__getitem__, key="study")
    # Not bound: a bound default is left out of the address, and elsewhere another is the default.
    st.query_params["study"] = chosen
    st.html(study_list.cards_html(cards, chosen))
    return studies.opened(folders[chosen])


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
    written = st.session_state.setdefault(BY_ID, set())
    if ids and key not in st.session_state and len(values) == 1:
        st.session_state[key] = ids[0]
        written.add(key)  # its widget takes it out of the address, where it knows labels alone
    elif key in written and key in st.session_state:
        st.session_state[key] = st.session_state[key]  # and writes its label there when set anew
        written.discard(key)


def pick(
    label: str,
    options: Mapping[str, str],
    key: str,
    where: Any,
    default: str | None = None,
    what: str = "",
    on_change: Callable[[], None] | None = None,
    hidden: bool = False,
) -> str:
    """A select box over ids with labels, bound to the link.

    `what` is the word for it in a message about a bad link, `key` where it is left out. A `hidden`
    label is only read aloud.
    """
    check_link(key, options, what or key, where)
    ids = list(options)
    return st.selectbox(
        label,
        ids,
        index=ids.index(default) if default in ids else 0,
        format_func=lambda i: options.get(i, str(i)),
        key=key,
        bind="query-params",
        on_change=on_change,
        label_visibility="collapsed" if hidden else "visible",
    )


def pick_segment(
    label: str,
    options: Mapping[str, str],
    key: str,
    where: Any,
    hidden: bool = False,
    what: str = "",
) -> str:
    """A choice among a few, side by side, bound to the link; `what` as `pick` has it."""
    check_link(key, options, what or key, where)
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
        label_visibility="collapsed" if hidden else "visible",
    )
    return chosen or next(iter(options))


def pick_pooling(study: Study, where: Any, offered: Iterable[str] = ()) -> str:
    """One of the study's poolings, or of those that are `offered`; a single one is no choice."""
    m = study.manifest
    options = choices.poolings(offered or m.poolings)
    return _pick_of_several("Pooling", options, "pooling", where, m.headline_pooling)


def pick_layer(layers: Mapping[str, str], where: Any, headline: int) -> int:
    """One of the layers that have a map; a single one is no choice."""
    return int(_pick_of_several("Layer", layers, "layer", where, str(headline)))


def _pick_of_several(
    label: str, options: Mapping[str, str], key: str, where: Any, default: str
) -> str:
    """`pick`, where there is more than one to choose from; a link to another is told anyway."""
    if len(options) == 1:
        check_link(key, options, key, where)
        return next(iter(options))
    return pick(label, options, key, where, default)


def pick_checkpoint(study: Study, where: Any, default: str) -> str:
    """One of the checkpoints that are drawn."""
    return pick("Checkpoint", choices.checkpoints(study), "checkpoint", where, default)


def pick_projection(where: Any) -> str:
    """How a map is flattened."""
    return pick_segment("Projection", choices.FLAT, "projection", where)


def pick_zoom(where: Any) -> str:
    """How close to the chosen persona a map is shown."""
    return pick("Zoom, about the chosen persona", choices.ZOOMS, "zoom", where, choices.WHOLE)


def step_of_link(options: Sequence[int], where: Any) -> int:
    """The step that a link asks for, else the one that was looked at before another page, by
    default the last. A step that there is not is reported here, for `pick_step` as well."""
    if len(options) < 2:
        return options[-1]
    known = {str(s): s for s in options}
    check_link("step", {s: s for s in known}, "step", where)
    wanted = st.query_params.get("step", "")
    if wanted not in known and "step" in st.session_state:
        wanted = str(st.session_state["step"])  # of the slider among the details
    elif wanted not in known and str(st.session_state.get(SEEN_STEP)) in known:
        wanted = st.query_params["step"] = str(st.session_state[SEEN_STEP])
    if wanted not in known:
        return options[-1]
    st.session_state[SEEN_STEP] = known[wanted]
    return known[wanted]


def pick_details() -> bool:
    """Whether the statistics of means are shown below the talks: for the specialist, and slower."""
    return st.toggle(
        "For the specialist: movement of mean activations, traits, families, words or weights",
        key="details",
        bind="query-params",
    )


def pick_unit(where: Any) -> str:
    """What the dots of a map are."""
    return pick_segment("Dots are", choices.UNITS, "unit", where)


def pick_space(where: Any) -> str:
    """What the Assistant is centred on: `MapView.space`."""
    return pick("Centred on", choices.SPACES, "frame", where)


def pick_persona(study: Study, where: Any) -> str:
    """Somebody of the cast by name and family, the Assistant first."""
    options = choices.personas(study)
    return pick("Persona", options, "persona", where, ASSISTANT, on_change=forget_click)


def picked(selection: Mapping[str, Any] | None, known: Sequence[str]) -> str:
    """The persona that a click on the map means; a click beside every mark means the Assistant."""
    return next((i for i in clicked(selection) if i in known), ASSISTANT)


def clicked(selection: Mapping[str, Any] | None) -> list[str]:
    """The ids of the marks that a click on a map meant."""
    rows = (selection or {}).get("persona") or []
    if isinstance(rows, Mapping):  # Field-wise form: {"id": ["maresa"]}
        rows = [{"id": i} for i in rows.get("id", [])]
    return [str(r.get("id", "")) for r in rows if isinstance(r, Mapping)]


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


def map_key() -> str:
    """Of the map's widget: a new one drops the old click."""
    return f"map-{st.session_state.get('map_epoch', 0)}"


def take_click(study: Study, key: str) -> None:
    """What a click on the map does; `key` is that of its widget."""
    event = st.session_state.get(key) or {}
    selection = event.get("selection")
    st.session_state["persona"] = picked(selection, study.cast.ids)
    talk = next((t for t in map(talk_of, clicked(selection)) if t is not None), None)
    if talk is not None:
        st.session_state["talk"] = str(talk)


def pick_branches(study: Study, where: Any) -> list[str]:
    """The branches to show."""
    every = study.manifest.branches
    check_link("branches", {b: b for b in every}, "branch", where)
    return st.multiselect(
        "Branches",
        every,
        default=choices.default_branches(study),
        key="branches",
        bind="query-params",
        placeholder="Choose branches",
    )


def pick_colour(study: Study, where: Any) -> str:
    """What colour means on the map: kin, a measure, or the name of an evidence of the study."""
    return pick("Colour", choices.colours(study), "colour", where, choices.KIN)


def study_in_link(study: Study) -> str:
    """What links call a study: '' for the one that opens by itself."""
    folders = study_list.study_folders()
    named = next((n for n, folder in folders.items() if folder == study.folder), "")
    return "" if named == next(iter(folders)) else named


def kept_study() -> dict[str, str]:
    """The study that the address names, for links to other pages."""
    return {"study": st.query_params["study"]} if "study" in st.query_params else {}


def pick_step(options: Sequence[int], places: Sequence[Any]) -> int:
    """The step to look at: a slider, and buttons for Left and Right, in three `places`."""
    if len(options) < 2:
        return options[-1]
    if st.session_state.get("step") not in (None, *options):
        del st.session_state["step"]  # Other branches were chosen: their last step again.

    def move(by: int) -> None:
        now = int(st.session_state.get("step", options[-1]))
        st.session_state["step"] = stepped(options, now, by)

    slider, back, on = places
    now = slider.select_slider(
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
