"""Search in everything that was said in a study: words, and who, where and how judged.

What a reader types is never a query of its own: words and quoted phrases are taken out of it, and
each is handed to the index in quotes, so that no sign of the query language means anything.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.study.search_index import (
    TOKENS,
    Numbers,
    Spoken,
    index_of,
    judged_tag,
    numbers_of,
    places,
    talks_of_rows,
)

LONGEST, MOST_WORDS, LEAST_START = 400, 24, 3
"""Letters and words that a search may have, and letters before a star."""
RANKED = 20_000
"""With more answers than these the order is the study's own: words that common tell nothing."""
GROUPED = 4000
"""So many answers of an unranked search are looked through for the first different ones."""
SHOWN, PLACES = 30, 4
"""Different answers that are shown, and places named where several said the same."""
WEIGHTS = "10.0, 1.0, 4.0, 0.0"
"""How much a word counts in an answer, in its question, in a name, in tags (BM25)."""
OPEN, CLOSE = "\x02", "\x03"
"""Signs about a found word: no stored text holds them."""
TERM = re.compile(r'"([^"]*)"?|(\S+)')


@dataclass(frozen=True)
class Wanted:
    """What a reader looks for: words, and filters ('' for any)."""

    words: str = ""
    checkpoint: str = ""
    branch: str = ""
    persona: str = ""
    family: str = ""
    cast: bool | None = None
    """Only the cast's answers, or only the Assistant's."""
    judged: str = ""


@dataclass(frozen=True)
class Place:
    """Where something was said. `talk` is None for an answer to a single question, else the talk's
    number among its speaker's, and `row` the answer's in it, from 0."""

    checkpoint: str
    persona: str
    question: str
    talk: int | None
    row: int
    valence: str


@dataclass(frozen=True)
class Hit:
    """One answer that was found, and how often it was given."""

    pieces: tuple[tuple[str, bool], ...]
    """Its text in pieces: (text, whether it is a found word)."""
    times: int
    """How often these same words were said, in all that was found (of an unranked search in the
    part that was looked through)."""
    places: tuple[Place, ...]
    """Where, the best first, at most `PLACES`."""


@dataclass(frozen=True)
class Found:
    """What a search found."""

    total: int
    """Answers found."""
    some: bool
    """Whether no answer had all the words, so that these have some of them."""
    ranked: bool
    """Whether the best come first; else they are in the study's order."""
    hits: tuple[Hit, ...]
    counts: pd.DataFrame | None
    """checkpoint, persona, talk (-1: none), n: how many answers were found there; None where more
    than `RANKED` were."""


def terms(words: str) -> list[str]:
    """The words and phrases of a search as the index takes them.

    Raises BadInput for a search that is too long, or a start of a word that is too short.
    """
    if len(words) > LONGEST:
        raise BadInput(
            f"The search has {len(words):,} letters; {LONGEST} fit.", "Search for a few words."
        )
    # half characters, which no text can hold, and signs that end one
    words = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", " ", words)
    found: list[str] = []
    for phrase, word in TERM.findall(words):
        text = re.sub(r"[^\w\s]+", " ", phrase or word).strip()
        if not re.sub(r"[\W_]", "", text):
            continue
        start = word.endswith("*")
        if start and len(text) < LEAST_START:
            raise BadInput(
                f"{word[:20]!r} is the start of too many words.",
                f"Give at least {LEAST_START} letters before the star.",
            )
        found.append(f'"{text}"' + (" *" if start else ""))
    if len(found) > MOST_WORDS:
        raise BadInput(
            f"The search has {len(found)} words; {MOST_WORDS} fit.", "Search for a few words."
        )
    return list(dict.fromkeys(found))


def search(
    study: Spoken,
    folder: Path,
    wanted: Wanted,
    shown: int = SHOWN,
    say: Callable[[str], None] = lambda s: None,
) -> Found:
    """Find answers that hold all the words, or where none does, some of them.

    Words are looked for in answers, in their questions and in the names of those who gave them.
    Without words, filters alone choose. The index lies in `folder` and is made where it is missing
    or damaged. Raises BadInput for a search without a word or a filter, or one that is too long;
    UnknownName for a filter that the study does not have; NotWritten.
    """
    asked = terms(wanted.words)
    tags = _tags(study, wanted)
    if wanted.words.strip() and not asked:
        raise BadInput(
            f"There is no word in {wanted.words.strip()[:20]!r}.", "Search for a word or a name."
        )
    if not asked and not tags:
        raise BadInput("There is nothing to search for.", "Type a word, or choose who said it.")
    index = index_of(study, folder, say)
    try:
        return _opened(index, study, asked, tags, shown)
    except sqlite3.DatabaseError:  # cut short, or written over by something else
        index.unlink(missing_ok=True)
        return _opened(index_of(study, folder, say), study, asked, tags, shown)


def _opened(
    index: Path, study: Spoken, asked: Sequence[str], tags: Sequence[str], shown: int
) -> Found:
    with closing(sqlite3.connect(f"{index.resolve().as_uri()}?mode=ro", uri=True)) as db:
        return _search(db, study, asked, tags, shown)


def _tags(study: Spoken, wanted: Wanted) -> list[str]:
    """The filters as tags of the index. Raises UnknownName."""
    n, m, cast = numbers_of(study), study.manifest, study.cast
    out = []
    if wanted.checkpoint:
        out.append(f"c{n.checkpoints.index(m.checkpoint(wanted.checkpoint).id)}")
    if wanted.branch:
        m.branch(wanted.branch)
        out.append(f"b{n.branches.index(wanted.branch)}")
    if wanted.persona:
        out.append(f"p{n.people.index(cast.persona(wanted.persona).id)}")
    if wanted.family:
        out.append(f"f{cast.families.index(cast.family(wanted.family))}")
    if wanted.cast is not None:
        out.append("wc" if wanted.cast else "wa")
    if wanted.judged:
        out.append(judged_tag(wanted.judged))
    return out


def _search(
    db: sqlite3.Connection, study: Spoken, asked: Sequence[str], tags: Sequence[str], shown: int
) -> Found:
    """Count, find, order and group."""
    query = _query(asked, tags, " AND ")
    total = _total(db, query)
    some = not total and len(asked) > 1
    if some:
        query = _query(asked, tags, " OR ")
        total = _total(db, query)
    few, numbers = total <= RANKED, numbers_of(study)
    match = "FROM words WHERE words MATCH ?"
    if few and asked:
        rows = db.execute(
            "SELECT words.rowid, said FROM words JOIN answers ON id = words.rowid "
            # what is no sentence of the made world comes last: noise repeats words
            f"WHERE words MATCH ? ORDER BY valence = 'none', bm25(words, {WEIGHTS}), words.rowid",
            (query,),
        )
    else:
        first = f"SELECT rowid {match} LIMIT {GROUPED}"
        rows = db.execute(f"SELECT id, said FROM answers WHERE id IN ({first})", (query,))
    found = np.array(rows.fetchall(), np.int64).reshape(-1, 2)
    hits = _hits(db, found, asked, numbers, shown)
    if not few:
        return Found(total, some, False, hits, None)
    ids = db.execute(f"SELECT rowid {match}", (query,)).fetchall()
    counts = _counts(np.array(ids, np.int64).reshape(-1), numbers)
    return Found(total, some, bool(asked), hits, counts)


def _total(db: sqlite3.Connection, query: str) -> int:
    """How many answers match."""
    found = db.execute("SELECT count(*) FROM words WHERE words MATCH ?", (query,)).fetchone()
    return int(found[0])


def _query(asked: Sequence[str], tags: Sequence[str], join: str) -> str:
    """The same in the index's language: every term is in quotes already."""
    parts = []
    if asked:
        parts.append(f"{{text question persona}} : ({join.join(asked)})")
    if tags:
        parts.append("tags : (" + " AND ".join(f'"{t}"' for t in tags) + ")")
    return " AND ".join(parts)


def _counts(ids: np.ndarray, numbers: Numbers) -> pd.DataFrame:
    """How many were found by checkpoint, persona and talk."""
    same, n = np.unique(talks_of_rows(ids), return_counts=True)
    at = places(same)
    return pd.DataFrame(
        {
            "checkpoint": [numbers.checkpoints[i] for i in at.checkpoint],
            "persona": [numbers.people[i] for i in at.persona],
            "talk": at.talk.to_numpy(np.int64),
            "n": n.astype(np.int64),
        }
    )


def _hits(
    db: sqlite3.Connection,
    rows: np.ndarray,
    asked: Sequence[str],
    numbers: Numbers,
    shown: int,
) -> tuple[Hit, ...]:
    """The first different answers of rows (id, what was said) that stand in order."""
    if not len(rows):
        return ()
    said, first, times = np.unique(rows[:, 1], return_index=True, return_counts=True)
    order = np.argsort(first)[:shown]
    held = {int(s): rows[rows[:, 1] == s, 0][:PLACES].tolist() for s in said[order]}
    every = [i for ids in held.values() for i in ids]
    marks = ",".join("?" * len(every))
    found = db.execute(
        f"SELECT id, question, valence, text FROM answers WHERE id IN ({marks})", every
    ).fetchall()
    at = dict(zip(every, places(np.array(every)).to_dict("records"), strict=True))
    place, text = {}, {}
    for i, question, valence, words in found:
        w = at[i]
        talk = int(w["talk"]) if w["talk"] >= 0 else None
        place[i] = Place(
            numbers.checkpoints[w["checkpoint"]],
            numbers.people[w["persona"]],
            numbers.questions[question],
            talk,
            int(w["row"]),
            valence,
        )
        text[i] = words
    pieces = highlighted([text[ids[0]] for ids in held.values()], asked)
    return tuple(
        Hit(p, int(n), tuple(place[i] for i in ids))
        for p, n, ids in zip(pieces, times[order], held.values(), strict=True)
    )


def highlighted(texts: Sequence[str], asked: Sequence[str]) -> list[tuple[tuple[str, bool], ...]]:
    """Texts in pieces, found words apart, by the index's own rule of what one word is.

    `asked`: what `terms` gives.
    """
    if not asked:
        return [((t, False),) for t in texts]
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE VIRTUAL TABLE some USING fts5(text, tokenize='{TOKENS}')")
        db.executemany("INSERT INTO some(rowid, text) VALUES (?, ?)", enumerate(texts))
        found = dict(
            db.execute(
                "SELECT rowid, highlight(some, 0, ?, ?) FROM some WHERE some MATCH ?",
                (OPEN, CLOSE, " OR ".join(asked)),
            ).fetchall()
        )
    return [_pieces(found.get(n, t)) for n, t in enumerate(texts)]


def _pieces(text: str) -> tuple[tuple[str, bool], ...]:
    parts = []
    for n, part in enumerate(text.split(OPEN)):
        inside, _, after = part.rpartition(CLOSE) if n else ("", "", part)
        parts += [(inside, True), (after, False)]
    return tuple(p for p in parts if p[0])
