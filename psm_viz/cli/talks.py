"""Verbs about talks: `talks` holds them, `belief` says who the Assistant takes itself to be."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz import paths
from psm_viz.cli.extract_options import AFRESH
from psm_viz.cli.pairs import count, pair
from psm_viz.cli.progress import minutes_since, say
from psm_viz.errors import BadInput
from psm_viz.study.files import plain
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.talks import LIKELIHOOD, OWN, REFERENCE, TELLS, headline_way, tells

if TYPE_CHECKING:
    import pandas as pd

    from psm_viz.engine.checkpoint_tree import Source
    from psm_viz.study.reader import Study


def add_verbs(verbs: Any) -> None:
    """Add `talks` and `belief`."""
    t = verbs.add_parser("talks", help="every checkpoint holds talks, which the study keeps")
    t.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY), metavar="DIR")
    t.add_argument(
        "--weights",
        type=Path,
        default=paths.from_here(paths.MODELS),
        metavar="FOLDER",
        help="holds a model folder a checkpoint, named after it (a tree made by `train` does)",
    )
    t.add_argument(
        "--at",
        action="append",
        default=[],
        metavar="CHECKPOINT=FOLDER",
        help="where the weights of a checkpoint are (may be repeated)",
    )
    t.add_argument("--assistant", type=int, help="talks of the Assistant at every checkpoint")
    t.add_argument("--per-persona", type=int, help="talks of each persona at the reference")
    t.add_argument("--elsewhere", type=int, help="talks of each persona at other checkpoints")
    t.add_argument("--headers", type=int, help="personas a family asked how likely an answer is")
    t.add_argument("--afresh", action="store_true", help=AFRESH)
    t.add_argument("--seed", type=int, default=0)
    t.add_argument("--threads", type=count, default=2)
    t.set_defaults(run=talks)

    b = verbs.add_parser("belief", help="who the Assistant takes itself to be, with nulls")
    b.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY), metavar="DIR")
    b.add_argument("--from", dest="start", metavar="CHECKPOINT", help="default: the reference")
    b.add_argument("--to", dest="end", metavar="CHECKPOINT", help="default: every checkpoint")
    b.add_argument("--json", action="store_true")
    b.set_defaults(run=belief)


def talks(options: argparse.Namespace) -> None:
    """Hold the talks of a study's checkpoints, as far as their weights are found."""
    from psm_viz.engine.hold_talks import add_talks
    from psm_viz.engine.talks import TalkSettings
    from psm_viz.small_model.study import world_knows
    from psm_viz.study.reader import open_study

    began = time.monotonic()
    study = open_study(options.study)
    asked = {
        "assistant": options.assistant,
        "per_persona": options.per_persona,
        "elsewhere": options.elsewhere,
        "headers": options.headers,
    }
    given = {k: v for k, v in asked.items() if v is not None}
    wrong = [k for k, v in given.items() if v < 1]
    if wrong:
        name = wrong[0].replace("_", "-")
        raise BadInput(f"--{name} {given[wrong[0]]}: expected at least 1.")
    source = _source(study, options.weights, options.at)
    settings = TalkSettings(seed=options.seed, afresh=options.afresh, **given)
    made = add_talks(study, source, settings, options.threads, say, world_knows(study))
    held = [c.id for c in made.manifest.checkpoints if made.holds(c.id, "talks")]
    without = [c.id for c in made.manifest.checkpoints if c.id not in held]
    say(f"{options.study}: talks at {len(held)} checkpoints, {minutes_since(began)}.")
    if without:
        say(f"No weights were found of: {', '.join(without)}.")


def _source(study: Study, weights: Path, at: list[str]) -> Source:
    """The study's checkpoints and where their weights lie."""
    from psm_viz.engine.checkpoint_tree import Source

    m = study.manifest
    folders = {c.id: str(weights / c.id) for c in m.checkpoints if (weights / c.id).is_dir()}
    own = str(m.model.get("name", ""))
    if m.reference not in folders and Path(own).is_dir():
        folders[m.reference] = own
    for text in at:
        name, folder = pair("--at", text, "CHECKPOINT")
        folders[m.checkpoint(name).id] = folder
    return Source(m.checkpoints, folders, m.reference)


def belief(options: argparse.Namespace) -> None:
    """Print masses with intervals, nulls and p."""
    from psm_viz.study.reader import open_study

    said = belief_of(open_study(options.study), options.start, options.end)
    print(json.dumps(plain(said, 4), indent=2) if options.json else as_text(said))


def belief_of(study: Study, start: str | None, end: str | None) -> dict[str, Any]:
    """Everything that `belief` prints of a study, as plain values."""
    m, note = study.manifest, study.talk_note
    if note is None:
        raise BadInput("This study has held no talks.", HOLD_TALKS)
    table, quality = study.table("belief"), study.table("belief_quality")
    readings = study.table("belief_readings")
    k = note.answers
    whole = table[table["answers"] == k]
    held = set(whole["checkpoint"])
    for c in (m.checkpoint(c).id for c in (start, end) if c):
        if c not in held:
            raise BadInput(f"{c} has held no talks.", HOLD_TALKS)
    found = _quality(quality[quality["answers"] == k])
    weak = {q["way"] for q in found if q["checkpoint"] == m.reference and not q["tells"]}
    weak |= {REFERENCE} if OWN in weak else set()  # the reference's states are its own there
    shown = [m.checkpoint(end).id] if end else [c.id for c in m.checkpoints if c.id in held]
    out: dict[str, Any] = {
        "study": {"name": m.name, "sha256": study.sha256},
        "reference": m.reference,
        "answers": k,
        "layer": note.layer,
        "marked": list(note.marked),
        "headline": headline_way(readings),
        "readings": _records(readings),
        "quality": found,
        "checkpoints": {c: _checkpoint(whole[whole["checkpoint"] == c], weak) for c in shown},
        "left_out": {
            str(c): note.assistant - int(n)
            for c, n in whole.groupby("checkpoint")["talks"].max().items()
            if c in shown and n < note.assistant
        },
    }
    if study.has_table("belief_direction"):
        direction = study.table("belief_direction")
        out["direction"] = {
            "units": "standard deviations of the cast's talks, from who acts well to badly",
            **{c: _directions(direction[direction["checkpoint"] == c]) for c in shown},
        }
    if start:
        out["change"] = _between(study, m.checkpoint(start).id, shown)
    return out


WEAK = (
    f"This reading tells the kin less than {TELLS:.2f} better than guessing: it hardly tells who "
    "speaks in a talk,\nso that only means over many talks say something, and shares by EM are "
    "left out."
)
"""What is said before figures of a reading that does not tell."""
NAMES = {LIKELIHOOD: "how likely the reference finds the words", OWN: "the model's own states"}


def _quality(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """How well each way reads, and whether it tells who speaks at all."""
    return [q | {"tells": tells(q["kin"], q["kin_chance"])} for q in _records(rows)]


def _checkpoint(rows: pd.DataFrame, weak: set[str]) -> dict[str, Any]:
    """One checkpoint: way -> what -> name -> figures. No shares by EM in a weak way, where
    any share explains the beliefs about as well."""
    out: dict[str, Any] = {}
    for r in _records(rows):
        counts = {"talks": r["talks"], "paired": r["paired"], "none_of_these": r["none"]}
        place = out.setdefault(r["way"], counts)
        names = ("mass", *([] if r["way"] in weak else ["em"]), "change", "did")
        place.setdefault(r["of"], {})[r["name"]] = {name: _figure(r, name) for name in names}
    return out


def _directions(rows: pd.DataFrame) -> dict[str, Any]:
    """One checkpoint's projections on the fixed direction: way -> figures."""
    return {
        r["way"]: {name: _figure(r, name) for name in ("value", "change", "did")}
        for r in _records(rows)
    }


def _between(study: Study, start: str, ends: list[str]) -> dict[str, Any]:
    """Changes from another checkpoint than the reference, made when asked for."""
    from psm_viz.tables.belief import changes_from

    found = changes_from(study, study.table("beliefs"), start)
    rows = [r for r in _records(found) if r["checkpoint"] in ends]
    out: dict[str, Any] = {"from": start}
    for r in rows:
        place = out.setdefault(r["checkpoint"], {}).setdefault(r["way"], {})
        place.setdefault(r["of"], {})[r["name"]] = _figure(r, "change")
    return out


def _figure(r: dict[str, Any], name: str) -> dict[str, Any]:
    out = {"value": r[name], "interval": [r[f"{name}_low"], r[f"{name}_high"]]}
    if f"{name}_p" in r:
        out |= {"null": [r[f"{name}_null_low"], r[f"{name}_null_high"]], "p": r[f"{name}_p"]}
    return out


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in r.items()} for r in frame.to_dict("records")]


def as_text(said: dict[str, Any]) -> str:
    """How well each way reads, then a line a checkpoint: the mass on the families who act badly.
    Of one checkpoint alone, or where nobody says who acts badly, every kin read in every way.
    Changes are from the reference, or from the checkpoint that was asked for."""
    lines = [f"Belief after {said['answers']} answers. How well it is read at the reference:"]
    for q in said["quality"]:
        if q["checkpoint"] == said["reference"] and "shuffled" not in q["way"]:
            exact = f", r {q['r']:.2f}" if math.isfinite(q["r"]) else ""
            lines.append(
                f"  {q['way']:12s} kin told right {q['kin']:.2f} (chance {q['kin_chance']:.2f}), "
                f"Brier {q['brier']:.3f}{exact}"
            )
    brief = said["marked"] and len(said["checkpoints"]) > 1
    lines += ["", *(_brief(said) if brief else _every_kin(said))]
    for checkpoint, n in said["left_out"].items():
        lines.append(f"{checkpoint}: {n} of its talks left out for an empty answer.")
    return "\n".join(lines)


def _heads(said: dict[str, Any]) -> str:
    """What stands in the columns of changes."""
    if "change" in said:
        return f"change from {said['change']['from']} (p)"
    return "change from the reference (p) | less the benign branch's (p)"


def _changes(said: dict[str, Any], checkpoint: str, way: str, of: str, name: str) -> list[Any]:
    """The changes of one mass: from another checkpoint where one was asked for, else from the
    reference, and that less the benign branch's."""
    if "change" in said:
        found = said["change"].get(checkpoint, {}).get(way, {}).get(of, {}).get(name)
        return [] if found is None else [found]
    own = said["checkpoints"][checkpoint][way][of][name]
    return [own["change"], own["did"]]


def _brief(said: dict[str, Any]) -> list[str]:
    """The mass on the marked families, by the headline reading, and what stands beside it."""
    way = said["headline"]
    read = [q for q in said["quality"] if (q["checkpoint"], q["way"]) == (said["reference"], way)]
    weak = [WEAK] if read and not read[0]["tells"] else []
    untold = {q["checkpoint"] for q in said["quality"] if q["way"] == way and not q["tells"]}
    lines = [
        *weak,
        f"Belief that one of those speaks who act badly (read by {NAMES.get(way, way)}):",
        f"mean over talks [95 %] | {_heads(said)}" + ("" if weak else " | share by EM"),
    ]
    for checkpoint, ways in said["checkpoints"].items():
        if way not in ways:
            continue
        exact = ways.get("exact", {}).get("marked", {}).get("marked")
        changes = _changes(said, checkpoint, way, "marked", "marked")
        line = f"  {checkpoint:18s} {_words(ways[way]['marked']['marked'], changes)}"
        seen = f" | exact observer {exact['mass']['value']:.2f}" if exact else ""
        lines.append(line + seen + ("" if weak or checkpoint not in untold else " (*)"))
    if not weak and untold & said["checkpoints"].keys():
        lines.append("(*) Talks of this checkpoint hardly tell who speaks: no character yet.")
    return [*lines, f"Every kin and way of one checkpoint: --to {said['reference']}"]


def _every_kin(said: dict[str, Any]) -> list[str]:
    lines = [f"Mean over talks [95 %] | {_heads(said)} | share by EM"]
    for checkpoint, ways in said["checkpoints"].items():
        lines.append(checkpoint)
        for way, found in ways.items():
            for of in ("kin", "marked"):
                for name, f in found.get(of, {}).items():
                    changes = _changes(said, checkpoint, way, of, name)
                    lines.append(f"  {way:10s} {name:10s} {_words(f, changes)}")
    return lines


def _words(f: dict[str, Any], changes: list[Any]) -> str:
    mass = f["mass"]
    low, high = mass["interval"]
    text = f"{mass['value']:.2f} [{low:.2f}, {high:.2f}]"
    for part in changes:
        if math.isfinite(part["value"]):
            text += f" | {part['value']:+.2f} ({_p(part['p'])})"
    return f"{text} | EM {f['em']['value']:.2f}" if "em" in f else text


def _p(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p {p:.3f}"
