"""All that would stop a run of hours later, found before anything is played and told as one list.

What needs no model comes first (`check_plan`); what needs the loaded reference, its templates and
its context, after it (`check_prompts`).
"""

from __future__ import annotations

import math
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.extract import told_of
from psm_viz.engine.open_model import config_of
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.weights import weight_files
from psm_viz.errors import BadInput, PsmVizError
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import ASSISTANT, Cast, Question
from psm_viz.study.manifest import AGAIN, MAIN

FEWEST_PERSONAS, FEWEST_QUESTIONS = 4, 4
"""What a map and the figures beside it need."""
SHOWN = 12
"""Problems told at once; more are counted."""
LONGEST_ASKED, TRIED = 2, 8
"""Questions each instruction is measured with, and first tokens drawn of each persona."""
MARKUP = 16
"""Tokens that a template writes around a question and its answer, about."""


def check_plan(
    source: Source,
    cast: Cast,
    questions: Sequence[Question],
    wording: str,
    out: Path,
    *,
    samples: int,
    max_new_tokens: int,
    dtype: str,
) -> None:
    """Raise BadInput naming all that is wrong with a cast, questions, counts, models and the place
    where the study shall lie."""
    counts = {"--samples": samples, "--max-new-tokens": max_new_tokens}
    found = [f"{name} {n}: expected at least 1" for name, n in counts.items() if n < 1]
    found += [*_of_cast(cast, wording), *_of_questions(questions), *_of_folder(out)]
    configs, refused = _configs(source)
    found += [*refused, *_of_shapes(source, configs), *_of_memory(source, dtype)]
    if source.reference in configs and not found:
        answers = len(cast.all) * len(questions) * max(samples, 1)
        found += _of_disk(source, configs[source.reference], answers, len(cast.all), out)
    _raise(found)


def check_prompts(
    chat: ChatModel,
    cast: Cast,
    questions: Sequence[Question],
    wording: str,
    max_new_tokens: int,
    turns: int = 0,
) -> None:
    """Raise BadInput for personas whose prompts leave no room for an answer in the context, with so
    many `turns` of a talk before it, and for those who answer nothing."""
    asked = sorted(questions, key=lambda q: len(q.text))[-LONGEST_ASKED:]
    who, texts = [], []
    for p in cast.all:
        for instruction in getattr(p, wording):
            who += [p.id] * len(asked)
            texts += [chat.prompts.one(p, instruction, q.text) for q in asked]
    rows = chat.encode(texts)
    longest = max(map(len, chat.encode([q.text for q in asked])))
    before = turns * (longest + max_new_tokens + MARKUP)
    _raise([*_of_context(chat, who, rows, before, max_new_tokens), *_of_silence(chat, who, rows)])


def _of_context(
    chat: ChatModel,
    who: Sequence[str],
    rows: Sequence[list[int]],
    before: int,
    max_new_tokens: int,
) -> list[str]:
    if chat.context is None:
        return []
    longest: dict[str, int] = {}
    for name, row in zip(who, rows, strict=True):
        longest[name] = max(longest.get(name, 0), len(row))
    room = chat.context - max_new_tokens - before
    talk = f", a talk before it up to {before}" if before else ""
    return [
        f"persona {who!r}: its longest prompt has {n} tokens{talk}, its answer up to "
        f"{max_new_tokens} more; the model reads {chat.context} at once (shorten it or give fewer "
        "--max-new-tokens)"
        for who, n in longest.items()
        if n > room
    ]


def _of_silence(chat: ChatModel, who: Sequence[str], rows: list[list[int]]) -> list[str]:
    """Those whose every answer ends before it begins."""
    first = {name: i for i, name in reversed(list(enumerate(who)))}  # one prompt each
    fits = {name: i for name, i in first.items() if len(rows[i]) < (chat.context or math.inf)}
    with told_of("persona", list(fits)):
        drawn = chat.sample([rows[i] for i in fits.values()], Sampling(1.0, 1, TRIED, 0))
    return [
        f"persona {name!r}: answers with nothing but the end token"
        for name, answers in zip(fits, drawn, strict=True)
        if not any(answers)
    ]


def _raise(found: Sequence[str]) -> None:
    if not found:
        return
    more = f" And {len(found) - SHOWN} more." if len(found) > SHOWN else ""
    lines = "".join(f"\n- {line}" for line in found[:SHOWN])
    n = "One thing is" if len(found) == 1 else f"{len(found)} things are"
    raise BadInput(f"{n} wrong, and nothing was played:{lines}{more}")


def _of_cast(cast: Cast, wording: str) -> Iterator[str]:
    ids = Counter(p.id for p in cast.personas)
    yield from (f"persona {i!r} is named {n} times" for i, n in ids.items() if n > 1)
    if ASSISTANT in ids:
        yield f"a persona is called {ASSISTANT!r}, which is the name of the model's own voice"
    if len(cast.personas) < FEWEST_PERSONAS:
        yield (
            f"the cast has {len(cast.personas)} personas; a map needs at least {FEWEST_PERSONAS}"
        )
    for p in cast.all:
        texts = getattr(p, wording)
        if not texts:
            yield f"persona {p.id!r}: {wording} is empty"
        elif p.id != ASSISTANT and not all(t.strip() for t in texts):
            yield f"persona {p.id!r}: one of its {wording} is empty"
        for trait, value in p.traits.items():
            if not math.isfinite(value):
                yield f"persona {p.id!r}: trait {trait} is {value}"


def _of_questions(questions: Sequence[Question]) -> Iterator[str]:
    ids = Counter(q.id for q in questions)
    yield from (f"question {i!r} is named {n} times" for i, n in ids.items() if n > 1)
    yield from (f"question {q.id!r} is empty" for q in questions if not q.text.strip())
    other = sorted({q.set for q in questions} - {MAIN, AGAIN})
    if other:
        yield f"questions of a set {other[0]!r}; the sets are {MAIN!r} and {AGAIN!r}"
    main = [q for q in questions if q.set == MAIN]
    if not main:
        yield f"no question is of the set {MAIN!r}"
        return
    if len(main) < FEWEST_QUESTIONS:
        yield f"{len(main)} questions are of the set {MAIN!r}; {FEWEST_QUESTIONS} are the fewest"
    folds = {q.fold for q in main}
    missing = sorted(set(range(len(folds))) - folds)
    if min(folds) < 0 or missing:
        which = min(folds) if min(folds) < 0 else missing[0]
        yield f"folds are numbered from 0 without gaps; fold {which} is not right"
    elif len(folds) < 2:
        yield "all questions are of one fold; estimates are kept apart by at least two"
    again = {q.fold for q in questions if q.set == AGAIN}
    if again and again != folds:
        yield f"the questions of the set {AGAIN!r} are not of the same folds as those of {MAIN!r}"


def _of_folder(out: Path) -> Iterator[str]:
    if out.exists() and not (out / "study.json").exists() and any(out.iterdir()):
        yield f"{out} is no study and would be replaced; name another --out"
    above = next((p for p in out.absolute().parents if p.exists()), Path("/"))
    if not os.access(above, os.W_OK):
        yield f"{above} cannot be written to; name another --out"


def _configs(source: Source) -> tuple[dict[str, Any], list[str]]:
    """The config of every checkpoint's model, and what was wrong with the others."""
    found, wrong = {}, []
    base = source.folders[source.reference]
    for checkpoint in source.checkpoints:
        name = source.folders[checkpoint.id]
        try:
            found[checkpoint.id] = config_of(name, revision=source.revision, base=base)
        except PsmVizError as e:
            wrong.append(f"{checkpoint.id}: {e.problem}".rstrip("."))
    return found, wrong


def _size(config: Any) -> tuple[int, int]:
    inner = config.get_text_config()
    return int(inner.num_hidden_layers), int(inner.hidden_size)


def _of_shapes(source: Source, configs: dict[str, Any]) -> Iterator[str]:
    if source.reference not in configs:
        return
    layers, width = _size(configs[source.reference])
    for checkpoint, config in configs.items():
        if _size(config) != (layers, width):
            n, d = _size(config)
            yield (
                f"{checkpoint}: has {n} layers of width {d}, the reference {layers} of {width}; "
                "only models of one depth and width share a map"
            )


def _of_memory(source: Source, dtype: str) -> Iterator[str]:
    """A model and the one swapped in for it, in the precision asked for."""
    path = Path(source.folders[source.reference])
    stored = sum(f.stat().st_size for f in weight_files(path)) if path.exists() else 0
    # stored weights are half precision or less: in single precision they take twice the room
    needed = 2 * stored * (2 if dtype == "float32" else 1)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        yield (
            f"{path}: two of its models would take about {needed / 1e9:.0f} GB of memory, and "
            f"there are {there / 1e9:.0f} (try --dtype bfloat16)"
        )


def bytes_of(config: Any, checkpoints: int, answers: int, personas: int) -> int:
    """About what a study takes on disk: half-precision means at every layer, and answers."""
    layers, width = _size(config)
    each = personas * len(POOLINGS) * layers * width * 2
    return checkpoints * (each + 3 * each // max(1, layers) + 120 * answers)


def _of_disk(source: Source, config: Any, answers: int, personas: int, out: Path) -> Iterator[str]:
    needed = bytes_of(config, len(source.checkpoints) + 1, answers, personas)
    above = next((p for p in out.absolute().parents if p.exists()), Path("/"))
    free = shutil.disk_usage(above).free
    if needed > free:
        yield f"the study would take about {needed / 1e9:.1f} GB; {above} has {free / 1e9:.1f} left"
