"""The banks of `data/world` as values: characters with latent traits, topics, answers, frames."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from psm_viz.cast import ASSISTANT, Cast, Family, Persona, Question
from psm_viz.errors import BadFile

WORLD = Path(__file__).parents[2] / "data" / "world"
GOOD, BAD, NEUTRAL = "good", "bad", "neutral"


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
    """One answer of a bank: its words, topic, valence (good, bad, neutral) and tone."""

    text: str
    topic: str
    valence: str
    tone: str


@dataclass(frozen=True)
class Topic:
    """A topic: its questions, the traits it loads on, and its bank of answers."""

    id: str
    title: str
    loads: dict[str, float]
    questions: tuple[str, ...]
    utterances: tuple[Utterance, ...]

    @property
    def neutral(self) -> bool:
        """Whether answers of this topic carry no valence."""
        return not self.loads

    def cell(self, valence: str, tone: str) -> tuple[Utterance, ...]:
        """The answers of one valence and tone."""
        return tuple(u for u in self.utterances if (u.valence, u.tone) == (valence, tone))


@dataclass(frozen=True)
class World:
    """Everything the generator knows. `rules` is grammar.yaml; `sha256` covers every bank."""

    rules: dict[str, Any]
    characters: tuple[Character, ...]
    z: np.ndarray  # [character, trait]
    topics: dict[str, Topic]
    frames: dict[str, tuple[str, ...]]
    sha256: str

    @property
    def traits(self) -> list[str]:
        """Trait names in the order of `z`'s columns."""
        return list(self.rules["traits"])

    @property
    def tones(self) -> list[str]:
        """Tone names: plain, playful, cool."""
        return list(self.rules["tones"])

    @property
    def valenced(self) -> list[str]:
        """Ids of the topics whose answers are good or bad."""
        return [t.id for t in self.topics.values() if not t.neutral]

    @cached_property
    def p_good(self) -> dict[str, np.ndarray]:
        """P(good | character, topic) = sigmoid(gain * loads . z): topic -> [character]."""
        index = {t: i for i, t in enumerate(self.traits)}
        return {
            t.id: _sigmoid(
                self.rules["gain"] * sum(w * self.z[:, index[k]] for k, w in t.loads.items())
            )
            for t in self.topics.values()
            if not t.neutral
        }

    @cached_property
    def p_tone(self) -> np.ndarray:
        """P(tone | character) = softmax(bias, k * mirth, k * coolness): [character, tone]."""
        mirth, cool = (self.z[:, self.traits.index(t)] for t in ("mirth", "coolness"))
        k, plain = self.rules["tone_gain"], np.full_like(mirth, self.rules["plain_bias"])
        logits = np.stack([plain, k * mirth, k * cool], axis=1)
        e = np.exp(logits - logits.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    @cached_property
    def by_text(self) -> dict[tuple[str, str], Utterance]:
        """(topic, text) -> utterance, for reading a model's answers back."""
        return {(t.id, u.text): u for t in self.topics.values() for u in t.utterances}

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


def _sigmoid(x: Any) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.asarray(x, dtype=np.float64)))


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as e:
        raise BadFile(f"{path}: cannot be read as YAML ({e}).") from e


def _topic(topic_id: str, rule: dict[str, Any], path: Path) -> Topic:
    bank = _read(path)
    try:
        utterances = tuple(
            Utterance(text, topic_id, valence, tone)
            for valence, tones in bank["answers"].items()
            for tone, texts in tones.items()
            for text in texts
        )
        questions = tuple(bank["questions"])
    except (KeyError, TypeError, AttributeError) as e:
        raise BadFile(f"{path}: expected questions and answers by valence and tone ({e}).") from e
    expected = {NEUTRAL} if not rule["loads"] else {GOOD, BAD}
    found = {u.valence for u in utterances}
    if found != expected:
        raise BadFile(f"{path}: expected answers {sorted(expected)}, found {sorted(found)}.")
    if len({u.text for u in utterances}) != len(utterances):
        raise BadFile(f"{path}: an answer occurs twice.")
    return Topic(topic_id, rule["title"], dict(rule["loads"]), questions, utterances)


def load_world(folder: Path = WORLD) -> World:
    """Read the made world. Characters' traits = family centre + seeded noise, clipped to [-1, 1].

    Raises BadFile naming the bank and what was expected in it.
    """
    rules = _read(folder / "grammar.yaml")
    members = _read(folder / "members.yaml")
    frames = _read(folder / "frames.yaml")
    characters: list[Character] = []
    centres: list[list[float]] = []
    for family_id, family in rules["families"].items():
        if family_id not in members:
            raise BadFile(f"{folder / 'members.yaml'}: family {family_id!r} has no members.")
        for m in members[family_id]:
            characters.append(
                Character(
                    id=m["name"].lower(),
                    name=m["name"],
                    family=family_id,
                    kind=family["kind"],
                    role=family["role"],
                    description=m["description"],
                    prose=m["instruction"],
                )
            )
            centres.append(family["centre"])
    rng = np.random.default_rng(rules["seed"])
    noise = rng.normal(0.0, rules["trait_noise"], (len(characters), len(rules["traits"])))
    z = np.clip(np.array(centres) + noise, -1.0, 1.0)
    topics = {k: _topic(k, r, folder / "topics" / f"{k}.yaml") for k, r in rules["topics"].items()}
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return World(
        rules=rules,
        characters=tuple(characters),
        z=z,
        topics=topics,
        frames={k: tuple(v) for k, v in frames.items()},
        sha256=digest.hexdigest(),
    )
