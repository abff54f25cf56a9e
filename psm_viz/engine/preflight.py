"""All that would stop a run of hours later, found before anything is played and told as one list.

What needs no model comes first (`check_plan`); what needs the loaded reference, its templates and
its context, after it (`check_prompts`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psm_viz.engine.answers import told_of
from psm_viz.engine.branch_checks import of_files, of_kind
from psm_viz.engine.cast_checks import of_cast, of_questions
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.needs import Size, disk_needed, means_held, size_of
from psm_viz.engine.open_model import (
    config_of,
    context_of,
    of_hardware,
    path_of,
    tokenizer_of,
    words_key,
)
from psm_viz.engine.outline import Outline, Settings
from psm_viz.engine.playing import Asking, askings
from psm_viz.engine.prompts import Words
from psm_viz.engine.room import disk_here, memory_here, memory_of
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.talks import ANSWERS, check_talkable
from psm_viz.engine.weight_files import holds_weights, weight_files
from psm_viz.errors import BadInput, PsmVizError
from psm_viz.study.manifest import Checkpoint

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
    found = of_settings(settings, here=here)
    found += [*of_cast(outline.cast, outline.playing.wording), *of_questions(outline.questions)]
    found += [*_of_talks(outline), *_of_folder(out)]
    read, wrong = _of_models(source, here=here)
    found += wrong
    if source.reference in read:
        size = size_of(read[source.reference])
        found += _of_layers(settings, size)
        if here and not found:
            found += [*_of_memory(outline, size), *_of_disk(outline, size, out)]
    refuse(found)


def check_models(source: Source, new: Sequence[Checkpoint]) -> None:
    """Raise BadInput naming all that is wrong with the files of new checkpoints, which shall be
    played beside the reference."""
    reference = next(c for c in source.checkpoints if c.id == source.reference)
    refuse(_of_models(Source((reference, *new), source.folders, source.reference), here=True)[1])


def of_settings(settings: Settings, *, here: bool = True) -> list[str]:
    """What is wrong with counts, and with device and precision, where they are wanted `here`."""
    counts = {"--samples": settings.samples, "--max-new-tokens": settings.max_new_tokens}
    found = [f"{name} {n}: expected at least 1" for name, n in counts.items() if n < 1]
    return found + (list(of_hardware(settings.device, settings.dtype)) if here else [])


def _of_talks(outline: Outline) -> Iterator[str]:
    """Why talks could not tell who speaks."""
    if outline.settings.talks is not None:
        try:
            check_talkable(outline.cast, outline.questions)
        except BadInput as e:
            yield e.problem.rstrip(".")


def check_room(words: Words, context: int | None, outline: Outline) -> None:
    """Raise BadInput for personas whose prompts leave no room for an answer in the context."""
    refuse(_too_long(words, context, outline, longest_prompts(words, outline)))


def check_prompts(chat: ChatModel, outline: Outline) -> None:
    """Raise BadInput for personas whose prompts leave no room for an answer in the context, after
    the longest talk where talks are held, and for those who answer nothing."""
    prompts = longest_prompts(chat.words, outline)
    found = _too_long(chat.words, chat.context, outline, prompts)
    found += _of_branches(chat, outline)
    refuse([*found, *(() if outline.given else _of_silence(chat, prompts))])


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
    words: Words,
    context: int | None,
    outline: Outline,
    prompts: Sequence[Prompt],
    *,
    branch: bool = False,
) -> list[str]:
    """What is said of each persona whose longest prompt does not fit."""
    room, settings = room_of(words, context, outline), outline.settings
    longest: dict[str, Prompt] = {}
    for p in prompts:
        who = p.asking.persona.id
        longest[who] = max(longest.get(who, p), p, key=lambda x: len(x.ids))
    talk = f", a talk before it up to {room.before}" if room.before else ""
    help = "shorten it or give fewer --max-new-tokens, or --truncate"
    if settings.truncate and branch:
        help = "shorten it: --truncate cuts for the reference's context alone"
    elif settings.truncate:
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


def refuse(found: Sequence[str]) -> None:
    """Raise BadInput with all that is wrong as one list, where anything is."""
    if not found:
        return
    more = f" And {len(found) - SHOWN} more." if len(found) > SHOWN else ""
    lines = "".join(f"\n- {line}" for line in found[:SHOWN])
    n = "One thing is" if len(found) == 1 else f"{len(found)} things are"
    raise BadInput(f"{n} wrong, and nothing was played:{lines}{more}")


def _of_folder(out: Path) -> Iterator[str]:
    if out.exists() and not (out / "study.json").exists() and any(out.iterdir()):
        yield f"{out} is no study and would be replaced; name another --out"
    above = next((p for p in out.absolute().parents if p.exists()), Path("/"))
    if not os.access(above, os.W_OK):
        yield f"{above} cannot be written to; name another --out"


def _of_models(source: Source, *, here: bool) -> tuple[dict[str, Any], list[str]]:
    """The configs of checkpoints whose models can be read, and what is wrong with all; weights are
    looked at where they are wanted `here`."""
    configs, found = _configs(source)
    kinds = {id: list(of_kind(config)) for id, config in configs.items()}
    found += [f"{id}: {line}" for id, lines in kinds.items() for line in lines]
    if here and source.reference in configs:
        found += [line for id in configs for line in _of_weights(id, source)]
    read = {id: config for id, config in configs.items() if not kinds[id]}
    return read, [*found, *_of_shapes(source, read)]


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


def _of_weights(checkpoint: str, source: Source) -> Iterator[str]:
    """What is wrong with a checkpoint's weights; those of a hub model are fetched."""
    try:
        path = path_of(source.folders[checkpoint])
        there = path.is_file() or holds_weights(path)
    except PsmVizError as e:
        yield f"{checkpoint}: {e.problem}".rstrip(".")
        return
    if not there:
        yield (
            f"{checkpoint}: {path} holds no weights (copy them there; to plan for another machine "
            "give --plan --rate READ,DRAW)"
        )
    base = source.folders[source.reference]
    yield from (f"{checkpoint}: {line}" for line in of_files(path, base))


def _of_branches(chat: ChatModel, outline: Outline) -> list[str]:
    """What is said of prompts too long for a branch, which reads them by its own tokenizer,
    template and context."""
    source, seen = outline.source, {(chat.context, words_key(chat.name))}
    own, found = source.folders[source.reference], list[str]()
    for checkpoint in source.checkpoints:
        name = source.folders[checkpoint.id]
        context = context_of(config_of(name, base=own))
        key = (context, words_key(name) or words_key(chat.name))
        if key in seen:
            continue
        seen.add(key)
        words = Words(tokenizer_of(name), chat.prompts.told) if words_key(name) else chat.words
        prompts = longest_prompts(words, outline)
        lines = _too_long(words, context, outline, prompts, branch=True)
        found += [f"{checkpoint.id}: {line}" for line in lines]
    return found


def _of_memory(outline: Outline, size: Size) -> Iterator[str]:
    """A model and the one swapped in for it, in the precision asked for, and the means of a block
    of personas."""
    path = path_of(outline.source.folders[outline.source.reference])
    stored = sum(f.stat().st_size for f in weight_files(path))
    # stored weights are half precision or less: in single precision they take twice the room
    models = 2 * stored * (2 if outline.settings.dtype == "float32" else 1)
    means, device = means_held(outline, size), outline.settings.device
    own, there = memory_of(device), memory_here()
    if own is not None:
        if models > own:
            yield (
                f"{path}: two of its models would take about {models / 1e9:.0f} GB of {device}, "
                f"and {own / 1e9:.0f} are free (try --dtype bfloat16)"
            )
        models = 0  # they lie there
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
