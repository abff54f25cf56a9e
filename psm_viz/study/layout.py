"""Which file of a study holds what, and which command makes it (layout: docs/study.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

TALK_NOTE, WRITTEN = "talks.json", "written.json"
BLOCKS, SETTINGS = "blocks", "settings.json"
"""Beside the files of a study that is not finished: blocks of a checkpoint that is being played,
and what it was begun with. Neither is part of a study."""
TALK_PARTS = "talks-{}"
"""Among the blocks: what was made so far of a checkpoint's talks."""
REBUILD = "Rebuild it with: make study"
DERIVE = "python -m psm_viz derive --study DIR"
HOLD_TALKS = "Hold them with: python -m psm_viz talks --study DIR --weights FOLDER"
_PLAYED = "python -m psm_viz extract --tree TREE --out DIR"
OF_MODEL = ("exact_families", "in_context", "lessons", "steering", "words_or_weights")
"""Tables that need the model and are made while a study is played."""
MADE = {
    "validation": "python -m psm_viz validate --study DIR --store",
    "belief_trials": "python -m psm_viz validate --study DIR --store",
    "evidence_scores": "python -m psm_viz evidence --study DIR --name NAME --score BRANCH",
    **dict.fromkeys(OF_MODEL, _PLAYED),
}
"""The commands that make the tables that `derive` does not make (of some it needs the model)."""
HELD = {
    "vectors": "vectors.safetensors",
    "folds": "folds.safetensors",
    "questions": "questions.safetensors",
    "responses": "responses.parquet",
    "behaviour": "behaviour.parquet",
    "odds": "odds.parquet",
    "activations": "activations.safetensors",
    "talks": "talks.parquet",
    "talk_states": "talks.safetensors",
}
"""What a checkpoint may hold, and in which file. One made elsewhere has vectors alone; one between
the ends of its branch may have no vectors: the Assistant's answers, its conduct and talks."""


STUDIES = {"study": "make study", "chat-study": "make chat-study"}
"""The commands that make the studies of data/ from their weights."""


def made_by(table: str) -> str:
    """What makes a result table, as the next step of an error or of an empty figure."""
    return f"Make it with: {MADE.get(table, DERIVE)}"


def files_in(folder: Path) -> Iterator[str]:
    """The files below a study's folder that belong to it, but for `study.json`, in order."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        own = name.parts[0] != BLOCKS and path.name not in ("study.json", SETTINGS)
        if own and path.is_file():
            yield name.as_posix()
