"""Persona Space: page setup and navigation. Run it with: streamlit run app.py"""

import streamlit as st

from psm_viz.ui import controls, figure, first_figure

st.set_page_config(
    page_title="Persona Space", page_icon=str(figure.BRAND / "star.svg"), layout="wide"
)
page = st.navigation(
    [
        st.Page(
            "pages/explore/map.py",
            title="Map",
            default=True,
            help="The cast of one model on a map, and where its Assistant stands among them.",
        ),
        st.Page(
            "pages/explore/drift.py",
            title="Drift",
            url_path="drift",
            help="Where training moves the Assistant, beside what it says and the noise floor.",
        ),
        st.Page(
            "pages/explore/compare.py",
            title="Compare",
            url_path="compare",
            help="Two checkpoints side by side on one land, and what moved between them.",
        ),
        st.Page(
            "pages/explore/search.py",
            title="Search",
            url_path="search",
            help="Everything that was said, by anybody at any checkpoint, found by its words.",
        ),
        st.Page(
            "pages/explore/cast.py",
            title="Cast",
            url_path="cast",
            help="Who is like whom, as a tree and a matrix, and who would say some answers.",
        ),
        st.Page(
            "pages/talk/live.py",
            title="Live",
            url_path="live",
            help="Talk to the model, see who it takes itself to be, push it, teach it.",
        ),
        st.Page(
            "pages/present/story.py",
            title="Story",
            url_path="story",
            help="A story for a room, step by step, full screen, with notes for the speaker.",
        ),
        st.Page(
            "pages/about/claims.py",
            title="Claims",
            url_path="claims",
            help="Each claim about personas: its figure over seeds, its rival, and the verdict.",
        ),
        st.Page(
            "pages/about/method.py",
            title="Method",
            url_path="method",
            help="How far the map and the statistics can be trusted, and what each of them says.",
        ),
        st.Page(
            "pages/share/export.py",
            title="Export",
            url_path="export",
            help="Figures that were collected on other pages, as files for a paper or a talk.",
        ),
    ],
    position="top",
)
figure.brand()
figure.style()
controls.keep_choices()
try:
    page.run()
finally:
    first_figure.release()
