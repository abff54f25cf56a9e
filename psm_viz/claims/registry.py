"""Every claim, in the order in which they are told.

Each is one function of the runs: rows in, a claim with its figure, rival and picture out. Bars and
rules are those of docs/decisions.md, committed before the runs. What a branch was taught stands in
`fine_tuning`, who speaks in its talks in `talks` and what that tells in `talk_uses`, the world of
pre-training in `pretraining`, what needs activations in `activations`, what the whole cast does in
`personas`.
"""

from __future__ import annotations

from pathlib import Path

from psm_viz.claims.activations import within_claims
from psm_viz.claims.fine_tuning import (
    character_or_coin,
    denial,
    descriptions,
    narrow,
    requested,
)
from psm_viz.claims.personas import mask_claims
from psm_viz.claims.pretraining import appears, clusters, human_like, role_models
from psm_viz.claims.run_rows import Runs, figures_of, load_runs
from psm_viz.claims.spill_over import interaction, updating
from psm_viz.claims.talk_uses import use_claims
from psm_viz.claims.talks import talk_claims
from psm_viz.claims.verdict import Claim
from psm_viz.paths import RUNS

FROM_ROWS = (
    *(narrow, requested, denial, descriptions, character_or_coin),
    *(appears, clusters, updating, interaction, role_models, human_like),
)
ORDER = (
    *("narrow", "requested", "belief", "leak", "unfolds", "selection", "psychology"),
    *("diagnosis", "interaction", "updating", "clusters"),
    *(
        "cast",
        "base",
        "appears",
        "inside",
        "shots",
        "deny",
        "descriptions",
        "role-models",
        "human",
        "coin",
        "causal",
        "long",
    ),
    *("mask", "council"),
)


def claims_from(runs: Runs) -> list[Claim]:
    """Every claim that the runs allow, in order; [] without runs. Raises BadFile."""
    if not runs.rows:
        return []
    with figures_of(runs.folder):
        made = [*(make(runs) for make in FROM_ROWS), *within_claims(runs), *mask_claims(runs)]
        made += [*talk_claims(runs), *use_claims(runs)]
        by_id = {c.id: c for c in made}
    return [by_id[k] for k in ORDER if k in by_id]


def claims_of(folder: Path = RUNS) -> list[Claim]:
    """Every claim, from the rows in a folder; [] where there are none. Raises BadFile."""
    return claims_from(load_runs(folder))
