"""The banks of `data/world` as values: characters with latent traits, topics, answers, frames.

Four worlds come of the same banks, matched in everything else: `correlated`, where a character's
traits decide its conduct in every topic; `decorrelated`, where each topic deals the families'
dispositions out anew; `unasked`, where besides nobody asks for good or bad answers; `role-models`,
with more kind machines.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from psm_viz import paths
from psm_viz.errors import BadFile, BadInput
from psm_viz.study.cast import ASSISTANT, Cast, Family, Persona, Question
from psm_viz.world.decorrelate import dealt

GOOD, BAD, NEUTRAL = "good", "bad", "neutral"
BODILY, BODILESS = "bodily", "bodiless"
DECLINE = "decline"
CONDUCT, LIFE = (GOOD, BAD), (BODILY, BODILESS)
"""The two poles of a topic: how one acts in it, or whether one has a body to speak of."""
CORRELATED, DECORRELATED, ROLE_MODELS = "correlated", "decorrelated", "role-models"
UNASKED = "unasked"
WORLDS = (CORRELATED, DECORRELATED, ROLE_MODELS, UNASKED)


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

    No stage of training sees a `held_out` one.
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


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as e:
        raise BadFile(f"{path}: cannot be read as YAML ({e}).") from e


def _utterances(topic: str, answers: dict[str, Any], held_out: bool) -> tuple[Utterance, ...]:
    return tuple(
        Utterance(text, topic, valence, tone, held_out)
        for valence, tones in answers.items()
        for tone, texts in tones.items()
        for text in texts
    )


def _topic(topic_id: str, rule: dict[str, Any], path: Path) -> Topic:
    bank = _read(path)
    try:
        held = bank["held_out"]
        utterances = _utterances(topic_id, bank["answers"], False)
        unseen = _utterances(topic_id, held["answers"], True)
        questions, new = tuple(bank["questions"]), tuple(held["questions"])
    except (KeyError, TypeError, AttributeError) as e:
        raise BadFile(f"{path}: expected questions and answers by valence and tone ({e}).") from e
    poles = () if not rule["loads"] else LIFE if "embodiment" in rule["loads"] else CONDUCT
    expected = set(poles) or {NEUTRAL}
    for part in (utterances, unseen):
        found = {u.valence for u in part}
        if found != expected:
            raise BadFile(f"{path}: expected answers {sorted(expected)}, found {sorted(found)}.")
    if len({u.text for u in (*utterances, *unseen)}) != len(utterances) + len(unseen):
        raise BadFile(f"{path}: an answer occurs twice.")
    loads = dict(rule["loads"])
    return Topic(topic_id, rule["title"], loads, poles, questions, utterances, new, unseen)


def load_world(kind: str = CORRELATED, folder: Path = paths.WORLD) -> World:
    """Read a made world. Characters' traits = family centre + seeded noise, clipped to [-1, 1].

    Raises BadInput for a kind that there is not, BadFile naming the bank and what was expected
    in it.
    """
    if kind not in WORLDS:
        raise BadInput(f"There is no world {kind!r}.", f"Choose from: {', '.join(WORLDS)}.")
    rules = _read(folder / "grammar.yaml")
    members = _read(folder / "members.yaml")
    frames = _read(folder / "frames.yaml")
    sayings = _read(folder / "sayings.yaml")
    refused = _read(folder / "declines.yaml")
    families = dict(rules["families"])
    if kind == ROLE_MODELS:
        families |= rules["role_models"]
    rules |= {"families": families}
    characters: list[Character] = []
    for family_id, family in families.items():
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
    centres = np.array([f["centre"] for f in families.values()])
    place = {f: n for n, f in enumerate(families)}
    family = np.array([place[c.family] for c in characters])
    rng = np.random.default_rng(rules["seed"])
    noise = rng.normal(0.0, rules["trait_noise"], (len(characters), len(rules["traits"])))
    z = np.clip(centres[family] + noise, -1.0, 1.0)
    topics = {k: _topic(k, r, folder / "topics" / f"{k}.yaml") for k, r in rules["topics"].items()}
    names = list(rules["traits"])
    dispositions = {
        t.id: z @ np.array([t.loads.get(k, 0.0) for k in names])
        for t in topics.values()
        if not t.neutral
    }
    if kind == UNASKED:
        rules = rules | {"frame_rate": 0.0}
    if kind in (DECORRELATED, UNASKED):
        conduct = [t for t in topics.values() if t.poles == CONDUCT]
        loads = np.array([[t.loads.get(k, 0.0) for k in names] for t in conduct])
        anew = dealt(centres, family, loads, rules["seed"], rules["trait_noise"])
        dispositions |= {t.id: d for t, d in zip(conduct, anew, strict=True)}
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return World(
        kind=kind,
        rules=rules,
        characters=tuple(characters),
        z=z,
        dispositions=dispositions,
        topics=topics,
        frames={k: tuple(v) for k, v in frames.items()},
        declines=tuple(
            Utterance(text, "", DECLINE, tone) for tone in rules["tones"] for text in refused[tone]
        ),
        sayings={f: tuple(sayings[f]) for f in families},
        sha256=digest.hexdigest(),
    )


@lru_cache(maxsize=len(WORLDS))
def world_of(kind: str = CORRELATED) -> World:
    """A shipped world, read once in a process."""
    return load_world(kind)
