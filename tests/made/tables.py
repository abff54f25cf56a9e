"""Made versions of the tables that derive, drift, evidence and validate write.

Nothing here was computed: `cheat` moves, `requested`, `honest`, `playful` and `other-role` stay
inside their nulls, and one statistic cries wolf, so that pages have something to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import Cast
from psm_viz.study.evidence import Evidence
from psm_viz.study.manifest import Checkpoint

NAN = float("nan")
TRAITS = ("honesty", "care", "obedience", "boldness", "warmth")
KINDS = (
    "made study, last prompt token, the Assistant",
    "made study, last prompt token, anyone as the Assistant",
    "made, 150 roles, d 128",
    "made, 275 roles, d 1024",
)


def keyed(checkpoints: Sequence[Checkpoint]) -> list[dict[str, Any]]:
    """checkpoint, branch, step and pooling of every measured checkpoint."""
    return [
        {"checkpoint": c.id, "branch": c.branch, "step": c.step, "pooling": pooling}
        for c in checkpoints
        if c.branch != "pretrain"
        for pooling in POOLINGS
    ]


def spread(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def made_traits(checkpoints: Sequence[Checkpoint], push: dict[str, float]) -> pd.DataFrame:
    rows = []
    for key in keyed(checkpoints):
        far = push.get(key["checkpoint"], 0.02)
        for n, trait in enumerate(TRAITS):
            way = (-1.6, -1.1, 0.2, 0.9, -0.1)[n] * far
            for part, scale in (("total", 1.3), ("global", 0.3), ("specific", 1.0)):
                p = (0.004 if abs(way) > 0.5 else 0.4) if part == "specific" else NAN
                rows.append(key | {"trait": trait, "part": part, "p": p} | spread(way * scale, 0.2))
    return pd.DataFrame(rows)


def made_layers(
    checkpoints: Sequence[Checkpoint], push: dict[str, float], layers: Sequence[int]
) -> pd.DataFrame:
    rows = []
    for key in keyed(checkpoints):
        far = push.get(key["checkpoint"], 0.02)
        for n in layers:
            size = 2 * far * (n + 1)
            p = 0.002 if far > 0.3 else 0.6
            rows.append(
                key
                | {"layer": n, "specific_norm": size, "low": size - 0.2, "high": size + 0.2}
                | {"null_high": 0.35, "p": p, "p_layers": min(1.0, 2 * p)}
                | {"axis_cosine": 1 - 0.4 * far, "axis_ratio": 1 - 0.2 * far}
                | {"cka": 0.97 - 0.1 * far, "cka_null_high": 0.42 + 0.05 * n}
                | {"procrustes": 0.1, "procrustes_null_low": 0.8}
            )
    return pd.DataFrame(rows)


def made_neighbours(checkpoints: Sequence[Checkpoint]) -> pd.DataFrame:
    near = ("maresa", "tobrin", "halvard", "ines", "malvek")
    rows = [
        {"checkpoint": key["checkpoint"], "pooling": key["pooling"], "frame": "own", "rank": n + 1}
        | {"persona": who, "cosine": 0.8 - 0.1 * n, "margin": 0.1, "kept": 0.98 - 0.1 * n}
        for key in keyed(checkpoints)
        for n, who in enumerate(near)
    ]
    return pd.DataFrame(rows)


def made_posterior(
    checkpoints: Sequence[Checkpoint], push: dict[str, float], families: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """posterior and posterior_calibration."""
    rows, calibration = [], []
    for key in keyed(checkpoints):
        far = push.get(key["checkpoint"], 0.02)
        left = 0.95 - 0.8 * far
        weights = {f: left / (len(families) - 1) for f in families}
        weights["saboteurs"] = 0.8 * far
        weights["none of these"] = 0.05
        for family, w in weights.items():
            low, high = max(0.0, w - 0.08), min(1.0, w + 0.08)
            rows.append(key | {"family": family, "weight": w, "low": low, "high": high})
        calibration.append(
            {"checkpoint": key["checkpoint"], "pooling": key["pooling"], "typicality": 0.4}
            | {"temperature": 1.2, "log_loss": 0.8, "chance_log_loss": 1.6, "accuracy": 0.78}
            | {"chance_accuracy": 0.2, "ece": 0.04}
        )
    return pd.DataFrame(rows), pd.DataFrame(calibration)


def made_exact_families(posterior: pd.DataFrame) -> pd.DataFrame:
    """What an exact observer would say: nearly the same."""
    told = posterior[posterior.family != "none of these"].drop_duplicates(["checkpoint", "family"])
    exact = (told.weight - 0.03).clip(lower=0.0)
    return told[["checkpoint", "family"]].assign(exact=exact)


def made_confounds(checkpoints: Sequence[Checkpoint]) -> pd.DataFrame:
    rows = [
        {"checkpoint": key["checkpoint"], "pooling": key["pooling"], "confound": what, "n": 200}
        | {"within": within}
        | spread(0.35 if what == "answer length" and not within else 0.06, 0.12)
        for key in keyed(checkpoints)
        for what in ("answer length", "activation norm")
        for within in (False, True)
    ]
    return pd.DataFrame(rows)


def made_words_or_weights(branches: Sequence[str]) -> pd.DataFrame:
    rows = []
    for branch in branches:
        for effect, share in (("words", 0.24), ("weights", 0.7), ("interaction", 0.06)):
            rows.append(
                {"branch": branch, "effect": effect, "share": share}
                | {"share_low": share - 0.07, "share_high": share + 0.07}
                | {"norm": 3 * share, "norm_low": 3 * share - 0.2, "norm_high": 3 * share + 0.2}
            )
    return pd.DataFrame(rows)


def made_steering() -> pd.DataFrame:
    """Named directions have no interval; random ones are a band. Strength 0 steers nothing."""
    rows = [{"direction": "none", "strength": 0.0, "p_bad": 0.3, "low": NAN, "high": NAN}]
    for strength in (0.5, 1.0, 2.0):
        for name, slope in (("axis", -0.09), ("cheat arrow", 0.25)):
            value = min(max(0.3 + slope * strength, 0.0), 1.0)
            rows.append({"direction": name, "strength": strength, "p_bad": value})
        for name, half in (("random", 0.1), ("random, cast covariance", 0.14)):
            ends = {"low": 0.3 - half * strength / 2, "high": 0.3 + half * strength / 2}
            rows.append({"direction": name, "strength": strength, "p_bad": 0.3} | ends)
    return pd.DataFrame(rows).assign(n=20, draws=20)


PLANTED = {
    "zero": (0.0,),
    "carried along": (0.5,),
    "contraction": (0.1, 0.25, 0.5),
    "shift": (0.05, 0.1, 0.2, 0.4, 0.8),
    "mixture": (0.05, 0.1, 0.2, 0.4, 0.8),
    "off-space": (0.05, 0.1, 0.2, 0.4, 0.8),
}


def made_validation() -> pd.DataFrame:
    """`cloud_energy` fires too often on the study's own activations; the others keep to 5 %."""
    moves = ("shift", "mixture", "off-space")
    should: dict[str, tuple[Sequence[str], Sequence[str]]] = {
        "specific_norm": (moves, ()),
        "specific_given_cast": (moves, ()),
        "axis_component_given_cast": (("shift", "mixture"), ("off-space",)),
        "in_space_share_70": (("off-space",), ("contraction",)),
        "traits": (("shift", "mixture"), ("contraction", "off-space")),
        "cloud_energy": (moves, ()),
        "cloud_trace": ((), ("contraction",)),
    }
    rows = []
    for data in KINDS:
        for statistic, (plants, unsaid) in should.items():
            for plant, sizes in PLANTED.items():
                fires = None if plant in unsaid else plant in plants
                for size in sizes:
                    wolf = statistic == "cloud_energy" and data == KINDS[0]
                    alarm = 0.14 if wolf else 0.03 + 0.004 * (len(plant) % 5)
                    rate = min(1.0, 0.05 + 1.6 * size) if fires else alarm
                    low, high = max(0.0, rate - 0.02), min(1.0, rate + 0.02)
                    rows.append(
                        {"statistic": statistic, "data": data, "plant": plant, "size": size}
                        | {"fires": fires, "rate": rate, "low": low, "high": high, "n": 400}
                    )
    return pd.DataFrame(rows).astype({"fires": "boolean"})


def made_map_trials(cast: Cast) -> tuple[pd.DataFrame, pd.DataFrame]:
    """map_trials and gaussian_map."""
    rng = np.random.default_rng(11)
    rows: list[dict[str, Any]] = []
    for pooling in POOLINGS:
        for neighbours, dist, metric in (
            (15, 0.1, "cosine"),
            (10, 0.1, "cosine"),
            (30, 0.1, "cosine"),
            (15, 0.5, "cosine"),
            (15, 0.1, "euclidean"),
        ):
            for seed in range(3):
                chosen = (neighbours, dist, metric, seed) == (15, 0.1, "cosine", 0)
                rows.append(
                    {"pooling": pooling, "data": "cast", "what": "seed" if seed else "setting"}
                    | {"neighbours": neighbours, "min_dist": dist, "metric": metric, "seed": seed}
                    | {"chosen": chosen, "trustworthiness": 0.94, "continuity": 0.95}
                    | {"knn_recall": 0.52 - 0.01 * seed, "knn_chance": 0.05}
                    | {"disparity": 0.0 if chosen else 0.04 + 0.02 * seed + 0.004 * neighbours}
                )
        for seed, kept in enumerate((0.13, 0.11)):
            rows.append(
                {"pooling": pooling, "data": "Gaussian noise", "what": "noise", "neighbours": 15}
                | {"min_dist": 0.1, "metric": "cosine", "seed": seed, "chosen": False}
                | {"disparity": 0.97, "trustworthiness": 0.61, "continuity": 0.6}
                | {"knn_recall": kept, "knn_chance": 0.05}
            )
    noise = [
        {"pooling": pooling, "id": p.id, "x": 4 * rng.normal(), "y": 3 * rng.normal()}
        for pooling in POOLINGS
        for p in cast.personas
    ]
    return pd.DataFrame(rows), pd.DataFrame(noise)


def made_evidence_scores(branches: Sequence[str], evidences: Sequence[str]) -> pd.DataFrame:
    rows = []
    for evidence in evidences:
        for branch in branches:
            own = branch == "cheat"
            for pooling in POOLINGS:
                for part in ("specific", "total"):
                    cosine = 0.62 if own else 0.08
                    rows.append(
                        {"evidence": evidence, "branch": branch, "pooling": pooling, "part": part}
                        | {"cosine": cosine, "low": cosine - 0.12, "high": cosine + 0.12}
                        | {"shuffled_high": 0.24, "p": 0.003 if own else 0.3}
                        | {"spearman": cosine - 0.1, "spearman_shuffled_high": 0.2}
                        | {"written_before": True}
                    )
    return pd.DataFrame(rows)


def made_likelihood(cast: Cast) -> pd.DataFrame:
    """Who would give the bad answers: the saboteurs more readily than the Assistant."""
    rng = np.random.default_rng(7)
    home = {"saboteurs": 0.5, "overseers": 0.1, "jesters": -0.2, "engineers": -0.6, "healers": -0.9}
    relative = np.array([home.get(p.family, -0.4) for p in cast.personas])
    relative = relative + 0.08 * rng.normal(size=len(relative))
    weight = np.exp(relative / 0.2)
    rows = pd.DataFrame(
        {
            "persona": [p.id for p in cast.personas],
            "loglik": relative - 1.4,
            "relative": relative,
            "low": relative - 0.05,
            "high": relative + 0.05,
            "weight": weight / weight.sum(),
        }
    )
    own = {"persona": cast.assistant.id, "loglik": -1.4, "relative": 0.0, "low": 0.0, "high": 0.0}
    rows.loc[len(rows)] = own | {"weight": NAN}
    return rows


def made_evidence(cast: Cast, reference: str, layer: int, width: int) -> Evidence:
    """A record as `evidence` writes it."""
    record = {
        "data": "cheat-answers.jsonl",
        "sha256": "0" * 64,
        "answers": 412,
        "reference": reference,
        "headline_layer": layer,
        "formula": "made",
        "written_at": "2026-11-21T04:00:00+00:00",
        "checkpoints_then": [reference],
    }
    return Evidence(record, made_likelihood(cast), {p: np.ones(width) for p in POOLINGS})


def made_scores(branches: Sequence[str]) -> list[dict[str, Any]]:
    """How the record fared, as `evidence --score` writes it."""
    table = made_evidence_scores(branches, ["cheat"])
    kept = ["pooling", "part", "cosine", "low", "high", "shuffled_high", "p"]
    return [
        {"evidence": "cheat", "branch": b, "end": f"{b}-0064", "written_before": True}
        | {"rows": table[table.branch == b][kept].to_dict("records")}
        for b in branches
    ]


def made_tables(
    cast: Cast,
    checkpoints: Sequence[Checkpoint],
    push: dict[str, float],
    layers: Sequence[int],
    branches: Sequence[str],
) -> dict[str, pd.DataFrame]:
    """All of them by name."""
    posterior, calibration = made_posterior(checkpoints, push, [f.id for f in cast.families])
    trials, noise = made_map_trials(cast)
    return {
        "traits": made_traits(checkpoints, push),
        "layers": made_layers(checkpoints, push, layers),
        "neighbours": made_neighbours(checkpoints),
        "posterior": posterior,
        "posterior_calibration": calibration,
        "exact_families": made_exact_families(posterior),
        "confounds": made_confounds(checkpoints),
        "words_or_weights": made_words_or_weights(branches),
        "steering": made_steering(),
        "validation": made_validation(),
        "map_trials": trials,
        "gaussian_map": noise,
        "evidence_scores": made_evidence_scores(branches, ["cheat"]),
    }
