"""The index that a study's answers are searched by: SQLite's full-text index (FTS5), made once.

It is a file beside no study: a folder of caches holds one for each state of a study, named after
its hash, and what differs is made anew. An answer is a row of five columns: its words, its
question, who gave it, and tags that filters ask for. The number of a row tells checkpoint, persona
and talk, so that counting needs no other table.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import uuid4

import numpy as np
import pandas as pd

from psm_viz.errors import NotWritten
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT, Cast, Question
from psm_viz.study.judging import as_judged
from psm_viz.study.manifest import Manifest
from psm_viz.study.talks import TALK, TURN

VERSION = 2
"""Of the form of the file: another one is made anew."""
KEPT = 8
"""Indexes that the folder of caches holds; the longest unused go first."""
TOKENS = "porter unicode61 remove_diacritics 2"
"""How words are told apart: without case and accents, by their stem (English)."""
TALK_BITS, ROW_BITS, PERSONA_BITS = 16, 20, 16
CONTROL = r"[\x00-\x1f\x7f]+"
SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE answers(id INTEGER PRIMARY KEY, said INTEGER, question INTEGER, valence TEXT,
  text TEXT);
CREATE VIRTUAL TABLE words USING fts5(
  text, question, persona, tags, content='', tokenize='{TOKENS}'
);
"""


@runtime_checkable
class Spoken(Protocol):
    """What an index needs of a study."""

    @property
    def manifest(self) -> Manifest:
        """Its checkpoints."""
        ...

    @property
    def cast(self) -> Cast:
        """Who was played."""
        ...

    @property
    def questions(self) -> tuple[Question, ...]:
        """What was asked."""
        ...

    @property
    def sha256(self) -> str:
        """The hash that tells two states of a study apart."""
        ...

    def holds(self, checkpoint_id: str, what: str) -> bool:
        """Whether a checkpoint has `responses`, or `talks`."""
        ...

    def responses(self, checkpoint_id: str) -> pd.DataFrame:
        """Answers to single questions."""
        ...

    def talk_answers(self, checkpoint_id: str) -> pd.DataFrame:
        """Answers in talks."""
        ...


@dataclass(frozen=True)
class Numbers:
    """Which number stands for whom in an index: positions in lists of ids."""

    checkpoints: list[str]
    """The reference first, then branches from it, then what came before."""
    people: list[str]
    """The Assistant first."""
    questions: list[str]
    branches: list[str]


def cache_folder() -> Path:
    """Where indexes lie: `PSM_VIZ_CACHE`, or a folder of the user's caches."""
    if named := os.environ.get("PSM_VIZ_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "persona-space"


def index_of(study: Spoken, folder: Path, say: Callable[[str], None] = lambda s: None) -> Path:
    """The file of a study's index, made where there is none of this state of the study.

    It is filled under another name and renamed when it is whole, so that a killed one is never
    read. Raises NotWritten where the folder takes no file.
    """
    path = folder / f"answers-{VERSION}-{study.sha256[:32]}.sqlite"
    partial = folder / f"{path.name}.{uuid4().hex}.partial"
    try:
        if path.is_file():
            path.touch()
            return path
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _fill(partial, study, say)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _forget_old(folder)
    except (OSError, sqlite3.OperationalError) as e:
        raise NotWritten(
            f"{folder}: the index of answers cannot be written there ({e}).",
            "Name a folder that may be written to: PSM_VIZ_CACHE=FOLDER make run",
        ) from e
    return path


def _forget_old(folder: Path) -> None:
    """Remove the indexes that were used least recently."""
    every = sorted(folder.glob("answers-*.sqlite"), key=lambda p: p.stat().st_mtime)
    for old in every[:-KEPT]:
        old.unlink(missing_ok=True)


def numbers_of(study: Spoken) -> Numbers:
    """The order in which an index counts."""
    m = study.manifest
    later = [c.id for b in m.fine_tuned for c in m.branch(b) if c.branch == b]
    rest = [c.id for c in m.checkpoints if c.id not in {m.reference, *later}]
    people = [ASSISTANT, *study.cast.ids]
    branches = list(dict.fromkeys(c.branch for c in m.checkpoints))
    return Numbers([m.reference, *later, *rest], people, [q.id for q in study.questions], branches)


def _fill(path: Path, study: Spoken, say: Callable[[str], None]) -> None:
    numbers = numbers_of(study)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)
        for at, checkpoint in enumerate(numbers.checkpoints):
            say(f"{checkpoint} ({at + 1} of {len(numbers.checkpoints)})")
            for frame in _frames(study, checkpoint, numbers):
                _write(db, study, frame, at, numbers)
        db.execute("INSERT INTO words(words) VALUES ('optimize')")
        db.commit()


def _frames(study: Spoken, checkpoint: str, numbers: Numbers) -> Iterator[pd.DataFrame]:
    """Answers of a checkpoint, those to single questions and those in talks: persona, talk, row,
    question, text, valence; the first four are numbers, talk 0 where there is none."""
    for what, read in (("responses", study.responses), ("talks", study.talk_answers)):
        if not study.holds(checkpoint, what):
            continue
        raw = read(checkpoint)
        talk = raw[TALK].to_numpy(np.int64) + 1 if TALK in raw else np.zeros(len(raw), np.int64)
        out = pd.DataFrame(
            {
                "persona": pd.Categorical(raw[col.PERSONA], numbers.people).codes.astype(np.int64),
                "talk": talk,
                "question": pd.Categorical(raw[col.QUESTION], numbers.questions).codes,
                "text": raw[col.TEXT].astype(str).str.replace(CONTROL, " ", regex=True).to_numpy(),
                "valence": as_judged(raw)[col.VALENCE].astype(str).to_numpy(),
            }
        )
        out["row"] = raw[TURN].to_numpy() if TURN in raw else out.groupby("persona").cumcount()
        yield out[(out.text.str.strip() != "") & (out.persona >= 0) & (out.question >= 0)]


def _write(
    db: sqlite3.Connection, study: Spoken, frame: pd.DataFrame, checkpoint: int, n: Numbers
) -> None:
    """Write the answers of one checkpoint."""
    family = {f.id: f for f in study.cast.families}
    who = {p.id: p for p in study.cast.all}
    branch = n.branches.index(study.manifest.checkpoint(n.checkpoints[checkpoint]).branch)
    shown, own = [], []
    for k, i in enumerate(n.people):
        home = family.get(who[i].family)
        shown.append(f"{who[i].name} {home.name if home else ''}")
        kind = f"f{list(family).index(home.id)} wc" if home else "wa"
        own.append(f"c{checkpoint} b{branch} p{k} {kind} ")
    frame = frame.assign(
        id=row_ids(checkpoint, frame.persona, frame.talk, frame["row"]),
        said=pd.util.hash_array(frame.text.to_numpy(object)).view(np.int64),
    ).sort_values("id")
    columns = [frame[c].tolist() for c in ("id", "said", "question", "valence", "text")]
    db.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", zip(*columns, strict=True))
    ids, _, asked, judged, text = columns
    questions = [q.text for q in study.questions]
    told = {v: judged_tag(v) for v in set(judged)}
    rows = (
        (i, t, questions[q], shown[p], own[p] + told[v])
        for i, t, q, p, v in zip(ids, text, asked, frame.persona.tolist(), judged, strict=True)
    )
    db.executemany(
        "INSERT INTO words(rowid, text, question, persona, tags) VALUES (?, ?, ?, ?, ?)", rows
    )


def judged_tag(valence: str) -> str:
    """The tag of answers that were judged so."""
    return "v" + re.sub(r"[\W_]", "", valence)


def row_ids(checkpoint: int, persona: Any, talk: Any, row: Any) -> Any:
    """The numbers of rows of an index from those of checkpoint, persona, talk (0: none) and row."""
    held = (checkpoint << PERSONA_BITS) + np.asarray(persona, np.int64)
    return (((held << TALK_BITS) + np.asarray(talk, np.int64)) << ROW_BITS) + np.asarray(
        row, np.int64
    )


def places(ids: np.ndarray) -> pd.DataFrame:
    """Checkpoint, persona, talk (-1: none) and row of numbers of rows, as numbers."""
    ids = np.asarray(ids, np.int64)
    held = ids >> (ROW_BITS + TALK_BITS)
    return pd.DataFrame(
        {
            "checkpoint": held >> PERSONA_BITS,
            "persona": held & ((1 << PERSONA_BITS) - 1),
            "talk": ((ids >> ROW_BITS) & ((1 << TALK_BITS) - 1)) - 1,
            "row": ids & ((1 << ROW_BITS) - 1),
        }
    )


def talks_of_rows(ids: np.ndarray) -> np.ndarray:
    """Numbers of rows without that of the answer: the same for all answers of one talk, and for all
    that a persona gave outside of talks at a checkpoint."""
    return (ids >> ROW_BITS) << ROW_BITS
