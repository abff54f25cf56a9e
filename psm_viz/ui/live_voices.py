"""Who answers on the Live page: a checkpoint, as whom, and who answers beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from psm_viz.charts import choices
from psm_viz.errors import PsmVizError
from psm_viz.messages import ASSISTANT, DONE, FAILED, Own, Push, Voice
from psm_viz.study.formats.directions import CONVERT, ENDS, parse_direction
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure
from psm_viz.ui.live_client import Live
from psm_viz.ui.live_follow import PROBLEM, Refused

NOBODY, OTHER, PUSHED, CAPPED = "nobody", "other", "pushed", "capped"
BESIDE = {
    NOBODY: "nobody",
    OTHER: "another checkpoint",
    PUSHED: "the same, pushed along a direction",
    CAPPED: "the same, held where the reference is",
}
"""Who may answer the same words beside the first voice."""
STRONG = 3.0
"""The slider's end, in standard deviations of the cast."""
USUAL = 1.0
RANDOM = 0
"""Seed of the random direction."""
OWN_FILE = "live-direction-file"
"""State: the file of a direction of one's own."""


def pick_first(study: Study, state: Mapping[str, Any], columns: Sequence[Any], where: Any) -> Voice:
    """The first voice: which checkpoint, as whom."""
    known, asked = list(state["checkpoints"]), st.query_params.get("checkpoint", "")
    if asked not in known and asked in {c.id for c in study.manifest.checkpoints}:
        # known, and no mistake of the link: it cannot answer here, and another does
        st.query_params.pop("checkpoint")
        st.session_state.pop("checkpoint", None)
        if not st.query_params.get("go"):
            with where:
                figure.caption(
                    f"The weights of {asked} are not here, so {state['reference']} answers. "
                    "docs/live.md says where weights are looked for."
                )
    with columns[0]:
        checkpoint = controls.pick(
            "Who answers",
            {c: c for c in known},
            "checkpoint",
            where,
            str(state["reference"]),
        )
    with columns[1]:
        people = choices.personas(study)
        persona = controls.pick("Told to be", people, "persona", where, ASSISTANT)
    return Voice(checkpoint, persona)


def pick_beside(
    first: Voice, state: Mapping[str, Any], column: Any, row: Any, where: Any
) -> list[Voice]:
    """All voices: the first, and those that answer beside it; what they need is asked in `row`."""
    options = dict(BESIDE)
    if not state.get("directions"):
        options = {k: v for k, v in options.items() if k in (NOBODY, OTHER)}
    if len(state["checkpoints"]) < 2:
        options.pop(OTHER)
    with column:
        beside = controls.pick("Beside it answers", options, "beside", where, NOBODY)
    if beside == NOBODY:
        return [first]
    if beside == OTHER:
        with row, st.columns([5.6, 2.2, 1])[1]:
            return [first, _other(first, state, where)]
    with row:
        return [first, *_pushes(first, state, beside == CAPPED, where)]


def _other(first: Voice, state: Mapping[str, Any], where: Any) -> Voice:
    known = [c for c in state["checkpoints"] if c != first.checkpoint]
    chosen = controls.pick(
        "The other checkpoint", {c: c for c in known}, "other", where, hidden=True
    )
    return Voice(chosen, first.persona)


def _pushes(first: Voice, state: Mapping[str, Any], cap: bool, where: Any) -> list[Voice]:
    """The first voice pushed or held, and where wished the same along a random direction."""
    columns = st.columns([2.4, 2, 1.6], vertical_alignment="bottom")
    with columns[0]:
        direction = controls.pick("Direction", dict(state["directions"]), "direction", where)
    strength = 0.0
    with columns[1]:
        if not cap:
            strength = st.slider(
                "How far, in standard deviations of the cast",
                *(-STRONG, STRONG, USUAL, 0.25),
                key="strength",
                bind="query-params",
            )
        else:
            st.html(
                '<p class="psm-caption">What lies beyond the band of the reference\'s own answers '
                "is put back to its edge, token by token, at every layer.</p>"
            )
    with columns[2]:
        random = st.toggle(
            "And a random direction",
            key="random",
            bind="query-params",
            help="The same length along a direction drawn from the cast's own spread: what it does "
            "is done by any push.",
        )
    voices = [Voice(first.checkpoint, first.persona, Push(direction, strength, cap))]
    if random:
        push = Push(direction, strength, cap, RANDOM)
        voices.append(Voice(first.checkpoint, first.persona, push))
    return voices


def own_direction(study: Study, live: Live, state: Mapping[str, Any]) -> None:
    """A direction from a file, which the menu of directions offers then."""
    if not state.get("directions"):
        return
    st.file_uploader(
        "A direction of your own",
        type=list(ENDS),
        key=OWN_FILE,
        on_change=partial(_offer, study, live),
        help="One vector of the residual stream, of this model, at layer "
        f"{study.manifest.headline_layer}: .npy, .safetensors or JSON. {CONVERT}",
    )


def _offer(study: Study, live: Live) -> None:
    """Take the chosen file to the model process."""
    file = st.session_state.get(OWN_FILE)
    if file is None:
        return
    m = study.manifest
    wide = study.vectors(m.reference).at(m.headline_pooling, m.headline_layer).shape[1]
    try:
        values = parse_direction(file.getvalue(), file.name, wide, m.headline_layer)
        job = live.begin(Own(file.name.rpartition(".")[0], tuple(map(float, values))))
        for event, _ in live.events(job):
            if event.get("kind") == FAILED:
                raise Refused(str(event["problem"]), str(event.get("next_step", "")))
            if event.get("kind") == DONE:
                chosen = {"direction": str(event["direction"]), "beside": PUSHED}
                st.session_state.update(chosen)
    except PsmVizError as e:
        st.session_state[PROBLEM] = e


def chosen_for(voices: Sequence[Voice], state: Mapping[str, Any]) -> dict[str, Any]:
    """What the menus have to hold for these to be the voices; {} where one is not offered here."""
    first, others = voices[0], voices[1:]
    known, directions = set(state["checkpoints"]), state.get("directions") or {}
    if any(v.checkpoint not in known or v.persona != first.persona for v in voices):
        return {}
    out: dict[str, Any] = {"checkpoint": first.checkpoint, "persona": first.persona}
    if not others:
        return out | {"beside": NOBODY}
    push = others[0].push
    if push is None:
        return out | {"beside": OTHER, "other": others[0].checkpoint}
    if push.direction not in directions or any(v.checkpoint != first.checkpoint for v in others):
        return {}
    out |= {"beside": CAPPED if push.cap else PUSHED, "direction": push.direction}
    out |= {} if push.cap else {"strength": push.strength}
    return out | {"random": len(others) > 1}


def name_of(voice: Voice, study: Study) -> str:
    """What a voice is called above its answers and on the map."""
    who = "" if voice.persona == ASSISTANT else f", as {study.cast.persona(voice.persona).name}"
    push, pushed = voice.push, ""
    if push is not None and push.random >= 0:
        pushed = ", random direction"
    elif push is not None and push.cap:
        pushed = ", held"
    elif push is not None:
        pushed = f", pushed {push.strength:+g}".replace("-", "\N{MINUS SIGN}")
    return f"{voice.checkpoint}{who}{pushed}"
