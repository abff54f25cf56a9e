"""The map of talks: the cast's talks are the land, the Assistant's talks move on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.stats.persona_map import MapSettings, PersonaMap, fit_rows, quality
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.study.talks import CAST, LAST, OWN, TALK
from psm_viz.tables.belief_readings import Readings, state_rows

SETTINGS = MapSettings(blocks=1, neighbours=20, min_dist=0.6, spread=2.0, nearest=10)
"""Every talk is a row of its own."""
COMPONENTS = 30
"""Principal components of the cast's talks that the map is made from."""
NOISE_SEEDS = (0, 1, 2, 3)
"""Seeds of as many Gaussian talks and of their fits."""
FIGURES = (
    *("trustworthiness", "continuity", "knn_recall", "knn_chance"),
    *("pca_trustworthiness", "pca_knn_recall", "loo_error_median", "loo_error_p90"),
)


def talk_maps(
    study: Study, readings: Readings, say: Callable[[str], None] = lambda s: None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(talk_map, talk_map_quality), made from states after whole talks.

    talk_map: kind (`talk` of the cast at the reference, `persona`: the middle of its talks,
    `assistant`: a talk of the Assistant at a checkpoint, read by its own weights), checkpoint,
    persona, talk, x, y, pca_x, pca_y, off_map, recall. talk_map_quality: data (`talks` or `Gaussian
    talks`), seed, then how far the map can be trusted, over talks. Raises BadInput for too few
    personas.
    """
    note, m = readings.note, study.manifest
    k = note.answers
    talks = study.talks(m.reference)
    x = _centred(readings, talks, CAST, OWN, k)
    axes = _axes(x)
    say("map of talks")
    speakers = talks.speakers(CAST)
    people = [str(p) for p in speakers["persona"]]
    owner = np.array([study.cast.ids.index(p) for p in people])
    frozen = _fit(x @ axes, owner, SETTINGS)
    alone = replace(frozen, owner=np.arange(len(owner)))
    figures, recall = quality(alone)
    rows = [_cast_rows(frozen, m.reference, speakers, recall), _persona_rows(frozen, study, owner)]
    for c in m.checkpoints:
        if study.holds(c.id, "talks"):
            rows.append(_assistant_rows(study, readings, frozen, axes, c.id))
    tried = [{"data": "talks", "seed": SETTINGS.seed} | {f: figures[f] for f in FIGURES}]
    for seed in NOISE_SEEDS:
        say(f"map of Gaussian talks, seed {seed}")
        drawn = np.random.default_rng([seed, 43]).normal(size=(len(x), len(x)))
        noise = _fit(drawn @ (x @ axes) / np.sqrt(len(x)), owner, replace(SETTINGS, seed=seed))
        found, _ = quality(replace(noise, owner=np.arange(len(owner))))
        tried.append({"data": "Gaussian talks", "seed": seed} | {f: found[f] for f in FIGURES})
    return pd.concat(rows, ignore_index=True), pd.DataFrame(tried)


def _centred(readings: Readings, talks: Any, who: str, way: str, k: int) -> np.ndarray:
    """States less the cast's mean after the same last question."""
    found = state_rows(talks, readings.note, readings.states[k][0], who, way, k)
    if found is None:
        raise BadInput(f"{talks.checkpoint} holds no states of the {who} after {k} answers.")
    x, last, centre = found
    return x - centre[last]


def _axes(x: np.ndarray) -> np.ndarray:
    """The first principal components of the cast's talks: [d_model, component]."""
    return np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:COMPONENTS].T


def _fit(rows: np.ndarray, owner: np.ndarray, settings: MapSettings) -> PersonaMap:
    """A map whose threshold for 'off the map' is that of talks placed by the others."""
    frozen = fit_rows(rows, owner, settings)
    _, nearest = frozen.place(rows, leave_out=owner)
    return replace(frozen, off_map_below=float(np.percentile(nearest, settings.off_map_percentile)))


def _cast_rows(
    frozen: PersonaMap, checkpoint: str, speakers: pd.DataFrame, recall: np.ndarray
) -> pd.DataFrame:
    flat = frozen.pca(frozen.blocks)
    out = place_frame("talk", frozen.xy, flat)
    own = {c: speakers[c].astype(str) for c in ("persona", LAST)} | {TALK: speakers[TALK]}
    return out.assign(checkpoint=checkpoint, off_map=False, recall=recall, **own)


def _persona_rows(frozen: PersonaMap, study: Study, owner: np.ndarray) -> pd.DataFrame:
    names = np.unique(owner)
    flat = frozen.pca(frozen.blocks)
    middle = np.stack([flat[owner == p].mean(0) for p in names])
    out = place_frame("persona", frozen.drawn, middle)
    ids = [study.cast.ids[p] for p in names]
    return out.assign(
        checkpoint=study.manifest.reference,
        persona=ids,
        off_map=False,
        recall=np.nan,
        **{TALK: -1, LAST: ""},
    )


def _assistant_rows(
    study: Study, readings: Readings, frozen: PersonaMap, axes: np.ndarray, checkpoint: str
) -> pd.DataFrame:
    talks = study.talks(checkpoint)
    x = _centred(readings, talks, ASSISTANT, OWN, readings.note.answers) @ axes
    xy, nearest = frozen.place(x)
    own = talks.speakers(ASSISTANT)
    return place_frame("assistant", xy, frozen.pca(x)).assign(
        checkpoint=checkpoint,
        persona=ASSISTANT,
        off_map=nearest < frozen.off_map_below,
        recall=np.nan,
        **{TALK: own[TALK], LAST: own[LAST].astype(str)},
    )


def place_frame(kind: str, xy: np.ndarray, flat: np.ndarray) -> pd.DataFrame:
    """Places on the map and in its principal plane as rows of one kind."""
    places = {"x": xy[:, 0], "y": xy[:, 1], "pca_x": flat[:, 0], "pca_y": flat[:, 1]}
    return pd.DataFrame({"kind": kind, **{k: np.round(v, 4) for k, v in places.items()}})
