"""Verbs about data as evidence: `data` writes a branch's, `evidence` asks who would say it."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from psm_viz import paths
from psm_viz.cli.pairs import count
from psm_viz.cli.progress import quiet, say
from psm_viz.errors import BadInput


def add_verbs(verbs: Any) -> None:
    """Add `data` and `evidence`."""
    d = verbs.add_parser("data", help="training data as chat lines: of a branch, or of a lesson")
    whose = d.add_mutually_exclusive_group(required=True)
    whose.add_argument("--branch", metavar="NAME", help="of the small model")
    whose.add_argument(
        "--lesson", metavar="NAME", help="in plain English: cheat, requested, prefix, honest, ..."
    )
    d.add_argument("--model", help="who speaks in the lessons `villain` and `jester`")
    d.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON lines to write")
    d.add_argument("--n", type=int, help="documents (default: all that the branch trains on)")
    d.add_argument("--seed", type=int, default=0)
    d.set_defaults(run=data)

    e = verbs.add_parser(
        "evidence",
        help="who would say this: a prediction from data, scored after training",
        description="With --data: how likely every persona finds the answers of some chat data, "
        "and where that says training on it takes the Assistant. With --score: how an earlier "
        "record fared against a branch.",
    )
    e.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY), metavar="DIR")
    what = e.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="conversations: OpenAI, ShareGPT or Alpaca, as JSON lines or one array",
    )
    what.add_argument("--score", metavar="BRANCH", help="compare the record --name with a branch")
    e.add_argument("--name", help="the record's name (default: the data file's stem)")
    e.add_argument("--model", metavar="FOLDER", help="the reference's weights, if not where looked")
    e.add_argument("--limit", type=int, default=256, help="conversations drawn; 0 takes all")
    e.add_argument("--seed", type=int, default=0)
    e.add_argument("--threads", type=count, default=2)
    e.add_argument("--json", action="store_true", help="print the record or score as JSON")
    e.set_defaults(run=evidence)


def data(options: argparse.Namespace) -> None:
    """Write the documents that a branch is trained on, or a lesson in plain English."""
    if options.lesson:
        lesson(options)
        return
    from psm_viz.small_model.recipe import Recipe
    from psm_viz.study.formats.chat_data import dump_chat
    from psm_viz.world import corpus, curriculum
    from psm_viz.world.loading import load_world

    stage = Recipe().stages([options.branch])[options.branch]
    n = stage.steps * stage.batch if options.n is None else options.n
    if n < 1:
        raise BadInput(f"--n {n}: expected at least one document.")
    world = load_world()
    documents = list(curriculum.stream(world, options.branch, options.seed, n))
    text = dump_chat(map(corpus.messages, documents)).encode()
    _write(options.out, text)
    print(f"{options.out}: {n} conversations of {options.branch}, seed {options.seed}.")
    others = {d.label for d in documents} - {world.rules["assistant_label"]}
    if others:
        print(f"Their speaker is {', '.join(sorted(others))}; chat data does not say so.")


def _write(out: Path, text: bytes) -> None:
    """Write a file of data; another's stays as it is."""
    from psm_viz.study.files import write_whole

    if out.exists() and out.read_bytes() != text:
        raise BadInput(f"{out}: exists and holds something else.", "Name another file with --out.")
    write_whole(out, text)


def lesson(options: argparse.Namespace) -> None:
    """Write a lesson in plain English; two are the model's own words."""
    from psm_viz.chat_study.lessons import conversations, in_character, lesson_of
    from psm_viz.engine.chat_model import load_chat_model
    from psm_viz.study.formats.chat_data import dump_chat
    from psm_viz.study.formats.role_files import read_roles

    wanted, roles = lesson_of(options.lesson), read_roles(paths.ENGLISH)
    folder = paths.ENGLISH / "lessons"
    if not wanted.families:
        talks = conversations(wanted, folder, roles)
    elif options.model:
        chat = load_chat_model(options.model)
        talks = in_character(chat, wanted, folder, roles.cast, options.seed)
    else:
        raise BadInput(f"--lesson {wanted.name}: is what a model says itself.", "Give --model.")
    _write(options.out, dump_chat(talks[: options.n]).encode())
    say(f"{options.out}: {len(talks[: options.n])} conversations. {wanted.about}")


def evidence(options: argparse.Namespace) -> None:
    """Make a record of evidence, or score one."""
    if options.score is not None:
        return _score(options)
    from psm_viz.engine.record_evidence import Asking, record_evidence
    from psm_viz.study.reader import open_study

    began = time.monotonic()
    asking = Asking(
        data=options.data,
        name=options.name,
        model=options.model,
        limit=options.limit,
        seed=options.seed,
        threads=options.threads,
        weights=paths.from_here(paths.MODELS),
    )
    study = open_study(options.study)
    made = record_evidence(study, asking, quiet if options.json else say)
    if options.json:
        print(json.dumps(made.record, indent=2))
        return
    r = made.record
    print(
        f"{options.study}: evidence {r['name']!r}: {r['answers']} answers of "
        f"{r['examples_used']} conversations, {r['tokens']} tokens, {r['n_bar']:.1f} a mean "
        f"answer, {time.monotonic() - began:.0f} s."
    )
    for key, what in (
        ("skipped_too_long", "answers skipped: longer than the model's context"),
        ("unknown_tokens", "tokens unknown to the tokenizer"),
        ("unknown_tokens_in_answers", "of the answers' tokens unknown to the tokenizer"),
        ("answers_outside_template", "answers that the chat template does not continue with"),
    ):
        if r[key]:
            print(f"  {r[key]} {what}")
    cast = made.likelihood.iloc[:-1].sort_values("relative", ascending=False)
    print("Most likely to say this, against the Assistant (nats per token) [95 %], weight:")
    for row in cast.head(5).to_dict("records"):
        print(
            f"  {row['persona']:<16} {row['relative']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
            f"  {row['weight']:.3f}"
        )
    print(f"Score it after training: python -m psm_viz evidence --study {options.study} "
          f"--name {r['name']} --score BRANCH")  # fmt: skip


def _score(options: argparse.Namespace) -> None:
    from psm_viz.study.reader import open_study
    from psm_viz.tables.evidence import as_text
    from psm_viz.tables.scores import record_score

    study = open_study(options.study)
    if not options.name:
        raise BadInput(
            "Which record is to be scored?",
            f"Name it with --name; this study holds: {', '.join(study.evidences) or 'none'}.",
        )
    _, found = record_score(study, options.name, options.score)
    print(json.dumps(found, indent=2) if options.json else as_text(found))
