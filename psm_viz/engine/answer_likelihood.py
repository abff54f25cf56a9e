"""A model asked, as every persona of a cast, how likely it finds somebody's answers.

The likelihood of the persona selection model's update (definitions and source: `stats.evidence`).
Every assistant message of a conversation is an answer y; its x is all that came before. The data's
own system messages give way to the persona's instruction, so that persona and Assistant are asked
the same thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.kept import NOTHING, Kept
from psm_viz.engine.log_probs import Wanted, log_probs
from psm_viz.engine.pace import Pace, Say, Tick, part, quiet, silent
from psm_viz.engine.prompts import Prompts
from psm_viz.errors import BadInput
from psm_viz.stats.evidence import Testimony
from psm_viz.study.cast import Persona
from psm_viz.study.formats.chat_data import Conversation

LOGITS = 2**26
"""Most logits held at once: 256 MB in single precision."""
ROWS = 64
"""Most texts in a batch: 256 take twice the time of 64 on two cores, whose caches they overflow."""


OFTEN = 5.0
"""Seconds between two lines on how far it is."""


@runtime_checkable  # for what checks types in tests
class Reader(Protocol):
    """Reads texts as `log_probs` does."""

    def __call__(
        self, rows: Sequence[list[int]], wanted: Wanted, *, batch: int, tick: Tick
    ) -> list[np.ndarray]:
        """log p of every row's wanted tokens, in nats."""
        ...


@dataclass(frozen=True)
class Rendered:
    """A rendered conversation and where its answers stand: (answer number, start, end)."""

    text: str
    spans: tuple[tuple[int, int, int], ...]


@dataclass
class Counts:
    """What was met on the way, counted in the Assistant's own reading."""

    unknown: int = 0
    unknown_answers: int = 0
    plain: int = 0
    """Answers that the template would not write as a continuation, scored as ' ' + their text."""


def ask(
    chat: ChatModel,
    personas: Sequence[Persona],
    wording: str,
    conversations: Sequence[Conversation],
    say: Say = quiet,
    *,
    in_turn: bool = False,
    kept: Kept = NOTHING,
) -> tuple[Testimony, Counts]:
    """log p of every answer under every persona, the last of whom is the Assistant.

    A persona's instruction variants are averaged as log p; `in_turn` each conversation is read
    under one of them, dealt round, in a fraction of the time. An answer that ends beyond the
    model's context is NaN. Each reading is `kept`. Tokens are counted as the Assistant's first
    variant writes them, and divide everybody's. Raises BadInput for a template that refuses a
    conversation or a tokenizer without offsets.
    """
    owner = np.array([e for e, c in enumerate(conversations) for _ in c.answers])
    log_p = np.zeros((len(personas), len(owner)))
    tokens, counts = np.zeros(len(owner), dtype=np.int64), Counts()
    first = getattr(personas[-1], wording)[0]
    _count(chat, rendered(chat.prompts, personas[-1], first, conversations, counts), tokens, counts)
    pace = Pace(say, "asked", len(personas), "personas", every=OFTEN, last=True)
    for k, r in enumerate(readings(personas, wording, len(conversations), in_turn)):
        held = np.isin(owner, r.conversations)
        some = [conversations[n] for n in r.conversations]
        name = f"asked-{k:04d}"
        if kept.has(name):
            pace(r.share, 0)
        found = kept.array(name, partial(_read, chat, personas, r, some, pace))
        log_p[r.persona, held] += found / (1 if in_turn else r.variants)
    return Testimony(log_p, tokens, owner), counts


def ask_of_one(
    chat: ChatModel,
    personas: Sequence[Persona],
    wording: str,
    conversation: Conversation,
    *,
    in_turn: bool = False,
    reader: Reader | None = None,
    tick: Tick = silent,
) -> Float[np.ndarray, "persona answer"]:
    """log p per token of one conversation's answers, as `ask` has them, every persona's reading in
    the same batches: what a talk that is under way waits for. A `reader` may know of earlier
    conversations (`growing_texts`).

    NaN beyond the model's context. Raises what `ask` raises.
    """
    texts, owner = texts_of_one(chat, personas, wording, conversation, in_turn)
    n = len(conversation.answers)
    # each text's answers get numbers of their own, to be told apart in one batch
    ids, places = encoded(chat.tokenizer, texts)
    apart = [np.where(p >= 0, p + n * k, -1) for k, p in enumerate(places)]
    found = _score(chat, ids, apart, n * len(texts), tick, reader).reshape(len(texts), n)
    return per_token_of_one(chat, personas, wording, conversation, owner, found)


def texts_of_one(
    chat: ChatModel,
    personas: Sequence[Persona],
    wording: str,
    conversation: Conversation,
    in_turn: bool,
) -> tuple[list[Rendered], list[Reading]]:
    """One conversation as every persona's reading has it, and whose reading each text is."""
    texts: list[Rendered] = []
    owner: list[Reading] = []
    for r in readings(personas, wording, 1, in_turn):
        own = rendered(chat.prompts, personas[r.persona], r.instruction, [conversation])
        texts += own
        owner += [r] * len(own)
    return texts, owner


def per_token_of_one(
    chat: ChatModel,
    personas: Sequence[Persona],
    wording: str,
    conversation: Conversation,
    owner: Sequence[Reading],
    found: Float[np.ndarray, "text answer"],
) -> Float[np.ndarray, "persona answer"]:
    """log p per token by persona, from log p of the answers in each text: instructions averaged,
    tokens counted as the Assistant's first instruction writes them."""
    n = len(conversation.answers)
    tokens, out = np.zeros(n, dtype=np.int64), np.zeros((len(personas), n))
    first = getattr(personas[-1], wording)[0]
    _count(chat, rendered(chat.prompts, personas[-1], first, [conversation]), tokens, Counts())
    for r, values in zip(owner, found, strict=True):
        out[r.persona] += values * r.share
    return out / np.maximum(tokens, 1)


@dataclass(frozen=True)
class Reading:
    """Some conversations read under one of a persona's instructions."""

    persona: int
    instruction: str
    conversations: list[int]
    variants: int
    """How many instructions this persona has."""
    share: float
    """How much of all that is read under this persona."""


def readings(
    personas: Sequence[Persona], wording: str, conversations: int, in_turn: bool
) -> Iterator[Reading]:
    """All that `ask` reads. The Assistant, who is the last of `personas`, comes first: its reading
    shows soonest what is wrong with the data."""
    for i in [len(personas) - 1, *range(len(personas) - 1)]:
        variants = getattr(personas[i], wording)
        n = len(variants)
        for k, instruction in enumerate(variants):
            own = [c for c in range(conversations) if not in_turn or c % n == k]
            if own:
                share = len(own) / conversations if in_turn else 1 / n
                yield Reading(i, instruction, own, n, share)


def _read(
    chat: ChatModel,
    personas: Sequence[Persona],
    r: Reading,
    conversations: Sequence[Conversation],
    pace: Pace,
) -> np.ndarray:
    """log p of every answer of these conversations in one reading."""
    texts = rendered(chat.prompts, personas[r.persona], r.instruction, conversations)
    ids, places = encoded(chat.tokenizer, texts)
    n = sum(len(c.answers) for c in conversations)
    return _score(chat, ids, places, n, part(pace, len(ids), r.share))


def rendered(
    prompts: Prompts,
    persona: Persona,
    instruction: str,
    conversations: Sequence[Conversation],
    counts: Counts | None = None,
) -> list[Rendered]:
    """Every conversation as the template writes it, with its answers' places.

    One text holds all answers of a conversation where the template only ever appends; where it
    rewrites earlier turns each answer gets a text of its own.
    """
    out, number = [], 0
    for c in conversations:
        own = []
        for k in c.answers:
            try:
                prompt = prompts.talk(persona, instruction, c.messages[:k])
                whole = prompts.talk(persona, instruction, c.messages[: k + 1], prompt=False)
            except BadInput as e:
                raise BadInput(
                    f"{c.place.capitalize()} of the data: {e.problem}", e.next_step
                ) from e
            continues = whole.startswith(prompt)
            added = whole[len(prompt) :].rstrip("\n") if continues else ""
            if not added:
                added = " " + c.messages[k]["content"]
                if counts:
                    counts.plain += 1
            text = prompt + added
            own.append(Rendered(text, ((number, len(prompt), len(text)),)))
            number += 1
        longest = own[-1].text
        if all(longest.startswith(t.text) for t in own):
            own = [Rendered(longest, tuple(s for t in own for s in t.spans))]
        out += own
    return out


def encoded(tokenizer: Any, texts: Sequence[Rendered]) -> tuple[list[list[int]], list[np.ndarray]]:
    """Token ids of every text, and for each token the answer it belongs to, or -1.

    Raises BadInput for a tokenizer without offsets.
    """
    if not tokenizer.is_fast:
        raise BadInput("This model's tokenizer does not say which text a token stands for.")
    made = tokenizer([t.text for t in texts], add_special_tokens=False, return_offsets_mapping=True)
    places = []
    for t, offsets in zip(texts, made["offset_mapping"], strict=True):
        start, end = np.array(offsets).reshape(-1, 2).T
        place = np.full(len(start), -1)
        for number, low, high in t.spans:
            place[(end > low) & (start < high)] = number
        places.append(place)
    return made["input_ids"], places


def _count(chat: ChatModel, texts: Sequence[Rendered], tokens: np.ndarray, counts: Counts) -> None:
    """Add each answer's tokens to `tokens`, and what the tokenizer does not know to `counts`."""
    unknown = unknown_token(chat.tokenizer)
    for row, place in zip(*encoded(chat.tokenizer, texts), strict=True):
        np.add.at(tokens, place[place >= 0], 1)
        strange = np.array(row) == unknown
        counts.unknown += int(strange.sum())
        counts.unknown_answers += int((strange & (place >= 0)).sum())


def unknown_token(t: Any) -> int:
    """The id that a tokenizer gives to what it does not know; -1 where it has none."""
    # some tokenizers have no token for the unknown and name their end token instead
    return -1 if t.unk_token_id in (None, t.eos_token_id, t.bos_token_id) else t.unk_token_id


def _score(
    chat: ChatModel,
    ids: Sequence[list[int]],
    places: Sequence[np.ndarray],
    n: int,
    tick: Tick,
    reader: Reader | None = None,
) -> np.ndarray:
    """log p of every answer, NaN for one that does not end within the model's context: [answer]."""
    longest = getattr(chat.hf.config, "max_position_embeddings", None) or max(map(len, ids))
    cut = [row[:longest] for row in ids]
    wanted = [place[:longest] >= 0 for place in places]
    most = max(1, max(int(w.sum()) for w in wanted))
    batch = max(1, min(ROWS, LOGITS // (most * len(chat.tokenizer))))
    read = reader or partial(log_probs, chat)
    found = read(cut, wanted, batch=batch, tick=tick)
    out = np.zeros(n)
    for place, w, values in zip(places, wanted, found, strict=True):
        if not np.isfinite(values).all():
            raise BadInput("The model gives some tokens a probability that is not a number.")
        np.add.at(out, place[:longest][w], values)
        out[place[longest:][place[longest:] >= 0]] = np.nan
    return out
