"""The Story page: a story for a room, on a stage that needs no server, and its files.

What a story is made of comes from `psm_viz.charts.story`; the stage is one page of HTML inside this
one (`story_player`), the same that is handed out as a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from psm_viz.charts.story import Told, tell
from psm_viz.errors import PsmVizError, UnknownName
from psm_viz.paths import STORIES
from psm_viz.study.formats.stories import parse_story, read_story, story_files
from psm_viz.study.reader import Study
from psm_viz.study.stories import Story, no_study
from psm_viz.ui import controls, figure, studies, study_list

COMMAND = "python -m psm_viz story --file FILE --out talk.html"
KEYS = (
    "Click on the stage once, then: arrow keys or a clicker (Page Down, Page Up) change the step, "
    "Up and Down move the slider, P plays it, F fills the screen, N opens the notes in a window of "
    "their own, A plays all by itself, T changes light and dark, B blanks the screen."
)


def stories_folder() -> Path:
    """Where the stories lie: `PSM_VIZ_STORIES`, or data/stories."""
    return Path(os.environ.get("PSM_VIZ_STORIES") or STORIES)


@dataclass(frozen=True)
class Opened:
    """A story that was read, with its study."""

    name: str
    story: Story
    text: str
    study: Study


def pick_story(messages: Any) -> Opened:
    """The story of the link, or the first. Raises PsmVizError where it cannot be told."""
    files = story_files(stories_folder())
    if not files:
        raise UnknownName(
            f"There is no story in {stories_folder()}.",
            "Write one (docs/formats.md, 'Stories'), as data/stories/cheating.yaml.",
        )
    titles = {name: _title(name, path) for name, path in files.items()}
    if len(files) == 1:  # a single one is no choice
        controls.check_link("story", titles, "story", messages)
        name = next(iter(files))
    else:
        name = controls.pick("Story", titles, "story", messages)
    story = read_story(files[name])
    known = study_list.study_folders()
    if story.study not in known:
        raise no_study(story)
    text = files[name].read_text("utf-8")
    return Opened(name, story, text, studies.opened(known[story.study]))


def _title(name: str, path: Path) -> str:
    """What a story calls itself; its file's name where it cannot be read."""
    try:
        return read_story(path).title
    except PsmVizError:
        return name


@st.cache_resource(max_entries=3, show_spinner="Preparing the story ...")
def _told(sha: str, text: str, where: str, _study: Study) -> Told:
    return tell(parse_story(text, where), studies.reads(_study))


@st.cache_resource(max_entries=3, show_spinner="Preparing the story ...")
def _page(sha: str, text: str, _told: Told) -> str:
    from psm_viz.charts.story_player import player_html

    return player_html(_told)


def stage(opened: Opened) -> Told:
    """The stage, in the theme of the page. Raises PsmVizError where the study lacks something."""
    from psm_viz.charts.story_player import in_theme

    study = opened.study
    told = _told(study.sha256, opened.text, opened.story.where, study)
    html = _page(study.sha256, opened.text, told)
    with st.container(key="stage", height=620, border=False):
        st.iframe(
            in_theme(html, figure.page_palette().name),
            height="stretch",
            alt=f"Story in {len(told.steps)} steps: {told.title}",
        )
    return told


def files(opened: Opened, told: Told) -> None:
    """The story as files to take along, each made on the click."""
    figure.caption(KEYS)
    with st.container(horizontal=True, key="story-files"):
        for label, ending, mime, help_ in FILES:
            st.download_button(
                label,
                data=_made(ending, told),
                file_name=f"{opened.name}.{ending}",
                mime=mime,
                key=f"story-{ending}",
                on_click="ignore",
                help=help_,
            )
    figure.caption(f"The same from the command line: {COMMAND}")


FILES = (
    ("Page that works offline", "html", "text/html", "One file; opens in any browser, network off"),
    ("Handout", "pdf", "application/pdf", "A page a step, with the notes"),
    ("Moving picture for slides", "webp", "image/webp", "Talks along training; about 20 seconds"),
)


def _made(ending: str, told: Told) -> Callable[[], bytes]:
    """What makes a file of the story."""

    def make() -> bytes:
        from psm_viz.charts.story_clip import clip
        from psm_viz.charts.story_handout import handout
        from psm_viz.charts.story_player import player_html

        if ending == "html":
            return player_html(told).encode()
        return handout(told) if ending == "pdf" else clip(told, ending)

    return make
