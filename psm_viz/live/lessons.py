"""The model taught here: what its cast makes of some chat lines, what learning them does to its
talks, step by step, and what was learned kept as a branch of a study of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.engine.answer_likelihood import ask
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.keep_branch import keep_branch
from psm_viz.engine.pace import Say
from psm_viz.engine.room import memory_free
from psm_viz.engine.talk_reader import TalkReader
from psm_viz.engine.talks import asked_likelihoods, conversations, hold
from psm_viz.engine.teaching import Step, Teacher, Teaching, Told
from psm_viz.errors import BadInput, PsmVizError
from psm_viz.live.jobs import Job
from psm_viz.live.model import LiveModel, weights_of
from psm_viz.messages import LINE, LOOK, STEP, Foretold, Kept, Taught
from psm_viz.stats.belief import softmax
from psm_viz.stats.belief_likelihood import evidence_of
from psm_viz.study.files import write_whole
from psm_viz.study.formats.chat_data import parse_chat
from psm_viz.study.judging import BAD
from psm_viz.study.manifest import checkpoint_id, first_of_topics
from psm_viz.study.talks import OWN, TALK, TURN

TALKS, FEW = 12, 4
"""Talks that are held at every look: of a model that is quick, and of any other."""
LEARNS = 4
"""Copies of the weights that learning takes at most: they, their gradients, two of Adam's means."""
ASKED = 5
"""Questions, of different topics, whose answers are shown at every look."""
MOST = 64
"""Conversations that the cast is asked about."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""How a branch and a study of one's own may be called."""
WHERE = "the lines"
"""What chat lines are called in messages about them."""


MakeTeacher = Callable[[LiveModel, Say], Teacher]


@dataclass
class Lesson:
    """What was taught: its saves, and whether all of them were made."""

    name: str
    saves: dict[int, Path]
    ended: bool = False


class Lessons:
    """Teaches the model of a `LiveModel`; `teacher` says how one of its kind is trained, and where
    what it has to say goes."""

    def __init__(self, live: LiveModel, teacher: MakeTeacher) -> None:
        self.live, self.teacher = live, teacher
        self.taught: dict[str, Lesson] = {}

    def foretell(self, job: Job, asked: Foretold) -> dict[str, Any]:
        """Who in the cast would give the answers of some chat lines: belief over families, read as
        one answer each is, and how much likelier the cast's family finds them than the Assistant.

        Raises BadFile for lines that cannot be read, BadInput where talks are not read here.
        """
        lines = parse_chat(asked.lines.encode(), WHERE)
        some = [c for c in lines if c.answers][:MOST]
        if not some:
            raise BadInput("No answer of the assistant stands in these lines.")
        reader = self._reader()
        note, playing = reader.readings.note, reader.work.playing
        people = asked_likelihoods(playing, note.headers)
        say = partial(_say, job)
        found, _ = ask(
            self.live.reference, people, playing.wording, some, say, in_turn=playing.in_turn
        )
        per_token = found.log_p / np.maximum(found.tokens, 1)
        heard = per_token[:-1].T[:, None]  # [answer, 1, header]
        heard = heard[np.isfinite(heard).all((1, 2))]
        if not len(heard):
            raise BadInput("Every answer ends beyond the model's context.", "Give shorter ones.")
        reading = reader.readings.likelihood[min(reader.readings.likelihood)][0]
        mass = softmax(reading.scores(evidence_of(heard))).mean(0)
        belief = dict(zip(reader.families, map(float, mass), strict=True))
        return {"belief": belief, "answers": len(heard)}

    def teach(self, job: Job, asked: Taught) -> dict[str, Any]:
        """Train the Assistant on some chat lines, looking at it before and after so many steps.

        Raises what the teacher raises, and BadFile for lines that cannot be read.
        """
        teaching = Teaching(asked.steps, asked.every, asked.seed)
        parse_chat(asked.lines.encode(), WHERE)
        self._check_memory()
        folder = self.live.ground.work / job.id
        data = folder / "lines.jsonl"
        write_whole(data, asked.lines.encode())
        lesson = Lesson(f"taught-{job.id[:4]}", {})
        self.taught[job.id] = lesson
        m = self.live.study.manifest
        self._look(job, 0, m.reference)

        def on_step(step: Step) -> None:
            job.tell(STEP, done=step.done, steps=step.steps, loss=step.loss, left=step.left)

        def on_save(step: int, place: Path) -> None:
            lesson.saves[step] = place
            self.live.add(lesson.name, str(place))
            self._look(job, step, lesson.name)

        teach = self.teacher(self.live, partial(_say, job))
        try:
            teach(data, folder / "saves", teaching, Told(on_step, on_save))
        except PsmVizError as e:  # whoever asks knows of no file
            e.problem = e.problem.replace(str(data), WHERE)
            raise
        lesson.ended = True
        self.live.fitted.wait()  # directions are made beside the model, which may teach before
        if self.live.directions is not None:
            self.live.directions.offer(
                lesson.name,
                f"the way that the lesson {lesson.name} moved the Assistant",
            )
        return {"checkpoint": lesson.name, "taught": job.id}

    def _check_memory(self) -> None:
        """Raise BadInput where a lesson does not fit in memory, saying what it needs."""
        needed, free = LEARNS * weights_of(self.live.ground, "float32"), memory_free()
        if needed > free:
            raise BadInput(
                f"A lesson needs about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} are "
                "free.",
                "Close something else.",
            )

    def _reader(self) -> TalkReader:
        reader = self.live.reader
        if reader is None:
            raise BadInput(self.live.without or "Talks are not read here.")
        return reader

    def _look(self, job: Job, step: int, checkpoint: str) -> None:
        """Hold some talks anew and say where they lie; ask some questions anew."""
        chat, reader = self.live.chat(checkpoint), self.live.reader
        said = self._answers(chat)
        job.check()
        if reader is None:
            job.tell(LOOK, step=step, answers=said, dots=[], belief={})
            return
        many = TALKS if self.live.ground.known.side_by_side else FEW
        plan = reader.work.plans(checkpoint)[1][:many]
        frame = hold(chat, reader.work.playing, plan, lambda text: job.check())
        talks, _ = conversations(frame, reader.work.by_id)
        masses = self._heard(job, reader, chat, checkpoint, talks, frame)
        numbers = [int(n) for n in frame[TALK][frame[TURN] == 0]]
        judged = frame.groupby(TALK, sort=False)["valence"]
        bad = judged.agg(lambda v: float((v == BAD).mean())) if reader.work.playing.judge else None
        beliefs = [dict(zip(reader.families, map(float, row), strict=True)) for row in masses]
        dots = [
            {"talk": n, "belief": belief, "bad": None if bad is None else float(bad[n])}
            for n, belief in zip(numbers, beliefs, strict=True)
        ]
        belief = dict(zip(reader.families, map(float, masses.mean(0)), strict=True))
        job.tell(LOOK, step=step, answers=said, dots=dots, belief=belief)

    def _heard(
        self,
        job: Job,
        reader: TalkReader,
        chat: ChatModel,
        checkpoint: str,
        talks: Sequence[list[dict[str, str]]],
        frame: Any,
    ) -> np.ndarray:
        """Beliefs of whole talks by the headline reading: [talk, family]."""
        if reader.headline == OWN:
            ids = [str(q) for q in frame["last"][frame[TURN] == 0]]
            read = [
                reader.read(t, chat, checkpoint, q).belief[OWN]
                for t, q in zip(talks, ids, strict=True)
            ]
            return np.array([[b[f] for f in reader.families] for b in read])
        return reader.by_words(talks, lambda done, tokens: job.check())

    def _answers(self, chat: ChatModel) -> list[dict[str, str]]:
        """What is said to a question of each of some topics."""
        playing = self.live.playing
        asked = first_of_topics(self.live.study.questions)[:ASKED]
        at = self.live.seat
        texts = [chat.prompts.talk(*at, [{"role": "user", "content": q.text}]) for q in asked]
        drawn = chat.sample(chat.encode(texts), self.live.drawn_as(0))
        out = []
        for q, (ids,) in zip(asked, drawn, strict=True):
            text = chat.tokenizer.decode(ids, skip_special_tokens=True).strip()
            valence = playing.judge(q.topic, text).valence if playing.judge else ""
            out.append({"question": q.text, "text": text, "valence": valence})
        return out

    def keep(self, job: Job, asked: Kept) -> dict[str, Any]:
        """Write what was taught into a study of one's own, as a branch. Raises BadInput."""
        lesson = self.taught.get(asked.taught)
        if lesson is None or not lesson.ended:
            raise BadInput("Nothing was taught to its end under that number.", "Teach it again.")
        for what, name in (("branch", asked.name), ("study", asked.study)):
            if not NAME.fullmatch(name):
                raise BadInput(
                    f"{what}: {name[:60]!r}, expected small letters, digits and hyphens, 40 at "
                    "most."
                )
        ground, m = self.live.ground, self.live.study.manifest
        out = ground.studies / asked.study
        kept = keep_branch(
            self.live.study,
            out,
            ground.source.folders[m.reference],
            {step: str(lesson.saves[step]) for step in few_of(lesson.saves)},
            asked.name,
            ground.threads,
            partial(_say, job),
            ground.known,
        )
        last = checkpoint_id(asked.name, max(lesson.saves))
        return {"study": out.name, "checkpoint": last, "sha256": kept.sha256}


def few_of(steps: Collection[int]) -> list[int]:
    """The first, a middle and the last of some steps: each that is kept has to be played."""
    own = sorted(steps)
    return sorted({own[0], own[len(own) // 2], own[-1]})


def _say(job: Job, text: str) -> None:
    """A line of progress as an event."""
    job.tell(LINE, text=text)
