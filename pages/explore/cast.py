"""The cast: who is like whom, as a tree and a matrix, and who would say some answers."""

import streamlit as st

from psm_viz.charts.cast_rows import leaf_choices
from psm_viz.charts.cast_view import CastChoice
from psm_viz.errors import UnknownName
from psm_viz.ui import cast_evidence, controls, figure, studies

messages, columns, more = controls.picker_row([2.2, 2.6, 1.4, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        pooling = controls.pick_pooling(study, messages)
    with columns[0]:
        checkpoint = controls.pick_checkpoint(study, messages, study.manifest.reference)
    with columns[1]:
        leaves = controls.pick(
            "Leaves of the tree",
            leaf_choices(study),
            "leaves",
            messages,
            what="choice of leaves",
        )
choice = CastChoice(studies.reads(study), checkpoint, pooling, leaves)
link = choice.link(controls.study_in_link(study))

with figure.guard(), st.spinner("Growing the tree"):
    try:
        finding = choice.finding
    except UnknownName as e:  # nothing is wrong: the cast was not asked here
        figure.empty(e.problem, e.next_step)
    else:
        figure.finding(finding)
        left, right = st.columns([1.2, 1], gap="medium")
        with left:
            figure.show(choice.tree(), study, link)
        with right:
            figure.show(choice.matrix(), study, link)
            figure.show(choice.trust(), study, link)
st.divider()
with figure.guard():
    cast_evidence.evidence_section(choice, messages)
