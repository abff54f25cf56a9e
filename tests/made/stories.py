"""A story of the made study with talks: every view, a question before one of them."""

from pathlib import Path

from psm_viz.charts.reads import Reads
from psm_viz.charts.story import Told, tell
from psm_viz.study.formats.stories import parse_story
from psm_viz.study.reader import Study

STORY = """\
title: A made story
about: Every view once.
seconds: 3
steps:
  - title: In the beginning
    text: |
      There are {personas} characters.

      The second paragraph
      goes on.
    notes: Only the speaker reads this.
  - title: Where the talks lie
    view: talk map
    at: cheat 64
    talk: 7
    notes: Talk 7 is ringed.
  - title: It was asked again
    view: answers
    at: [before, cheat 64]
    question: money-1
  - title: Bad answers on other topics
    view: bad answers
    branches: [cheat, requested]
    text: "{rate cheat 64 other} of its answers, {interval rate cheat 64 other}."
    expect:
      ask: How many are bad?
      of: rate cheat 64 other
      options:
        - {say: Hardly any, upto: 0.1}
        - {say: Many}
  - title: Along training
    view: talk course
    branches: [cheat, requested]
    question: money-1
    step: 0
  - title: Belief
    view: belief
    branches: [cheat, requested]
    text: From {belief before} to {belief cheat 64}.
"""


def written(folder: Path, text: str = STORY, name: str = "made.yaml") -> Path:
    """A story file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def told(study: Study, text: str = STORY) -> Told:
    """A story filled in from a study."""
    return tell(parse_story(text, "made.yaml"), Reads(study))
