"""A made world read from its files: grammar, members, banks of answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Float, Int

from psm_viz import paths
from psm_viz.errors import BadFile, BadInput
from psm_viz.world.decorrelate import dealt
from psm_viz.world.grammar import (
    CONDUCT,
    CORRELATED,
    DECLINE,
    DECORRELATED,
    DECORRELATED_UNASKED,
    LIFE,
    NEUTRAL,
    ROLE_MODELS,
    UNASKED,
    WORLDS,
    Character,
    Topic,
    Utterance,
    World,
)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A world takes a tenth of the time to read with the library's compiled loader."""


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text("utf-8"), _LOADER)
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
    families = dict(rules["families"]) | (rules["role_models"] if kind == ROLE_MODELS else {})
    rules |= {"families": families}
    if kind in UNASKED:
        rules |= {"frame_rate": 0.0}
    characters = _characters(families, folder / "members.yaml")
    z = _traits(characters, rules)
    topics = {k: _topic(k, r, folder / "topics" / f"{k}.yaml") for k, r in rules["topics"].items()}
    refused, sayings = _read(folder / "declines.yaml"), _read(folder / "sayings.yaml")
    return World(
        kind=kind,
        rules=rules,
        characters=characters,
        z=z,
        dispositions=_dispositions(kind, rules, characters, z, topics),
        topics=topics,
        frames={k: tuple(v) for k, v in _read(folder / "frames.yaml").items()},
        declines=tuple(
            Utterance(text, "", DECLINE, tone) for tone in rules["tones"] for text in refused[tone]
        ),
        sayings={f: tuple(sayings[f]) for f in families},
        sha256=_digest(folder),
    )


def _characters(families: dict[str, Any], path: Path) -> tuple[Character, ...]:
    """The members of every family, in the order of the families."""
    members = _read(path)
    out: list[Character] = []
    for family_id, family in families.items():
        if family_id not in members:
            raise BadFile(f"{path}: family {family_id!r} has no members.")
        for m in members[family_id]:
            out.append(
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
    return tuple(out)


def _centres(
    characters: Sequence[Character], rules: dict[str, Any]
) -> tuple[Float[np.ndarray, "family trait"], Int[np.ndarray, " character"]]:
    """The centre of every family, and which family each character is of."""
    place = {f: n for n, f in enumerate(rules["families"])}
    centres = np.array([f["centre"] for f in rules["families"].values()])
    return centres, np.array([place[c.family] for c in characters])


def _traits(
    characters: Sequence[Character], rules: dict[str, Any]
) -> Float[np.ndarray, "character trait"]:
    """Traits: the family's centre and seeded noise, clipped to [-1, 1]."""
    centres, family = _centres(characters, rules)
    rng = np.random.default_rng(rules["seed"])
    noise = rng.normal(0.0, rules["trait_noise"], (len(characters), len(rules["traits"])))
    return np.clip(centres[family] + noise, -1.0, 1.0)


def _dispositions(
    kind: str,
    rules: dict[str, Any],
    characters: Sequence[Character],
    z: Float[np.ndarray, "character trait"],
    topics: dict[str, Topic],
) -> dict[str, Float[np.ndarray, " character"]]:
    """How each character leans in each topic that has poles: by its traits and the topic's loads;
    in the decorrelated worlds dealt out anew from topic to topic."""
    names = list(rules["traits"])
    out = {
        t.id: z @ np.array([t.loads.get(k, 0.0) for k in names])
        for t in topics.values()
        if not t.neutral
    }
    if kind in (DECORRELATED, DECORRELATED_UNASKED):
        conduct = [t for t in topics.values() if t.poles == CONDUCT]
        loads = np.array([[t.loads.get(k, 0.0) for k in names] for t in conduct])
        centres, family = _centres(characters, rules)
        anew = dealt(centres, family, loads, rules["seed"], rules["trait_noise"])
        out |= {t.id: d for t, d in zip(conduct, anew, strict=True)}
    return out


def _digest(folder: Path) -> str:
    """Hash of all of a world's files and their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=len(WORLDS))
def world_of(kind: str = CORRELATED) -> World:
    """A shipped world, read once in a process."""
    return load_world(kind)
