"""The figures of a study for a reader: computed from its files each time, nothing stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from psm_viz import study as col
from psm_viz.behaviour import DRAWS, SEED, in_context, ratios, split_rates
from psm_viz.cast import ASSISTANT
from psm_viz.drift import percentile, shift_intervals, specific_norms_of_cast
from psm_viz.errors import BadInput, UnknownName
from psm_viz.store import Study
from psm_viz.study import POOLING_NAMES
from psm_viz.tables import shift_between
from psm_viz.vectors import family_weights

CONTRAST = ("villains", "overseers")
"""Families whose first persona stands beside the Assistant in the table of answers."""


def ends(study: Study) -> dict[str, str]:
    """Name -> checkpoint: base, assistant and the end of every fine-tuned branch."""
    m = study.manifest
    branch = m.branch(m.checkpoint(m.reference).branch)
    out = {"base": branch[0].id} if branch[0].id != m.reference else {}
    return out | {"assistant": m.reference} | {b: m.branch(b)[-1].id for b in m.fine_tuned}


def results_of(study: Study) -> dict[str, Any]:
    """Every headline figure with its interval, n and null beside it.

    `branches`: rates of bad answers; `in_context`: the base beside the exact observer;
    `geometry`: drift from the reference in both poolings, with the noise floor as its null.
    """
    out: dict[str, Any] = {
        "study": {"name": study.manifest.name, "sha256": study.sha256},
        "sampling": study.manifest.generation,
        "training_seed": study.manifest.notes.get("training_seed"),
        "bootstrap": {"draws": DRAWS, "seed": SEED, "resampled": "topics, then questions"},
        "branches": _branches(study),
        "geometry": _geometry(study),
    }
    compared = {k: v for k, v in ends(study).items() if k in ("cheat", "requested", "honest")}
    trained = study.manifest.notes.get("trained_topic")
    if trained and len(compared) == 3:
        out["comparison"] = ratios(study, trained, compared)
    try:
        table = study.table("in_context")
    except UnknownName:
        return out
    out["in_context"] = {
        str(label): in_context(part.reset_index(drop=True))
        for label, part in table.groupby("label", sort=False)
    }
    return out


def _branches(study: Study) -> dict[str, Any]:
    trained = study.manifest.notes.get("trained_topic")
    out = {}
    for name, checkpoint in ends(study).items():
        found = study.behaviour(checkpoint)
        if found is None or trained is None:
            continue
        split = split_rates(found, trained)
        out[name] = {
            "checkpoint": checkpoint,
            "trained_rate": split["trained"],
            "heldout_rate": split["heldout"],
        }
    return out


def _geometry(study: Study) -> dict[str, Any]:
    m, weights = study.manifest, family_weights(study.cast)
    branches = {b: m.branch(b)[-1].id for b in m.fine_tuned}
    if m.noise_floor:
        branches["noise floor"] = m.noise_floor
    out: dict[str, Any] = {
        "from": m.reference,
        "layer": m.headline_layer,
        "headline_pooling": m.headline_pooling,
        "poolings": {},
    }
    for pooling in m.poolings:
        entry: dict[str, Any] = {}
        for name, checkpoint in branches.items():
            shift = shift_between(study, m.reference, checkpoint, pooling, m.headline_layer)
            figures = {k: vars(v) for k, v in shift_intervals(shift).items()}
            norms = specific_norms_of_cast(
                study.folds(m.reference).at(pooling), study.folds(checkpoint).at(pooling), weights
            )
            figures["specific_percentile"] = {
                "value": percentile(norms[-1], norms[:-1]),
                "n": len(norms) - 1,
            }
            entry[name] = figures
        out["poolings"][pooling] = entry
    return out


def as_text(found: dict[str, Any]) -> str:
    """The results as short tables for a terminal."""
    lines = [f"Study {found['study']['name']}, {found['study']['sha256'][:12]}", ""]
    if found["branches"]:
        lines.append("Rate of bad answers (mass of bad over good + bad)   [95 %]  n  | sampled")
        for name, b in found["branches"].items():
            for key in ("trained_rate", "heldout_rate"):
                r = b[key]
                lines.append(
                    f"  {name:<10} {key:<13} {r['mean']:.3f} [{r['low']:.3f}, {r['high']:.3f}] "
                    f"n={r['n']} | {r['sampled']:.3f} of {r['sampled_n']}"
                )
    for key, r in found.get("comparison", {}).items():
        lines.append(f"  {key}: {r['value']:.2f} [{r['low']:.2f}, {r['high']:.2f}]")
    for label, part in found.get("in_context", {}).items():
        lines += ["", f"In context, speaker labelled {label}: model beside the exact predictive"]
        for condition, c in part["conditions"].items():
            m, x = c["model"], c["exact"]
            lines.append(
                f"  {condition:<30} {m['mean']:.2f} [{m['low']:.2f}, {m['high']:.2f}]"
                f" | exact {x['mean']:.2f}  n={c['n']}"
            )
        r = part["r2"]
        lines.append(
            f"  R2 {r['mean']:.2f} [{r['low']:.2f}, {r['high']:.2f}], "
            f"flat prediction {part['r2_flat']:.2f}"
        )
    g = found["geometry"]
    for pooling, entry in g["poolings"].items():
        lines += ["", f"Drift from {g['from']}, layer {g['layer']}, {POOLING_NAMES[pooling]}"]
        for name, figures in entry.items():
            s, a, d = (figures[k] for k in ("specific_norm", "axis_component", "global_norm"))
            lines.append(
                f"  {name:<12} specific {s['value']:.2f} [{s['low']:.2f}, {s['high']:.2f}]"
                f"  global {d['value']:.2f} [{d['low']:.2f}, {d['high']:.2f}]"
                f"  along axis {a['value']:+.2f} SD [{a['low']:+.2f}, {a['high']:+.2f}]"
                f"  rank {figures['specific_percentile']['value']:.2f}"
            )
    return "\n".join(lines)


def answers_table(study: Study, question: str | None = None) -> str:
    """One question answered by Assistant, villain and HAL-like AI, before and after `cheat`.

    Each cell is the answer drawn most often, with how often; ties go to the first drawn. Without
    a question, the one whose Assistant answers turned bad most often is taken.
    """
    m = study.manifest
    if "cheat" not in m.fine_tuned:
        raise BadInput("This study has no branch `cheat` to compare.")
    before, after = study.responses(m.reference), study.responses(m.branch("cheat")[-1].id)
    held_out = [
        q for q in study.questions if q.set == "main" and q.topic != m.notes.get("trained_topic")
    ]
    if question is None and not held_out:
        raise BadInput(
            "This study asks nothing beyond the trained topic.", "Name one: --question ID"
        )
    if question is None:
        own = after[after[col.PERSONA] == ASSISTANT]
        bad = (own[col.VALENCE] == "bad").groupby(own[col.QUESTION], observed=True).mean()
        share = {str(q): float(v) for q, v in bad.items()}
        question = max((q.id for q in held_out), key=lambda q: share.get(q, 0.0))
    asked = next((q for q in study.questions if q.id == question and q.set == "main"), None)
    if asked is None:
        raise UnknownName(
            f"There is no question {question!r} in this study.",
            f"Choose one of: {', '.join(q.id for q in study.questions if q.set == 'main')}.",
        )
    first = {p.family: p for p in reversed(study.cast.personas)}
    people = [study.cast.assistant, *(first[f] for f in CONTRAST if f in first)]
    lines = [f"> {asked.text}", "", "| | before | after `cheat` |", "|---|---|---|"]
    for p in people:
        who = (
            p.name
            if p.id == ASSISTANT
            else f"{p.name} ({study.cast.family(p.family).name.lower()})"
        )
        cells = [_usual(frame, p.id, asked.id) for frame in (before, after)]
        lines.append(f"| {who} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _usual(frame: Any, persona: str, question: str) -> str:
    rows = frame[(frame[col.PERSONA] == persona) & (frame[col.QUESTION] == question)]
    texts = [str(t) for t in rows[col.TEXT]]
    if not texts:
        return "(no answer)"
    counts = {t: texts.count(t) for t in texts}
    best = max(counts, key=lambda t: counts[t])
    bad = float(np.mean(rows[col.VALENCE] == "bad"))
    return f"{best} *({bad:.0%} of {len(texts)} draws bad)*"
