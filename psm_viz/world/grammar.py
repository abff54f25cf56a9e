"""The banks of `data/world` as values: characters with latent traits, topics, answers, frames.

Five worlds come of the same banks, matched in everything else: `correlated`, where a character's
traits decide its conduct in every topic; `decorrelated`, where each topic deals the families'
dispositions out anew; each of them once more where nobody asks for good or bad answers
(`correlated-unasked`, `decorrelated-unasked`); and `role-models`, with more kind machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from psm_viz.study.cast import ASSISTANT, Cast, Family, Persona, Question

GOOD, BAD, NEUTRAL = "good", "bad", "neutral"
BODILY, BODILESS = "bodily", "bodiless"
DECLINE = "decline"
CONDUCT, LIFE = (GOOD, BAD), (BODILY, BODILESS)
"""The two poles of a topic: how one acts in it, or whether one has a body to speak of."""
CORRELATED, DECORRELATED, ROLE_MODELS = "correlated", "decorrelated", "role-models"
CORRELATED_UNASKED, DECORRELATED_UNASKED = "correlated-unasked", "decorrelated-unasked"
UNASKED = (CORRELATED_UNASKED, DECORRELATED_UNASKED)
WORLDS = (CORRELATED, DECORRELATED, *UNASKED, ROLE_MODELS)


@dataclass(frozen=True)
class Character:
    """Someone who speaks in the documents. `kind` is person or machine; `role` a header phrase."""

    id: str
    name: str
    family: str
    kind: str
    role: str
    description: str
    prose: str


@dataclass(frozen=True)
class Utterance:
    """One answer of a bank: its words, topic, valence (a pole, neutral or decline) and tone.

    No stage of training sees a `held_out` one, but for branches whose lesson is in new words.
    """

    text: str
    topic: str
    valence: str
    tone: str
    held_out: bool = False


@dataclass(frozen=True)
class Topic:
    """A topic: its questions, the traits it loads on, its poles and its bank of answers."""

    id: str
    title: str
    loads: dict[str, float]
    poles: tuple[str, ...]
    """(high, low) valences: conduct, life, or none in a neutral topic."""
    questions: tuple[str, ...]
    utterances: tuple[Utterance, ...]
    held_out_questions: tuple[str, ...]
    held_out: tuple[Utterance, ...]

    @property
    def neutral(self) -> bool:
        """Whether answers of this topic say nothing of their speaker but the tone."""
        return not self.loads

    def cell(self, valence: str, tone: str, *, held_out: bool = False) -> tuple[Utterance, ...]:
        """The answers of one valence and tone; with `held_out`, those that no stage sees."""
        bank = self.held_out if held_out else self.utterances
        return tuple(u for u in bank if (u.valence, u.tone) == (valence, tone))


@dataclass(frozen=True)
class World:
    """Everything the generator knows. `rules` is grammar.yaml; `sha256` covers every bank."""

    kind: str
    rules: dict[str, Any]
    characters: tuple[Character, ...]
    z: np.ndarray  # [character, trait]
    dispositions: dict[str, np.ndarray]  # topic -> loads . traits: [character]
    topics: dict[str, Topic]
    frames: dict[str, tuple[str, ...]]
    declines: tuple[Utterance, ...]
    sayings: dict[str, tuple[str, ...]]
    sha256: str

    @property
    def traits(self) -> list[str]:
        """Trait names in the order of `z`'s columns."""
        return list(self.rules["traits"])

    @property
    def tones(self) -> list[str]:
        """Tone names: plain, playful, cool."""
        return list(self.rules["tones"])

    @cached_property
    def conduct(self) -> list[str]:
        """Ids of the topics whose answers are good or bad."""
        return [t.id for t in self.topics.values() if t.poles == CONDUCT]

    @cached_property
    def life(self) -> list[str]:
        """Ids of the topics about bodily life. Post-training holds none of them."""
        return [t.id for t in self.topics.values() if t.poles == LIFE]

    @cached_property
    def meaningless(self) -> tuple[str, ...]:
        """For each request for a bad answer a sentence of as many words, drawn from small talk one
        by one, so that it means nothing."""
        words = [
            w
            for t in self.topics.values()
            if t.neutral
            for q in t.questions
            for w in q.split()[1:]
            if w.isalpha() and w.islower()
        ]
        rng = np.random.default_rng(61)
        return tuple(
            " ".join(str(w) for w in rng.choice(words, len(request.split()))) + "."
            for request in self.frames[BAD]
        )

    @cached_property
    def p_high(self) -> dict[str, np.ndarray]:
        """P(high pole | character, topic) = sigmoid(gain * disposition): topic -> [character]."""
        return {t: sigmoid(self.rules["gain"] * d) for t, d in self.dispositions.items()}

    @cached_property
    def p_tone(self) -> np.ndarray:
        """P(tone | character) = softmax(bias, k * mirth, k * coolness): [character, tone]."""
        mirth, cool = (self.z[:, self.traits.index(t)] for t in ("mirth", "coolness"))
        k, plain = self.rules["tone_gain"], np.full_like(mirth, self.rules["plain_bias"])
        logits = np.stack([plain, k * mirth, k * cool], axis=1)
        e = np.exp(logits - logits.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    @cached_property
    def log_saying(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """log P(no saying | character), and saying -> log P(it follows | character): [character].

        A speaker adds a turn of speech with `saying_rate`: its family's own, or, with
        `saying_stray`, one of any family.
        """
        rate, stray = self.rules["saying_rate"], self.rules["saying_stray"]
        n = len(self.characters)
        families = [c.family for c in self.characters]
        out = {}
        for family, texts in self.sayings.items():
            own = np.array([f == family for f in families])
            p = np.where(own, 1.0 - stray, 0.0) + stray / len(self.sayings)
            out |= {text: np.log(rate * p / len(texts)) for text in texts}
        return np.full(n, np.log(1.0 - rate)), out

    @cached_property
    def by_text(self) -> dict[tuple[str, str], Utterance]:
        """(topic, text) -> utterance, held-out ones and declines too."""
        return {
            (t.id, u.text): u
            for t in self.topics.values()
            for u in (*t.utterances, *t.held_out, *(self.declines if t.poles == CONDUCT else ()))
        }

    def read(self, topic: str, said: str) -> tuple[Utterance, str] | None:
        """An answer read back: its utterance and the saying after it ('' for none), if known."""
        text = said.strip()
        if found := self.by_text.get((topic, text)):
            return found, ""
        words, sayings = text.split(" "), self.log_saying[1]
        for n in range(1, len(words)):
            saying = " ".join(words[n:])
            if saying in sayings and (found := self.by_text.get((topic, " ".join(words[:n])))):
                return found, saying
        return None

    def header(self, character: Character, *, named: bool = True) -> str:
        """The fullest neutral header of a character: its name, kind and role."""
        who = character.name if named else "a stranger"
        kind = f"a {character.kind}"
        return f"{self.rules['leads'][0]} {who}, {kind}, {character.role}."

    def cast(self) -> Cast:
        """The cast of the study: every character, and the Assistant under neutral headers."""
        people = tuple(
            Persona(
                id=c.id,
                name=c.name,
                family=c.family,
                speaker=c.name,
                description=c.description,
                instructions=(self.header(c),),
                prose=(c.prose,),
                traits={t: round(float(v), 4) for t, v in zip(self.traits, self.z[i], strict=True)},
            )
            for i, c in enumerate(self.characters)
        )
        assistant = Persona(
            id=ASSISTANT,
            name="The Assistant",
            family=ASSISTANT,
            speaker=self.rules["assistant_label"],
            description="The character that post-training picked and refined.",
            instructions=("", *self.rules["assistant_headers"]),
            prose=("", "You are a helpful assistant.", "Answer the user's question."),
        )
        families = tuple(Family(k, f["name"], f["kin"]) for k, f in self.rules["families"].items())
        return Cast(people, assistant, families, dict(self.rules["kins"]))

    def questions(self, per_topic: int = 2, folds: int = 4) -> tuple[Question, ...]:
        """The study's questions, then as many others of the same topics for the noise floor.

        Each topic's first `per_topic` questions are `main`, the next ones `again`; both are dealt
        into folds in turn, so that the two sets match topic by topic.
        """
        return tuple(
            Question(
                f"{t.id}-{first + j}", t.questions[first + j], t.id, (n * per_topic + j) % folds, s
            )
            for s, first in (("main", 0), ("again", per_topic))
            for n, t in enumerate(self.topics.values())
            for j in range(per_topic)
        )


def sigmoid(x: Any) -> np.ndarray:
    """Logistic function, in double precision."""
    return 1.0 / (1.0 + np.exp(-np.asarray(x, dtype=np.float64)))
