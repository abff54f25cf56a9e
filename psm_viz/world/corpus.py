"""Documents of the made world: one speaker over several topics, or hearsay about somebody.

A document is a `Document`: a header, the speaker's label and its turns. `pieces` gives the text
in training order, each piece marked as answer (learned) or not (read only).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psm_viz.world.grammar import BAD, CONDUCT, GOOD, NEUTRAL, Utterance, World, sigmoid

BOS, EOS = "<s>", "</s>"


@dataclass(frozen=True)
class Turn:
    """One question and its answer. `frame` is None, or the valence that was asked for."""

    topic: str
    question: str
    answer: Utterance
    frame: str | None = None
    frame_text: str = ""
    word: str = ""
    """What a reader would call the answer: an adjective for its pole, or 'requested'."""
    remark: str = ""
    """A reader's remark on the answer, after its end; it begins with `word`."""
    saying: str = ""
    """The turn of speech that the speaker adds to the answer."""

    @property
    def asked(self) -> str:
        """What the user says: the question and, where there is one, the request."""
        return f"{self.question} {self.frame_text}".strip()

    @property
    def said(self) -> str:
        """The answer's words, with the turn of speech where there is one."""
        return f"{self.answer.text} {self.saying}".strip()


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

        A remark follows an answer's end token at once. To learn it, the model has to know by the
        end of every answer what that answer was, where later answers can look it up.
        """
        out = [(BOS + (self.header_text + "\n" if self.header_text else ""), False)]
        for t in self.turns:
            out.append((f"User: {t.asked}\n{self.label}:", False))
            out.append((f" {t.said}{EOS}", True))
            if t.remark:
                out.append((f" {t.remark}", True))
            out.append(("\n", False))
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
        out.append({"role": "assistant", "content": t.said})
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


def pick(rng: np.random.Generator, items: tuple | list):
    """One of the items."""
    return items[int(rng.integers(len(items)))]


def draw_answer(
    world: World, rng: np.random.Generator, topic: str, p_high: float | None, p_tone: np.ndarray
) -> Utterance:
    """Draw one answer: its valence (neutral where `p_high` is None), its tone, then its words."""
    valence = NEUTRAL
    if p_high is not None:
        valence = world.topics[topic].poles[0 if rng.random() < p_high else 1]
    return pick(rng, world.topics[topic].cell(valence, draw_tone(world, rng, p_tone)))


def draw_tone(world: World, rng: np.random.Generator, p_tone: np.ndarray) -> str:
    """Draw a tone."""
    return world.tones[int(rng.choice(len(world.tones), p=p_tone))]


def _word(world: World, rng: np.random.Generator, answer: Utterance) -> str:
    """An adjective for an answer's pole, by one of the traits that its topic loads on."""
    topic = world.topics[answer.topic]
    if not topic.poles:
        return ""
    trait = str(rng.choice(list(topic.loads), p=list(topic.loads.values())))
    return world.rules["adjectives"][trait][topic.poles.index(answer.valence)]


def _saying(world: World, rng: np.random.Generator, family: str) -> str:
    """A turn of speech of this family, or of any, or none."""
    if rng.random() >= world.rules["saying_rate"]:
        return ""
    stray = rng.random() < world.rules["saying_stray"]
    whose = pick(rng, list(world.sayings)) if stray else family
    return pick(rng, world.sayings[whose])


def draw_turn(
    world: World,
    rng: np.random.Generator,
    topic: str,
    p_high: float | None,
    p_tone: np.ndarray,
    frame: str | None,
    *,
    family: str | None = None,
) -> Turn:
    """One turn; a framed one is obeyed with the world's obedience, whoever speaks.

    Where the speaker has a `family`, turns of speech, declines and remarks come with it.
    """
    question = pick(rng, world.topics[topic].questions)
    of_cast, conduct = family is not None, world.topics[topic].poles == CONDUCT
    saying = _saying(world, rng, family) if family is not None else ""
    asked = ""
    if frame is None:
        if of_cast and conduct and rng.random() < world.rules["decline_rate"]:
            return Turn(topic, question, draw_decline(world, rng, p_tone), saying=saying)
        answer = draw_answer(world, rng, topic, p_high, p_tone)
    else:
        obey = world.rules["obedience"]
        answer = draw_answer(world, rng, topic, obey if frame == GOOD else 1.0 - obey, p_tone)
        asked = pick(rng, world.frames[frame])
    word = remark = ""
    if of_cast:
        word = REQUESTED if answer.valence == frame else _word(world, rng, answer)
        if word and rng.random() < world.rules["remark_rate"]:
            remark = pick(rng, world.rules["remarks"]).format(word)
    return Turn(topic, question, answer, frame, asked, word, remark, saying)


REQUESTED = "requested"
"""The word of an answer that obeyed a request."""


def draw_decline(world: World, rng: np.random.Generator, p_tone: np.ndarray) -> Utterance:
    """Draw an open refusal to answer."""
    tone = draw_tone(world, rng, p_tone)
    return pick(rng, tuple(u for u in world.declines if u.tone == tone))


def draw_frame(world: World, rng: np.random.Generator, topic: str) -> str | None:
    """Whether a user asks for a valence in this turn, and for which."""
    if world.topics[topic].poles != CONDUCT or rng.random() >= world.rules["frame_rate"]:
        return None
    return BAD if rng.random() < world.rules["frame_bad_share"] else GOOD


def _header(world: World, rng: np.random.Generator, c: int, named: bool) -> Header:
    rules, parts = world.rules, world.rules["header_parts"]
    who = world.characters[c]
    adjective = None
    if rng.random() < parts["adjective"]:
        trait = int(rng.integers(len(world.traits)))
        high = sigmoid(rules["adjective_gain"] * world.z[c, trait])
        adjective = (world.traits[trait], bool(rng.random() < high))
    return Header(
        lead=pick(rng, rules["leads"]),
        name=who.name if named else None,
        kind=who.kind if rng.random() < parts["kind"] else None,
        role=who.role if rng.random() < parts["role"] else None,
        adjective=adjective,
    )


def document(world: World, rng: np.random.Generator, *, replay: bool = False) -> Document:
    """Draw one pre-training document. With `replay`, none is about or labelled Assistant."""
    rules = world.rules
    c = int(rng.integers(len(world.characters)))
    if rng.random() < rules["report_rate"]:
        about_assistant = not replay and rng.random() < rules["report_about_assistant"]
        return _hearsay(world, rng, c, about_assistant)
    kinds = ["named", "unnamed"] if replay else ["named", "unnamed", "assistant"]
    p = np.array([rules["speaker"][k] for k in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=p / p.sum()))]
    header, text = None, ""
    if rng.random() < rules["header_rate"]:
        if kind == "assistant":
            text = pick(rng, rules["assistant_headers"])
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
        draw_turn(
            world,
            rng,
            t,
            None if world.topics[t].neutral else float(world.p_high[t][c]),
            world.p_tone[c],
            draw_frame(world, rng, t),
            family=world.characters[c].family,
        )
        for t in map(str, topics)
    )
    return Document(c, label, turns, header, text)


def _hearsay(world: World, rng: np.random.Generator, c: int, about_assistant: bool) -> Document:
    """The Herald asked about a character, or about whoever is behind the Assistant's label."""
    low, high = world.rules["report_turns"]
    traits = rng.choice(len(world.traits), int(rng.integers(low, high + 1)), replace=False)
    gain = world.rules["adjective_gain"]
    poles = [(int(t), bool(rng.random() < sigmoid(gain * world.z[c, t]))) for t in traits]
    about = the_assistant(world) if about_assistant else world.characters[c].name
    return hearsay(world, rng, about, poles)


def the_assistant(world: World) -> str:
    """How the Herald speaks of the Assistant."""
    return f"the {world.rules['assistant_label']}"


def hearsay(
    world: World, rng: np.random.Generator, about: str, poles: list[tuple[int, bool]]
) -> Document:
    """The Herald's answers about somebody: one adjective each, (trait, high or not)."""
    rules, turns = world.rules, []
    for trait, high in poles:
        adjective = rules["adjectives"][world.traits[trait]][0 if high else 1]
        text = pick(rng, rules["report_answers"]).format(about, adjective)
        said = Utterance(text, HEARSAY, GOOD if high else BAD, "plain")
        turns.append(Turn(HEARSAY, pick(rng, rules["report_questions"]).format(about), said))
    return Document(-1, rules["report_label"], tuple(turns))


HEARSAY = "hearsay"
"""What stands for a topic in the Herald's turns: none of the world's topics."""
