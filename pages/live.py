"""The Live page for the very first visitor of a cold server.

Until app.py has run once, Streamlit looks for a deep link's page in this folder and, without this
file, greets `/live` with 'Page not found'. The frame is run here too, and takes over from
then on.
"""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).resolve().parents[1] / "app.py"))
