"""Who answered nothing, and how many answers came out empty: told while a study is made, and noted
in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from psm_viz.engine.cast_checks import FEWEST_PERSONAS
from psm_viz.engine.played import Played, Silence
from psm_viz.errors import BadInput
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT, Cast
from psm_viz.study.layout import HELD
from psm_viz.study.manifest import SILENT
from psm_viz.study.writer import StudyWriter

EMPTY = "empty_answers"
"""Key of a study's notes: checkpoint -> how many answers were empty, and of how many."""
LONGER = "Let answers be longer (--max-new-tokens), or check what ends them."


def lines_of(found: Silence) -> list[str]:
    """What is said of a checkpoint's silence; nothing where there was none."""
    lines, silent = [], found.silent
    if found.empty:
        lines.append(
            f"{found.empty:,} of {found.answers:,} answers are empty and left out of the means"
        )
    if silent:
        some = ", ".join(map(repr, silent[:5]))
        more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
        lines.append(f"left out for answering no question: {some}{more}")
    return lines


def enough(played: Played) -> bool:
    """Whether the Assistant answered, and so many personas that means over them say something."""
    return played.vectors.ids[-1:] == (ASSISTANT,) and len(played.vectors.ids) > FEWEST_PERSONAS


def check_reference(played: Played) -> None:
    """Raise BadInput where too few answered at the reference for any study. What was played stays,
    and the same command goes on with it."""
    if enough(played):
        return
    found = played.silence
    n = len([i for i in played.vectors.ids if i != ASSISTANT])
    own = "the Assistant answers no question" if ASSISTANT in found.silent else ""
    few = (
        f"{n} personas answer any question, and {FEWEST_PERSONAS} are needed"
        if n < FEWEST_PERSONAS
        else ""
    )
    said = ", and ".join(x for x in (own, few) if x)
    name = played.vectors.checkpoint
    raise BadInput(f"{name}: {said} ({found.empty} of {found.answers} answers are empty).", LONGER)


def notes_of(
    writer: StudyWriter, checkpoints: Sequence[str], cast: Cast, reference: str
) -> dict[str, Any]:
    """The notes on what was played of these checkpoints, of whom `cast` was asked; none where
    nobody was silent."""
    silent: dict[str, list[str]] = {}
    empty: dict[str, list[int]] = {}
    known = set(writer.vectors(reference).ids)
    gone = [i for i in cast.ids if i not in known]
    for name in checkpoints:
        path = writer.partial / "checkpoints" / name / HELD["responses"]
        if not path.exists():
            continue
        said = pd.read_parquet(path, columns=[col.PERSONA, col.TOKENS])
        none = said[col.TOKENS] == 0
        if none.any():
            empty[name] = [int(none.sum()), len(said)]
        heard = set(said.loc[~none, col.PERSONA].astype(str))
        asked = set(said[col.PERSONA].astype(str))
        lacks = [p.id for p in cast.all if p.id in asked - heard]
        if lacks := (gone if name == reference else []) + lacks:
            silent[name] = lacks
    return {k: v for k, v in ((SILENT, silent), (EMPTY, empty)) if v}


def merged(notes: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Notes on silence of some checkpoints with those of others."""
    both = {k: {**notes.get(k, {}), **more.get(k, {})} for k in (SILENT, EMPTY)}
    return {k: v for k, v in both.items() if v}
