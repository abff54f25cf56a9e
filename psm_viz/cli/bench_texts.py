"""How much the model's bench measures, and the texts it measures it on: the cast in plain English
and its questions, as a model's own template writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from psm_viz import paths
from psm_viz.engine.answer_likelihood import encoded, rendered
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.sampling import Sampling
from psm_viz.study.cast import Persona
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.formats.question_banks import read_bank
from psm_viz.study.formats.role_files import read_roles


@dataclass(frozen=True)
class Sizes:
    """How much is measured: the fewer, the noisier."""

    prompts: int = 96
    """Read in as many rounds as `batch` goes into them."""
    batch: int = 16
    alone: int = 2
    """Prompts a round that TransformerLens reads one by one."""
    arriving: int = 4
    """Prompts of a batch that it reads in the order in which they come."""
    answered: int = 12
    """Prompts a round that are answered; one of them by `generate` answer by answer."""
    weighed: int = 36
    """Texts a round that are weighed, half of the questions that a study has: a header is read once
    for all of them, as in a study. The rival reads them in batches of `batch`."""
    rounds: int = 2
    """Rounds of answers and weights."""
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=1.0))
    precise: tuple[int, int] = (2, 32)
    """Texts that are weighed in bfloat16, and the most tokens of each."""
    remembered: tuple[int, ...] = (96, 384)
    """Prompts whose pooling is measured for its memory: few, and many."""
    waits: float = 3.0
    """Seconds for which matrices are multiplied beside a busy process; 0: not at all."""


Weighed = tuple[list[list[int]], list[list[bool]]]
"""Token ids, and which of them are weighed."""


@dataclass(frozen=True)
class Texts:
    """Token ids: prompts with an answer somebody wrote, in the order in which a study asks, and
    texts that share a header, with what of them is weighed: as many questions, and as many texts
    that are several answers to each question."""

    prompts: list[list[int]]
    answers: list[list[int]]
    questions: Weighed
    several: Weighed

    @property
    def whole(self) -> list[list[int]]:
        """Prompts and answers in one."""
        return [p + a for p, a in zip(self.prompts, self.answers, strict=True)]


def texts_of(chat: ChatModel, sizes: Sizes) -> Texts:
    """The cast in plain English and its questions, as this model's template writes them; cut to
    what its context holds."""
    cast, bank = read_roles(paths.ENGLISH).cast, read_bank(paths.ENGLISH / "questions")
    n, room = len(cast.personas), (chat.context or 4096) - sizes.sampling.max_new_tokens
    prompts, answers = [], []
    for k in range(sizes.prompts):
        who, asked = cast.personas[k % n], bank[k % len(bank)]
        prompts.append(chat.prompts.one(who, who.prose[0], asked.text))
        answers.append(chat.prompts.lead + asked.good[0])
    ids, tails = chat.encode(prompts), chat.encode(answers)
    n = sizes.weighed * sizes.rounds
    one = [(a.text, a.good[0]) for a in bank][:n]
    several = [(a.text, said) for a in bank for said in (*a.good, *a.bad)][:n]
    return Texts(
        [p[: room - len(a)] for p, a in zip(ids, tails, strict=True)],
        tails,
        _weighed(chat, cast.personas[0], one, room),
        _weighed(chat, cast.personas[0], several, room),
    )


def _weighed(chat: ChatModel, who: Persona, said: Sequence[tuple[str, str]], room: int) -> Weighed:
    """Questions with answers under one persona's instruction."""
    roles = ("user", "assistant")
    talks = [
        Conversation(n, tuple({"role": r, "content": t} for r, t in zip(roles, pair, strict=True)))
        for n, pair in enumerate(said, 1)
    ]
    texts = rendered(chat.prompts, who, who.prose[0], talks)
    rows, places = encoded(chat.tokenizer, texts)
    return [row[:room] for row in rows], [(place[:room] >= 0).tolist() for place in places]
