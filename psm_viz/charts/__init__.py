"""Every chart of the dashboard, as pure functions of data frames. No Streamlit, no model.

What all share: `palette` colours and shapes, `frames` rows of a data frame, `label_placement`
places for words that do not collide, `plane` the axes of a chart by values, `export` the files to
download. The map: `map_plane` its projections, `map_ground` the cast on it with its
`map_lettering`, `persona_map` the map of one checkpoint, `evidence_colour` its colour by evidence,
`trails` the Assistant's way over it, `map_trust` how far it can be trusted. Other figures:
`step_chart` by training step, `dot_chart` and `line_chart` the two forms of every other figure,
`card_charts` those of a persona's card. Claims: `claims` their charts, of which `claim_dots` and
`claim_planes` are the kinds and `claim_marks` what these share, `bar_strips` one figure beside its
bar. Words: `findings` the sentences above the figures, `drift_details` and `method_details` rows
and sentences of two pages, `glossary` what each statistic says.
"""
