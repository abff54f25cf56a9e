"""Is a movement in what is said, or in who reads it? Texts of one checkpoint read by another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.engine.chat_model import ChatModel
from psm_viz.stats.confounds import TwoByTwo, two_by_two
from psm_viz.stats.resampling import Estimate
from psm_viz.stats.vectors import mean_by_group
from psm_viz.study import columns as col
from psm_viz.study.activations import RESPONSE
from psm_viz.study.cast import ASSISTANT, family_weights
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import Study


def words_or_weights(
    study: Study,
    chat: ChatModel,
    folders: Mapping[str, Path],
    ends: Mapping[str, str],
    say: Callable[[str], None],
) -> pd.DataFrame:
    """Is the movement in what is said or in who reads it? The 2 x 2 of (whose text) x (whose
    weights), mean over the answer, Assistant less cast per question, headline layer.

    `ends` maps a branch to its last checkpoint, `folders` a checkpoint to its weights. branch,
    effect (words, weights, interaction), share of the total along it, norm, each with its interval.
    Every persona's first answer to each prompt is read again, all of the Assistant's.
    """
    start = study.manifest.reference
    topics = [q.topic for q in study.questions if q.set == MAIN]
    before = _read(study, chat, folders[start], start)
    rows = []
    for n, (branch, end) in enumerate(ends.items(), 1):
        say(f"words or weights {n}/{len(ends)}: {branch}")
        ba, bb = (_read(study, chat, folders[by], end) for by in (start, end))
        ab = _read(study, chat, folders[end], start)
        cells = {("a", "a"): before, ("a", "b"): ab, ("b", "a"): ba, ("b", "b"): bb}
        rows += _rows(branch, two_by_two(cells, topics))
    return pd.DataFrame(rows)


def _rows(branch: str, found: TwoByTwo) -> list[dict[str, Any]]:
    rows = []
    for effect in ("words", "weights", "interaction"):
        norm: Estimate = getattr(found, effect)
        share: Estimate = getattr(found, f"{effect}_share", Estimate(float("nan")))
        rows.append(
            {
                "branch": branch,
                "effect": effect,
                **{"share": share.value, "share_low": share.low, "share_high": share.high},
                **{"norm": norm.value, "norm_low": norm.low, "norm_high": norm.high},
                "n": found.questions,
            }
        )
    return rows


def _read(study: Study, chat: ChatModel, reader: Path, words: str) -> np.ndarray:
    """One checkpoint's answers read with another's weights: Assistant less cast, per question."""
    wording = study.manifest.generation["wording"]
    cast, weights = study.cast, family_weights(study.cast)
    main = [q for q in study.questions if q.set == MAIN]
    number = {q.id: k for k, q in enumerate(main)}
    said = study.responses(words)
    said = said[(said[col.SAMPLE] == 0) | (said[col.PERSONA] == ASSISTANT)]
    chat.swap(reader)
    total = np.zeros((len(main), chat.d_model))
    layer = study.manifest.headline_layer
    own = {str(k): v for k, v in said.groupby(col.PERSONA, observed=True)}
    for n, p in enumerate(cast.all):
        rows = own[p.id]
        texts = getattr(p, wording)
        asked = [main[number[q]] for q in rows[col.QUESTION]]
        prompts = [
            chat.prompts.one(p, texts[v], q.text)
            for v, q in zip(rows[col.VARIANT], asked, strict=True)
        ]
        answers = chat.encode([f" {t}" for t in rows[col.TEXT]])
        ids = chat.encode(prompts)
        pooled = chat.pooled(ids, answers, [layer], poolings=(RESPONSE,))[:, 0, 0]
        means = mean_by_group(pooled, [number[q.id] for q in asked], len(main))
        total += means if n == len(cast.personas) else -weights[n] * means
    return total
