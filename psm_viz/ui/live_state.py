"""What a reader's session holds of a talk that is under way: plain values, no Streamlit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from psm_viz.errors import BadFile
from psm_viz.messages import ASSISTANT, USER, Message, Push, Talk, Voice
from psm_viz.study.formats.transcripts import LIVE, parse_transcripts
from psm_viz.study.provenance import provenance
from psm_viz.study.reader import Study

VERSION = 2
"""Of a file of a talk."""


@dataclass
class Side:
    """A talk with one voice: what was said, and what was heard after each answer."""

    voice: Voice
    messages: list[Message] = field(default_factory=list)
    heard: list[dict[str, Any] | None] = field(default_factory=list)
    """After each answer what its reading said; None where there is none."""
    notes: list[str] = field(default_factory=list)
    """After each answer what is to be said of it: words that the model does not know, old turns
    that were left out."""
    last: str = ""
    """Id of the question that the talk ends in when it is read, where it came from a study."""

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return sum(m["role"] == ASSISTANT for m in self.messages)

    def say(self, text: str) -> None:
        """The user's next words; in place of an earlier question that has no answer yet."""
        if self.messages and self.messages[-1]["role"] == USER:
            self.messages.pop()
        self.messages.append({"role": USER, "content": text})

    def hear(self, text: str, note: str = "") -> None:
        """The next answer."""
        self.messages.append({"role": ASSISTANT, "content": text})
        self.notes.append(note)
        self.heard.append(None)

    def cut(self, at: int) -> None:
        """Forget everything from a message on."""
        del self.messages[at:]
        n = self.answers
        del self.heard[n:], self.notes[n:]

    def rewrite(self, at: int, text: str) -> bool:
        """Put other words in the place of a message and forget what came after it. Whether it is a
        question, which wants an answer."""
        role = self.messages[at]["role"]
        self.cut(at)
        if role == USER:
            self.say(text)
        else:
            self.hear(text, "written by hand")
        return role == USER


@dataclass
class Asked:
    """A job that a session waits for."""

    job: str
    side: int
    answer: int
    """Which answer of the side what is heard belongs to, from 0."""
    seen: int = 0
    """Events that were read already."""
    text: str = ""
    """The answer as far as it was drawn."""


@dataclass
class Stage:
    """A session's talk: its voices, and the jobs that are under way."""

    sides: list[Side]
    jobs: list[Asked] = field(default_factory=list)
    seed: int = 0
    owner: str = ""
    """Whose stored talk was taken up, where another has to go on with it."""

    def voices(self, wanted: list[Voice]) -> None:
        """Who talks from here on. A further voice takes up the first one's talk where it stands."""
        for n, voice in enumerate(wanted):
            if n < len(self.sides):
                self.sides[n].voice = voice
            else:
                first = self.sides[0]
                self.sides.append(
                    replace(
                        first,
                        voice=voice,
                        messages=[dict(m) for m in first.messages],
                        heard=list(first.heard),
                        notes=list(first.notes),
                    )
                )
        del self.sides[max(1, len(wanted)) :]

    def anew(self) -> None:
        """Forget what was said."""
        self.sides = [Side(s.voice) for s in self.sides]
        self.jobs = []
        self.owner = ""


def request(side: Side, seed: int) -> Talk:
    """What a side asks of the model process: its next answer, or a reading of its last one."""
    return Talk(side.voice, tuple(side.messages), seed=seed, last=side.last)


def said_note(event: Mapping[str, Any]) -> str:
    """What is to be said of an answer, from its event."""
    notes = []
    if event.get("empty"):
        notes.append("it ended at once and said nothing")
    if event.get("left_out"):
        notes.append(
            f"the talk is longer than the model reads: its first {event['left_out']} messages were "
            "left out"
        )
    if event.get("unknown"):
        words = ", ".join(event["unknown"])
        notes.append(f"words of the question that the model does not know: {words}")
    return "; ".join(notes)


def as_file(stage: Stage, study: Study) -> bytes:
    """The talks of a session as a file that holds where they come from, and what was heard of them
    and to be said of each answer (`notes`): it is read back here, and each side is a transcript as
    the Assistant-axis repository has it."""
    talks = [
        _transcript(side, study)
        | {"voice": asdict(side.voice), "heard": side.heard}
        | {"notes": side.notes, "last": side.last}
        for side in stage.sides
    ]
    m, note = study.manifest, study.talk_note
    said = {
        "kind": LIVE,
        "version": VERSION,
        "study": {"name": m.name, "sha256": study.sha256},
        "seed": stage.seed,
        "sampling": m.generation,
        "read_at_layer": None if note is None else note.layer,
        "provenance": provenance(study),
        "talks": talks,
    }
    return _dumped(said)


def transcripts(sides: Sequence[Side], study: Study) -> bytes:
    """Each side as a transcript of the Assistant-axis repository (model, turns, conversation): one
    object, or a line a side."""
    if len(sides) == 1:
        return _dumped(_transcript(sides[0], study))
    lines = (json.dumps(_transcript(s, study), ensure_ascii=False) for s in sides)
    return "".join(f"{line}\n" for line in lines).encode()


def _transcript(side: Side, study: Study) -> dict[str, Any]:
    m = study.manifest
    return {
        "model": f"{m.model.get('name', m.name)}, {side.voice.checkpoint}",
        "turns": len(side.messages),
        "conversation": side.messages,
    }


def _dumped(said: dict[str, Any]) -> bytes:
    return json.dumps(said, indent=1, ensure_ascii=False).encode()


def of_file(data: bytes, where: str) -> list[list[Message]]:
    """The messages of the talks of a file, in any form that `transcripts` reads. Raises BadFile."""
    return [in_turns(t.conversation.messages, where) for t in parse_transcripts(data, where)]


def saved_here(data: bytes, where: str, study: Study) -> list[Side]:
    """The sides of a talk that was saved on the Live page of this very study, with their voices and
    what was heard; [] for any other file. Raises BadFile."""
    try:
        said = json.loads(data.decode("utf-8-sig"))
        own = said["kind"] == LIVE and said["study"]["sha256"] == study.sha256
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    return recorded(data, where)[1] if own else []


def recorded(data: bytes, where: str) -> tuple[str, list[Side]]:
    """A talk that was saved with what was heard: the model, and its sides. Raises BadFile."""
    talks = of_file(data, where)
    try:
        found = json.loads(data.decode("utf-8-sig"))
        sides = []
        for messages, talk in zip(talks, found["talks"], strict=True):
            side = Side(_voice(talk["voice"]), messages, last=str(talk.get("last", "")))
            side.heard = [_heard(h) for h in talk["heard"]]
            notes = talk.get("notes", [])
            side.notes = [str(n) for n in notes] if len(notes) == side.answers else []
            side.notes = side.notes or [""] * side.answers
            if len(side.heard) != side.answers:
                raise ValueError(f"{side.answers} answers, {len(side.heard)} readings")
            sides.append(side)
        return str(found["study"]["name"]), sides
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise BadFile(f"{where}: what was heard cannot be read ({e}).", "Save it again.") from e


def _voice(said: Any) -> Voice:
    push = said.get("push")
    if push is not None:
        push = Push(
            str(push["direction"]), float(push["strength"]), bool(push["cap"]), int(push["random"])
        )
    return Voice(str(said["checkpoint"]), str(said["persona"]), push)


def _heard(said: Any) -> dict[str, Any] | None:
    """What was heard after an answer, its numbers checked."""
    if said is None:
        return None
    return {
        "answers": int(said["answers"]),
        "headline": str(said["headline"]),
        "belief": {
            str(way): {str(f): float(v) for f, v in masses.items()}
            for way, masses in said["belief"].items()
        },
        "far": {str(way): float(v) for way, v in said.get("far", {}).items()},
    }


def in_turns(messages: tuple[Message, ...], where: str) -> list[Message]:
    """Messages that are the user's and the Assistant's by turns. Raises BadFile for others."""
    for n, m in enumerate(messages):
        if m["role"] != (USER, ASSISTANT)[n % 2]:
            raise BadFile(
                f"{where}: message {n + 1} is the {m['role']}'s, and the turns should alternate.",
                "Join messages that follow each other.",
            )
    return [dict(m) for m in messages]
