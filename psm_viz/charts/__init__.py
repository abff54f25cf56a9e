"""Every chart of the dashboard, as pure functions of data frames. No Streamlit, no model.

`palette` colours and shapes, `lettering` places words so that they do not collide, `cast_map`
the map, `trails` the Assistant's way over it, `steps` charts by training step, `cards` small
figures of a card, `findings` the sentences above the figures, `prints` the files to download.
"""
