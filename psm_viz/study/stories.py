"""The types of a story: steps of text, each with a view of a study, for a talk in a room.

What a file may say, and how, is the business of `study/formats/stories.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from psm_viz.errors import UnknownName
from psm_viz.paths import DATA
from psm_viz.study.layout import STUDIES

BEFORE = "before"
"""The place of the reference, before any of the branches."""
TALK_MAP, TALK_COURSE, ANSWERS = "talk map", "talk course", "answers"
BELIEF, BAD, WRITTEN, WORDS = "belief", "bad answers", "written answers", "words"
VIEWS: dict[str, tuple[str, ...]] = {
    WORDS: (),
    TALK_MAP: ("at", "talk"),
    TALK_COURSE: ("branches", "step", "question"),
    ANSWERS: ("at", "question"),
    BELIEF: ("branches",),
    BAD: ("branches",),
    WRITTEN: ("branches",),
}
"""What a step may show, and the keys that say of what."""
NEEDED: dict[str, tuple[str, ...]] = {
    TALK_MAP: ("at",),
    TALK_COURSE: ("branches", "question"),
    ANSWERS: ("at", "question"),
    BELIEF: ("branches",),
    BAD: ("branches",),
    WRITTEN: ("branches",),
}
"""The keys without which a view shows nothing."""
SECONDS = 20.0
"""How long a step stands when the story plays by itself, unless it says otherwise."""


@dataclass(frozen=True)
class Place:
    """Where on a branch: its step, or the reference before all branches (`branch` '')."""

    branch: str = ""
    step: int = 0

    def __str__(self) -> str:
        """As a story writes it."""
        return f"{self.branch} {self.step}" if self.branch else BEFORE


@dataclass(frozen=True)
class View:
    """What a step shows (`VIEWS`); keys that the view does not have are empty."""

    kind: str = WORDS
    at: tuple[Place, ...] = ()
    branches: tuple[str, ...] = ()
    step: int | None = None
    """Where the slider stands at first; None: at the last step."""
    question: str = ""
    """Id of a question."""
    talk: int | None = None
    """Number of a talk that is ringed and quoted."""


@dataclass(frozen=True)
class Option:
    """One of the answers to choose among."""

    say: str
    upto: float | None = None
    """The largest value that it is right for; None: however large, or nobody says."""


@dataclass(frozen=True)
class Expect:
    """A question that is answered before the step is shown."""

    ask: str
    options: tuple[Option, ...]
    of: str = ""
    """The figure that says which answer was right, in the words of a placeholder; '' for none."""


@dataclass(frozen=True)
class Step:
    """One step of a story; in its texts `{...}` are placeholders for figures of the study."""

    title: str
    line: int
    """Where it begins in its file."""
    text: str = ""
    notes: str = ""
    """What only the speaker sees."""
    view: View = field(default_factory=View)
    expect: Expect | None = None
    seconds: float = SECONDS


@dataclass(frozen=True)
class Story:
    """A story as its file says it."""

    title: str
    steps: tuple[Step, ...]
    where: str
    """The file, for messages."""
    about: str = ""
    """One line on what it tells."""
    study: str = "study"
    """The folder of its study, inside data/."""


def place_of(text: str) -> Place | None:
    """`before`, or a branch and its step: `cheat 64`; None for anything else."""
    words = text.split()
    if words == [BEFORE]:
        return Place()
    if len(words) == 2 and words[1].isdecimal():
        return Place(words[0], int(words[1]))
    return None


def study_folder(story: Story) -> Path:
    """The folder of a story's study. Raises UnknownName, with what makes it."""
    folder = DATA / story.study
    if not (folder / "study.json").is_file():
        raise no_study(story)
    return folder


def no_study(story: Story) -> UnknownName:
    """What to say where the study of a story is not there."""
    made = STUDIES.get(story.study)
    return UnknownName(
        f"{story.title!r} tells of a study that is not here: data/{story.study}.",
        f"Make it with: {made}" if made else f"Put its folder at data/{story.study}.",
    )
