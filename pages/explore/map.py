"""The map: the cast, the Assistant among them, and a card of whoever is chosen."""

import streamlit as st

from psm_viz.charts import findings, persona_map
from psm_viz.charts.map_ground import PROJECTIONS, WIDTH
from psm_viz.errors import PsmVizError
from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import controls, figure, map_card, studies
from psm_viz.ui.map_colour import overlay_at, pick_colour

HEIGHT = 470

messages = st.container()
row = st.columns([2.2, 1.5, 2.6, 1], vertical_alignment="bottom")
more = row[3].popover("More", icon=":material/tune:", width="stretch")
try:
    with more:
        study = controls.pick_study(messages)
        maps = studies.maps_by_pooling(study)
        m = study.manifest
        pooling = controls.pick(
            "Pooling",
            controls.pooling_options(list(maps)),
            "pooling",
            "pooling",
            messages,
            m.headline_pooling,
        )
        layers = {str(n): f"layer {n}" for n in maps[pooling]}
        layer = int(
            controls.pick("Layer", layers, "layer", "layer", messages, str(m.headline_layer))
        )
        frames = {"own": "own mean", "reference": "reference"}
        space = controls.pick("Centred on", frames, "frame", "frame", messages)
        colour = pick_colour(study, messages)
        blocks = st.toggle("Show the cast's blocks", key="blocks", bind="query-params")
        fade = st.toggle("Pale where the map is unreliable", key="fade", bind="query-params")
    with row[0]:
        saved = {c.id: c.id for c in m.drawn}
        checkpoint = controls.pick(
            "Checkpoint", saved, "checkpoint", "checkpoint", messages, m.reference
        )
    with row[1]:
        projections = {k: k for k in PROJECTIONS}
        projection = controls.pick_segment(
            "Projection", projections, "projection", "projection", messages
        )
    with row[2]:
        people = controls.persona_options(study)
        persona = controls.pick(
            "Persona",
            people,
            "persona",
            "persona",
            messages,
            ASSISTANT,
            on_change=controls.forget_click,
        )
    points, info = studies.map_of(study, pooling, layer)
    shown = overlay_at(study, colour)
except PsmVizError as e:
    with messages:
        figure.notice(e)
    st.stop()

left, right = st.columns([2.15, 1], gap="medium")
with left, figure.guard():
    star = persona_map.assistant_points(points, checkpoint, space)
    names = {f.id: f.name for f in study.cast.families}
    title = (
        findings.place_finding(
            persona_map.mixture_of(star.iloc[0]), bool(star.iloc[0].off_map), names
        )
        if len(star)
        else findings.strange_finding(
            checkpoint, info.get("not_placeable", {}), info.get("not_held", {})
        )
    )
    overlay, said, legend = shown or (None, "", "")
    title = said or title
    words = figure.map_words(
        study, info, checkpoint, pooling, layer, projection, space, ring=overlay is None
    )
    figure.figure(
        lambda p, width: persona_map.cast_map(
            points,
            study.cast,
            checkpoint,
            p,
            projection,
            space,
            persona,
            blocks,
            fade,
            (width, HEIGHT),
            overlay,
        ),
        persona_map.map_table(points, study.cast, checkpoint, projection, space, overlay),
        name=f"map-{checkpoint}-{pooling}-L{layer}",
        title=title,
        words=f"{legend} {words}".strip(),
        alt=f"Map of {len(study.cast.personas)} personas at {checkpoint}. {title}.",
        study=study,
        width=WIDTH,
        key=f"map-{st.session_state.get('map_epoch', 0)}",
        hero="hero",
        on_select=lambda: controls.take_click(study),
    )

with right, figure.guard():
    map_card.head(study, persona)
    map_card.answer(study, checkpoint, persona, messages)
    map_card.neighbours(study, persona_map.neighbours_of(points, persona, checkpoint, space))
    map_card.track(studies.table(study, "positions"), study, checkpoint, pooling, persona)
