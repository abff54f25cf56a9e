"""The only reader and writer of a study on disk (layout: docs/study.md).

A writer works in `<folder>.partial`; every checkpoint appears there by one rename, and the whole
study replaces the old one by renames at the end, so a kill at any moment leaves either the old
study or the new one. A reader checks each file against its hash before using it.
"""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load, save

from psm_viz.cast import Cast, Question, dump_cast, dump_questions, parse_cast, parse_questions
from psm_viz.errors import BadFile, NewerSchema, UnknownName
from psm_viz.files import half, json_bytes, parquet_bytes, sha256, whole_folder, write_whole
from psm_viz.study import (
    SCHEMA,
    Activations,
    Checkpoint,
    FoldVectors,
    Manifest,
    PersonaVectors,
    QuestionVectors,
)

REBUILD = "Rebuild it with: make study"


class StudyWriter:
    """Writes a study step by step; finished checkpoints survive a kill and are not redone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.partial = folder.with_name(folder.name + ".partial")
        _recover(folder)
        self.partial.mkdir(parents=True, exist_ok=True)

    def begin(self, settings: dict[str, Any]) -> None:
        """Start, or go on with what an earlier run left if it had the same settings."""
        path = self.partial / "settings.json"
        wanted = json_bytes(settings)
        if path.exists() and path.read_bytes() == wanted:
            return
        shutil.rmtree(self.partial)
        self.partial.mkdir(parents=True)
        write_whole(path, wanted)

    def begin_from(self, study: Study) -> None:
        """Start from a copy of a finished study, to derive its tables and maps again."""
        shutil.rmtree(self.partial)
        shutil.copytree(study.folder, self.partial)

    def has(self, checkpoint_id: str) -> bool:
        """Whether an earlier run finished this checkpoint."""
        return (self.partial / "checkpoints" / checkpoint_id).is_dir()

    def write_checkpoint(
        self,
        vectors: PersonaVectors,
        folds: FoldVectors,
        questions: QuestionVectors,
        responses: pd.DataFrame,
        behaviour: pd.DataFrame | None = None,
        activations: Activations | None = None,
    ) -> None:
        """Write all files of one checkpoint, then rename its folder into place."""
        meta = {"checkpoint": vectors.checkpoint, "hook": "resid_post"}
        where = vectors.checkpoint
        with whole_folder(self.partial / "checkpoints" / where) as work:
            write_whole(
                work / "vectors.safetensors",
                save({"mean": half(vectors.values, f"{where} vectors")}, meta),
            )
            write_whole(
                work / "folds.safetensors",
                save(
                    {"mean": half(folds.values, f"{where} folds")},
                    meta | {"layer": str(folds.layer)},
                ),
            )
            write_whole(
                work / "questions.safetensors",
                save(
                    {
                        "assistant": half(questions.assistant, f"{where} questions"),
                        "cast": half(questions.cast, f"{where} questions"),
                    },
                    meta | {"questions": json.dumps(questions.questions)},
                ),
            )
            write_whole(work / "responses.parquet", parquet_bytes(responses))
            if behaviour is not None:
                write_whole(work / "behaviour.parquet", parquet_bytes(behaviour))
            if activations is not None:
                info = {"layer": str(activations.layer)}
                write_whole(
                    work / "activations.safetensors",
                    save({"values": half(activations.values, f"{where} activations")}, meta | info),
                )

    def write_map(self, name: str, points: pd.DataFrame, info: dict[str, Any]) -> None:
        """Write one frozen map: coordinates, and its parameters and quality."""
        write_whole(self.partial / "maps" / f"{name}.parquet", parquet_bytes(points))
        write_whole(self.partial / "maps" / f"{name}.json", json_bytes(info))

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write one result table."""
        write_whole(self.partial / "tables" / f"{name}.parquet", parquet_bytes(frame))

    def open_partial(
        self, manifest: Manifest, cast: Cast, questions: tuple[Question, ...]
    ) -> Study:
        """Seal what is written so far and open it, to derive maps and tables from it."""
        self._seal(manifest, cast, questions)
        return open_study(self.partial)

    def finish(self, manifest: Manifest, cast: Cast, questions: tuple[Question, ...]) -> Study:
        """Seal the study and put it in place of the old one."""
        self._seal(manifest, cast, questions)
        (self.partial / "settings.json").unlink(missing_ok=True)
        old = self.folder.with_name(self.folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(old)
        self.partial.rename(self.folder)
        shutil.rmtree(old, ignore_errors=True)
        return open_study(self.folder)

    def _seal(self, manifest: Manifest, cast: Cast, questions: tuple[Question, ...]) -> None:
        write_whole(self.partial / "cast.json", json_bytes(dump_cast(cast)))
        write_whole(self.partial / "questions.jsonl", dump_questions(questions).encode())
        skip = {"settings.json", "study.json"}
        files = {
            p.relative_to(self.partial).as_posix(): sha256(p.read_bytes())
            for p in sorted(self.partial.rglob("*"))
            if p.is_file() and p.name not in skip
        }
        write_whole(
            self.partial / "study.json",
            json_bytes({"schema": SCHEMA, **asdict(manifest), "files": files}),
        )


def _recover(folder: Path) -> None:
    """Undo a swap that a kill cut between its two renames."""
    old = folder.with_name(folder.name + ".old")
    if old.is_dir() and not folder.exists():
        old.rename(folder)


@dataclass(frozen=True)
class Study:
    """An open study. Every method reads one file, checked against its hash."""

    folder: Path
    manifest: Manifest
    cast: Cast
    questions: tuple[Question, ...]
    files: dict[str, str]
    sha256: str

    def _bytes(self, name: str) -> bytes:
        return _checked(self.folder, name, self.files)

    def _tensors(self, name: str) -> dict[str, np.ndarray]:
        try:
            return {k: v.astype(np.float32) for k, v in load(self._bytes(name)).items()}
        except (SafetensorError, ValueError) as e:
            raise BadFile(
                f"{self.folder / name}: cannot be read as safetensors ({e}).", REBUILD
            ) from e

    def _frame(self, name: str) -> pd.DataFrame:
        try:
            return pd.read_parquet(io.BytesIO(self._bytes(name)))
        except (OSError, ValueError) as e:  # pyarrow's ArrowInvalid is a ValueError
            raise BadFile(f"{self.folder / name}: cannot be read as Parquet ({e}).", REBUILD) from e

    def _of(self, checkpoint_id: str, name: str) -> str:
        self.manifest.checkpoint(checkpoint_id)
        return f"checkpoints/{checkpoint_id}/{name}"

    def vectors(self, checkpoint_id: str) -> PersonaVectors:
        """Persona vectors of one checkpoint. Raises UnknownName, BadFile."""
        values = self._tensors(self._of(checkpoint_id, "vectors.safetensors"))["mean"]
        m = self.manifest
        ids = tuple(p.id for p in self.cast.all)
        expected = (len(ids), len(m.poolings), len(m.layers), m.model["d_model"])
        self._expect(checkpoint_id, "vectors", values, expected)
        return PersonaVectors(values, ids, m.poolings, m.layers, checkpoint_id)

    def folds(self, checkpoint_id: str) -> FoldVectors:
        """Fold means of one checkpoint at the headline layer. Raises UnknownName, BadFile."""
        values = self._tensors(self._of(checkpoint_id, "folds.safetensors"))["mean"]
        m = self.manifest
        expected = (len(self.cast.all), values.shape[1], len(m.poolings), m.model["d_model"])
        self._expect(checkpoint_id, "folds", values, expected)
        return FoldVectors(values, m.poolings, m.headline_layer, checkpoint_id)

    def question_vectors(self, checkpoint_id: str) -> QuestionVectors:
        """Per-question means of Assistant and cast. Raises UnknownName, BadFile."""
        t = self._tensors(self._of(checkpoint_id, "questions.safetensors"))
        m = self.manifest
        again = checkpoint_id == m.noise_floor
        asked = tuple(q.id for q in self.questions if (q.set == "again") == again)
        expected = (len(asked), len(m.poolings), len(m.layers), m.model["d_model"])
        for key in ("assistant", "cast"):
            self._expect(checkpoint_id, f"questions/{key}", t[key], expected)
        return QuestionVectors(
            t["assistant"], t["cast"], asked, m.poolings, m.layers, checkpoint_id
        )

    def responses(self, checkpoint_id: str) -> pd.DataFrame:
        """The tidy frame of responses of one checkpoint. Raises UnknownName, BadFile."""
        return self._frame(self._of(checkpoint_id, "responses.parquet"))

    def behaviour(self, checkpoint_id: str) -> pd.DataFrame | None:
        """Masses and sampled counts per prompt, or None where none were measured."""
        name = self._of(checkpoint_id, "behaviour.parquet")
        return self._frame(name) if name in self.files else None

    def activations(self, checkpoint_id: str) -> Activations | None:
        """Activations per persona and question, or None where the study does not keep them."""
        name = self._of(checkpoint_id, "activations.safetensors")
        if name not in self.files:
            return None
        values = self._tensors(name)["values"]
        m = self.manifest
        return Activations(values, m.poolings, m.headline_layer)

    @property
    def maps(self) -> list[str]:
        """Names of the maps, e.g. `prompt_last-L1`."""
        return sorted(
            Path(f).stem for f in self.files if f.startswith("maps/") and f.endswith(".json")
        )

    def map(self, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
        """One map: its points and its parameters and quality. Raises UnknownName, BadFile."""
        if name not in self.maps:
            raise UnknownName(
                f"There is no map {name!r} in this study.",
                f"Choose one of: {', '.join(self.maps) or 'none: run python -m psm_viz derive'}.",
            )
        return self._frame(f"maps/{name}.parquet"), json.loads(self._bytes(f"maps/{name}.json"))

    def table(self, name: str) -> pd.DataFrame:
        """One result table. Raises UnknownName, BadFile."""
        key = f"tables/{name}.parquet"
        if key not in self.files:
            raise UnknownName(f"There is no table {name!r} in this study.", REBUILD)
        return self._frame(key)

    def verify(self) -> int:
        """Check every file against its hash and return how many there are. Raises BadFile."""
        for name in self.files:
            self._bytes(name)
        return len(self.files)

    def _expect(self, checkpoint: str, what: str, values: np.ndarray, shape: tuple) -> None:
        if values.shape != tuple(shape):
            raise BadFile(
                f"{self.folder}: {what} of {checkpoint}: expected shape {tuple(shape)}, "
                f"found {values.shape}.",
                REBUILD,
            )


def _checked(folder: Path, name: str, files: dict[str, str]) -> bytes:
    path = folder / name
    if name not in files:
        raise BadFile(f"{path}: this study does not list such a file.", REBUILD)
    try:
        data = path.read_bytes()
    except OSError as e:
        raise BadFile(f"{path}: listed in study.json but cannot be read.", REBUILD) from e
    if sha256(data) != files[name]:
        raise BadFile(
            f"{path}: its hash differs from study.json: the file was changed or cut short.", REBUILD
        )
    return data


def open_study(folder: Path) -> Study:
    """Open a study: manifest, cast and questions are read, everything else on demand.

    Raises UnknownName when there is none, NewerSchema when it was written by a newer version,
    BadFile when a file is missing, left over or altered.
    """
    _recover(folder)
    path = folder / "study.json"
    if not path.exists():
        raise UnknownName(
            f"{folder} is not a study: it has no study.json.",
            "Give the folder of a finished study, or build the shipped one with: make study",
        )
    raw = path.read_bytes()
    try:
        data = json.loads(raw)
        schema = int(data["schema"])
    except (ValueError, KeyError, TypeError) as e:
        raise BadFile(f"{path}: cannot be read as a study ({e}).", REBUILD) from e
    if schema > SCHEMA:
        raise NewerSchema(
            f"{path}: written with schema {schema}; this version reads up to {SCHEMA}.",
            "Update the program: git pull && make setup",
        )
    try:
        files = {str(k): str(v) for k, v in data.pop("files").items()}
        del data["schema"]
        checkpoints = tuple(Checkpoint(**c) for c in data.pop("checkpoints"))
        lists = {k: tuple(data.pop(k)) for k in ("poolings", "layers")}
        manifest = Manifest(checkpoints=checkpoints, **lists, **data)
    except (KeyError, TypeError, AttributeError) as e:
        raise BadFile(f"{path}: missing or unknown key ({e}).", REBUILD) from e
    found = {
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in ("study.json", "settings.json")
    }
    for name in sorted(set(files) - found):
        raise BadFile(f"{folder / name}: listed in study.json but missing.", REBUILD)
    for name in sorted(found - set(files)):
        raise BadFile(
            f"{folder / name}: not listed in study.json.", "Remove it, or rebuild: make study"
        )
    cast = parse_cast(json.loads(_checked(folder, "cast.json", files)), f"{folder}/cast.json")
    questions = parse_questions(
        _checked(folder, "questions.jsonl", files), f"{folder}/questions.jsonl"
    )
    return Study(folder, manifest, cast, questions, files, sha256(raw))
