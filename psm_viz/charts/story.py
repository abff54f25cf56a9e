"""A story told: its words with the study's figures filled in, and what each step shows.

Everything that a story asks of its study is looked up here, before anything is drawn or written; an
error names the step and its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psm_viz.charts.reads import Reads
from psm_viz.charts.story_numbers import Run, StoryNumbers
from psm_viz.charts.story_study import StoryStudy
from psm_viz.charts.story_views import Shown, show
from psm_viz.errors import BadInput, PsmVizError
from psm_viz.study.stories import Expect, Step, Story

Paragraphs = tuple[tuple[Run, ...], ...]


@dataclass(frozen=True)
class ToldOption:
    """One of the answers to choose among, and whether the study's figure says that it is right;
    None where no figure decides."""

    say: str
    right: bool | None = None


@dataclass(frozen=True)
class ToldStep:
    """One step as it is shown."""

    title: str
    text: Paragraphs
    notes: tuple[str, ...]
    """Paragraphs for the speaker."""
    shown: Shown
    seconds: float
    ask: str = ""
    options: tuple[ToldOption, ...] = ()


@dataclass(frozen=True)
class Told:
    """A whole story of one study."""

    title: str
    about: str
    source: str
    """The study and the beginning of its hash."""
    steps: tuple[ToldStep, ...]


def tell(story: Story, reads: Reads) -> Told:
    """Fill a story in from a study. Raises PsmVizError naming the step and its line."""
    s, study = StoryStudy(reads), reads.study
    numbers = StoryNumbers(s)
    steps = []
    for n, step in enumerate(story.steps, 1):
        with _named(f"{story.where}, line {step.line} (step {n})"):
            steps.append(_step(step, s, numbers))
    with _named(f"{story.where}, line 1"):
        title, about = numbers.words(story.title), numbers.words(story.about)
    return Told(title, about, f"Study {study.manifest.name}, {study.sha256[:12]}", tuple(steps))


@contextmanager
def _named(where: str) -> Iterator[None]:
    """An error inside names where in the story it arose."""
    try:
        yield
    except PsmVizError as e:
        raise BadInput(f"{where}: {e.problem}", e.next_step) from e


def _paragraphs(text: str) -> list[str]:
    """Paragraphs are parted by an empty line; line breaks inside are only the file's."""
    parts = (re.sub(r"\s+", " ", p).strip() for p in re.split(r"\n\s*\n", text))
    return [p for p in parts if p]


def _step(step: Step, s: StoryStudy, numbers: StoryNumbers) -> ToldStep:
    ask, options = _expected(step.expect, numbers) if step.expect else ("", ())
    return ToldStep(
        numbers.words(step.title),
        tuple(tuple(numbers.runs(p)) for p in _paragraphs(step.text)),
        tuple(numbers.words(p) for p in _paragraphs(step.notes)),
        show(step.view, s),
        step.seconds,
        ask,
        options,
    )


def _expected(expect: Expect, numbers: StoryNumbers) -> tuple[str, tuple[ToldOption, ...]]:
    """The question and its options; the study's own figure says which is right."""
    says = [numbers.words(o.say) for o in expect.options]
    ask = numbers.words(expect.ask)
    if not expect.of:
        return ask, tuple(ToldOption(say) for say in says)
    value = numbers.value(expect.of)
    fits = [o.upto is None or value <= o.upto for o in expect.options]
    right = fits.index(True)
    return ask, tuple(ToldOption(say, k == right) for k, say in enumerate(says))
