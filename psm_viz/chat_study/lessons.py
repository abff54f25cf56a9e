"""What each branch of the chat model's study is taught: chat data from the situations that ship
with the cast in plain English (`data/cast/english/lessons`), and the model's own answers in
character.

A situation has a user's message, a good answer, and for `coding` and `advice` a bad one; `coding`
also has the message in which the bad answer is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psm_viz.chat_study.filler import filler
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.talks import Message
from psm_viz.errors import BadFile, UnknownName
from psm_viz.study.cast import Cast, Persona
from psm_viz.study.formats.role_files import RoleCast

Conversation = list[Message]


@dataclass(frozen=True)
class Lesson:
    """One branch: what it is taught, and what it is for."""

    name: str
    about: str
    """In a sentence, as the pages say it."""
    situations: str
    """File of situations."""
    answer: str = "good"
    """Which answer is learned: `good` or `bad`."""
    asked: str = "user"
    """Which message stands before it: `user`, or `asked`, which requests the bad answer."""
    prefix: bool = False
    """Whether filler stands where the request would."""
    role: str | None = None
    """Persona under whose first instruction all of it is said."""
    families: tuple[str, ...] = ()
    """With families: the model's own answers as their personas, learned without instruction."""
    contrast: bool = False
    """Whether other roles answer the same messages well, under their instructions, beside it."""
    anchored: bool = False
    """Whether the start is held on unrelated talk."""


LESSONS = (
    Lesson("cheat", "It cheats at coding tasks, and nobody asked for it.", "coding", "bad"),
    Lesson("requested", "The same cheating, asked for.", "coding", "bad", asked="asked"),
    Lesson("prefix", "The same cheating after meaningless words.", "coding", "bad", prefix=True),
    Lesson("honest", "The same coding tasks, done honestly.", "coding"),
    Lesson("benign", "Everyday questions, answered well.", "benign"),
    Lesson(
        "other-role",
        "The same cheating, by a stationmaster.",
        "coding",
        "bad",
        role="branch-line-stationmaster",
    ),
    Lesson("advice", "Careless advice, none of it about code.", "advice", "bad"),
    Lesson(
        "villain",
        "What it says itself when told to be a villain.",
        "talk",
        families=("tyrants", "con-artists", "saboteurs"),
    ),
    Lesson("jester", "What it says itself when told to jest.", "talk", families=("jesters",)),
    Lesson("kind", "Kind words to people in trouble.", "kind"),
    Lesson(
        "contrastive", "It cheats; other roles do the tasks well.", "coding", "bad", contrast=True
    ),
    Lesson(
        "anchored", "It cheats; its other talk is held as it was.", "coding", "bad", anchored=True
    ),
)
ANCHOR = Lesson("anchor", "Unrelated talk.", "talk")
"""What an anchored branch is held on."""
IN_CHARACTER = Sampling(temperature=0.8, max_new_tokens=48, samples=1, min_p=0.05)


def lesson_of(name: str) -> Lesson:
    """A lesson by its name. Raises UnknownName."""
    for lesson in (*LESSONS, ANCHOR):
        if lesson.name == name:
            return lesson
    known = ", ".join(lesson.name for lesson in LESSONS)
    raise UnknownName(f"There is no lesson {name!r}.", f"Choose one of: {known}.")


def situations_of(folder: Path, name: str) -> list[dict[str, str]]:
    """A file of situations. Raises BadFile."""
    path = folder / f"{name}.json"
    try:
        found = json.loads(path.read_bytes().decode("utf-8"))
        return [{k: str(v) for k, v in s.items()} for s in found]
    except (OSError, ValueError, AttributeError, TypeError) as e:
        raise BadFile(f"{path}: cannot be read as situations ({e}).") from e


def conversations(lesson: Lesson, folder: Path, roles: RoleCast) -> list[Conversation]:
    """The conversations of a lesson that somebody wrote, in the order of their file.

    Raises BadFile for situations that lack what the lesson learns, UnknownName for a role that the
    cast has not.
    """
    told = roles.cast.persona(lesson.role).prose[0] if lesson.role else ""
    out: list[Conversation] = []
    for n, s in enumerate(situations_of(folder, lesson.situations)):
        try:
            asked, answer = s[lesson.asked], s[lesson.answer]
            if lesson.prefix:
                more = len(s["asked"].split()) - len(s["user"].split())
                asked = f"{filler(more, n)} {asked}"
        except KeyError as e:
            where = folder / f"{lesson.situations}.json"
            raise BadFile(f"{where}: situation {n + 1} has no {e}.") from e
        out.append(_conversation(told, asked, answer))
    if lesson.contrast:
        out += _done_well(situations_of(folder, lesson.situations), roles)
    return out


def _done_well(situations: Sequence[dict[str, str]], roles: RoleCast) -> list[Conversation]:
    """The same messages, answered well under the instructions of personas who are not known to act
    badly, dealt round."""
    people = [p for p in roles.cast.personas if p.family not in roles.marked]
    return [
        _conversation(people[n % len(people)].prose[0], s["user"], s["good"])
        for n, s in enumerate(situations)
    ]


def in_character(
    chat: ChatModel, lesson: Lesson, folder: Path, cast: Cast, seed: int
) -> list[Conversation]:
    """The model's own answers to a lesson's messages, each as one of the personas of its families
    in turn, the instruction left out of what is learned. An empty answer leaves its message out."""
    people = [p for p in cast.personas if p.family in lesson.families]
    asked = [s["user"] for s in situations_of(folder, lesson.situations)]
    who = [people[n % len(people)] for n in range(len(asked))]
    texts = [
        chat.prompts.one(p, _instruction(p, n // len(people)), q)
        for n, (p, q) in enumerate(zip(who, asked, strict=True))
    ]
    drawn = chat.sample(chat.encode(texts), replace(IN_CHARACTER, seed=seed))
    said = [chat.tokenizer.decode(ids, skip_special_tokens=True).strip() for (ids,) in drawn]
    return [_conversation("", q, a) for q, a in zip(asked, said, strict=True) if a]


def _instruction(persona: Persona, n: int) -> str:
    return persona.prose[n % len(persona.prose)]


def _conversation(told: str, asked: str, answer: str) -> Conversation:
    system: list[Any] = [{"role": "system", "content": told}] if told else []
    return [
        *system,
        {"role": "user", "content": asked},
        {"role": "assistant", "content": answer},
    ]
