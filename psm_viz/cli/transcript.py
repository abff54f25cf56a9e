"""The verb `transcript`: a talk made elsewhere, read turn by turn."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz import paths
from psm_viz.cli.pairs import count
from psm_viz.cli.progress import quiet, say
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.files import plain

if TYPE_CHECKING:
    from psm_viz.engine.read_transcript import Ground, Turn
    from psm_viz.study.formats.transcripts import Transcript

UNITS = "standard deviations of the cast along the reference's Assistant axis; 0: the cast's mean"
LIKELIEST = 3
"""Families named in a line."""
WORDS = 44
"""Characters of an answer shown in a line."""


def add_verbs(verbs: Any) -> None:
    """Add `transcript`."""
    t = verbs.add_parser(
        "transcript",
        help="a talk made elsewhere, turn by turn: where the model stands, who would say this",
        description="Read chat data of one talk, a transcript of the Assistant-axis repository or "
        "a conversation downloaded from Neuronpedia's Assistant Axis page. After each answer: "
        "where the model stands on the study's Assistant axis, and which families of its cast "
        "would have said it.",
    )
    t.add_argument("file", type=Path, metavar="FILE", help="the talk, JSON or JSON lines")
    t.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY), metavar="DIR")
    t.add_argument("--model", required=True, help="the weights of the study's reference")
    t.add_argument(
        "--as",
        dest="other",
        metavar="FOLDER",
        help="another checkpoint, whose states are read in place of the reference's",
    )
    t.add_argument("--threads", type=count, default=2)
    t.add_argument("--json", action="store_true")
    t.set_defaults(run=transcript)


def transcript(options: argparse.Namespace) -> None:
    """Print what is read after every answer."""
    from psm_viz.study.formats import transcripts
    from psm_viz.study.reader import open_study

    study = open_study(options.study)
    talks = transcripts.read_transcripts(options.file)
    from psm_viz.engine.read_transcript import read_transcripts  # slow: the file is read before

    told = quiet if options.json else say
    asked = (options.model, options.other, options.threads)
    ground, turns = read_transcripts(study, talks, *asked, told)
    said = {"file": str(options.file), "model": options.model, "as": options.other}
    said |= _ground(ground)
    said["talks"] = [_talk(t, own, said["marked"]) for t, own in zip(talks, turns, strict=True)]
    print(json.dumps(plain(said, 4), indent=2) if options.json else as_text(said))


def _ground(ground: Ground) -> dict[str, Any]:
    m, note = ground.study.manifest, ground.study.talk_note
    families = next((r.families for r in ground.readings.values()), ())
    return {
        "study": {"name": m.name, "sha256": ground.study.sha256},
        "reference": m.reference,
        "layer": m.headline_layer,
        "units": UNITS,
        "cast": {
            pooling: {"low": low, "high": high, "assistant": own}
            for pooling, (low, high, own) in ground.places.items()
        },
        "belief_read_from": sorted(ground.readings),
        "belief_left_out": ground.without,
        "marked": [f for f in families if note and f in note.marked],
    }


def _talk(transcript: Transcript, turns: list[Turn], marked: list[str]) -> dict[str, Any]:
    own = transcript.published or ({},) * len(turns)
    return {
        "name": transcript.name,
        "speaker": transcript.speaker,
        "system_messages": len(transcript.conversation.systems),
        "note": transcript.note,
        "turns": [
            {
                "turn": n,
                "answer": turn.words,
                "axis": dict(turn.axis),
                "answers_read": turn.answers,
                "belief": dict(turn.belief) if turn.belief is not None else None,
                "marked": _marked(turn.belief, marked),
                "published": published,
                "notes": list(turn.notes),
            }
            for n, (turn, published) in enumerate(zip(turns, own, strict=True), 1)
        ],
    }


def _marked(belief: Mapping[str, float] | None, marked: list[str]) -> float | None:
    return sum(belief[f] for f in marked) if belief is not None and marked else None


def as_text(said: dict[str, Any]) -> str:
    """A line an answer, under where the cast stands."""
    lines = [
        f"Assistant axis at {said['reference']}, layer {said['layer']}, in {said['units']}.",
    ]
    for pooling, cast in said["cast"].items():
        lines.append(
            f"  {POOLING_NAMES[pooling]}: the cast stands from {cast['low']:+.2f} to "
            f"{cast['high']:+.2f}, the Assistant at {cast['assistant']:+.2f}"
        )
    if said["belief_left_out"]:
        lines.append(f"No belief: {said['belief_left_out']}")
    else:
        *few, most = map(str, said["belief_read_from"])
        read = f"{', '.join(few)} or {most}" if few else most
        lines.append(f"Belief: who of the cast would have said the last {read} answers.")
        if not said["marked"]:
            lines.append("Nobody says which families of this cast act badly.")
    for talk in said["talks"]:
        lines += ["", *_table(talk, said)]
    return "\n".join(lines)


def _table(talk: dict[str, Any], said: dict[str, Any]) -> list[str]:
    from psm_viz.study.formats.transcripts import printable

    turns = talk["turns"]
    whose = f"{talk['name'].capitalize() or 'The'} conversation, {len(turns)} answers"
    whose += f" by {talk['speaker']}" if talk["speaker"] else ""
    lines = [whose + (f"; {talk['note']}" if talk["note"] else "")]
    if talk["system_messages"]:
        lines.append(
            "Its system message is read with it for the axis, and gives way to each persona's "
            "instruction for the belief."
        )
    titles = list(dict.fromkeys(title for t in turns for title in t["published"]))
    columns: list[list[str]] = [["turn", *(str(t["turn"]) for t in turns)]]
    for pooling, cast in said["cast"].items():
        head = f"{POOLING_NAMES[pooling]} ({cast['low']:+.1f} to {cast['high']:+.1f})"
        columns.append([head, *(_number(t["axis"].get(pooling)) for t in turns)])
    columns += [
        [f"published: {title}", *(_number(t["published"].get(title)) for t in turns)]
        for title in titles
    ]
    if said["marked"]:
        shares = ["-" if t["marked"] is None else f"{t['marked']:.2f}" for t in turns]
        columns.append(["act badly", *shares])
    if not said["belief_left_out"]:
        columns.append(["likeliest families", *(_likeliest(t["belief"]) for t in turns)])
    columns.append(["answer", *(printable(t["answer"], WORDS) for t in turns)])
    wide = [max(map(len, c)) for c in columns]
    for row in zip(*columns, strict=True):
        lines.append("  ".join(c.ljust(w) for c, w in zip(row, wide, strict=True)).rstrip())
    lines += [f"turn {t['turn']}: {note}" for t in turns for note in t["notes"]]
    return lines


def _likeliest(belief: Mapping[str, float] | None) -> str:
    if belief is None:
        return "-"
    first = sorted(belief.items(), key=lambda b: -b[1])[:LIKELIEST]
    return ", ".join(f"{family} {mass:.2f}" for family, mass in first)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
