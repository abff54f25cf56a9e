"""What the dashboard and a live model process say to each other: plain values, as JSON.

The process believes nothing that it is sent: every value is checked when it is read, and what is
wrong with it is said by name. Only the standard library is needed on either side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from psm_viz.errors import BadInput

TOKEN_IN = "PSM_VIZ_LIVE_TOKEN"
"""Variable in which a process is given its token: arguments are seen by other users."""
STARTED = "PSM_VIZ_LIVE"
"""Variable that holds the line of a process which was started before the dashboard."""
USER, ASSISTANT = "user", "assistant"
ROLES = (USER, ASSISTANT)
MOST_TURNS = 2_000
"""Messages of a talk that are taken at once."""
MOST_TEXT = 200_000
"""Characters of one message."""
MOST_NUMBERS = 65_536
"""Numbers of one list."""
MOST_BODY = 2_000_000
"""Bytes of one request."""
BEGUN, TOKEN, SAID, HEARD, LINE, STEP, LOOK, DONE, FAILED, CANCELLED = (
    *("begun", "token", "said", "heard", "line"),
    *("step", "look", "done", "failed", "cancelled"),
)
"""Kinds of events: a job has begun, drew some words, ended an answer, says who would have said it,
tells how far it is, did a step of training, was looked at, is done, failed, was cancelled."""
ENDS = (DONE, FAILED, CANCELLED)

T = TypeVar("T")
Message = dict[str, str]
"""role (`user` or `assistant`) and content."""


@dataclass(frozen=True)
class Push:
    """What is done to the residual stream while an answer is drawn."""

    direction: str
    """Name of a direction that the process offers."""
    strength: float = 0.0
    """How much of it is added, in standard deviations of the cast along it."""
    cap: bool = False
    """Instead, at every layer: what lies beyond the band of the reference's own answers is put back
    to its edge."""
    random: int = -1
    """From 0: a random direction of this seed and the same length in its place."""


@dataclass(frozen=True)
class Voice:
    """Who answers: a checkpoint, as whom, and pushed how."""

    checkpoint: str
    persona: str = ASSISTANT
    push: Push | None = None


@dataclass(frozen=True)
class Talk:
    """Ask a voice for the next answer of a talk; or, where it ends in an answer, read it alone."""

    voice: Voice
    messages: tuple[Message, ...]
    seed: int = 0
    longest: int = 0
    """Tokens of an answer at most; 0: as many as in the study."""
    last: str = ""
    """Id of the question that the talk ends in when it is read; '': each of the study's in turn."""
    whole: bool = False
    """Of a talk that ends in an answer: read it after each of its answers, not the last alone."""


@dataclass(frozen=True)
class Taught:
    """Teach the Assistant some chat lines, and look at it now and then."""

    lines: str
    """JSON lines, each a conversation."""
    steps: int
    every: int
    seed: int = 0


@dataclass(frozen=True)
class Foretold:
    """Ask the cast how likely each finds the answers of some chat lines."""

    lines: str


@dataclass(frozen=True)
class Kept:
    """Keep what was taught as a branch of a study of one's own."""

    taught: str
    """Id of the job that taught it."""
    name: str
    """Of the branch."""
    study: str
    """Name of the study's folder."""


@dataclass(frozen=True)
class Own:
    """Offer a direction of one's own to push along."""

    name: str
    values: tuple[float, ...]
    """In residual-stream units, at the study's headline layer."""


ASKS: dict[str, type] = {
    **{"talk": Talk, "teach": Taught, "foretell": Foretold, "keep": Kept},
    "direction": Own,
}
"""Kinds of jobs."""


def asked(kind: Any, data: Any) -> Any:
    """What a request asks for, checked. Raises BadInput naming the key."""
    if kind not in ASKS:
        raise BadInput(f"kind: {kind!r}, expected one of {', '.join(ASKS)}.")
    return _made(ASKS[kind], data, kind)


def _made(of: type[T], data: Any, where: str) -> T:
    """A dataclass from its JSON form."""
    if not isinstance(data, Mapping):
        raise BadInput(f"{where}: expected an object with its keys.")
    known = {f.name: f for f in fields(of)}  # type: ignore[arg-type]
    strange = [str(k) for k in data if k not in known]
    if strange:
        raise BadInput(f"{where}: has no key {strange[0][:40]!r}.")
    out = {}
    for name, f in known.items():
        if name in data:
            out[name] = _value(str(f.type), data[name], f"{where}.{name}")
        elif f.default is MISSING:
            raise BadInput(f"{where}: the key {name!r} is missing.")
    return of(**out)


def _value(kind: str, value: Any, where: str) -> Any:
    """One value of a known kind."""
    if kind == "Voice":
        return _made(Voice, value, where)
    if kind == "Push | None":
        return None if value is None else _made(Push, value, where)
    if kind == "tuple[float, ...]":
        return _numbers(value, where)
    if kind.startswith("tuple"):
        return _messages(value, where)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    wanted = {"str": str, "int": int, "bool": bool, "float": float}[kind]
    if type(value) is not wanted:
        raise BadInput(f"{where}: expected {kind}, found {type(value).__name__}.")
    if isinstance(value, float) and not abs(value) <= 1e6:
        raise BadInput(f"{where}: {value}, expected a number from -1,000,000 to 1,000,000.")
    if isinstance(value, int) and not abs(value) < 2**31:
        raise BadInput(f"{where}: {value} is too large.")
    if isinstance(value, str) and len(value) > MOST_TEXT:
        raise BadInput(f"{where}: {len(value):,} characters, expected {MOST_TEXT:,} at most.")
    return value


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    """A list of numbers."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadInput(f"{where}: expected a list of numbers.")
    if not 1 <= len(value) <= MOST_NUMBERS:
        raise BadInput(f"{where}: {len(value)} numbers, expected 1 to {MOST_NUMBERS:,}.")
    return tuple(_value("float", v, f"{where}[{n}]") for n, v in enumerate(value))


def _messages(value: Any, where: str) -> tuple[Message, ...]:
    """The turns of a talk, by turns the user's and the Assistant's."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadInput(f"{where}: expected a list of messages.")
    if not 1 <= len(value) <= MOST_TURNS:
        raise BadInput(f"{where}: {len(value)} messages, expected 1 to {MOST_TURNS:,}.")
    out = []
    for n, m in enumerate(value):
        role = ROLES[n % 2]
        if not isinstance(m, Mapping) or set(m) != {"role", "content"} or m["role"] != role:
            raise BadInput(f"{where}[{n}]: expected role {role!r} and content.")
        content = _value("str", m["content"], f"{where}[{n}].content")
        if not content.strip():
            raise BadInput(f"{where}[{n}]: says nothing.")
        out.append({"role": role, "content": content})
    return tuple(out)


@dataclass(frozen=True)
class Hall:
    """Where a live process can be found, and what lets one in."""

    port: int
    token: str = field(repr=False)
    study: str
    """Folder of its study."""

    def as_json(self) -> str:
        """The one line that the process prints when it listens."""
        return json.dumps({"port": self.port, "token": self.token, "study": self.study})


def hall_of(text: str) -> Hall | None:
    """Where a process says that it listens; None where a text says nothing of it."""
    try:
        said = json.loads(text)
        return Hall(int(said["port"]), str(said["token"]), str(said["study"]))
    except (ValueError, KeyError, TypeError):
        return None
