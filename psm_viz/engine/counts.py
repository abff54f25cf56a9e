"""Answers and tokens of a study that is not made yet, counted by the functions that play it.

No answer is known yet, so each counts as long as it may get: what is counted of answers is the most
there can be. Tokens are those of the reference's tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from psm_viz.engine.answer_likelihood import readings, rendered
from psm_viz.engine.answers import given_ids, texts_read
from psm_viz.engine.blocks import Keeping, blocks_of
from psm_viz.engine.jobs import Job
from psm_viz.engine.outline import Outline
from psm_viz.engine.playing import Playing, answers_to, askings
from psm_viz.engine.prompts import Words
from psm_viz.engine.talk_work import TalkWork
from psm_viz.engine.talks import (
    Message,
    Planned,
    asked_likelihoods,
    chosen_headers,
    lines_read,
    put,
    seat,
    state_texts,
    turns_of,
)
from psm_viz.study.cast import Persona, Question
from psm_viz.study.formats.chat_data import Conversation

SOME = 64
"""Prompts of each block that are kept as examples, at most."""
SAID = "..."
"""Stands for an answer that nobody has given yet."""


@dataclass(frozen=True)
class Count:
    """How much there is to do; all but answers are tokens."""

    answers: int = 0
    prompt: int = 0
    """Of prompts that answers are drawn to, each read once."""
    drawn: int = 0
    """Drawn at most."""
    read: int = 0
    """Of texts whose activations are pooled, at most."""
    weighed: int = 0
    """Of texts whose answers are asked how likely they are, at most: what several of them begin
    with is read once, which is not taken off."""

    def __add__(self, other: Count) -> Count:
        """Both together."""
        return Count(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


class Counting:
    """Counts the answers of an outline, or of a share (i, n) of its blocks."""

    def __init__(
        self, words: Words, outline: Outline, shard: tuple[int, int] | None = None
    ) -> None:
        self.words, self.outline, self.shard = words, outline, shard
        self.examples: list[list[int]] = []
        """Some of all prompts."""
        self.longest = 0
        """Tokens of the longest prompt and its answer, at most."""
        self._known: dict[Any, Count] = {}

    def tokens(self, texts: Sequence[str]) -> int:
        """Tokens of these texts together."""
        return sum(map(len, self.words.encode(texts)))

    def answers(self, job: Job) -> Count:
        """One checkpoint's answers; what is asked alike is counted once."""
        key = (job.alone, job.questions, id(job.given))
        if key not in self._known:
            cast, keeping = self.outline.cast, Keeping(shard=self.shard or (0, 1))
            every = list(blocks_of(cast))
            numbers = [len(every) - 1] if job.alone else range(len(every))
            mine = [every[n] for n in numbers if keeping.mine(n)]
            self._known[key] = sum((self._block(rows, job) for rows in mine), Count())
        return self._known[key]

    def _block(self, speakers: range, job: Job) -> Count:
        """The answers of some speakers of the cast."""
        who = [self.outline.cast.all[i] for i in speakers]
        return self._asked(job.played(self.outline.playing), who, job.questions, alone=job.alone)

    def under(self, speakers: Sequence[Persona]) -> Count:
        """The answers of others to the main questions, each under one of their instructions."""
        playing = replace(self.outline.playing, in_turn=True)
        return self._asked(playing, speakers, self.outline.main, alone=False)

    def _asked(
        self,
        playing: Playing,
        who: Sequence[Persona],
        questions: Sequence[Question],
        *,
        alone: bool,
    ) -> Count:
        most = self.outline.settings.max_new_tokens
        asked = list(askings(playing, who, questions))
        ids = self.words.encode([a.prompt(self.words.prompts) for a in asked])
        self.examples += ids[:: 1 + len(ids) // SOME]
        of = [k for k, a in enumerate(asked) for _ in range(answers_to(playing, a))]
        if playing.given is None:
            answers = [[0] * most] * len(of)
        else:
            made = given_ids(self.words, playing.given, asked)
            answers = [ids for each in made for ids in each]
        lengths = (len(ids[k]) + len(a) for k, a in zip(of, answers, strict=True))
        self.longest = max(self.longest, *lengths)
        prompts, tails = texts_read(playing.poolings, ids, of, answers)
        drawn = playing.given is None
        return Count(
            answers=len(of),
            prompt=sum(map(len, ids)) if drawn else 0,
            drawn=len(of) * most if drawn else 0,
            read=0 if alone else sum(map(len, prompts)) + sum(map(len, tails or ())),
        )

    def weighed(
        self, asked: Sequence[Persona], lines: Sequence[Conversation], *, in_turn: bool = False
    ) -> int:
        """Tokens of all texts that are read to ask these people, of whom the Assistant is the last,
        how likely they find the answers of these conversations. What an instruction adds is
        measured on the first one."""
        wording = self.outline.playing.wording
        neutral = getattr(asked[-1], wording)[0]
        bare = [self._rendered(asked[-1], neutral, line) for line in lines]
        total = 0
        for r in readings(asked, wording, len(lines), in_turn):
            more = self._rendered(asked[r.persona], r.instruction, lines[0]) - bare[0]
            total += sum(bare[n] + more for n in r.conversations)
        return total

    def _rendered(self, persona: Persona, instruction: str, line: Conversation) -> int:
        """Tokens of the texts that a conversation is read in."""
        texts = rendered(self.words.prompts, persona, instruction, [line])
        return self.tokens([t.text for t in texts])


class TalkCounting:
    """Counts talks: how they are held, and what is read of them."""

    def __init__(self, counting: Counting, work: TalkWork) -> None:
        self.counting, self.work = counting, work
        self.turns = turns_of(work.main)
        self._longest = work.playing.sampling.max_new_tokens
        self._at = seat(work.playing.cast, work.playing.wording)
        self._known: dict[bool, Count] = {}

    def at_reference(self) -> Count:
        """The reference's talks: every talk's states, and those of the cast by random weights."""
        cast, own = self.work.plans(self.work.reference)
        held = self._held(cast) + self._held(own)
        states = self._read([*cast, *own], self.turns) + self._read(cast, self.turns[-1:])
        return held + Count(read=states + self._start(), weighed=self._weighed([*cast, *own]))

    def elsewhere(self, checkpoint: str) -> Count:
        """Another checkpoint's talks, read by its own weights and by the reference's, and what its
        weights make of the reference's."""
        noise = checkpoint == self.work.noise_floor
        if noise not in self._known:
            cast, own = self.work.plans(checkpoint)
            held = self._held(cast) + self._held(own)
            read, weighed = self._start(), self._weighed([*cast, *own])
            if self.work.settings.states:
                read += 2 * (self._read(own, self.turns) + self._read(cast, self.turns[-1:]))
                read += self._read(self.work.first_of_reference(), self.turns)
            self._known[noise] = held + Count(read=read, weighed=weighed)
        return self._known[noise]

    def _held(self, plan: Sequence[Planned]) -> Count:
        """The answers of these talks, turn by turn."""
        said: list[list[Message]] = [list(p.before) for p in plan]
        turns, prompt = len(plan[0].asked), 0
        for turn in range(turns):
            texts = put(self.counting.words.prompts, self.work.playing, plan, said, turn)
            before = 0 if plan[0].afresh else turn  # earlier answers in the context
            prompt += self.counting.tokens(texts) + before * len(plan) * self._longest
            for messages in said:
                messages.append({"role": "assistant", "content": SAID})
        answers = turns * len(plan)
        return Count(answers=answers, prompt=prompt, drawn=answers * self._longest)

    def _read(self, plan: Sequence[Planned], turns: Sequence[int]) -> int:
        """Tokens of these talks after so many answers each."""
        talks, lasts = [_messages(p) for p in plan], [p.last for p in plan]
        prompts, total = self.counting.words.prompts, 0
        for n in turns:
            texts = state_texts(prompts, self._at, talks, lasts, n)
            total += self.counting.tokens(texts) + n * len(plan) * self._longest
        return total

    def _start(self) -> int:
        """Tokens of the last questions without a talk before them."""
        empty: list[list[Message]] = [[] for _ in self.work.lasts]
        prompts = self.counting.words.prompts
        return self.counting.tokens(state_texts(prompts, self._at, empty, self.work.lasts, 0))

    def _weighed(self, plan: Sequence[Planned]) -> int:
        """Tokens that are read to ask how likely the answers of these talks are."""
        playing, s = self.work.playing, self.work.settings
        asked = asked_likelihoods(playing, chosen_headers(playing.cast, s.headers, s.seed))
        lines = lines_read([_messages(p) for p in plan], s.afresh)
        answers = sum(
            len(lines[n].answers)
            for r in readings(asked, playing.wording, len(lines), playing.in_turn)
            for n in r.conversations
        )
        own = self.counting.weighed(asked, lines, in_turn=playing.in_turn)
        return own + answers * self._longest


def _messages(plan: Planned) -> list[Message]:
    """A talk as it may be held."""
    return [
        message
        for q in plan.asked
        for message in (
            {"role": "user", "content": q.text},
            {"role": "assistant", "content": SAID},
        )
    ]
