"""Every chart of the dashboard, as pure functions of data frames. No Streamlit, no model.

`palette` colours and shapes, `lettering` places words so that they do not collide, `cast_map`
the map, `overlay` its colour by evidence, `trails` the Assistant's way over it, `steps` charts by
training step, `dots` and `lines` the two forms of every other figure, `cards` small figures of a
card, `findings` the sentences above the figures, `makeup` what a movement is made of, `trust` how
far the tool can be trusted, `prints` the files to download.
"""
