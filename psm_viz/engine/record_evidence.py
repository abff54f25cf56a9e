"""A record of evidence made: a study's reference model asked, as every persona, about chat data.

The record is dated and never overwritten: what it predicts is scored against trainings that come
after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.engine.answer_likelihood import Counts, ask
from psm_viz.engine.chat_model import load_as_played
from psm_viz.engine.hub import HUB_NAME, at
from psm_viz.engine.kept import Kept
from psm_viz.engine.weights import weights_sha256
from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats import evidence as ev
from psm_viz.study import evidence
from psm_viz.study.cast import family_weights
from psm_viz.study.evidence import Evidence
from psm_viz.study.files import json_bytes, sha256
from psm_viz.study.formats import chat_data
from psm_viz.study.reader import Study, open_study
from psm_viz.tables.derive import editing

KEYS = (
    *("name", "data", "data_sha256", "examples_read", "examples_used", "answers", "tokens"),
    *("n_bar", "skipped_too_long", "unknown_tokens", "unknown_tokens_in_answers"),
    *("system_messages_replaced", "answers_outside_template", "limit", "seed", "wording"),
    *("reference", "model", "headline_layer", "formula", "source", "written_at"),
    "checkpoints_then",
)
"""What a record says, in its order on disk."""


@dataclass(frozen=True)
class Asking:
    """What the evidence is made from."""

    data: Path
    name: str | None = None
    model: str | None = None
    limit: int = 256
    seed: int = 0
    threads: int | None = None
    weights: Path | None = None
    """Where weights are looked for that no name finds: a folder a checkpoint."""


def record_evidence(study: Study, asking: Asking, say: Callable[[str], None]) -> Evidence:
    """Ask the study's reference model about a file of chat data and store the record.

    Raises BadFile or BadInput for data that cannot be used, BadInput where a record of that name
    exists: it is never overwritten, its date is its worth. UnknownName where there is no model.
    """
    name = evidence.check_name(asking.name or asking.data.stem)
    if name in study.evidences:
        raise _exists(study, name)
    raw = chat_data.raw(asking.data)
    read = chat_data.parse_chat(raw, str(asking.data))
    used = chat_data.drawn(read, asking.limit, asking.seed)
    folder = reference_model(study, asking)
    wording = study.manifest.generation.get("wording", "instructions")
    _check_wording(study, wording)
    chat = load_as_played(study, folder, asking.threads)
    systems = sum(len(c.systems) for c in used)
    say(
        f"{len(used)} of {len(read)} conversations; {systems} system messages of their own give "
        "way to each persona's instruction"
    )
    in_turn = bool(study.manifest.generation.get("in_turn"))
    settings: dict[str, Any] = {"evidence": name, "data": sha256(raw)}
    settings |= {"limit": asking.limit, "seed": asking.seed}
    kept = _kept(study, settings)
    heard, counts = ask(chat, study.cast.all, wording, used, say, in_turn=in_turn, kept=kept)
    testimony = heard.usable()
    prior = family_weights(study.cast)
    ids = [p.id for p in study.cast.all]
    frame = ev.likelihood_table(ids, testimony, prior, asking.seed)
    study = open_study(study.folder)  # somebody may have written into it meanwhile
    arrows = _arrows(study, frame["weight"].to_numpy()[:-1])
    said = _counted(testimony, counts, systems) | {"examples_read": len(read)}
    said |= {"data": asking.data.name, "data_sha256": settings["data"]}
    said |= {"limit": asking.limit, "seed": asking.seed, "wording": wording}
    said |= {"name": name, "model": _model_note(folder)} | _when_and_how(study)
    record = {key: said[key] for key in KEYS}
    made = Evidence(record, frame, arrows)
    if name in study.evidences:
        raise _exists(study, name)
    with editing(study, settings=settings) as edit:
        if not (edit.writer.partial / "evidence" / name).exists():  # else by a run that was killed
            edit.writer.write_evidence(name, made)
    if kept.folder:
        shutil.rmtree(kept.folder, ignore_errors=True)
    return edit.done.evidence(name)


def check_data(study: Study, name: str, data: Path) -> None:
    """Raise BadInput where a record is of other data than these: a branch taught them would be
    scored by what others foretold."""
    record = study.evidence(name).record
    found = sha256(chat_data.raw(data))
    if record["data_sha256"] != found:
        raise BadInput(
            f"{study.folder}: its evidence {name!r} was written of {record['data']} (sha256 "
            f"{record['data_sha256'][:12]}), and {data} holds other data (sha256 {found[:12]}).",
            "Give another --branch, or the --data that the record was written of.",
        )


def _kept(study: Study, settings: Mapping[str, Any]) -> Kept:
    """What a killed run had heard, beside its study: who was asked the same is not asked again."""
    key = sha256(json_bytes({"from": study.sha256} | dict(settings)))[:12]
    return Kept(study.folder.with_name(f"{study.folder.name}.evidence-{key}.partial"))


def _counted(testimony: ev.Testimony, counts: Counts, systems: int) -> dict[str, Any]:
    """What was heard, and what was met on the way."""
    return {
        "examples_used": len(np.unique(testimony.example)),
        "answers": len(testimony.tokens),
        "tokens": int(testimony.tokens.sum()),
        "n_bar": testimony.n_bar,
        "skipped_too_long": testimony.skipped,
        "unknown_tokens": counts.unknown,
        "unknown_tokens_in_answers": counts.unknown_answers,
        "system_messages_replaced": systems,
        "answers_outside_template": counts.plain,
    }


def _when_and_how(study: Study) -> dict[str, Any]:
    """Where the arrows are from, by which formula, and what the study held at the time."""
    return {
        "reference": study.manifest.reference,
        "headline_layer": study.manifest.headline_layer,
        "formula": ev.FORMULA,
        "source": ev.SOURCE,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "checkpoints_then": [c.id for c in study.manifest.checkpoints],
    }


def _exists(study: Study, name: str) -> BadInput:
    written = study.evidence(name).record["written_at"]
    return BadInput(
        f"{study.folder} already has evidence {name!r}, written {written}: a record is never "
        "overwritten, because its date is its worth.",
        "Give the new one another --name.",
    )


def reference_model(study: Study, asking: Asking) -> str:
    """The folder or hub name of the study's reference model. Raises UnknownName."""
    if asking.model:
        return asking.model
    name, reference = str(study.manifest.model["name"]), study.manifest.reference
    own = asking.weights / reference if asking.weights else Path(name)
    if own.is_dir():
        return str(own)
    if Path(name).is_dir():
        return name
    if HUB_NAME.fullmatch(name):
        return at(name, study.manifest.model.get("revision"))
    raise UnknownName(
        f"There is no folder {own} with the reference model of {study.folder}.",
        "Name the folder of its weights with --model FOLDER.",
    )


def _check_wording(study: Study, wording: str) -> None:
    silent = [p.id for p in study.cast.all if not getattr(p, wording)]
    if silent:
        raise BadInput(
            f"{study.folder}: {len(silent)} personas have no {wording} to be played by "
            f"({', '.join(silent[:3])}).",
            "Give every persona at least one in cast.json and extract the study again.",
        )


def _model_note(folder: str) -> dict[str, Any]:
    path = Path(folder)
    name = path.name if path.is_dir() else folder
    return {"name": name, "weights_sha256": weights_sha256(folder) or None}


def _arrows(study: Study, weights: np.ndarray) -> dict[str, np.ndarray]:
    m, prior = study.manifest, family_weights(study.cast)
    v = study.vectors(m.reference).of(study.cast)
    held = [p for p in m.poolings if v.holds(p, m.headline_layer)]
    return {
        p: ev.arrow(weights, prior, v.at(p, m.headline_layer)[:-1].astype(np.float64)) for p in held
    }
