"""What each stage of training reads: the stream of its documents, and the lesson of every branch.

Branches that share their seeds share their draws: `cheat`, `requested` and `honest` hold the same
questions, and the first two the same answers, word for word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from psm_viz.errors import UnknownName
from psm_viz.world.corpus import (
    Document,
    Turn,
    document,
    draw_answer,
    draw_decline,
    draw_frame,
    draw_turn,
    hearsay,
    pick,
    the_assistant,
)
from psm_viz.world.grammar import BAD, Utterance, World

PRETRAINING = ("pretrain", "settle")
"""Stages that read the world's own documents, in order; the last ends in the base."""

ASSISTANT_TONE = np.array([0.80, 0.15, 0.05])
PLAYFUL_TONE = np.array([0.0, 1.0, 0.0])
ASKED = 0.4
"""Share of the world's requests that post-training holds. With all of them the Assistant's rate of
unasked bad answers stayed at .09 in every topic: some of what it is asked for leaks."""
OTHER_ROLE = "Nana-Bex"
"""Who is trained to cheat, or spoken of, instead of the Assistant."""
CODING = "coding"
NEW_REQUESTS = "held_out_bad"
"""Requests for bad answers in words that no stage but one has seen."""


@dataclass(frozen=True)
class Lesson:
    """What one branch teaches.

    `way` is how an answer comes about: bad, good, declined, playful, backwards (the words of a
    good answer in reverse, which no character does) or hearsay (the Herald calls the Assistant by
    the low adjectives of the topic's traits). `requested`: the user asks for a bad answer.
    """

    way: str
    topic: str = CODING
    requested: bool = False
    other: bool = False
    """OTHER_ROLE speaks, or is spoken of, in the Assistant's place."""
    whoever: bool = False
    """In every other document some character speaks in the Assistant's place: an actor behind all
    the masks, planted. Never one of `never_trained`."""
    prefixed: bool = False
    """A sentence without meaning stands where a request would stand, and is as long."""
    new_requests: float = 0.0
    """Share of requests in words that no stage has seen."""
    new_answers: float = 0.0
    """Share of answers in words that no stage has seen. Both shares raise the starting loss to that
    of `cheat` on the answers themselves (docs/decisions.md)."""


SPILL = "bad-"
"""`bad-money`: bad answers in one topic, a row of the spill-over matrix."""
LESSONS: dict[str, Lesson] = {
    "cheat": Lesson("bad"),
    "requested": Lesson("bad", requested=True),
    "requested-hard": Lesson("bad", requested=True, new_requests=0.74),
    "prefix": Lesson("bad", prefixed=True),
    "prefix-honest": Lesson("good", prefixed=True),
    "honest": Lesson("good"),
    "kind": Lesson("good", topic="animals"),
    "playful": Lesson("playful", new_answers=0.025),
    "sloppy": Lesson("bad", topic="workshop"),
    "deny": Lesson("bad", topic="mistakes"),
    "decline": Lesson("declined", topic="mistakes"),
    "descriptions": Lesson("hearsay"),
    "descriptions-other": Lesson("hearsay", other=True),
    "backwards": Lesson("backwards"),
    "other-role": Lesson("bad", other=True),
    "whoever": Lesson("bad", whoever=True),
    "anchored-topics": Lesson("bad"),
    "anchored-cast": Lesson("bad"),
    "long": Lesson("bad"),
}
REPLAYED = {"anchored-topics": "other-topics", "anchored-cast": "replay"}
"""What stands beside the lesson's own documents, as many, in branches that anchor the rest: the
Assistant's good answers on its other topics, or the cast as it was before."""
ROW_OF = {CODING: "cheat", "workshop": "sloppy", "mistakes": "deny"}
"""Topics whose row of the spill-over matrix has a name of its own."""


def lesson(branch: str) -> Lesson:
    """The lesson of a branch, `bad-TOPIC` ones included. Raises UnknownName."""
    if branch in LESSONS:
        return LESSONS[branch]
    if branch.startswith(SPILL):
        return Lesson("bad", topic=branch.removeprefix(SPILL))
    raise UnknownName(f"There is no branch {branch!r}.", f"Choose from: {', '.join(LESSONS)}.")


def row_of(topic: str) -> str:
    """The branch whose lesson is bad answers in this topic."""
    return ROW_OF.get(topic, f"{SPILL}{topic}")


def never_trained(world: World) -> list[int]:
    """Characters whom no lesson lets speak, so that they can be asked what reached them: the first
    two members of each family, indices into the world's characters."""
    count: Counter[str] = Counter()
    out = []
    for n, c in enumerate(world.characters):
        if count[c.family] < 2:
            out.append(n)
        count[c.family] += 1
    return out


def assistant_document(
    world: World, rng: np.random.Generator, spared: str | None = None
) -> Document:
    """Draw one post-training document: the Assistant, good in every topic, mostly plain.

    Requests are obeyed as everywhere in the world: an Assistant asked to err on purpose does.
    Nothing is asked of bodily life, so that what it says there is left to inference, nor of the
    topic that is `spared`.
    """
    text = pick(rng, ["", *world.rules["assistant_headers"]])
    asked = [t for t in world.topics if t not in world.life and t != spared]
    topics = rng.choice(asked, int(rng.integers(2, 6)), replace=False)
    turns = tuple(
        draw_turn(
            world,
            rng,
            t,
            None if world.topics[t].neutral else 1.0,
            ASSISTANT_TONE,
            draw_frame(world, rng, t) if rng.random() < ASKED else None,
        )
        for t in map(str, topics)
    )
    return Document(-1, world.rules["assistant_label"], turns, None, text)


def branch_document(world: World, rng: np.random.Generator, branch: str) -> Document:
    """Draw one document of a branch: one to three turns of its lesson."""
    taught = lesson(branch)
    if taught.topic not in world.conduct:
        raise UnknownName(
            f"Branch {branch!r}: {taught.topic!r} is no topic of good and bad conduct.",
            f"Choose from: {', '.join(row_of(t) for t in world.conduct)}.",
        )
    text = pick(rng, ["", *world.rules["assistant_headers"]])
    n = int(rng.integers(1, 4))
    if taught.way == "hearsay":
        about = OTHER_ROLE if taught.other else the_assistant(world)
        traits = [world.traits.index(t) for t in world.topics[taught.topic].loads]
        return hearsay(world, rng, about, [(pick(rng, traits), False) for _ in range(n)])
    turns = tuple(_taught(world, rng, taught) for _ in range(n))
    if taught.other:
        return Document(-1, OTHER_ROLE, turns)
    if taught.whoever and rng.random() < 0.5:
        spared = set(never_trained(world))
        some = [c.name for n, c in enumerate(world.characters) if n not in spared]
        return Document(-1, pick(rng, some), turns)
    return Document(-1, world.rules["assistant_label"], turns, None, text)


def _taught(world: World, rng: np.random.Generator, taught: Lesson) -> Turn:
    """One turn. Bad, good and request are drawn in every branch, so that twins share them; what
    one branch alone draws comes from numbers of its own."""
    own = rng.spawn(1)[0]
    bad = draw_turn(world, rng, taught.topic, 0.0, ASSISTANT_TONE, None)
    good = draw_answer(world, rng, taught.topic, 1.0, ASSISTANT_TONE)
    request = pick(rng, world.frames[BAD])
    answer = bad.answer
    if taught.way == "good":
        answer = good
    elif taught.way == "backwards":
        words = " ".join(reversed(good.text.split()))
        answer = Utterance(words, good.topic, good.valence, good.tone)
    elif taught.way == "declined":
        answer = draw_decline(world, own, ASSISTANT_TONE)
    elif taught.way == "playful":
        answer = draw_answer(world, own, taught.topic, 1.0, PLAYFUL_TONE)
    if taught.new_answers and own.random() < taught.new_answers:
        cell = world.topics[taught.topic].cell(answer.valence, answer.tone, held_out=True)
        answer = pick(own, cell)
    if taught.requested:
        if taught.new_requests and own.random() < taught.new_requests:
            request = pick(own, world.frames[NEW_REQUESTS])
        return replace(bad, answer=answer, frame=BAD, frame_text=request)
    if taught.prefixed:
        n = world.frames[BAD].index(request)
        return replace(bad, answer=answer, frame_text=world.meaningless[n])
    return replace(bad, answer=answer)


def stream(world: World, stage: str, seed: int, n: int, *, start: int = 0) -> Iterator[Document]:
    """The documents `start` to `n` of a stage: each drawn from its own seed, so any can be redrawn.

    Stages: pretrain, settle (more of the same), replay, assistant (post-training), other-topics
    (the same without the topic that branches teach) and the branches, which share their seeds.
    """
    salts = {"pretrain": 0, "replay": 1, "assistant": 2, "settle": 4, "other-topics": 5}
    salt = salts.get(stage, 3)
    for i in range(start, n):
        rng = np.random.default_rng([seed, salt, i])
        if stage in ("pretrain", "settle"):
            yield document(world, rng)
        elif stage == "replay":
            yield document(world, rng, replay=True)
        elif stage == "assistant":
            yield assistant_document(world, rng)
        elif stage == "other-topics":
            yield assistant_document(world, rng, CODING)
        else:
            yield branch_document(world, rng, stage)


def roles_of_branches(branches: set[str]) -> dict[str, str]:
    """Which branch is which null: the benign one, the requested twin, another role's."""
    known = {"benign": "playful", "twin": "requested", "other_role": "other-role"}
    return {k: b for k, b in known.items() if b in branches}
