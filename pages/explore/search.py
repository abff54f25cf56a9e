"""Search: everything that was said, found by words and lit on the map."""

import streamlit as st

from psm_viz.charts.search_view import SearchChoice
from psm_viz.ui import controls, figure, search_figures, search_list, studies

messages, columns, more = controls.picker_row([3.4, 1.7, 1.9, 1.7, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        projection = controls.pick_projection(messages)
        zoom = controls.pick_zoom(messages)
    with columns[0]:
        words = search_figures.pick_words()
    with columns[1]:
        where = search_figures.pick_where(study, messages)
    with columns[2]:
        who = search_figures.pick_who(study, messages)
    with columns[3]:
        judged = search_figures.pick_judged(messages)

choice = SearchChoice(studies.reads(study), words, where, who, judged, projection, zoom)
result, known = None, False
left, right = st.columns([1.25, 1], gap="medium")
with right, figure.guard():
    result, known = search_figures.found(choice), True
with left, figure.guard():
    figure.show(choice.lit(result), study, choice.link(controls.study_in_link(study)))
    figure.caption(controls.MOVES)
with right, figure.guard():
    if result is not None:
        search_figures.heading(choice, result)
        search_list.hit_list(result.hits, study)
    elif known:
        search_figures.start(study)
