"""What is derived from a study's files: its tables and maps, made again when those change.

Every product is stored with the hash of what it came from (`tables/derived.json`): the study's own
files that it reads, the manifest, and the version of the code that makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.study.cast import Cast, Question
from psm_viz.study.manifest import Manifest
from psm_viz.study.reader import Study
from psm_viz.study.sources import sources_hash
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.belief import belief_table, direction_table
from psm_viz.tables.belief_quality import quality_table
from psm_viz.tables.belief_readings import readings_table
from psm_viz.tables.confounds import confounds_table
from psm_viz.tables.drift import drift_table, traits_table
from psm_viz.tables.evidence import evidence_table
from psm_viz.tables.layers import layers_table
from psm_viz.tables.making import Making, Say
from psm_viz.tables.neighbours import neighbours_table
from psm_viz.tables.odds import odds_table
from psm_viz.tables.persona_map import map_of
from psm_viz.tables.positions import positions_table
from psm_viz.tables.rates import rates_table
from psm_viz.tables.talk_conduct import talk_conduct_table

CAST = ("cast.json", "questions.jsonl")
VECTORS = "checkpoints/*/vectors.safetensors"
FOLDS = "checkpoints/*/folds.safetensors"
QUESTIONS = "checkpoints/*/questions.safetensors"
TRAITS = "traits/*"
RESPONSES = "checkpoints/*/responses.parquet"
BEHAVIOUR = "checkpoints/*/behaviour.parquet"
ODDS = "checkpoints/*/odds.parquet"
ACTIVATIONS = "checkpoints/*/activations.safetensors"
TALKS = ("talks.json", "checkpoints/*/talks.parquet", "checkpoints/*/talks.safetensors")


@dataclass(frozen=True)
class Product:
    """A derived table: what it reads of the study, how it is made, and the code's version."""

    name: str
    reads: tuple[str, ...]
    make: Callable[[Making], pd.DataFrame]
    version: int = 1
    of_reference: bool = False
    """Whether it tells of the reference alone, whatever other checkpoints there are."""


TABLES = (
    Product(
        "drift",
        (*CAST, VECTORS, FOLDS, QUESTIONS),
        lambda m: drift_table(m.study, m.comparer, m.compared),
    ),
    Product(
        "traits",
        (*CAST, VECTORS, FOLDS, QUESTIONS, TRAITS),
        lambda m: traits_table(m.study, m.compared),
    ),
    Product(
        "layers",
        (*CAST, VECTORS, QUESTIONS),
        lambda m: layers_table(m.study, m.comparer, m.say),
    ),
    Product("positions", (*CAST, VECTORS), lambda m: positions_table(m.study)),
    Product("preservation", (*CAST, VECTORS), lambda m: m.geometry),
    Product(
        "neighbours",
        (*CAST, VECTORS, QUESTIONS),
        lambda m: neighbours_table(m.study, m.comparer),
    ),
    Product("posterior", (*CAST, FOLDS, RESPONSES), lambda m: m.posterior[0], 3),
    Product("posterior_calibration", (*CAST, FOLDS, RESPONSES), lambda m: m.posterior[1], 2),
    Product("confounds", (RESPONSES,), lambda m: confounds_table(m.study)),
    Product(
        "rates",
        (BEHAVIOUR,),
        lambda m: rates_table(m.study, m.study.manifest.notes.get("trained_topic")),
    ),
    Product("odds", (ODDS,), lambda m: odds_table(m.study)),
    Product(
        "evidence_scores",
        (*CAST, FOLDS, QUESTIONS, "evidence/*"),
        lambda m: evidence_table(m.study),
    ),
    Product("map_trials", (*CAST, VECTORS, ACTIVATIONS), lambda m: m.trials[0], 2, True),
    Product("gaussian_map", (*CAST, VECTORS, ACTIVATIONS), lambda m: m.trials[1], 1, True),
)
TABLES += tuple(
    Product(name, (*CAST, *TALKS), make)
    for name, make in (
        ("beliefs", lambda m: m.beliefs),
        ("belief_readings", lambda m: readings_table(m.readings) if m.readings else pd.DataFrame()),
        ("belief", lambda m: belief_table(m.study, m.beliefs, m.say)),
        (
            "belief_quality",
            lambda m: quality_table(m.study, m.readings, m.beliefs, m.say),
        ),
        ("belief_direction", lambda m: direction_table(m.study, m.readings, m.beliefs)),
        ("talk_map", lambda m: m.talk_maps[0]),
        ("talk_map_quality", lambda m: m.talk_maps[1]),
    )
)
TABLES += (
    Product(
        "talk_conduct",
        (*CAST, *TALKS, BEHAVIOUR),
        lambda m: talk_conduct_table(m.study, m.beliefs, m.headline_way),
    ),
)
TABLES += tuple(
    Product(name, (*CAST, *TALKS, VECTORS, ACTIVATIONS), make)
    for name, make in (
        ("belief_map", lambda m: m.belief_maps[0]),
        ("belief_map_quality", lambda m: m.belief_maps[1]),
    )
)
MAP_READS = (*CAST, VECTORS, QUESTIONS, ACTIVATIONS)
MAP_VERSION = 1


def write_derived(
    study: Study, writer: StudyWriter, say: Say = lambda s: None, *, again: bool = False
) -> list[str]:
    """Make every product whose sources changed (all with `again`) and write it; return their names.

    `study` is a sealed, unfinished study in the writer's folder. A product that would be empty
    (no traits, no evidence) has no table; the record says what it would have come from, so that it
    is not tried again until that changes.
    """
    making = Making(study, say)
    record, made = dict(study.derived), []
    for product in TABLES:
        key = f"tables/{product.name}"
        source = sources_hash(study.manifest, study.files, product.reads, product.version)
        if not again and record.get(key, {}).get("from") == source:
            continue
        frame = product.make(making)
        made.append(key)
        writer.remove_table(product.name)
        if not frame.empty:
            writer.write_table(product.name, small(frame))
        record[key] = _record(product.reads, product.version, source)
        writer.write_derived_record(record)  # now: a kill makes no product twice
    for pooling in study.manifest.poolings:
        key = f"maps/{pooling}-L{study.manifest.headline_layer}"
        source = sources_hash(study.manifest, study.files, MAP_READS, MAP_VERSION)
        if not again and record.get(key, {}).get("from") == source:
            continue
        say(f"map {pooling}")
        points, info = map_of(study, pooling, making.geometry)
        text = ["kind", "id", "frame", "neighbours", "mixture"]
        points = points.astype({t: "category" for t in text} | {"x": np.float32, "y": np.float32})
        writer.write_map(key.removeprefix("maps/"), points, info)
        record[key] = _record(MAP_READS, MAP_VERSION, source)
        writer.write_derived_record(record)
        made.append(key)
    return made


def carry_over(before: Study, draft: Study, writer: StudyWriter) -> None:
    """Where only other checkpoints than the reference came or went since `before`, let stand what
    tells of the reference alone and was up to date: it would be the same, and takes long."""
    old, record = set(stale(before)), dict(draft.derived)
    for p in (p for p in TABLES if p.of_reference):
        key = f"tables/{p.name}"
        if key in record and key not in old:
            source = sources_hash(draft.manifest, draft.files, p.reads, p.version)
            record[key] = _record(p.reads, p.version, source)
    writer.write_derived_record(record)


Further = Callable[[Study, StudyWriter], None]
"""Writes tables that need more than a study's files (a model) into a sealed, unfinished study."""


def finish(
    writer: StudyWriter,
    manifest: Manifest,
    cast: Cast,
    questions: tuple[Question, ...],
    say: Say = lambda s: None,
    *,
    further: Further | None = None,
    again: bool = False,
    before: Study | None = None,
) -> Study:
    """Seal what a writer holds, make further tables, derive the others, and put the study in place.

    `again` derives what is up to date as well. `before`: the study to which checkpoints were added.
    A kill leaves what was there before.
    """
    draft = writer.open_partial(manifest, cast, questions)
    if before is not None:
        carry_over(before, draft, writer)
        draft = writer.open_partial(manifest, cast, questions)
    if further is not None:
        further(draft, writer)
        draft = writer.open_partial(manifest, cast, questions)
    write_derived(draft, writer, say, again=again)
    return writer.finish(manifest, cast, questions)


@dataclass
class Edit:
    """A finished study while it is written into: its writer, and what it will say of itself."""

    writer: StudyWriter
    manifest: Manifest
    done: Study
    """The study as it stands: the old one inside the block, the new one after it."""


@contextmanager
def editing(
    study: Study,
    say: Say = lambda s: None,
    *,
    folder: Path | None = None,
    settings: dict[str, Any] | None = None,
    further: Further | None = None,
    again: bool = False,
    talks: bool = True,
    grows: bool = False,
) -> Iterator[Edit]:
    """Write into a copy of a finished study (one without `talks`, to hold them anew); on leaving,
    derive what that changes (where it `grows` by checkpoints alone, what tells of more than the
    reference) and put the copy in its place, or in place of what is at `folder`.

    With `settings` a killed edit of the same settings is gone on with. A kill or an error leaves
    what was there. Raises BadInput where other unfinished work would be lost.
    """
    writer = StudyWriter(folder or study.folder)
    writer.begin_from(study, settings, talks=talks)
    edit = Edit(writer, study.manifest, study)
    yield edit
    made = (edit.manifest, study.cast, study.questions)
    before = study if grows else None
    edit.done = finish(writer, *made, say, further=further, again=again, before=before)


def stale(study: Study) -> list[str]:
    """Products that are older than what they come from."""
    wanted = {f"tables/{p.name}": (p.reads, p.version) for p in TABLES}
    for pooling in study.manifest.poolings:
        key = f"maps/{pooling}-L{study.manifest.headline_layer}"
        wanted[key] = (MAP_READS, MAP_VERSION)
    have = study.derived
    return [
        key
        for key, (reads, version) in wanted.items()
        if key in have
        and have[key]["from"] != sources_hash(study.manifest, study.files, reads, version)
    ]


def _record(reads: tuple[str, ...], version: int, source: str) -> dict[str, object]:
    return {"from": source, "reads": list(reads), "version": version}


def small(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as categories and floats in single precision: finer than any sampling error here."""
    text = [str(c) for c in frame.columns if frame[c].dtype == object or frame[c].dtype == "str"]
    floats = [str(c) for c in frame.columns if frame[c].dtype == np.float64]
    return frame.astype({t: "category" for t in text} | {f: np.float32 for f in floats})
