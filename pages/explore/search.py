"""Search: everything that was said, found by words and lit on the map."""

import streamlit as st

from psm_viz.charts.map_ground import MapView
from psm_viz.study.search import Wanted
from psm_viz.ui import controls, figure, search_figures, search_list

messages, columns, more = controls.picker_row([3.4, 1.7, 1.9, 1.7, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        projection = controls.pick_projection(messages)
    with columns[0]:
        words = search_figures.pick_words()
    with columns[1]:
        checkpoint, branch = search_figures.pick_where(study, messages)
    with columns[2]:
        who = search_figures.pick_who(study, messages)
    with columns[3]:
        judged = search_figures.pick_judged(messages)

wanted = Wanted(words, checkpoint, branch, judged=judged, **who)
result = None
left, right = st.columns([1.25, 1], gap="medium")
with right:
    if wanted == Wanted():
        search_figures.start(study)
    else:
        with figure.guard():
            result = search_figures.found(study, wanted)
            search_figures.heading(study, wanted, result)
            search_list.hit_list(result.hits, study)
with left, figure.guard():
    search_figures.map_figure(study, wanted, result, MapView(projection))
