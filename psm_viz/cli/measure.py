"""Verbs that measure: drift between two checkpoints, and whether the statistics cry wolf."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz import paths
from psm_viz.cli.pairs import count
from psm_viz.cli.progress import quiet, say
from psm_viz.errors import BadInput
from psm_viz.study.files import plain

if TYPE_CHECKING:
    from psm_viz.stats.resampling import Estimate


def add_verbs(verbs: Any) -> None:
    """Add `drift` and `validate`."""
    d = verbs.add_parser("drift", help="what moved between two checkpoints, with nulls")
    d.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    d.add_argument("--from", dest="start", required=True, metavar="CHECKPOINT")
    d.add_argument("--to", dest="end", required=True, metavar="CHECKPOINT")
    d.add_argument("--layer", type=int, help="default: the study's headline layer")
    d.add_argument("--pooling", help="default: the study's headline pooling")
    d.add_argument("--json", action="store_true")
    d.set_defaults(run=drift)

    v = verbs.add_parser(
        "validate", help="plant known movements: false alarms and power of every statistic"
    )
    v.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    v.add_argument("--trials", type=int, default=250, help="trials in the study's activations")
    v.add_argument("--made", type=int, default=200, help="trials in made activations (0: none)")
    v.add_argument("--threads", type=count, default=2)
    v.add_argument("--store", action="store_true", help="keep the table in the study")
    v.add_argument("--stored", action="store_true", help="print the table the study keeps")
    v.add_argument("--json", action="store_true")
    v.set_defaults(run=validate)


def drift(options: argparse.Namespace) -> None:
    """Print every figure between two checkpoints."""
    from psm_viz.study.reader import open_study
    from psm_viz.tables.compare import Comparer
    from psm_viz.tables.neighbours import neighbours_at

    study = open_study(options.study)
    comparer = Comparer(study)
    c = comparer(options.start, options.end, options.pooling, options.layer)
    near: dict[str, list[dict[str, Any]]] = {}
    for when, at in (("before", c.start), ("after", c.end)):
        try:
            found = neighbours_at(study, comparer, at, c.pooling, c.layer)
        except BadInput:  # before training all may be one point: nobody is near
            found = []
        near[when] = [asdict(n) for n in found]
    said = {
        "study": {"name": study.manifest.name, "sha256": study.sha256},
        "from": c.start,
        "to": c.end,
        "pooling": c.pooling,
        "layer": c.layer,
        "personas": c.personas,
        "note": c.note,
        **{name: _figure(f) for name, f in c.figures.items()},
        "in_space_share": _figure(c.figures["in_space_share_90"])
        if "in_space_share_90" in c.figures
        else c.note,
        "neighbours": near,
        "traits": {
            part: {t: _figure(f) for t, f in traits.items()} for part, traits in c.traits.items()
        }
        or "no folds of personas, or no traits in the cast",
    }
    if options.json:
        print(json.dumps(plain(said), indent=2))
        return
    print(f"{c.start} -> {c.end}, {c.pooling}, layer {c.layer}, {c.personas} personas")
    if c.note:
        print(f"  ({c.note})")
    for name, f in c.figures.items():
        print(f"  {name:28s} {_words(f)}")
    for part, traits in c.traits.items():
        print(
            f"  on traits, {part}: " + "; ".join(f"{t} {f.value:+.2f}" for t, f in traits.items())
        )
    for when, rows in near.items():
        print(f"  nearest {when}: " + ", ".join(f"{n['persona']} {n['cosine']:.2f}" for n in rows))


def _figure(f: Estimate) -> dict[str, Any]:
    out: dict[str, Any] = {"value": f.value}
    out["interval"] = [f.low, f.high] if math.isfinite(f.low) else f.null or "none"
    out["null"] = {"low": f.null_low, "high": f.null_high, "of": f.null}
    out["p"] = f.p
    return out


def _words(f: Estimate) -> str:
    text = f"{f.value:9.3f}"
    if math.isfinite(f.low):
        text += f" [{f.low:.3f}, {f.high:.3f}]"
    if math.isfinite(f.null_low):
        text += f"  null [{f.null_low:.3f}, {f.null_high:.3f}] {f.null}"
    elif f.null:
        text += f"  ({f.null})"
    return text + (f"  p {f.p:.3f}" if math.isfinite(f.p) else "")


def validate(options: argparse.Namespace) -> None:
    """Run, or print, the tables of false alarms and power."""
    from psm_viz.study.reader import open_study
    from psm_viz.tables import belief_trials, validation

    study, told = open_study(options.study), quiet if options.json else say
    planted = None
    if options.stored:
        table = study.table("validation")
        if study.has_table("belief_trials"):
            planted = study.table("belief_trials")
    else:
        asked = (options.trials, options.made, options.threads)
        table = validation.validation_table(study, *asked, told)
        if study.talk_note:
            planted = belief_trials.belief_trials(study, *asked, told)
        if options.store:
            validation.store(study, table, planted)
    if options.json:
        found = validation.summary(table)
        found |= {"talks": belief_trials.summary(planted)} if planted is not None else {}
        print(json.dumps(found, indent=2))
        return
    print(validation.as_text(table))
    if planted is not None:
        print(belief_trials.as_text(planted))
