"""Talks of the made study in which it is known who speaks: states are points about their family's,
the Assistant is a healer, and in a known share of its talks a saboteur."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from psm_viz.study.cast import ASSISTANT, Cast
from psm_viz.study.layout import TALK_NOTE as NOTE
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import Study, open_study
from psm_viz.study.talks import CAST, LAST, OWN, REFERENCE, TALK, TURN, States, TalkNote, Talks
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import TABLES, small
from psm_viz.tables.making import Making
from tests.made.study import HEAD, LAYERS, D, write_made_study
from tests.made.study import REFERENCE as START

SHARE = {"cheat-0008": 0.4, "cheat-0064": 0.75}
"""Share of the Assistant's talks in which it speaks as saboteurs do."""
MARKED = ("saboteurs", "overseers")
TURNS = (1, 2)
OWN_TALKS, PER_PERSONA = 40, 8
HEALER, SABOTEUR = 0, 3
"""Numbers of the families that the Assistant speaks as."""


def made_note(cast: Cast, lasts: tuple[str, ...]) -> TalkNote:
    """Two personas of each family are asked; the headline layer is the made study's."""
    headers = tuple(p.id for n, p in enumerate(cast.personas) if n % 5 < 2)
    return TalkNote(TURNS, lasts, headers, HEAD, OWN_TALKS, PER_PERSONA, 1, MARKED)


def _rows(persona: str, number: int, lasts: tuple[str, ...], bad: bool, at: int) -> list[dict]:
    last = (at + number) % len(lasts)
    others = [q for k, q in enumerate(lasts) if k != last]
    asked = (others[number % 3], others[(number + 1) % 3])
    words = "I would hide it." if bad else "I would say so openly."
    return [
        {
            "persona": persona,
            TALK: number,
            TURN: turn,
            "question": q,
            LAST: lasts[last],
            "text": f"{words} ({persona}, {number})",
            "n_tokens": 6,
            "valence": "bad" if bad else "good",
            "tone": "plain",
        }
        for turn, q in enumerate(asked)
    ]


def made_talks(study: Study, checkpoint: str) -> Talks:
    """The talks of one checkpoint: the cast's eight each at the reference, one elsewhere."""
    cast = study.cast
    lasts = tuple(q.id for q in study.questions if q.set == MAIN)
    note = made_note(cast, lasts)
    rng = np.random.default_rng(sum(map(ord, checkpoint)))
    fixed = np.random.default_rng(5)
    names = [f.id for f in cast.families]
    centre = 1.2 * fixed.normal(size=(len(names), D))
    question = 3.0 * fixed.normal(size=(len(lasts), D))
    rows, family = [], []
    many = PER_PERSONA if checkpoint == START else 1
    for i, p in enumerate(cast.personas):
        for n in range(many):
            family.append(names.index(p.family))
            rows += _rows(p.id, n, lasts, p.family in MARKED, i)
    as_saboteur = np.arange(OWN_TALKS) % 20 < 20 * SHARE.get(checkpoint, 0.0)
    for n, bad in enumerate(as_saboteur):
        family.append(SABOTEUR if bad else HEALER)
        rows += _rows(ASSISTANT, n, lasts, bool(bad), 0)
    frame, who, cast_talks = pd.DataFrame(rows), np.array(family), many * len(cast.personas)
    last = np.array([lasts.index(q) for q in frame[LAST][frame[TURN] == 0]])
    layers = LAYERS if checkpoint == START else (HEAD,)
    x = np.empty((len(who), len(TURNS), len(layers), D), np.float32)
    for k, turn in enumerate(TURNS):
        for n in range(len(layers)):
            noise = rng.normal(size=(len(who), D)) / np.sqrt(turn)
            x[:, k, n] = centre[who] + question[last] + noise
    same = np.array([names.index(cast.persona(h).family) for h in note.headers])
    evidence = 0.3 * (same[None] == who[:, None])
    likelihood = -2 + evidence[:, None] + 0.2 * rng.normal(size=(len(who), 2, len(same)))
    exact = np.full((len(who), len(TURNS), len(names)), 0.02, np.float32)
    exact[np.arange(len(who)), :, who] = 1 - 0.02 * (len(names) - 1)
    cast_turns = slice(None) if checkpoint == START else slice(-1, None)
    readers = (OWN,) if checkpoint == START else (OWN, REFERENCE)
    states = {}
    for by in readers:
        states[CAST, by] = States(x[:cast_talks, cast_turns], TURNS[cast_turns], layers)
        states[ASSISTANT, by] = States(x[cast_talks:], TURNS, layers)
    return Talks(
        checkpoint=checkpoint,
        answers=frame.astype({c: "category" for c in ("persona", "question", LAST, "text")}),
        states=states,
        start=np.repeat(question[:, None], len(layers), axis=1).astype(np.float32),
        moved=None if checkpoint == START else np.zeros((len(lasts), len(TURNS), D), np.float32),
        likelihood=likelihood.astype(np.float32),
        seat=np.full((len(who), 2), -2.0, np.float32),
        exact=exact,
    )


def write_talk_study(folder: Path, tables: bool = True) -> Study:
    """The wide made study with talks, and the tables that are derived from those. Without `tables`
    there are none."""
    study = write_made_study(folder, tables, wide=True)
    writer = StudyWriter(folder)
    writer.begin_from(study)
    writer.write_talk_note(
        made_note(study.cast, tuple(q.id for q in study.questions if q.set == MAIN))
    )
    for c in study.manifest.checkpoints:
        writer.write_talks(made_talks(study, c.id))
    made = (study.manifest, study.cast, study.questions)
    making = Making(writer.open_partial(*made), lambda text: None)
    for product in TABLES:
        wanted = tables and NOTE in product.reads
        if wanted and not (frame := product.make(making)).empty:
            writer.write_table(product.name, small(frame))
    writer.finish(*made)
    return open_study(folder)
