"""The studies that a reader may choose from, and what is said of each: model, size, date."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from psm_viz.paths import DATA, STUDY, kept_folder

STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A study may be named in a link, never a path."""
STUDIES = "PSM_VIZ_STUDIES"
"""Names folders of studies beside `data/`, with the system's path separator between them."""


@dataclass(frozen=True)
class Card:
    """What is said of a study where one is chosen."""

    title: str
    """What it calls itself; its folder's name where that cannot be read or two are called alike."""
    facts: tuple[str, ...] = ()
    """Model, size, date; none where it cannot be read."""


def default_folder() -> Path:
    """The study that opens by itself: `PSM_VIZ_STUDY`, or the shipped one."""
    return Path(os.environ.get("PSM_VIZ_STUDY") or STUDY)


def study_folders() -> dict[str, Path]:
    """Studies that a link may name: the default, the folders of `data/` that hold one, those that
    the Live page kept, and those of the folders in `PSM_VIZ_STUDIES`. Of two folders called alike
    the later takes its parent's name in front."""
    found = {default_folder().name: default_folder()}
    for folder in _beside():
        name = folder.name
        if any(folder.resolve() == known.resolve() for known in found.values()):
            continue
        if name in found:
            name = f"{folder.parent.name}-{name}"
        if STUDY_NAME.fullmatch(name) and name not in found:
            found[name] = folder
    return found


def _beside() -> Iterator[Path]:
    """The folders with a study in `data/`, among those that the Live page kept, and in the folders
    of `PSM_VIZ_STUDIES`; such a folder may be a study itself."""
    named = os.environ.get(STUDIES, "").split(os.pathsep)
    for top in (DATA, kept_folder(), *(Path(n) for n in named if n.strip())):
        if (top / "study.json").is_file():
            yield top
        yield from sorted(p.parent for p in top.glob("*/study.json"))


def cards() -> dict[str, Card]:
    """The studies that a link may name, each with what is said of it."""
    told = {}
    for name, folder in study_folders().items():
        try:
            s = (folder / "study.json").stat()
            told[name] = _card(str(folder), s.st_mtime_ns, s.st_size)
        except OSError:
            told[name] = None
    found = {name: card or Card(name) for name, card in told.items()}
    twice = {t for t, n in Counter(c.title for c in found.values()).items() if n > 1}
    return {
        name: replace(card, title=name) if card.title in twice else card
        for name, card in found.items()
    }


@st.cache_data(max_entries=128, show_spinner=False)
def _card(folder: str, changed: int, size: int) -> Card | None:
    """The card of a study, from its manifest and cast alone: opening it would read every name of
    its files. None where it cannot be read."""
    try:
        said = json.loads((Path(folder) / "study.json").read_bytes())
        people = len(json.loads((Path(folder) / "cast.json").read_bytes())["personas"])
        again = said.get("noise_floor")
        saved = [c for c in said["checkpoints"] if c["id"] != again]
        day = datetime.fromtimestamp(changed / 1e9)
        facts = (_model(said["model"]), f"{people} personas", f"{len(saved)} checkpoints")
        return Card(str(said["name"]), (*facts, f"on this disk since {day.day} {day:%B %Y}"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _model(model: dict[str, Any]) -> str:
    """The model and its size."""
    n = model.get("parameters")
    if not isinstance(n, int | float) or n <= 0:
        return str(model["name"])
    size = f"{n / 1e9:.1f} billion" if n >= 1e9 else f"{n / 1e6:.3g} million"
    return f"{model['name']}, {size} parameters"


def cards_html(found: dict[str, Card], chosen: str) -> str:
    """What is said of each study, the chosen one first named so."""
    rows = []
    for name, card in found.items():
        mark = ' <span class="psm-here">(shown)</span>' if name == chosen else ""
        facts = "; ".join(card.facts) or "cannot be read: choose it to see why"
        rows.append(f"<li><b>{escape(card.title)}</b>{mark}: {escape(facts)}</li>")
    return f'<ul class="psm-studies">{"".join(rows)}</ul>'
