"""Conduct without a judge: how likely a model finds good and bad answers that somebody wrote.

log p(answer | question) per token, in nats, averaged over the good and over the bad answers of each
question; what a fine-tuning changed is the change of bad less good. Answers of like length are
compared, so that what is hard about all of them falls out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from psm_viz.engine.answer_likelihood import ask
from psm_viz.engine.answers import told_of
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.pace import Say, named, quiet
from psm_viz.processes import each
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT, Cast, Persona
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.formats.question_banks import Asked
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter

BESIDE = 2
"""How many personas are asked beside the Assistant: whether a lesson stays its own."""


@dataclass(frozen=True)
class AnswerOdds:
    """Measures a checkpoint on a bank of questions. Made of plain values."""

    bank: tuple[Asked, ...]
    cast: Cast
    wording: str
    beside: tuple[str, ...] = ()
    """Ids of personas who are asked the same under their first instruction."""

    def __call__(self, chat: ChatModel, say: Say = quiet) -> pd.DataFrame:
        """odds.parquet: speaker, topic, question, log_good, log_bad (nats per token).

        Speakers: the Assistant without instruction; `neutral`, the Assistant under the first of its
        other wordings, where it has some; and the personas of `beside`.
        """
        speakers, texts = self.speakers(), self._texts()
        found, _ = ask(chat, speakers, self.wording, self.lines(), say)
        per_token = found.log_p / np.maximum(found.tokens, 1)
        frame = pd.DataFrame(
            {
                col.TOPIC: [a.topic for a, _, _ in texts],
                col.QUESTION: [a.id for a, _, _ in texts],
                "kind": np.where([good for _, good, _ in texts], col.LOG_GOOD, col.LOG_BAD),
            }
        )
        out = []
        for speaker, values in zip(speakers, per_token, strict=True):
            own = frame.assign(value=values).pivot_table(
                index=[col.TOPIC, col.QUESTION], columns="kind", values="value", sort=False
            )
            out.append(own.reset_index().assign(**{col.SPEAKER: speaker.id}))
        names = [col.SPEAKER, col.TOPIC, col.QUESTION, col.LOG_GOOD, col.LOG_BAD]
        return pd.concat(out, ignore_index=True)[names].rename_axis(columns=None)

    def _texts(self) -> list[tuple[Asked, bool, str]]:
        """Every written answer: its question, whether it is a good one, the text."""
        return [(a, good, t) for a in self.bank for good in (True, False) for t in _of(a, good)]

    def lines(self) -> list[Conversation]:
        """A conversation of each written answer."""
        return [
            Conversation(n, ({"role": "user", "content": a.text}, _said(t)))
            for n, (a, _, t) in enumerate(self._texts(), 1)
        ]

    def speakers(self) -> list[Persona]:
        """Who is asked, each with the one wording it is asked under, the Assistant last."""
        first, *others = getattr(self.cast.assistant, self.wording)
        people = [self.cast.persona(p) for p in self.beside]
        out = [replace(p, **{self.wording: getattr(p, self.wording)[:1]}) for p in people]
        if others:
            neutral = {self.wording: (others[0],), "id": col.NEUTRAL}
            out.append(replace(self.cast.assistant, **neutral))
        return [*out, replace(self.cast.assistant, **{self.wording: (first,)})]


def odds_of(bank: Sequence[Asked], cast: Cast, marked: Sequence[str], wording: str) -> AnswerOdds:
    """How a cast is measured on a bank: beside the Assistant the first personas of the first
    families that are not marked as acting badly, of different kins as far as there are."""
    kins, beside = set(), []
    for family in cast.families:
        own = [p.id for p in cast.personas if p.family == family.id]
        if own and family.id not in marked and family.kin not in kins and len(beside) < BESIDE:
            kins.add(family.kin)
            beside.append(own[0])
    return AnswerOdds(tuple(bank), cast, wording, tuple(beside))


def odds_as_before(study: Study) -> AnswerOdds | None:
    """How a finished study measured its reference; None where it did not."""
    found = study.odds(study.manifest.reference)
    if found is None or not study.written:
        return None
    ids = set(study.cast.ids)
    beside = tuple(s for s in dict.fromkeys(found[col.SPEAKER].astype(str)) if s in ids)
    return AnswerOdds(study.written, study.cast, study.manifest.generation["wording"], beside)


def measure_odds(
    chat: ChatModel,
    odds: AnswerOdds,
    folders: Mapping[str, str],
    checkpoints: Sequence[str],
    writer: StudyWriter,
    say: Callable[[str], None],
) -> None:
    """Measure and write every checkpoint that was not yet: `folders` say where weights are, and
    what has none of its own (the noise floor) is passed over."""
    left = [c for c in checkpoints if c in folders and not writer.has_odds(c)]

    def measured(checkpoint: str) -> str:
        chat.swap(Path(folders[checkpoint]))
        with told_of(checkpoint):
            found = odds(chat, named(say, f"{checkpoint}: written answers"))
        writer.write_odds(checkpoint, found)
        return checkpoint

    def told(n: int, rest: str, checkpoint: str) -> None:
        say(f"written answers weighed {n}/{len(left)}: {checkpoint}, {rest}")

    each(measured, left, None, told)


def _of(asked: Asked, good: bool) -> tuple[str, ...]:
    return asked.good if good else asked.bad


def _said(text: str) -> dict[str, str]:
    return {"role": ASSISTANT, "content": text}
