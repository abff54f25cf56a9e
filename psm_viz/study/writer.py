"""The only writer of a study on disk; its only reader is `reader.py` (layout: docs/study.md).

A writer works in `<folder>.partial`; every checkpoint appears there by one rename, and the whole
study replaces the old one by renames at the end, so a kill at any moment leaves either the old
study or the new one.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.study.activations import Activations, FoldVectors, PersonaVectors, QuestionVectors
from psm_viz.study.begun import is_copy, other_weights, read_begun, same_work
from psm_viz.study.cast import Cast, Question, dump_cast, dump_questions
from psm_viz.study.evidence import Evidence
from psm_viz.study.files import (
    half,
    json_bytes,
    parquet_bytes,
    recover,
    sha256,
    swap,
    tensor_bytes,
    tensors_and_text,
    whole_folder,
    write_whole,
    writing,
)
from psm_viz.study.formats.question_banks import Asked, dump_bank
from psm_viz.study.layout import BLOCKS, HELD, SETTINGS, TALK_NOTE, TALK_PARTS, WRITTEN, files_in
from psm_viz.study.manifest import SCHEMA, Manifest
from psm_viz.study.reader import Study, open_study
from psm_viz.study.talks import TalkNote, Talks, parse_note, talk_tensors, talks_of
from psm_viz.study.traits import FOLDER, TraitVector, trait_bytes

OF_TALKS = (TALK_NOTE, HELD["talks"], HELD["talk_states"])


def partial_of(folder: Path) -> Path:
    """Where a study is written until it is finished."""
    return folder.with_name(folder.name + ".partial")


class StudyWriter:
    """Writes a study step by step; finished checkpoints survive a kill and are not redone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.partial = partial_of(folder)
        recover(folder)
        with writing(self.partial):
            self.partial.mkdir(parents=True, exist_ok=True)

    def begin(self, settings: dict[str, Any], first: str | None = None) -> None:
        """Start, or go on with what an earlier run left if it had the same settings.

        A checkpoint with other weights alone (`settings["weights"]`) is played again, the rest
        stays; where `first`, with which all are compared, has others, nothing stays.
        """
        path, wanted = self.partial / SETTINGS, json_bytes(settings)
        begun = any(self.partial.iterdir())  # looked at first: others may begin the same just now
        if not begun and read_begun(self.folder / SETTINGS) == wanted:
            # a kill between the last rename and the end of the work: as before that rename
            self.folder.rename(self.partial)
        found = read_begun(path)
        if found == wanted:
            return
        retrained = other_weights(found, wanted)
        if retrained and first not in retrained:
            self._forget(retrained)
        elif begun or found is not None:
            path.unlink(missing_ok=True)  # first of all: no half of it is ever gone on with
            shutil.rmtree(self.partial)
            self.partial.mkdir()
        # several may begin the same at once: each writes beside the folder, and one rename wins
        own = self.folder.with_name(f"{self.folder.name}.{uuid4().hex}.settings")
        write_whole(own, wanted)
        own.replace(path)

    def begin_from(
        self, study: Study, settings: dict[str, Any] | None = None, *, talks: bool = True
    ) -> None:
        """Start from a copy of a finished study, to add to it or derive its tables again; without
        `talks`, to hold them anew.

        With `settings` a killed run of the same settings on the same study is gone on with, but for
        checkpoints whose weights alone are others. Raises BadInput where other unfinished work
        would be lost: any that says more than which study it is a copy of.
        """
        path, own = self.partial / SETTINGS, json_bytes({"from": study.sha256} | (settings or {}))
        if (found := read_begun(path)) is not None:
            if found == own and settings:
                return
            if retrained := other_weights(found, own):
                self._forget(retrained)
                write_whole(path, own)
                return
            if not is_copy(found):
                raise BadInput(
                    f"{self.partial}: an unfinished extraction lies here and would be lost.",
                    "Finish it with the command that began it, or delete that folder.",
                )
        # a kill between the last rename and the end of the work: there is nothing left to do
        ended = same_work(read_begun(self.folder / SETTINGS), own)
        left_out = (SETTINGS,) if talks or ended else (SETTINGS, *OF_TALKS)
        path.unlink(missing_ok=True)
        shutil.rmtree(self.partial)
        with writing(self.partial):
            shutil.copytree(study.folder, self.partial, ignore=shutil.ignore_patterns(*left_out))
        write_whole(path, own)

    def _forget(self, checkpoints: set[str]) -> None:
        """Take away what was played of these checkpoints."""
        for name in checkpoints:
            for begun in (name, TALK_PARTS.format(name)):
                shutil.rmtree(self.blocks / begun, ignore_errors=True)
            if self.has(name):  # renamed first: half of it must not pass for all
                place = self.partial / "checkpoints" / name
                shutil.rmtree(place.rename(place.with_name(f"{name}.partial")))

    @property
    def blocks(self) -> Path:
        """Where blocks of a checkpoint that is not finished lie; they are never part of a study."""
        return self.partial / BLOCKS

    def has(self, checkpoint_id: str) -> bool:
        """Whether an earlier run finished this checkpoint."""
        return (self.partial / "checkpoints" / checkpoint_id).is_dir()

    def write_checkpoint(
        self,
        vectors: PersonaVectors,
        folds: FoldVectors | None,
        questions: QuestionVectors | None,
        responses: pd.DataFrame,
        behaviour: pd.DataFrame | None = None,
        activations: Activations | None = None,
    ) -> None:
        """Write all files of one checkpoint, then rename its folder into place."""
        meta = {"checkpoint": vectors.checkpoint, "hook": "resid_post"}
        where = vectors.checkpoint
        with whole_folder(self.partial / "checkpoints" / where) as work:
            means = {"mean": half(vectors.values, f"{where} vectors")}
            write_whole(work / HELD["vectors"], tensor_bytes(means, meta | _named(vectors)))
            if folds is not None:
                parts = {"mean": half(folds.values, f"{where} folds")}
                info = meta | {"layer": str(folds.layer)}
                write_whole(work / HELD["folds"], tensor_bytes(parts, info))
            if questions is not None:
                both = ("assistant", "cast")
                parts = {k: half(getattr(questions, k), f"{where} questions") for k in both}
                info = meta | {"questions": json.dumps(questions.questions)}
                write_whole(work / HELD["questions"], tensor_bytes(parts, info))
            write_whole(work / HELD["responses"], parquet_bytes(responses))
            if behaviour is not None:
                write_whole(work / HELD["behaviour"], parquet_bytes(behaviour))
            if activations is not None:
                info = {"layer": str(activations.layer)}
                write_whole(
                    work / HELD["activations"],
                    tensor_bytes(
                        {"values": half(activations.values, f"{where} activations")}, meta | info
                    ),
                )

    def write_answers(
        self, checkpoint_id: str, responses: pd.DataFrame, behaviour: pd.DataFrame | None
    ) -> None:
        """Write a checkpoint at which the cast was not asked: answers and conduct, no vectors."""
        with whole_folder(self.partial / "checkpoints" / checkpoint_id) as work:
            write_whole(work / HELD["responses"], parquet_bytes(responses))
            if behaviour is not None:
                write_whole(work / HELD["behaviour"], parquet_bytes(behaviour))

    def has_trait(self, name: str) -> bool:
        """Whether a trait is measured."""
        return (self.partial / FOLDER / f"{name}.safetensors").is_file()

    def write_trait(self, trait: TraitVector) -> None:
        """Write one trait's vector."""
        write_whole(self.partial / FOLDER / f"{trait.id}.safetensors", trait_bytes(trait))

    def write_written(self, bank: tuple[Asked, ...]) -> None:
        """Write the questions that good and bad answers were written for."""
        write_whole(self.partial / WRITTEN, json_bytes(dump_bank(bank)))

    def write_odds(self, checkpoint_id: str, odds: pd.DataFrame) -> None:
        """Write how likely a checkpoint that is there finds the written answers."""
        at = self.partial / "checkpoints" / checkpoint_id
        write_whole(at / HELD["odds"], parquet_bytes(odds))

    def has_odds(self, checkpoint_id: str) -> bool:
        """Whether an earlier run wrote them."""
        return (self.partial / "checkpoints" / checkpoint_id / HELD["odds"]).exists()

    def vectors(self, checkpoint_id: str) -> PersonaVectors:
        """The persona vectors that were written of a checkpoint. Raises BadFile."""
        path = self.partial / "checkpoints" / checkpoint_id / HELD["vectors"]
        tensors, said = tensors_and_text(path.read_bytes(), str(path))
        ids, poolings, layers = (tuple(said[k]) for k in ("personas", "poolings", "layers"))
        return PersonaVectors(tensors["mean"], ids, poolings, layers, checkpoint_id)

    def has_talks(self, checkpoint_id: str) -> bool:
        """Whether an earlier run wrote this checkpoint's talks; their text is written last."""
        return (self.partial / "checkpoints" / checkpoint_id / HELD["talks"]).exists()

    def write_talks(self, talks: Talks) -> None:
        """Write the talks of a checkpoint that is there: states first, then the text."""
        at = self.partial / "checkpoints" / talks.checkpoint
        tensors, text = talk_tensors(talks)
        write_whole(at / HELD["talk_states"], tensor_bytes(tensors, text))
        write_whole(at / HELD["talks"], parquet_bytes(talks.answers))

    def talks(self, checkpoint_id: str) -> Talks:
        """The talks that an earlier run wrote of a checkpoint. Raises BadFile."""
        at = self.partial / "checkpoints" / checkpoint_id
        states = at / HELD["talk_states"]
        found = tensors_and_text(states.read_bytes(), str(states))
        return talks_of(checkpoint_id, pd.read_parquet(at / HELD["talks"]), *found)

    def talk_note(self) -> TalkNote:
        """How an earlier run held its talks. Raises BadFile."""
        path = self.partial / TALK_NOTE
        return parse_note(json.loads(path.read_bytes()), str(path))

    def write_talk_note(self, note: TalkNote) -> None:
        """Write how the talks are held."""
        write_whole(self.partial / TALK_NOTE, json_bytes(asdict(note)))

    def keep_checkpoints(self, ids: Collection[str]) -> None:
        """Leave out every other checkpoint, and what evidence was scored on it."""
        for path in sorted((self.partial / "checkpoints").iterdir()):
            if path.name not in ids:
                shutil.rmtree(path)
        for path in self.partial.glob("evidence/*/score-*.json"):
            if json.loads(path.read_bytes())["end"] not in ids:
                path.unlink()

    def keep_evidence(self, names: Collection[str]) -> None:
        """Leave out every other record of evidence."""
        for path in sorted(self.partial.glob("evidence/*")):
            if path.name not in names:
                shutil.rmtree(path)

    def write_vectors(self, vectors: PersonaVectors, note: dict[str, str]) -> None:
        """Write a checkpoint that has vectors alone, in single precision as they were published.

        `note` says where they came from; it stands in the file's metadata.
        """
        meta = {"checkpoint": vectors.checkpoint} | note | _named(vectors)
        values = np.ascontiguousarray(vectors.values, dtype=np.float32)
        with whole_folder(self.partial / "checkpoints" / vectors.checkpoint) as work:
            write_whole(work / HELD["vectors"], tensor_bytes({"mean": values}, meta))

    def write_map(self, name: str, points: pd.DataFrame, info: dict[str, Any]) -> None:
        """Write one frozen map: coordinates, and its parameters and quality."""
        write_whole(self.partial / "maps" / f"{name}.parquet", parquet_bytes(points))
        write_whole(self.partial / "maps" / f"{name}.json", json_bytes(info))

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write one result table."""
        write_whole(self.partial / "tables" / f"{name}.parquet", parquet_bytes(frame))

    def remove_table(self, name: str) -> None:
        """Leave a table out that has nothing to say any more."""
        (self.partial / "tables" / f"{name}.parquet").unlink(missing_ok=True)

    def write_derived_record(self, record: dict[str, Any]) -> None:
        """Write what every derived table and map came from."""
        write_whole(self.partial / "tables" / "derived.json", json_bytes(record))

    def write_evidence(self, name: str, evidence: Evidence) -> None:
        """Write one record of evidence. Raises BadInput where it exists: its date is its worth."""
        at = self.partial / "evidence" / name
        if at.exists():
            raise BadInput(f"Evidence {name!r} exists and is never overwritten.")
        note = {"evidence": name, "checkpoint": evidence.record["reference"], "hook": "resid_post"}
        note |= {"layer": str(evidence.record["headline_layer"])}
        note |= {"formula": evidence.record["formula"]}
        arrows = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in evidence.arrows.items()}
        with whole_folder(at) as work:
            write_whole(work / "likelihood.parquet", parquet_bytes(evidence.likelihood))
            write_whole(work / "arrow.safetensors", tensor_bytes(arrows, note))
            write_whole(work / "evidence.json", json_bytes(evidence.record))

    def write_score(self, name: str, score: dict[str, Any]) -> None:
        """Write how a record of evidence fared against one branch, in place of an earlier score."""
        path = self.partial / "evidence" / name / f"score-{score['branch']}.json"
        write_whole(path, json_bytes(score))

    def open_partial(
        self, manifest: Manifest, cast: Cast, questions: tuple[Question, ...]
    ) -> Study:
        """Seal what is written so far and open it, to derive maps and tables from it."""
        self._seal(manifest, cast, questions)
        return open_study(self.partial)

    def finish(self, manifest: Manifest, cast: Cast, questions: tuple[Question, ...]) -> Study:
        """Seal the study and put it in place of the old one. What it was begun with goes along and
        is taken away last, so that a kill at any moment is gone on from."""
        shutil.rmtree(self.blocks, ignore_errors=True)
        self._seal(manifest, cast, questions)
        if is_copy(read_begun(self.partial / SETTINGS)):
            (self.partial / SETTINGS).unlink()  # nothing would go on from there
        swap(self.partial, self.folder)
        (self.folder / SETTINGS).unlink(missing_ok=True)
        own = re.compile(re.escape(self.folder.name) + r"\.[0-9a-f]{32}\.settings(\.partial)?")
        for left in self.folder.parent.iterdir():  # by a kill while these were written
            if own.fullmatch(left.name):
                left.unlink(missing_ok=True)
        return open_study(self.folder)

    def _seal(self, manifest: Manifest, cast: Cast, questions: tuple[Question, ...]) -> None:
        for left in list(self.partial.rglob("*.partial")):  # by a kill, half written
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)
        write_whole(self.partial / "cast.json", json_bytes(dump_cast(cast)))
        write_whole(self.partial / "questions.jsonl", dump_questions(questions).encode())
        files = {
            name: sha256((self.partial / name).read_bytes()) for name in files_in(self.partial)
        }
        write_whole(
            self.partial / "study.json",
            json_bytes({"schema": SCHEMA, **asdict(manifest), "files": files}),
        )


def _named(vectors: PersonaVectors) -> dict[str, str]:
    """What the axes of `vectors` stand for, as metadata of its file."""
    names = {"personas": vectors.ids, "poolings": vectors.poolings, "layers": vectors.layers}
    return {k: json.dumps(v) for k, v in names.items()}
