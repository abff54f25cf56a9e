"""The only reader of a study on disk (layout: docs/study.md); its only writer is `writer.py`.

Each file is checked against its hash before it is used.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadFile, NewerSchema, UnknownName
from psm_viz.study.activations import Activations, FoldVectors, PersonaVectors, QuestionVectors
from psm_viz.study.cast import ASSISTANT, Cast, Question, parse_cast, parse_questions
from psm_viz.study.columns import SPEAKER
from psm_viz.study.evidence import Evidence
from psm_viz.study.files import recover, sha256, tensors_and_text
from psm_viz.study.formats.question_banks import Asked, parse_bank
from psm_viz.study.layout import (
    DERIVE,
    HELD,
    HOLD_TALKS,
    REBUILD,
    TALK_NOTE,
    WRITTEN,
    files_in,
    made_by,
)
from psm_viz.study.manifest import SCHEMA, Checkpoint, Manifest
from psm_viz.study.sources import sources_hash
from psm_viz.study.talks import TalkNote, Talks, parse_note, talks_of
from psm_viz.study.traits import FOLDER, TraitVector, trait_of


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
        return self._tensors_and_text(name)[0]

    def _tensors_and_text(self, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """A safetensors file and its free text, of which lists are written as JSON."""
        try:
            return tensors_and_text(self._bytes(name), str(self.folder / name))
        except BadFile as e:
            raise BadFile(e.problem, e.next_step or REBUILD) from e

    def _frame(self, name: str) -> pd.DataFrame:
        try:
            return pd.read_parquet(io.BytesIO(self._bytes(name)))
        except (OSError, ValueError) as e:  # pyarrow's ArrowInvalid is a ValueError
            raise BadFile(f"{self.folder / name}: cannot be read as Parquet ({e}).", REBUILD) from e

    def _of(self, checkpoint_id: str, what: str) -> str:
        self.manifest.checkpoint(checkpoint_id)
        return f"checkpoints/{checkpoint_id}/{HELD[what]}"

    def _held(self, checkpoint_id: str, what: str, words: str) -> str:
        name = self._of(checkpoint_id, what)
        if name not in self.files:
            raise UnknownName(
                f"Checkpoint {checkpoint_id} has no {words}: "
                f"{self.manifest.without_cast(checkpoint_id)}, or its vectors were imported.",
                "Ask the cast everywhere: python -m psm_viz extract --model FOLDER --ask all",
            )
        return name

    def holds(self, checkpoint_id: str, what: str) -> bool:
        """Whether a checkpoint has `what`, a key of `HELD`. Raises UnknownName."""
        return self._of(checkpoint_id, what) in self.files

    def vectors(self, checkpoint_id: str) -> PersonaVectors:
        """Persona vectors of one checkpoint, as far as it has them: where the cast was not asked,
        of no pooling and layer. Raises UnknownName, BadFile."""
        name, m = self._of(checkpoint_id, "vectors"), self.manifest
        if name not in self.files:
            ids = tuple(p.id for p in self.cast.all)
            none = np.zeros((len(ids), 0, 0, m.model["d_model"]), np.float32)
            return PersonaVectors(none, ids, (), (), checkpoint_id)
        tensors, said = self._tensors_and_text(name)
        every = {
            "personas": tuple(p.id for p in self.cast.all),
            "poolings": m.poolings,
            "layers": m.layers,
        }
        own = {k: tuple(said.get(k, v)) for k, v in every.items()}
        for key, names in every.items():
            if own[key] != tuple(x for x in names if x in own[key]):
                raise BadFile(f"{self.folder / name}: its {key} are not the study's.", REBUILD)
        ids, poolings, layers = own["personas"], own["poolings"], own["layers"]
        expected = (len(ids), len(poolings), len(layers), m.model["d_model"])
        self._expect(checkpoint_id, "vectors", tensors["mean"], expected)
        return PersonaVectors(tensors["mean"], ids, poolings, layers, checkpoint_id)

    def folds(self, checkpoint_id: str) -> FoldVectors:
        """Fold means of one checkpoint at the headline layer. Raises UnknownName, BadFile."""
        values = self._tensors(self._held(checkpoint_id, "folds", "question folds"))["mean"]
        m = self.manifest
        expected = (len(self.cast.all), values.shape[1], len(m.poolings), m.model["d_model"])
        self._expect(checkpoint_id, "folds", values, expected)
        return FoldVectors(values, m.poolings, m.headline_layer, checkpoint_id)

    def question_vectors(self, checkpoint_id: str) -> QuestionVectors:
        """Per-question means of Assistant and cast. Raises UnknownName, BadFile."""
        t = self._tensors(self._held(checkpoint_id, "questions", "vectors per question"))
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
        return self._frame(self._held(checkpoint_id, "responses", "answers"))

    def behaviour(self, checkpoint_id: str, speaker: str = ASSISTANT) -> pd.DataFrame | None:
        """Masses and sampled counts per prompt, of the Assistant or of somebody without a name
        (`columns.STRANGER`); None where none were measured."""
        name = self._of(checkpoint_id, "behaviour")
        if name not in self.files:
            return None
        frame = self._frame(name)
        if SPEAKER not in frame:
            return frame if speaker == ASSISTANT else None
        own = frame[frame[SPEAKER] == speaker].drop(columns=SPEAKER).reset_index(drop=True)
        return own if len(own) else None

    def odds(self, checkpoint_id: str) -> pd.DataFrame | None:
        """How likely the written answers to every question are; None where it was not measured."""
        name = self._of(checkpoint_id, "odds")
        return self._frame(name) if name in self.files else None

    @property
    def written(self) -> tuple[Asked, ...]:
        """The questions that good and bad answers were written for; none where there are none."""
        if WRITTEN not in self.files:
            return ()
        return parse_bank(self._bytes(WRITTEN), f"{self.folder}/{WRITTEN}")

    def activations(self, checkpoint_id: str) -> Activations | None:
        """Activations per persona and question, or None where the study does not keep them."""
        name = self._of(checkpoint_id, "activations")
        if name not in self.files:
            return None
        values = self._tensors(name)["values"]
        m = self.manifest
        return Activations(values, m.poolings, m.headline_layer)

    @property
    def traits(self) -> list[str]:
        """Names of the measured traits."""
        return sorted(Path(f).stem for f in self.files if f.startswith(f"{FOLDER}/"))

    def trait(self, name: str) -> TraitVector:
        """One measured trait. Raises UnknownName, BadFile."""
        if name not in self.traits:
            raise UnknownName(
                f"There is no measured trait {name!r} in this study.",
                "Measure traits with: python -m psm_viz extract --traits FOLDER",
            )
        m, found = self.manifest, self._tensors_and_text(f"{FOLDER}/{name}.safetensors")
        return trait_of(name, *found, m.poolings, m.layers)

    def trait_folds(self, pooling: str) -> dict[str, np.ndarray]:
        """Every measured trait in each question fold at the headline layer: [fold, d_model]."""
        return {t: self.trait(t).of_folds(pooling).astype(np.float64) for t in self.traits}

    @property
    def talk_note(self) -> TalkNote | None:
        """How the study's talks were held, or None where there are none."""
        if TALK_NOTE not in self.files:
            return None
        return parse_note(json.loads(self._bytes(TALK_NOTE)), f"{self.folder}/{TALK_NOTE}")

    def talk_answers(self, checkpoint_id: str) -> pd.DataFrame:
        """What was said in the talks of one checkpoint. Raises UnknownName, BadFile."""
        name = self._of(checkpoint_id, "talks")
        if name not in self.files:
            raise UnknownName(f"Checkpoint {checkpoint_id} has held no talks.", HOLD_TALKS)
        return self._frame(name)

    def talks(self, checkpoint_id: str) -> Talks:
        """The talks held at one checkpoint, and their states. Raises UnknownName, BadFile."""
        answers = self.talk_answers(checkpoint_id)
        states = self._tensors_and_text(self._of(checkpoint_id, "talk_states"))
        return talks_of(checkpoint_id, answers, *states)

    @property
    def maps(self) -> list[str]:
        """Names of the maps, e.g. `prompt_last-L1`."""
        return sorted(
            Path(f).stem for f in self.files if f.startswith("maps/") and f.endswith(".json")
        )

    def map(self, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
        """One map: its points and its parameters and quality. Raises UnknownName, and BadFile for
        one older than its sources."""
        if name not in self.maps:
            raise UnknownName(
                f"There is no map {name!r} in this study.",
                f"Choose one of: {', '.join(self.maps) or 'none: run python -m psm_viz derive'}.",
            )
        self._check_fresh(f"maps/{name}", f"maps/{name}.parquet")
        return self._frame(f"maps/{name}.parquet"), json.loads(self._bytes(f"maps/{name}.json"))

    @property
    def derived(self) -> dict[str, dict[str, Any]]:
        """What every derived table and map came from: `tables/<name>` -> from, reads, version."""
        name = "tables/derived.json"
        return json.loads(self._bytes(name)) if name in self.files else {}

    def has_table(self, name: str) -> bool:
        """Whether the study holds this result table."""
        return f"tables/{name}.parquet" in self.files

    def table(self, name: str) -> pd.DataFrame:
        """One result table. Raises UnknownName, and BadFile for one older than its sources."""
        key = f"tables/{name}.parquet"
        if key not in self.files:
            raise UnknownName(f"There is no table {name!r} in this study.", made_by(name))
        self._check_fresh(f"tables/{name}", key)
        return self._frame(key)

    def _check_fresh(self, product: str, file: str) -> None:
        if (made := self.derived.get(product)) is None:
            return
        code = made["reads"], made["version"]
        if made["from"] != sources_hash(self.manifest, self.files, *code):
            raise BadFile(
                f"{self.folder / file}: is older than what it came from.", f"Make it with: {DERIVE}"
            )

    @property
    def evidences(self) -> list[str]:
        """Names of the records of evidence."""
        return sorted(f.split("/")[1] for f in self.files if f.endswith("/evidence.json"))

    def evidence(self, name: str) -> Evidence:
        """One record: who would say its data, and the predicted arrows. Raises UnknownName."""
        if name not in self.evidences:
            raise UnknownName(
                f"There is no evidence {name!r} in this study.",
                f"It holds: {', '.join(self.evidences) or 'none'}. Make one with: "
                "python -m psm_viz evidence --study DIR --data FILE",
            )
        at = f"evidence/{name}"
        frame, record = self._frame(f"{at}/likelihood.parquet"), self._bytes(f"{at}/evidence.json")
        return Evidence(json.loads(record), frame, self._tensors(f"{at}/arrow.safetensors"))

    def evidence_scores(self, name: str) -> list[dict[str, Any]]:
        """What a record was scored against, one entry a branch. Raises UnknownName, BadFile."""
        self.evidence(name)
        start = f"evidence/{name}/score-"
        return [json.loads(self._bytes(f)) for f in sorted(self.files) if f.startswith(start)]

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
    recover(folder)
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
    found = set(files_in(folder))
    for name in sorted(set(files) - found):
        raise BadFile(f"{folder / name}: listed in study.json but missing.", REBUILD)
    for name in sorted(found - set(files)):
        raise BadFile(
            f"{folder / name}: not listed in study.json.", "Remove it, or rebuild: make study"
        )
    cast = parse_cast(json.loads(_checked(folder, "cast.json", files)), f"{folder}/cast.json")
    asked = _checked(folder, "questions.jsonl", files)
    # a study of vectors made elsewhere asked nothing itself
    questions = parse_questions(asked, f"{folder}/questions.jsonl") if asked else ()
    return Study(folder, manifest, cast, questions, files, sha256(raw))
