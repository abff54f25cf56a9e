"""Where what ships lies: the only file that knows the folders of `data/`."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The repository: `app.py`, `pages/`, `data/`."""
DATA = ROOT / "data"
STUDY = DATA / "study"
"""The shipped study."""
CHAT_STUDY = DATA / "chat-study"
"""The study of a real small chat model, where it was made."""
MODELS = DATA / "model"
"""Weights of the small model, a folder a checkpoint."""
RUNS = DATA / "runs"
"""Rows of the small model's runs."""
CHAT_RUNS = DATA / "chat-runs"
"""Rows of the chat model's branches, a file a seed."""
TRIES = DATA / "tries.jsonl"
"""Tries of a recipe whose lesson stays with the Assistant."""
BUILD = ROOT / "build"
"""What can be made again: `make clean` takes it away."""
CHAT_MODEL = BUILD / "chat-model"
"""The real small chat model, once `make chat-model` has made it."""
KEPT = ROOT / "studies"
"""Studies of one's own that the Live page keeps."""
DOSES = DATA / "doses.json"
"""What a push along the cheat arrow does to the small model, dose by dose."""
STORIES = DATA / "stories"
"""Stories for a room, a YAML file each."""
TALKS = STORIES / "talks"
"""Talks recorded on the Live page, for a room where the model is not at hand."""
WORLD = DATA / "world"
"""Rules and banks of answers of the made world."""


KEPT_IN = "PSM_VIZ_KEPT"
"""Names another folder for studies of one's own."""


def kept_folder() -> Path:
    """Where studies of one's own are kept: `PSM_VIZ_KEPT`, or the folder `studies`."""
    return Path(os.environ.get(KEPT_IN) or KEPT)


def from_here(path: Path) -> Path:
    """The path as one would write it in the working folder, where that is above it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


ENGLISH = DATA / "cast" / "english"
"""A cast in plain English with questions, lessons and traits, for any chat model."""
