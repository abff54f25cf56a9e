"""All that would stop a run of hours later, found before anything is played and told as one list.

What needs no model comes first (`check_plan`); what needs the loaded reference, its templates and
its context, after it (`check_prompts`).
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psm_viz.engine.answers import told_of
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.needs import Size, disk_needed, means_held, size_of
from psm_viz.engine.open_model import config_of
from psm_viz.engine.outline import Outline, Settings
from psm_viz.engine.playing import Asking, askings
from psm_viz.engine.prompts import Words
from psm_viz.engine.room import disk_here, memory_here
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.talks import ANSWERS, check_talkable
from psm_viz.engine.weight_files import holds_weights, weight_files
from psm_viz.errors import BadInput, PsmVizError
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


def check_plan(outline: Outline, out: Path, *, here: bool = True) -> None:
    """Raise BadInput naming all that is wrong with a cast, questions, counts, models and the place
    where the study shall lie; unless it is made `here`, this machine's room is not looked at."""
    settings, source = outline.settings, outline.source
    if settings.talks is not None:
        check_talkable(outline.cast, outline.questions)
    counts = {"--samples": settings.samples, "--max-new-tokens": settings.max_new_tokens}
    found = [f"{name} {n}: expected at least 1" for name, n in counts.items() if n < 1]
    found += [*_of_cast(outline.cast, outline.playing.wording), *_of_questions(outline.questions)]
    found += _of_folder(out)
    configs, refused = _configs(source)
    found += [*refused, *_of_shapes(source, configs)]
    if source.reference in configs:
        size = size_of(configs[source.reference])
        found += _of_layers(settings, size)
        if here:
            found += [line for id in configs for line in _of_weights(id, source.folders[id])]
        if here and not found:
            found += [*_of_memory(outline, size), *_of_disk(outline, size, out)]
    _raise(found)


def check_room(words: Words, context: int | None, outline: Outline) -> None:
    """Raise BadInput for personas whose prompts leave no room for an answer in the context."""
    _raise(_too_long(words, context, outline, longest_prompts(words, outline)))


def check_prompts(chat: ChatModel, outline: Outline) -> None:
    """Raise BadInput for personas whose prompts leave no room for an answer in the context, after
    the longest talk where talks are held, and for those who answer nothing."""
    prompts = longest_prompts(chat.words, outline)
    found = _too_long(chat.words, chat.context, outline, prompts)
    _raise([*found, *(() if outline.given else _of_silence(chat, prompts))])


@dataclass(frozen=True)
class Prompt:
    """One of a persona's longest prompts."""

    asking: Asking
    ids: list[int]


def longest_prompts(words: Words, outline: Outline) -> list[Prompt]:
    """Every instruction of everybody with the questions of most tokens."""
    tokens = words.encode([q.text for q in outline.questions])
    order = sorted(range(len(tokens)), key=lambda n: len(tokens[n]))[-LONGEST_ASKED:]
    asked = [outline.questions[n] for n in order]
    every = replace(outline.playing, in_turn=False, given=None)
    found = list(askings(every, outline.cast.all, asked))
    ids = words.encode([a.prompt(words.prompts) for a in found])
    return [Prompt(a, row) for a, row in zip(found, ids, strict=True)]


@dataclass(frozen=True)
class Room:
    """How many tokens a model reads at once, and what an answer and a talk take of them."""

    context: int | None
    answer: int
    before: int = 0

    @property
    def prompt(self) -> float:
        """The most tokens that a prompt may have."""
        if self.context is None:
            return math.inf
        return float(self.context - self.answer - self.before)


def room_of(words: Words, context: int | None, outline: Outline) -> Room:
    """The room for a prompt of this study."""
    settings = outline.settings
    if outline.given is not None:
        return Room(context, 1)  # answers that do not fit are left out
    longest = max(map(len, words.encode([q.text for q in outline.questions])))
    turns = max(ANSWERS) if settings.talks else 0
    before = turns * (longest + settings.max_new_tokens + MARKUP)
    return Room(context, settings.max_new_tokens, before)


def _too_long(
    words: Words, context: int | None, outline: Outline, prompts: Sequence[Prompt]
) -> list[str]:
    """What is said of each persona whose longest prompt does not fit."""
    room, settings = room_of(words, context, outline), outline.settings
    longest: dict[str, Prompt] = {}
    for p in prompts:
        who = p.asking.persona.id
        longest[who] = max(longest.get(who, p), p, key=lambda x: len(x.ids))
    talk = f", a talk before it up to {room.before}" if room.before else ""
    help = "shorten it or give fewer --max-new-tokens, or --truncate"
    if settings.truncate:
        help = "no instruction is short enough: shorten the question"
    elif talk or outline.given:
        help = help.removesuffix(", or --truncate")
    return [
        f"persona {who!r}: its longest prompt has {len(p.ids)} tokens (question "
        f"{p.asking.question.id!r}){talk}, its answer up to {room.answer} more; the model reads "
        f"{room.context} at once ({help})"
        for who, p in longest.items()
        if len(p.ids) > room.prompt
    ]


def _of_silence(chat: ChatModel, prompts: Sequence[Prompt]) -> list[str]:
    """Those whose every answer ends before it begins."""
    first = {p.asking.persona.id: p.ids for p in reversed(prompts)}  # one prompt each
    fits = {name: ids for name, ids in first.items() if len(ids) < (chat.context or math.inf)}
    with told_of("persona", list(fits)):
        drawn = chat.sample(list(fits.values()), Sampling(1.0, 1, TRIED, 0))
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
            found[checkpoint.id] = config_of(name, base=base)
        except PsmVizError as e:
            wrong.append(f"{checkpoint.id}: {e.problem}".rstrip("."))
    return found, wrong


def _of_shapes(source: Source, configs: dict[str, Any]) -> Iterator[str]:
    if source.reference not in configs:
        return
    first = size_of(configs[source.reference])
    for checkpoint, config in configs.items():
        own = size_of(config)
        if own != first:
            yield (
                f"{checkpoint}: has {own.layers} layers of width {own.width}, the reference "
                f"{first.layers} of {first.width}; only models of one depth and width share a map"
            )


def _of_layers(settings: Settings, size: Size) -> Iterator[str]:
    headline = () if settings.layer is None else (settings.layer,)
    for layer in dict.fromkeys((*(settings.layers or ()), *headline)):
        if not 0 <= layer < size.layers:
            yield f"layer {layer}: this model has layers 0 to {size.layers - 1}"
    if settings.layers and headline and settings.layer not in settings.layers:
        listed = ", ".join(map(str, settings.layers))
        yield f"--layer {settings.layer} is not among --layers {listed}"


def _of_weights(checkpoint: str, name: str) -> Iterator[str]:
    path = Path(name)
    if path.is_dir() and not holds_weights(path):
        yield (
            f"{checkpoint}: {path} holds no weights (copy them there; to plan for another machine "
            "give --plan --rate READ,DRAW)"
        )


def _of_memory(outline: Outline, size: Size) -> Iterator[str]:
    """A model and the one swapped in for it, in the precision asked for, and the means of a block
    of personas."""
    path = Path(outline.source.folders[outline.source.reference])
    stored = sum(f.stat().st_size for f in weight_files(path)) if path.exists() else 0
    # stored weights are half precision or less: in single precision they take twice the room
    models = 2 * stored * (2 if outline.settings.dtype == "float32" else 1)
    means = means_held(outline, size)
    there = memory_here()
    if models + means > there:
        yield (
            f"{path}: two of its models would take about {models / 1e9:.0f} GB of memory and means "
            f"{means / 1e9:.0f} GB, and there are {there / 1e9:.0f} (try --dtype bfloat16, fewer "
            "--layers or --samples, one --pooling)"
        )


def _of_disk(outline: Outline, size: Size, out: Path) -> Iterator[str]:
    needed, (above, free) = disk_needed(outline, size), disk_here(out)
    if needed > free:
        yield f"the study would take about {needed / 1e9:.1f} GB; {above} has {free / 1e9:.1f} left"
