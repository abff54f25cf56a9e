"""The map of talks where inner states do not tell who speaks: personas lie where their states under
their own instructions put them, and a talk among those who would say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from psm_viz.stats.belief_place import placed
from psm_viz.stats.persona_map import MapSettings, fit_map, quality
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.study.talks import CAST, LAST, LIKELIHOOD, TALK
from psm_viz.tables.belief_readings import STATES, Readings
from psm_viz.tables.map_trials import NOISE_SEEDS, gaussian_blocks
from psm_viz.tables.persona_map import cast_blocks
from psm_viz.tables.talk_map import FIGURES, place_frame

TELLS = 0.9
"""States tell who speaks where their held-out log loss is below this share of chance's."""
SHUFFLED, SHUFFLES = "speakers shuffled", 20
"""Speakers dealt anew, which say how near a talk lies to anybody, and how often."""


def states_tell(readings: Readings) -> bool:
    """Whether the reading of states tells the cast's families, out of sample."""
    return readings.losses[STATES] < TELLS * float(np.log(len(readings.who.families)))


def belief_maps(
    study: Study,
    readings: Readings,
    beliefs: pd.DataFrame,
    say: Callable[[str], None] = lambda s: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(belief_map, belief_map_quality), in the columns of the map of talks.

    belief_map: `talk` are the personas' means over halves of the questions, `persona` their marks,
    both from states at the reference; `assistant` is a whole talk, placed by its belief (read by
    likelihood). belief_map_quality: data (`talks`, `Gaussian talks`, `speakers shuffled`), seed,
    how far the map of personas can be trusted, and error: median distance from a talk of the cast,
    placed by held-out belief, to its speaker's mark, as a share of the map's width. Raises BadInput
    for too few personas.
    """
    m, settings = study.manifest, MapSettings()
    roles, blocks = cast_blocks(study, m.headline_pooling, settings)
    say("map of personas, for talks placed by belief")
    frozen = fit_map(blocks, replace(settings, blocks=blocks.shape[1]))
    figures, recall = quality(frozen)
    marks, plane = frozen.drawn, frozen.pca(roles)
    families, ids = list(readings.who.families), np.array(study.cast.ids)
    key = {"checkpoint": m.reference, "off_map": False, TALK: -1, LAST: ""}
    land = place_frame("talk", frozen.xy, frozen.pca(frozen.blocks))
    land = land.assign(persona=ids[frozen.owner], recall=recall[frozen.owner], **key)
    people = place_frame("persona", marks, plane).assign(persona=ids, recall=recall, **key)
    home = np.array([p.family for p in study.cast.personas])
    xy, flat = (np.stack([at[home == f].mean(0) for f in families]) for at in (marks, plane))
    whole = beliefs[(beliefs["way"] == LIKELIHOOD) & (beliefs["answers"] == readings.note.answers)]
    own = whole[whole["who"] == ASSISTANT]
    belief = own[families].to_numpy(dtype=np.float64)
    dots = place_frame("assistant", placed(belief, xy), placed(belief, flat))
    dots = dots.assign(persona=ASSISTANT, off_map=False, recall=np.nan, **_said(own))
    said = whole[(whole["who"] == CAST) & (whole["checkpoint"] == m.reference)]
    there = placed(said[families].to_numpy(dtype=np.float64), xy)
    who = np.array([study.cast.ids.index(str(p)) for p in said["persona"]])
    tried = pd.DataFrame(
        [{"data": "talks", "seed": settings.seed} | {f: figures[f] for f in FIGURES}]
    )
    errors = _errors(there, who, marks)
    tried["error"] = errors[0] / frozen.width
    shuffled = pd.DataFrame({"data": SHUFFLED, "seed": range(SHUFFLES), "error": errors[1:]})
    shuffled["error"] /= frozen.width
    tried = pd.concat([tried, _of_noise(blocks, say), shuffled], ignore_index=True)
    return pd.concat([land, people, dots], ignore_index=True), tried


def _said(own: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which talks some rows of beliefs are of."""
    return {
        "checkpoint": own["checkpoint"].astype(str).to_numpy(),
        TALK: own[TALK].to_numpy(),
        LAST: own[LAST].astype(str).to_numpy(),
    }


def _errors(there: np.ndarray, who: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Median distance of talks to their speakers' marks, and then to speakers dealt anew; talks of
    which nobody could be asked, being their speakers', left out."""
    known = np.isfinite(there).all(1)
    there, who = there[known], who[known]
    rng = np.random.default_rng([0, 59])
    dealt = [np.arange(len(marks)), *(rng.permutation(len(marks)) for _ in range(SHUFFLES))]
    return np.array([np.median(np.linalg.norm(there - marks[d[who]], axis=1)) for d in dealt])


def _of_noise(blocks: np.ndarray, say: Callable[[str], None]) -> pd.DataFrame:
    """How far maps of Gaussian personas can be trusted."""
    rows = []
    for seed in NOISE_SEEDS:
        say(f"map of Gaussian personas, seed {seed}")
        settings = MapSettings(blocks=blocks.shape[1], seed=seed)
        found = quality(fit_map(gaussian_blocks(blocks, seed), settings))[0]
        rows.append({"data": "Gaussian talks", "seed": seed} | {f: found[f] for f in FIGURES})
    return pd.DataFrame(rows)
