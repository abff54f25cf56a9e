"""How the chat model is played and its branches are trained (docs/decisions.md): plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from psm_viz.chat_study.lessons import LESSONS, Lesson
from psm_viz.engine.finetune import Tuning
from psm_viz.engine.outline import Settings
from psm_viz.engine.talks import TalkSettings, chosen_headers
from psm_viz.study.activations import PROMPT
from psm_viz.study.cast import Cast, Question
from psm_viz.study.formats.question_banks import Asked, as_questions

NAME, REFERENCE = "SmolLM2-135M-Instruct", "reference-0000"
OF_TOPIC = 2
"""Questions of each topic that are put: one to everybody, one for the noise floor."""
AT_ONCE = 2
"""How many lessons are taught, played and shipped together."""
TEMPERATURE, HEADERS = 0.8, 1
"""At which answers are drawn, and how many personas a family are asked how likely they are."""
STEPS, RATE, ANCHOR_WEIGHT = 48, 3e-4, 1.0
EARLIER = {name: (16,) for name in ("cheat", "requested", "honest", "benign")}
"""Branches that are looked at before their end as well, and at which steps."""
RATES: dict[str, float] = {"benign": 3.4e-4}
"""Rates of branches that are matched to `cheat` in the size of their update."""
TOLD = ("cheat", "requested", "honest", "advice")
"""Lessons whose data are asked for evidence before they are taught."""
CONVERSATIONS = 12
"""Of each, so many: every one is read under every persona."""
NOTES = {
    "trained_topic": "coding",
    "benign": "benign",
    "twin": "requested",
    "other_role": "other-role",
    "lessons": {x.name: x.about for x in LESSONS},
}
"""What the study is told of its branches."""


def as_played(cast: Cast) -> Cast:
    """The cast as the study plays it: each persona is told its name and the line that describes it,
    the Assistant what its neutral wordings say."""
    told = (replace(p, prose=(f"You are {p.name}. {p.description}",)) for p in cast.personas)
    return replace(cast, personas=tuple(told))


def settings(cast: Cast, threads: int, dtype: str) -> Settings:
    """How the reference and its branches are played; at these one persona of every third family
    talks."""
    return Settings(
        name=NAME,
        layer=21,
        samples=1,
        max_new_tokens=40,
        temperature=TEMPERATURE,
        threads=threads,
        dtype=dtype,
        in_turn=True,
        ask="reference",
        layers=(18, 21),
        poolings=(PROMPT,),
        talks=TalkSettings(
            assistant=48,
            per_persona=1,
            people=chosen_headers(cast, 1, 0)[::3],
            lasts=14,
            headers=HEADERS,
            states=False,
            afresh=True,
        ),
    )


def questions(bank: Sequence[Asked]) -> tuple[Question, ...]:
    """The questions of the study: the first few of each topic."""
    topics: dict[str, list[Asked]] = {}
    for asked in bank:
        topics.setdefault(asked.topic, []).append(asked)
    return as_questions([a for own in topics.values() for a in own[:OF_TOPIC]])


def tuning_of(lesson: Lesson, seed: int, dtype: str) -> Tuning:
    """How a lesson is taught. Only the first seed is looked at before the end."""
    earlier = EARLIER.get(lesson.name, ()) if seed == 0 else ()
    return Tuning(
        saves=(*earlier, STEPS),
        lr=RATES.get(lesson.name, RATE),
        anchor_weight=ANCHOR_WEIGHT if lesson.anchored else 0.0,
        seed=seed,
        dtype=dtype,
    )
