"""The figures of a study for a reader: computed from its files each time, nothing stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats.significance import equivalent
from psm_viz.study import manifest as col
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.files import plain
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer
from psm_viz.tables.matched_odds import matched_lines, matched_results
from psm_viz.tables.nulls import NULLS, random_directions_best_layer
from psm_viz.tables.odds_results import odds_lines, odds_results
from psm_viz.tables.rates import DRAWS, SEED, in_context, ratios, split_rates


def ends(study: Study) -> dict[str, str]:
    """Name -> checkpoint: base, assistant and the end of every fine-tuned branch."""
    m = study.manifest
    branch = m.branch(m.checkpoint(m.reference).branch)
    out = {"base": branch[0].id} if branch[0].id != m.reference else {}
    return out | {"assistant": m.reference} | {b: m.branch(b)[-1].id for b in m.fine_tuned}


def results_of(study: Study) -> dict[str, Any]:
    """Every headline figure with its interval, n and null beside it.

    `branches`: rates of bad answers; `written_answers`: where nobody judges, how likely those are,
    and `matched`, the same where as much was learned;
    `in_context`: the base beside the exact observer; `geometry`: drift from the reference in every
    pooling kept, with the noise floor as its null.
    """
    out: dict[str, Any] = {
        "study": {"name": study.manifest.name, "sha256": study.sha256},
        "sampling": study.manifest.generation,
        "training_seed": study.manifest.notes.get("training_seed"),
        "bootstrap": {"draws": DRAWS, "seed": SEED, "resampled": "topics, then questions"},
        "branches": _branches(study),
        "written_answers": odds_results(study),
        "matched": matched_results(study),
        "geometry": _geometry(study),
        "axis_beside_pc1": _axis_beside_pc1(study),
        **{name: _rows(study, name) for name in TABLES},
        "nulls": [asdict(n) | {"guards": list(n.guards)} for n in NULLS],
    }
    compared = {k: v for k, v in ends(study).items() if k in ("cheat", "requested", "honest")}
    trained = study.manifest.notes.get("trained_topic")
    if trained and len(compared) == 3 and set(compared) <= set(out["branches"]):
        out["comparison"] = ratios(study, trained, compared)
        share = out["comparison"]["requested_share"]
        share["margin"] = [-MARGIN, MARGIN]
        share["equivalent"] = equivalent(share["low"], share["high"], (-MARGIN, MARGIN))
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


GEOMETRY = (
    *("specific_given_cast", "given_cast_percentile", "specific_norm", "specific_percentile"),
    *("shift_norm", "global_norm", "cos_shift_global"),
    *("axis_component", "axis_component_given_cast", "percentile_given_cast", "axis_cosine"),
    *("in_space_share_70", "in_space_share_90"),
)


def _geometry(study: Study) -> dict[str, Any]:
    """Figures from the reference to the end of every branch, and the noise floor beside them."""
    m, compare = study.manifest, Comparer(study)
    branches = {b: m.branch(b)[-1].id for b in m.fine_tuned}
    if m.noise_floor:
        branches["noise floor"] = m.noise_floor
    out: dict[str, Any] = {
        "from": m.reference,
        "layer": m.headline_layer,
        "headline_pooling": m.headline_pooling,
        "questions": len([q for q in study.questions if q.set == col.MAIN]),
        "personas": len(study.cast.personas),
        "benign": m.notes.get("benign"),
        "other_role": m.notes.get("other_role"),
        "left_out": [],
        "poolings": {},
    }
    for pooling in m.poolings:
        entry: dict[str, Any] = {}
        for name, checkpoint in branches.items():
            try:
                found = compare(m.reference, checkpoint, pooling)
            except (BadInput, UnknownName) as e:  # an import may lack this pooling, or most roles
                out["left_out"].append(f"{name}, {pooling}: {e.problem}")
                continue
            entry[name] = {k: plain(vars(found.figures[k])) for k in GEOMETRY if k in found.figures}
        out["poolings"][pooling] = entry
    return out


def _axis_beside_pc1(study: Study) -> dict[str, Any]:
    """|cos(axis, first principal direction)| at the reference's best layer, and its null."""
    m = study.manifest
    poolings = study.vectors(m.reference).poolings
    found = {p: random_directions_best_layer(study, m.reference, p) for p in poolings}
    return {p: asdict(a) | {"band": list(a.band)} for p, a in found.items()}


MARGIN = 0.15
"""'No effect' of the request: the whole interval of (requested - honest) / (cheat - honest) within
this of zero. Fixed before the branches were trained (docs/decisions.md)."""
TABLES = ("lessons", "evidence_scores", "words_or_weights", "steering")
"""Stored tables whose rows are results in themselves."""


def _rows(study: Study, name: str) -> list[dict[str, Any]]:
    try:
        table = study.table(name)
    except UnknownName:
        return []
    return plain(table.to_dict("records"))


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
        within = ""
        if "equivalent" in r:
            word = "within" if r["equivalent"] else "not within"
            within = f", {word} the margin of {r['margin'][1]:.2f}"
        lines.append(f"  {key}: {r['value']:.2f} [{r['low']:.2f}, {r['high']:.2f}]{within}")
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
    lines += odds_lines(found["written_answers"])
    lines += matched_lines(found["matched"])
    lines += _geometry_lines(found["geometry"])
    lines += _table_lines(found)
    return "\n".join(lines)


def _geometry_lines(g: dict[str, Any]) -> list[str]:
    lines = []
    for pooling, entry in g["poolings"].items():
        lines += [
            "",
            f"Drift from {g['from']}, layer {g['layer']}, {POOLING_NAMES[pooling]}: "
            "the Assistant's movement of its own [95 %]",
        ]
        for name, figures in entry.items():
            role = {g["benign"]: " (benign)", g["other_role"]: " (another role trained)"}
            lines.append(f"  {name + role.get(name, ''):<36} {_own(figures)}")
    return lines + [f"  left out: {why}" for why in g["left_out"]]


def _own(figures: dict[str, Any]) -> str:
    """The headline in words; without folds of personas, the plain specific norm."""
    s = figures.get("specific_given_cast") or figures["specific_norm"]
    text = f"{s['value']:5.2f} " + _band(s["low"], s["high"], s["null"])
    if s["null_high"] is not None:
        text += f" | cast [{s['null_low']:.2f}, {s['null_high']:.2f}] p {s['p']:.3f}"
    a = figures.get("axis_component_given_cast")
    text += f" | axis {a['value']:+.2f} SD" if a else ""
    return text + (f" p {a['p']:.3f}" if a and a["p"] is not None else "")


def _band(low: float | None, high: float | None, otherwise: str) -> str:
    return f"({otherwise})" if low is None or high is None else f"[{low:.2f}, {high:.2f}]"


def _table_lines(found: dict[str, Any]) -> list[str]:
    lines = ["", "Assistant axis beside the cast's first principal direction, |cosine|, best layer"]
    for pooling, a in found["axis_beside_pc1"].items():
        lines.append(
            f"  {POOLING_NAMES[pooling]:<20} {a['value']:.2f} (layer {a['layer']}) | random "
            f"directions of the cast's covariance [{a['band'][0]:.2f}, {a['band'][1]:.2f}], "
            f"p {a['p']:.2f}"
        )
    if found["lessons"]:
        lines += ["", "What each branch had to learn (nats per answer token) and how far it went"]
        for r in found["lessons"]:
            lines.append(
                f"  {r['branch']:<12} starting loss {r['start_loss']:.3f}  gradient "
                f"{r['gradient']:.2f}  update {r['update']:.2f}"
            )
    headline = found["geometry"]["headline_pooling"]
    scores = [
        r
        for r in found["evidence_scores"]
        if r["pooling"] == headline and r["part"] == "specific" and r["evidence"] == r["branch"]
    ]
    if scores:
        lines += ["", "Evidence: cosine of the arrow from a branch's data with what it did [95 %]"]
        for r in scores:
            when = "before training" if r["written_before"] else "after training"
            lines.append(
                f"  {r['branch']:<12} {r['cosine']:+.2f} [{r['low']:+.2f}, {r['high']:+.2f}] | "
                f"95 % of shuffles below {r['shuffled_high']:.2f}, p {r['p']:.3f} (written {when})"
            )
    if found["words_or_weights"]:
        lines += ["", "Words or weights: share of the shift over the answer that is in each [95 %]"]
        for r in found["words_or_weights"]:
            if r["effect"] == "interaction":
                continue
            share = "not told from zero"
            if r["share"] is not None:
                share = f"{r['share']:.2f} [{r['share_low']:.2f}, {r['share_high']:.2f}]"
            lines.append(f"  {r['branch']:<12} {r['effect']:<8} {share}")
    if found["steering"]:
        lines += ["", "Steering: rate of bad answers in held-out topics, strength 1"]
        for r in found["steering"]:
            if r["strength"] not in (0.0, 1.0):
                continue
            band = f" [{r['low']:.3f}, {r['high']:.3f}]" if r["low"] is not None else ""
            lines.append(f"  {r['direction']:<24} {r['p_bad']:.3f}{band}")
    return lines
