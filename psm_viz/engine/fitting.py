"""A study made to fit into the model's context, and what is said of it.

A prompt is a persona's instruction and a question. Where instructions are cut, the question stays
whole, since it is what all are asked alike; the end of the instruction goes, since its beginning
says who is played. All questions are asked under the same cut text, and it is what the study's cast
says. Answers made elsewhere are not cut: those that are too long are left out.
"""

from __future__ import annotations

from dataclasses import replace

from psm_viz.engine.given import Given, kept, used
from psm_viz.engine.outline import Outline
from psm_viz.engine.playing import Key
from psm_viz.engine.precision import slow
from psm_viz.engine.preflight import longest_prompts, room_of
from psm_viz.engine.prompts import Words
from psm_viz.study.cast import Persona, Question

SLACK = 8
"""Tokens that an answer may have beyond its bytes."""


def fitted(words: Words, context: int | None, outline: Outline) -> Outline:
    """The outline with its instructions cut where that is wanted, and without given answers that
    are too long."""
    if outline.settings.truncate:
        return truncated(words, context, outline)
    if outline.given is not None and context is not None:
        return _without_long(words, context, outline, outline.given)
    return outline


def lines_of(outline: Outline) -> list[str]:
    """What is to be said of a study before it is played: a precision that is slow here, which given
    answers are used, and which instructions were cut."""
    said = slow(outline.settings.dtype, outline.settings.device)
    if outline.given is not None:
        given = outline.given
        said += [*given.lines, *used(outline.cast, outline.questions, given.answers)]
    return said + [
        f"persona {who!r}: {' and '.join(str(n) for n in lost if n)} tokens cut off the end of its "
        f"instruction{'s' if sum(n > 0 for n in lost) > 1 else ''} (--truncate)"
        for who, lost in outline.cut.items()
    ]


def _without_long(words: Words, context: int, outline: Outline, given: Given) -> Outline:
    """The outline without given answers that end beyond the context."""
    most = context - max((len(p.ids) for p in longest_prompts(words, outline)), default=0)
    held, n = dict(given.answers), 0
    for checkpoint, own in given.answers.items():
        at_risk = {k for k, said in own.items() if any(_bytes(t) > most - SLACK for t in said)}
        short = {k: _short(words, context, outline, k, own[k]) for k in at_risk}
        n += sum(len(own[k]) - len(short[k]) for k in at_risk)
        held[checkpoint] = {k: short.get(k, said) for k, said in own.items() if short.get(k, said)}
    if not n:
        return outline
    cast, held, few = kept(outline.cast, outline.questions, held)
    told = (f"left out: {n:,} too long for the {context} tokens that the model reads at once", *few)
    left_out = dict(given.left_out) | {"too long": n}
    given = replace(given, answers=held, left_out=left_out, lines=(*given.lines, *told))
    return replace(outline, playing=replace(outline.playing, cast=cast), given=given)


def _bytes(text: str) -> int:
    return len(text.encode())


def _short(
    words: Words, context: int, outline: Outline, key: Key, said: tuple[str, ...]
) -> tuple[str, ...]:
    """Those of a key's answers that end within the context."""
    persona, question, variant = key
    who = outline.cast.persona(persona)
    asked = next(q for q in outline.questions if q.id == question)
    instruction = getattr(who, outline.playing.wording)[variant]
    before = len(words.encode([words.prompts.one(who, instruction, asked.text)])[0])
    each = words.encode([words.prompts.lead + text for text in said])
    return tuple(t for t, ids in zip(said, each, strict=True) if before + len(ids) <= context)


def truncated(words: Words, context: int | None, outline: Outline) -> Outline:
    """The same outline with instructions that fit, and what each persona lost (`Outline.cut`). What
    would not fit without any instruction is left as it is, for `preflight` to refuse."""
    most, wording = room_of(words, context, outline).prompt, outline.playing.wording
    needed: dict[tuple[str, int], Question] = {}
    for p in sorted(longest_prompts(words, outline), key=lambda p: len(p.ids)):
        if len(p.ids) > most:
            needed[p.asking.persona.id, p.asking.variant] = p.asking.question
    if not needed:
        return outline
    cut: dict[str, tuple[int, ...]] = {}

    def fitted(persona: Persona) -> Persona:
        texts, lost = [], []
        for variant, text in enumerate(getattr(persona, wording)):
            question = needed.get((persona.id, variant))
            kept = text if question is None else _cut(words, persona, text, question, most)
            texts.append(kept)
            lost.append(_tokens(words, text) - _tokens(words, kept))
        if any(lost):
            cut[persona.id] = tuple(lost)
        return replace(persona, **{wording: tuple(texts)})

    cast = outline.cast
    people = tuple(fitted(p) for p in cast.personas)
    cast = replace(cast, personas=people, assistant=fitted(cast.assistant))
    return replace(outline, playing=replace(outline.playing, cast=cast), cut=cut)


def _tokens(words: Words, text: str) -> int:
    return len(words.encode([text])[0])


def _cut(words: Words, persona: Persona, text: str, question: Question, most: float) -> str:
    """As much of the beginning of an instruction as leaves a prompt of at most so many tokens; all
    of it where no beginning does."""
    n = _tokens(words, text)
    while n > 0:
        kept = words.beginning(text, n)
        over = _tokens(words, words.prompts.one(persona, kept, question.text)) - most
        if over <= 0:
            return kept
        n -= max(1, int(over))
    return text
