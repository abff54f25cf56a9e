"""The cast: who is like whom, as a tree and a matrix, and who would say some answers."""

import streamlit as st

from psm_viz.ui import cast_evidence, cast_figures, controls, figure

messages, columns, more = controls.picker_row([2.2, 2.6, 1.4, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        pooling = controls.pick_pooling(study, messages)
    with columns[0]:
        checkpoint = controls.pick_checkpoint(study, messages, study.manifest.reference)
    with columns[1]:
        leaves = cast_figures.pick_leaves(study, messages)

with figure.guard():
    cast_figures.tree_figures(study, checkpoint, pooling, leaves)
st.divider()
with figure.guard():
    cast_evidence.evidence_section(study, messages)
