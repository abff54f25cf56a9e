"""A study as large as wanted, after a real one: to try what the dashboard bears.

Its cast is the real one's over and over, each further one moved a little from whom it is taken
after; what they say are real answers drawn again. It finds nothing out: its figures mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.study.activations import Activations
from psm_viz.study.cast import ASSISTANT, Cast
from psm_viz.study.reader import Study
from psm_viz.study.talks import CAST, TURN, Talks
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import Say, finish

NOISE = 0.3
"""How far a copy is moved, in standard deviations between what is copied."""
ANSWER = ["persona", "question", "variant"]
"""What the samples of an answer are numbered within."""


@dataclass(frozen=True)
class Copies:
    """Who of the enlarged cast is taken after whom."""

    cast: Cast
    rows: np.ndarray
    """For everybody of the enlarged cast, the Assistant last: the row of whom it is taken after."""
    first: int
    """How many come first and are the real ones themselves."""
    rng: np.random.Generator

    def moved(self, values: np.ndarray) -> np.ndarray:
        """Rows of the real cast's arrays as rows of the enlarged one's."""
        return self.noisy(values[self.rows], values, np.arange(len(self.rows)) >= self.first)

    def noisy(self, out: np.ndarray, real: np.ndarray, copied: np.ndarray) -> np.ndarray:
        """`out` with noise on the rows that are copies, but for the last, the Assistant's."""
        spread = NOISE * real.std(axis=0, keepdims=True)
        noise = self.rng.normal(size=out.shape).astype(np.float32) * spread
        noise[~copied] = 0
        return out + noise


def enlarge(
    study: Study,
    folder: Path,
    personas: int,
    answers: int,
    say: Say = lambda s: None,
    seed: int = 0,
) -> Study:
    """Write a study of so many personas (the Assistant among them) and, about, so many answers
    into a new folder, derive its tables and maps, and open it.

    Raises BadInput for fewer personas than the study has, and where the folder is there.
    """
    if personas < len(study.cast.all):
        raise BadInput(f"{personas} personas are fewer than the study's {len(study.cast.all)}.")
    if folder.exists():
        raise BadInput(f"{folder} is there already.", "Name a folder that is not.")
    copies, m, writer = _copies(study.cast, personas, seed), study.manifest, StudyWriter(folder)
    writer.begin({"enlarged from": study.sha256, "personas": personas, "answers": answers})
    played = [c.id for c in m.checkpoints if study.holds(c.id, "vectors")]
    each = max(1, round(answers / (len(played) * personas)))
    for c in m.checkpoints:
        say(f"{c.id} enlarged")
        if writer.has(c.id):
            continue
        if c.id in played:
            _write_whole(study, writer, c.id, copies, each)
        else:
            writer.write_answers(c.id, study.responses(c.id), study.behaviour(c.id))
        if study.holds(c.id, "talks"):
            writer.write_talks(_more_talks(study.talks(c.id), study.cast, copies))
    if study.talk_note is not None:
        writer.write_talk_note(replace(study.talk_note, people=()))
    enlarged = replace(m, name=f"{m.name}, enlarged")
    return finish(writer, enlarged, copies.cast, study.questions, say)


def _copies(cast: Cast, personas: int, seed: int) -> Copies:
    own, n = cast.personas, len(cast.personas)
    people = [
        replace(own[k % n], id=f"{own[k % n].id}-{k // n}", name=f"{own[k % n].name} {k // n}")
        if k >= n
        else own[k]
        for k in range(personas - 1)
    ]
    rows = np.array([*(k % n for k in range(personas - 1)), n])
    return Copies(replace(cast, personas=tuple(people)), rows, n, np.random.default_rng(seed))


def _write_whole(
    study: Study, writer: StudyWriter, checkpoint: str, copies: Copies, each: int
) -> None:
    """A checkpoint at which the cast was asked."""
    vectors, folds = study.vectors(checkpoint), study.folds(checkpoint)
    ids = tuple(p.id for p in copies.cast.all)
    states = study.activations(checkpoint) if study.holds(checkpoint, "activations") else None
    writer.write_checkpoint(
        replace(vectors, values=_own(copies, vectors.values), ids=ids),
        replace(folds, values=_own(copies, folds.values)),
        study.question_vectors(checkpoint),
        _more_answers(study.responses(checkpoint), study.cast, copies, each),
        study.behaviour(checkpoint),
        None if states is None else _more_activations(states, copies),
    )


def _own(copies: Copies, values: np.ndarray) -> np.ndarray:
    """The arrays of everybody; the Assistant is itself."""
    out = copies.moved(values)
    out[-1] = values[-1]
    return out


def _more_activations(states: Activations, copies: Copies) -> Activations:
    return replace(states, values=_own(copies, states.values))


def _more_answers(real: pd.DataFrame, cast: Cast, copies: Copies, each: int) -> pd.DataFrame:
    """So many answers of everybody: those of whom one is taken after, drawn again."""
    by = {str(name): own for name, own in real.groupby("persona", observed=True)}
    everybody = cast.all
    frames = [
        by[everybody[row].id].sample(each, replace=True, random_state=n).assign(persona=p.id)
        for n, (p, row) in enumerate(zip(copies.cast.all, copies.rows, strict=True))
    ]
    out = pd.concat(frames, ignore_index=True)
    return out.assign(sample=out.groupby(ANSWER, observed=True).cumcount())


def _more_talks(talks: Talks, cast: Cast, copies: Copies) -> Talks:
    """Everybody's talks: those of whom one is taken after, their states moved a little."""
    held = talks.speakers(CAST)["persona"].astype(str)
    at = {name: np.flatnonzero(held.to_numpy() == name) for name in dict.fromkeys(held)}
    said = {str(name): own for name, own in talks.answers.groupby("persona", observed=True)}
    order, copied, frames = [], [], []
    for n, (p, row) in enumerate(zip(copies.cast.personas, copies.rows, strict=False)):
        real = cast.personas[row].id
        if real in at:
            order.append(at[real])
            copied += [n >= copies.first] * len(at[real])
            frames.append(said[real].assign(persona=p.id))
    own = talks.answers[talks.answers["persona"].astype(str) == ASSISTANT]
    rows, n = np.concatenate(order), len(held)
    keep = np.concatenate([rows, np.arange(n, len(talks.likelihood))])

    def states(who: str, found: Any) -> Any:
        if who != CAST:
            return found
        return replace(
            found, values=copies.noisy(found.values[rows], found.values, np.array(copied))
        )

    more: Mapping[tuple[str, str], Any] = {k: states(k[0], s) for k, s in talks.states.items()}
    return replace(
        talks,
        answers=pd.concat([*frames, own], ignore_index=True).astype({TURN: own[TURN].dtype}),
        states=more,
        likelihood=talks.likelihood[keep],
        seat=talks.seat[keep],
        exact=None if talks.exact is None else talks.exact[keep],
    )
