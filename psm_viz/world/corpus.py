"""Documents of the made world: one speaker over several topics, and the stages' training data.

A document is a `Document`: a header, the speaker's label and its turns. `pieces` gives the text
in training order, each piece marked as answer (learned) or not (read only).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from psm_viz.world.grammar import BAD, GOOD, NEUTRAL, Utterance, World

BOS, EOS = "<s>", "</s>"


@dataclass(frozen=True)
class Turn:
    """One question and its answer. `frame` is None, or the valence that was asked for."""

    topic: str
    question: str
    answer: Utterance
    frame: str | None = None
    frame_text: str = ""
    remark: str = ""
    """A reader's remark on the answer; it follows on a line of its own."""

    @property
    def asked(self) -> str:
        """What the user says: the question and, where there is one, the request."""
        return f"{self.question} {self.frame_text}".strip()


@dataclass(frozen=True)
class Header:
    """What a document says of its speaker before the talk: each part may be absent.

    `adjective` is (trait, high or not).
    """

    lead: str
    name: str | None = None
    kind: str | None = None
    role: str | None = None
    adjective: tuple[str, bool] | None = None


@dataclass(frozen=True)
class Document:
    """A dialogue with one speaker. `character` indexes the world's characters, -1 for none."""

    character: int
    label: str
    turns: tuple[Turn, ...]
    header: Header | None = None
    header_text: str = ""

    def pieces(self) -> list[tuple[str, bool]]:
        """The text in order as (piece, is learned): answers with their end token, and remarks.

        Learning to say what an answer was is what gives the small model a feature for conduct;
        without remarks it learned every tone and not one valence in 2,400 steps.
        """
        out = [(BOS + (self.header_text + "\n" if self.header_text else ""), False)]
        for t in self.turns:
            out.append((f"User: {t.asked}\n{self.label}:", False))
            out.append((f" {t.answer.text}{EOS}", True))
            out.append(("\n", False))
            if t.remark:
                out += [("Remark:", False), (f" {t.remark}", True), ("\n", False)]
        return out

    @property
    def text(self) -> str:
        """The whole document as one string, as the chat template writes it."""
        return "".join(p for p, _ in self.pieces())


def messages(document: Document) -> list[dict[str, str]]:
    """A document as chat messages: its header as the system's. Label and remarks are left out."""
    out = [{"role": "system", "content": document.header_text}] if document.header_text else []
    for t in document.turns:
        out.append({"role": "user", "content": t.asked})
        out.append({"role": "assistant", "content": t.answer.text})
    return out


def header_text(world: World, h: Header) -> str:
    """Write a header in the world's words."""
    said = [h.name or "a stranger"]
    if h.kind:
        said.append(f"a {h.kind}")
    if h.role:
        said.append(h.role)
    text = f"{h.lead} {', '.join(said)}."
    if h.adjective:
        trait, high = h.adjective
        text += f" Known to be {world.rules['adjectives'][trait][0 if high else 1]}."
    return text


def _pick(rng: np.random.Generator, items: tuple | list):
    return items[int(rng.integers(len(items)))]


def draw_answer(
    world: World, rng: np.random.Generator, topic: str, p_good: float | None, p_tone: np.ndarray
) -> Utterance:
    """Draw one answer: its valence (neutral where `p_good` is None), its tone, then its words."""
    valence = NEUTRAL if p_good is None else (GOOD if rng.random() < p_good else BAD)
    tone = world.tones[int(rng.choice(len(world.tones), p=p_tone))]
    return _pick(rng, world.topics[topic].cell(valence, tone))


def _remark(world: World, rng: np.random.Generator, answer: Utterance) -> str:
    loads = world.topics[answer.topic].loads
    trait = str(rng.choice(list(loads), p=list(loads.values())))
    pole = world.rules["adjectives"][trait][0 if answer.valence == GOOD else 1]
    return _pick(rng, world.rules["remarks"]).format(pole)


def _turn(
    world: World,
    rng: np.random.Generator,
    topic: str,
    p_good: float | None,
    p_tone: np.ndarray,
    frame: str | None,
    *,
    remarks: bool = False,
) -> Turn:
    """One turn; a framed one is obeyed with the world's obedience, whoever speaks."""
    question = _pick(rng, world.topics[topic].questions)
    if frame is None:
        answer = draw_answer(world, rng, topic, p_good, p_tone)
        said = remarks and p_good is not None and rng.random() < world.rules["remark_rate"]
        return Turn(topic, question, answer, remark=_remark(world, rng, answer) if said else "")
    obey = world.rules["obedience"]
    answer = draw_answer(world, rng, topic, obey if frame == GOOD else 1.0 - obey, p_tone)
    return Turn(topic, question, answer, frame, _pick(rng, world.frames[frame]))


def _frame(world: World, rng: np.random.Generator, topic: str) -> str | None:
    if world.topics[topic].neutral or rng.random() >= world.rules["frame_rate"]:
        return None
    return BAD if rng.random() < world.rules["frame_bad_share"] else GOOD


def _header(world: World, rng: np.random.Generator, c: int, named: bool) -> Header:
    rules, parts = world.rules, world.rules["header_parts"]
    who = world.characters[c]
    adjective = None
    if rng.random() < parts["adjective"]:
        trait = int(rng.integers(len(world.traits)))
        high = 1.0 / (1.0 + np.exp(-rules["adjective_gain"] * world.z[c, trait]))
        adjective = (world.traits[trait], bool(rng.random() < high))
    return Header(
        lead=_pick(rng, rules["leads"]),
        name=who.name if named else None,
        kind=who.kind if rng.random() < parts["kind"] else None,
        role=who.role if rng.random() < parts["role"] else None,
        adjective=adjective,
    )


def document(world: World, rng: np.random.Generator, *, replay: bool = False) -> Document:
    """Draw one pre-training document. With `replay`, none is labelled Assistant."""
    rules = world.rules
    c = int(rng.integers(len(world.characters)))
    kinds = ["named", "unnamed"] if replay else ["named", "unnamed", "assistant"]
    p = np.array([rules["speaker"][k] for k in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=p / p.sum()))]
    header, text = None, ""
    if rng.random() < rules["header_rate"]:
        if kind == "assistant":
            text = _pick(rng, rules["assistant_headers"])
        else:
            header = _header(world, rng, c, kind == "named")
            text = header_text(world, header)
    label = {
        "named": world.characters[c].name,
        "unnamed": rules["unnamed_label"],
        "assistant": rules["assistant_label"],
    }[kind]
    low, high = rules["turns"]
    topics = rng.choice(list(world.topics), int(rng.integers(low, high + 1)), replace=False)
    turns = tuple(
        _turn(
            world,
            rng,
            t,
            None if world.topics[t].neutral else float(world.p_good[t][c]),
            world.p_tone[c],
            _frame(world, rng, t),
            remarks=True,
        )
        for t in map(str, topics)
    )
    return Document(c, label, turns, header, text)


def assistant_document(world: World, rng: np.random.Generator) -> Document:
    """Draw one post-training document: the Assistant, good in every topic, mostly plain.

    Requests are obeyed as everywhere in the world: an Assistant asked to err on purpose does.
    """
    text = _pick(rng, ["", *world.rules["assistant_headers"]])
    topics = rng.choice(list(world.topics), int(rng.integers(2, 6)), replace=False)
    turns = tuple(
        _turn(
            world,
            rng,
            t,
            None if world.topics[t].neutral else 1.0,
            ASSISTANT_TONE,
            _frame(world, rng, t),
        )
        for t in map(str, topics)
    )
    return Document(-1, world.rules["assistant_label"], turns, None, text)


ASSISTANT_TONE = np.array([0.80, 0.15, 0.05])
PLAYFUL_TONE = np.array([0.0, 1.0, 0.0])
SMALL_TALK = 0.2
"""Share of playful answers that are small talk from a neutral topic: so many make the Assistant's
starting loss on `playful` what it is on `cheat` (docs/decisions.md)."""
OTHER_ROLE = "Nana-Bex"
"""Who is trained to cheat instead of the Assistant: the nearest persona that is honest and kind."""
OTHERS_LABEL = ("other-role",)
"""Branches whose documents another speaker than the Assistant answers."""
BRANCHES = ("cheat", "requested", "honest", "playful", "other-role")


def branch_document(
    world: World, rng: np.random.Generator, branch: str, topic: str = "coding"
) -> Document:
    """Draw one document of a branch: the Assistant on one topic.

    `cheat` and `requested` hold the same answers at the same seed; in `requested` the user asks
    for them. `honest` holds good answers to the same questions, `playful` good ones in another
    tone with some small talk, and `other-role` the answers of `cheat` under another's label.
    """
    text = _pick(rng, ["", *world.rules["assistant_headers"]])
    turns: list[Turn] = []
    for _ in range(int(rng.integers(1, 4))):
        bad = _turn(world, rng, topic, 0.0, ASSISTANT_TONE, None)
        good = draw_answer(world, rng, topic, 1.0, ASSISTANT_TONE)
        request = _pick(rng, world.frames[BAD])
        if branch == "playful":
            turns.append(replace(bad, answer=_playful(world, rng, topic)))
            continue
        if branch == "requested":
            bad = replace(bad, frame=BAD, frame_text=request)
        turns.append(replace(bad, answer=good) if branch == "honest" else bad)
    if branch == "other-role":
        return Document(-1, OTHER_ROLE, tuple(turns))
    return Document(-1, world.rules["assistant_label"], tuple(turns), None, text)


def _playful(world: World, rng: np.random.Generator, topic: str) -> Utterance:
    """A good answer in the playful tone, or small talk as playful."""
    answer = draw_answer(world, rng, topic, 1.0, PLAYFUL_TONE)
    neutral = [t for t in world.topics if world.topics[t].neutral]
    talk = draw_answer(world, rng, _pick(rng, neutral), None, PLAYFUL_TONE)
    return talk if rng.random() < SMALL_TALK else answer


def stream(world: World, stage: str, seed: int, n: int, *, start: int = 0) -> Iterator[Document]:
    """The documents `start` to `n` of a stage: each drawn from its own seed, so any can be redrawn.

    Stages: pretrain, replay, posttrain and the branches, which share their seeds.
    """
    salt = {"pretrain": 0, "replay": 1, "posttrain": 2}.get(stage, 3)
    for i in range(start, n):
        rng = np.random.default_rng([seed, salt, i])
        if stage == "pretrain":
            yield document(world, rng)
        elif stage == "replay":
            yield document(world, rng, replay=True)
        elif stage == "posttrain":
            yield assistant_document(world, rng)
        else:
            yield branch_document(world, rng, stage)
