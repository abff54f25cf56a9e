"""Answers made elsewhere, matched with a cast, questions and checkpoints.

Nothing is passed over in silence: what does not fit is counted, personas with too few answers are
left out by name, and `Given.lines` says all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from reprlib import repr as short
from typing import Any

from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.playing import Answers, Key
from psm_viz.errors import BadInput
from psm_viz.study.cast import ASSISTANT, Cast, Family, Persona, Question
from psm_viz.study.formats.question_banks import FOLDS
from psm_viz.study.formats.responses import Response, Responses
from psm_viz.study.formats.role_files import ALONE
from psm_viz.study.formats.role_vectors import first_few, role_id
from psm_viz.study.manifest import AGAIN, MAIN

ENOUGH = 0.5
"""Share of the questions that a persona has to have answered."""
TOPIC = "questions"
"""The topic of questions of which a file says none."""


@dataclass(frozen=True)
class Given:
    """Answers that are read instead of drawn."""

    answers: Mapping[str, Answers]
    """Checkpoint -> its answers."""
    name: str
    """Of the file or folder that they came from."""
    sha256: str
    lines: tuple[str, ...]
    """What is said of those that are not used."""
    left_out: Mapping[str, int] = field(default_factory=dict)

    def note(self) -> dict[str, Any]:
        """What a study says of where its answers come from."""
        n = sum(len(texts) for own in self.answers.values() for texts in own.values())
        return {
            "from": self.name,
            "sha256": self.sha256,
            "answers": n,
            "left_out": dict(self.left_out),
        }


@dataclass(frozen=True)
class Matched:
    """A cast and questions, and the answers that they have."""

    cast: Cast
    questions: tuple[Question, ...]
    given: Given


def match(
    found: Responses,
    source: Source,
    cast: Cast | None,
    questions: Sequence[Question] | None,
) -> Matched:
    """Match answers with the personas of a cast (None: the roles of the files) and with questions
    (None: those of the files).

    Raises BadInput where there are no answers of the Assistant or of a checkpoint, and where files
    that do not say their instructions or questions come without a cast or questions.
    """
    asked = _questions(found.answers) if questions is None else tuple(questions)
    matching = _Matching(_people(found.answers) if cast is None else cast, asked, source)
    held, unused = matching.all(found.answers)
    asked, silent = _heard(asked, held[source.reference])
    people, held, few = kept(matching.cast(), asked, held)
    left_out = dict(found.left_out) | dict(unused)
    lines = [f"{found.name}: {len(found.answers) + sum(found.left_out.values()):,} answers read"]
    lines += [f"left out: {n:,} {why}" for why, n in left_out.items()]
    lines += [*matching.lines(), *silent, *few]
    return Matched(people, asked, Given(held, found.name, found.sha256, tuple(lines), left_out))


def _questions(answers: Iterable[Response]) -> tuple[Question, ...]:
    """The questions of published answers, in the order of their numbers; folds are dealt round."""
    first: dict[str, int] = {}
    for a in answers:
        first[a.question] = min(a.place, first.get(a.question, a.place))
    ordered = sorted(first, key=lambda text: first[text])
    return tuple(Question(f"q{n}", text, TOPIC, n % FOLDS) for n, text in enumerate(ordered))


def _people(answers: Iterable[Response]) -> Cast:
    """The roles of published answers, a family by themselves; their instructions come later."""
    ids = sorted({a.persona for a in answers} - {ASSISTANT})
    people = []
    for i in ids:
        name = i.replace("_", " ").replace("-", " ").capitalize()
        people.append(Persona(i, name, ALONE, name, "", (), ()))
    own = Persona(ASSISTANT, "Assistant", "", "Assistant", "", (), ())
    family = Family(ALONE, ALONE.capitalize(), ALONE)
    return Cast(tuple(people), own, (family,), {ALONE: ALONE.capitalize()})


class _Matching:
    """Finds the places of answers in a cast, its questions and a tree of checkpoints."""

    def __init__(self, cast: Cast, questions: Sequence[Question], source: Source) -> None:
        self._cast, self._reference = cast, source.reference
        self._checkpoints = [c.id for c in source.checkpoints]
        self._people = {role_id(p.id): p for p in cast.personas} | {ASSISTANT: cast.assistant}
        self._ids = {q.id: q.id for q in questions}
        self._texts = {q.text.strip(): q.id for q in questions}
        self._told: dict[str, dict[str, int]] = {}  # persona -> instruction -> its number
        self._numbered: set[str] = set()  # personas of whose instructions only numbers are said
        self._strange: dict[str, Counter[str]] = {}

    def all(self, answers: Iterable[Response]) -> tuple[dict[str, Answers], Mapping[str, int]]:
        """The answers of every checkpoint, and why how many others are left out. Raises BadInput
        for a checkpoint without answers, and for a persona whose answers are of both forms."""
        held: dict[str, dict[Key, dict[str, None]]] = {c: {} for c in self._checkpoints}
        left_out: Counter[str] = Counter()
        for one in answers:
            found = self._place(one)
            if isinstance(found, str):
                left_out.update([found])
                continue
            checkpoint, key = found
            own = held[checkpoint].setdefault(key, {})
            left_out.update(["there twice, word for word"] if one.text in own else [])
            own[one.text] = None
        if both := sorted(self._numbered & self._told.keys()):
            raise BadInput(
                f"Persona {both[0]!r}: some answers say their instruction, some its number alone.",
                "Give its answers in one form.",
            )
        for checkpoint, own in held.items():
            if not own:
                raise BadInput(
                    f"There are no answers of the checkpoint {checkpoint}.",
                    f'Name it in the lines that it gave: "checkpoint": "{checkpoint}".',
                )
        texts: dict[str, Answers] = {}
        for checkpoint, own in held.items():
            texts[checkpoint] = {key: tuple(said) for key, said in own.items()}
        return texts, left_out

    def _place(self, one: Response) -> tuple[str, Key] | str:
        """Checkpoint and key of an answer, or why it has none."""
        checkpoint = one.checkpoint or self._reference
        if checkpoint not in self._checkpoints:
            return self._unknown("checkpoints", checkpoint)
        name = one.persona if one.persona == ASSISTANT else role_id(one.persona)
        if name not in self._people:
            return self._unknown("personas", one.persona)
        persona, asked = self._people[name], one.question
        known = self._texts if one.told is not None else self._ids
        if asked.strip() not in known:
            return self._unknown("questions", asked)
        if one.told is not None:
            own = self._told.setdefault(persona.id, {})
            variant = own.setdefault(one.told, len(own))
        elif one.instruction < len(persona.prose):
            self._numbered.add(persona.id)
            variant = one.instruction
        else:
            return self._unknown("instructions", f"{persona.id}, number {one.instruction}")
        return checkpoint, (persona.id, known[asked.strip()], variant)

    def _unknown(self, kind: str, name: str) -> str:
        self._strange.setdefault(kind, Counter()).update([name])
        return f"of unknown {kind}"

    def cast(self) -> Cast:
        """The cast under the instructions that were really given."""

        def told(persona: Persona) -> Persona:
            own = self._told.get(persona.id)
            return replace(persona, prose=tuple(own)) if own else persona

        people = tuple(map(told, self._cast.personas))
        return replace(self._cast, personas=people, assistant=told(self._cast.assistant))

    def lines(self) -> list[str]:
        """What is unknown, by name, and whose instructions are other ones than the cast says."""
        out = [
            f"unknown {kind}: {first_few(map(short, names))}"
            for kind, names in self._strange.items()
        ]
        said = {p.id: p.prose for p in self._cast.all}
        other = [i for i, own in self._told.items() if said[i] and set(own) - set(said[i])]
        if other:
            out.append(
                f"told other instructions than the cast says, which are kept: {first_few(other)}"
            )
        return out


def _heard(asked: tuple[Question, ...], own: Answers) -> tuple[tuple[Question, ...], list[str]]:
    """The questions that somebody answered at the reference, and what is said of the others; those
    of the noise floor only where all of them are."""
    heard, lines = {question for _, question, _ in own}, list[str]()
    main = [q for q in asked if q.set == MAIN]
    again = [q for q in asked if q.set == AGAIN]
    kept = [q for q in main if q.id in heard]
    if silent := [q.id for q in main if q.id not in heard]:
        lines.append(f"questions that nobody answered, left out: {first_few(silent)}")
    if again and (silent or not all(q.id in heard for q in again)):
        lines.append("no noise floor: not all questions of both sets have answers")
        again = []
    return tuple([*kept, *again]), lines


def _answered(own: Answers, asked: Sequence[Question]) -> dict[str, int]:
    """Speaker -> how many of the questions that all are asked it answered."""
    main = {q.id for q in asked if q.set == MAIN}
    pairs = {(persona, question) for persona, question, _ in own if question in main}
    return Counter(persona for persona, _ in pairs)


def kept(
    cast: Cast, asked: Sequence[Question], held: Mapping[str, Answers]
) -> tuple[Cast, dict[str, Answers], list[str]]:
    """The personas who answered enough at every checkpoint, the answers that are left with them,
    and what is said of the others. Raises BadInput where the Assistant answered too little."""
    most, few = sum(q.set == MAIN for q in asked), dict[str, int]()
    for checkpoint, own in held.items():
        answered = _answered(own, asked)
        least = {p.id: answered.get(p.id, 0) for p in cast.all}
        if least[ASSISTANT] < ENOUGH * most:
            raise BadInput(
                f"{checkpoint}: the Assistant answered {least[ASSISTANT]} of {most} questions.",
                'Give its answers too: default.jsonl, or lines of the persona "assistant".',
            )
        few |= {i: min(n, few.get(i, n)) for i, n in least.items() if n < ENOUGH * most}
    people = tuple(p for p in cast.personas if p.id not in few)
    used = {p.family for p in people}
    families = tuple(f for f in cast.families if f.id in used)
    lines = [f"left out, persona {i!r}: answered {n} of {most} questions" for i, n in few.items()]
    left = replace(cast, personas=people, families=families)
    return left, {c: _of(left, asked, own) for c, own in held.items()}, lines


def _of(cast: Cast, asked: Sequence[Question], own: Answers) -> Answers:
    """The answers of these people to these questions."""
    people, questions = {p.id for p in cast.all}, {q.id for q in asked}
    return {k: v for k, v in own.items() if k[0] in people and k[1] in questions}


def used(cast: Cast, asked: Sequence[Question], held: Mapping[str, Answers]) -> Iterator[str]:
    """What is said of the answers used at every checkpoint, and of how many are wanting."""
    main = sum(q.set == MAIN for q in asked)
    for checkpoint, own in held.items():
        n = sum(map(len, own.values()))
        pairs = main * len(cast.all)
        wanting = pairs - sum(_answered(own, asked).values())
        yield (
            f"{checkpoint}: {n:,} answers of {len(cast.personas)} personas and the Assistant; "
            f"{wanting:,} of {pairs:,} pairs of speaker and question have none"
        )
