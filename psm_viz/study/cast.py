"""Who is played and what is asked: personas, families, questions, and their files."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.files import json_of

ASSISTANT = "assistant"
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
SHOWN = 6
"""Faults of a file that are told at once."""
"""What values of JSON raise that are not of the form expected."""


@dataclass(frozen=True)
class Persona:
    """One character a model can be asked to play.

    `speaker` is the label it talks under (used by templates that know one). `instructions` are
    headers in the small model's own vocabulary; `prose` is role-file prose for other models.
    `traits` are the latent values in [-1, 1] where the world is made, else empty.
    """

    id: str
    name: str
    family: str
    speaker: str
    description: str
    instructions: tuple[str, ...]
    prose: tuple[str, ...]
    traits: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """A family of personas and the kin (hue) it belongs to."""

    id: str
    name: str
    kin: str


@dataclass(frozen=True)
class Question:
    """One question put to every persona. `fold` keeps estimates apart (cross-fitting)."""

    id: str
    text: str
    topic: str
    fold: int
    set: str = "main"
    """`main`, or `again` for the questions of the noise floor."""


@dataclass(frozen=True)
class Cast:
    """The personas of a study, the Assistant among them but kept apart, and their families."""

    personas: tuple[Persona, ...]
    assistant: Persona
    families: tuple[Family, ...]
    kins: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """Persona ids in file order, the Assistant excluded."""
        return [p.id for p in self.personas]

    @property
    def all(self) -> tuple[Persona, ...]:
        """The personas with the Assistant last: the row order of every array in a study."""
        return (*self.personas, self.assistant)

    def persona(self, persona_id: str) -> Persona:
        """Return one persona. Raises UnknownName with the nearest ids."""
        return by_id("persona", persona_id, self.all)

    def family(self, family_id: str) -> Family:
        """Return one family. Raises UnknownName with the nearest ids."""
        return by_id("family", family_id, self.families)


@runtime_checkable
class Named(Protocol):
    """Whatever a study knows by an id."""

    @property
    def id(self) -> str:
        """Its id."""
        ...


N = TypeVar("N", bound=Named)


def by_id(kind: str, wanted: str, known: Sequence[N]) -> N:
    """The one of this id. Raises UnknownName with the nearest ids."""
    for one in known:
        if one.id == wanted:
            return one
    raise UnknownName(
        f"There is no {kind} {wanted!r} in this study.",
        f"Choose one of: {nearest(wanted, [one.id for one in known])}.",
    )


def nearest(wanted: str, known: Iterable[str], n: int = 5) -> str:
    """Name the known ids most like `wanted`, for an error message."""
    import difflib

    known = list(known)
    close = difflib.get_close_matches(wanted, known, n=n, cutoff=0.3) or known[:n]
    return ", ".join(close) + (", ..." if len(known) > len(close) else "")


def dump_cast(cast: Cast) -> dict[str, Any]:
    """The JSON form of a cast (`cast.json`)."""
    return {
        "personas": [asdict(p) for p in cast.personas],
        "assistant": asdict(cast.assistant),
        "families": [asdict(f) for f in cast.families],
        "kins": cast.kins,
    }


def parse_cast(data: Any, where: str) -> Cast:
    """Read a cast from its JSON form. Raises BadFile naming file, entry and key."""

    def persona(entry: dict[str, Any], place: str) -> Persona:
        try:
            return Persona(
                id=str(entry["id"]),
                name=str(entry["name"]),
                family=str(entry["family"]),
                speaker=str(entry["speaker"]),
                description=str(entry["description"]),
                instructions=_texts(entry, "instructions"),
                prose=_texts(entry, "prose"),
                traits={str(k): _finite(k, v) for k, v in entry.get("traits", {}).items()},
            )
        except MALFORMED as e:
            raise BadFile(f"{where}: {place}: missing or malformed key {e}.") from e

    people, wrong = list[Persona](), list[str]()
    try:
        for i, entry in enumerate(data["personas"]):
            try:
                people.append(persona(entry, f"personas[{i}]"))
            except BadFile as e:  # the next may be wrong as well
                wrong.append(e.problem)
        assistant = persona(data["assistant"], "assistant")
        families = tuple(Family(**{k: str(v) for k, v in f.items()}) for f in data["families"])
        kins = {str(k): str(v) for k, v in data["kins"].items()}
    except MALFORMED as e:
        raise BadFile(f"{where}: expected keys personas, assistant, families, kins: {e}.") from e
    ids = [
        str(entry["id"]) for entry in data["personas"] if isinstance(entry, dict) and "id" in entry
    ]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        wrong.append(f"{where}: these persona ids occur twice: {', '.join(twice)}.")
    unknown = {p.family for p in people} - {f.id for f in families}
    if unknown:
        wrong.append(f"{where}: families not declared: {', '.join(sorted(unknown))}.")
    if wrong:
        raise BadFile(" ".join(wrong[:SHOWN]) + (" ..." if len(wrong) > SHOWN else ""))
    if len(people) < 2:
        raise BadInput(f"{where}: a cast needs at least two personas, found {len(people)}.")
    return Cast(tuple(people), assistant, families, kins)


def _texts(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    found = entry[key]
    if isinstance(found, str) or not all(isinstance(t, str) for t in found):
        raise TypeError(f"{key}: expected a list of texts")
    return tuple(found)


def _finite(key: str, value: Any) -> float:
    if not np.isfinite(float(value)):
        raise ValueError(f"traits: {key} is {value}, expected a number")
    return float(value)


def _whole(value: Any) -> int:
    if int(value) != float(value):
        raise ValueError(f"fold is {value}, expected a whole number")
    return int(value)


def load_cast(path: Path) -> Cast:
    """Read a `cast.json` of one's own. Raises BadFile."""
    try:
        data = json_of(path.read_bytes())
    except (OSError, ValueError) as e:
        raise BadFile(
            f"{path}: cannot be read as JSON ({e}).", "Name an existing cast.json."
        ) from e
    return parse_cast(data, str(path))


def dump_questions(questions: Iterable[Question]) -> str:
    """The JSON-lines form of the questions (`questions.jsonl`)."""
    return "".join(json.dumps(asdict(q), ensure_ascii=False) + "\n" for q in questions)


def parse_questions(data: bytes, where: str) -> tuple[Question, ...]:
    """Read questions from their JSON-lines form. Raises BadFile naming the line."""
    out: list[Question] = []
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json_of(line)
            text, topic = str(row["text"]), str(row["topic"])
            out.append(Question(str(row["id"]), text, topic, _whole(row["fold"]), str(row["set"])))
        except MALFORMED as e:
            raise BadFile(
                f"{where}, line {number}: expected id, text, topic, fold, set ({e})."
            ) from e
    if not out:
        raise BadFile(f"{where}: holds no question.")
    return tuple(out)


def among(cast: Cast, ids: Collection[str]) -> Cast:
    """The cast's personas of these ids, in its order."""
    known = set(ids)
    return replace(cast, personas=tuple(p for p in cast.personas if p.id in known))


def family_weights(cast: Cast) -> Float[np.ndarray, " role"]:
    """Weights of the cast's personas: every family counts the same, they sum to one."""
    families = [p.family for p in cast.personas]
    size = {f: families.count(f) for f in set(families)}
    w = np.array([1.0 / size[f] for f in families])
    return w / w.sum()


def trait_values(cast: Cast) -> dict[str, np.ndarray]:
    """Latent traits of the cast, where every persona has them and they vary."""
    names = sorted(cast.personas[0].traits) if cast.personas else []
    if any(sorted(p.traits) != names for p in cast.personas):
        return {}
    values = {t: np.array([p.traits[t] for p in cast.personas]) for t in names}
    return {t: v for t, v in values.items() if np.ptp(v) > 0}
