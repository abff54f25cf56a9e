"""One model held in memory: it answers as any of a study's checkpoints, pushed or not, and every
talk is read as it goes on."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.engine.chat_model import ChatModel, load_as_played, load_chat_model
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.needs import PROGRAM, bulk_of
from psm_viz.engine.open_model import config_of, empty_model
from psm_viz.engine.pace import Tick
from psm_viz.engine.playing import Playing
from psm_viz.engine.room import memory_free
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.talk_reader import Heard, TalkReader
from psm_viz.engine.talk_work import as_played
from psm_viz.engine.talks import seat
from psm_viz.errors import BadInput, PsmVizError
from psm_viz.live.directions import Directions
from psm_viz.live.jobs import Job
from psm_viz.live.listening import Aside, Words
from psm_viz.live.pushing import Pushing
from psm_viz.messages import HEARD, SAID, Message, Own, Talk, Voice
from psm_viz.study.cast import ASSISTANT, Persona, nearest
from psm_viz.study.reader import Study

BESIDE = 2
"""Talks side by side."""
HELD = 1 + BESIDE
"""Models in memory at once: the reference, and those that answer side by side."""
VOICES = 3
"""Talks that are read ahead: the first voice's, that of the one beside it, and of a random push."""
READ_BACK = 24
"""Answers of a talk that is taken up which are read, from its end."""
LONGEST = 512
"""Tokens of an answer at most."""
NOTHING = "..."
"""What stands in a talk for an answer that ended at once."""


@dataclass(frozen=True)
class Ground:
    """What a live model is made of: a study, where its weights lie, and what its world knows."""

    study: Study
    source: Source
    known: Known = ANY
    threads: int = 2
    work: Path = Path("build/live")
    """Folder of what is taught here."""
    studies: Path = Path("studies")
    """Folder of studies of one's own, in which what was taught is kept."""


class LiveModel:
    """The models of a study, loaded when they are asked for. Raises BadInput where they do not fit
    in memory, and what `load_as_played` raises."""

    def __init__(self, ground: Ground, say: Callable[[str], None]) -> None:
        self.ground, self.study = ground, ground.study
        m = self.study.manifest
        if m.reference not in ground.source.folders:
            raise BadInput(
                f"There are no weights of the reference {m.reference}.",
                "Name them: python -m psm_viz live --study DIR --weights FOLDER",
            )
        check_memory(ground)
        say("loading the model")
        self.reference = load_as_played(
            self.study, ground.source.folders[m.reference], ground.threads
        )
        self.folders = dict(ground.source.folders)
        self.playing = played(self.study, ground.known)
        self._held: OrderedDict[str, ChatModel] = OrderedDict({m.reference: self.reference})
        self._reader: TalkReader | None = None
        self._heard: deque[tuple[Message, ...]] = deque(maxlen=VOICES)
        self.without = ""
        """Why talks are not read; '' while they are, or may be soon."""
        self.directions: Directions | None = None
        self.pushing: Pushing | None = None
        self.fitted = threading.Event()
        say("fitting how talks are read")
        threading.Thread(target=self._fit, daemon=True, name="readings").start()

    def _fit(self) -> None:
        """What reads talks, beside the model that can answer already."""
        try:
            self.directions = Directions(self.study, self.chat)
            self.pushing = Pushing(self.directions)
        except PsmVizError:
            self.directions = None  # a study of talks alone has none
        try:
            known, source = self.ground.known, self.ground.source
            self._reader = TalkReader(self.study, self.reference, source, known)
        except PsmVizError as e:
            self.without = str(e)
        except Exception as e:  # a fault in reading must not keep anybody from talking
            self.without = f"Talks cannot be read ({type(e).__name__}: {e})."
        finally:
            self.fitted.set()

    @property
    def reader(self) -> TalkReader | None:
        """What reads talks, waited for; None where they cannot be read."""
        self.fitted.wait()
        return self._reader

    @property
    def checkpoints(self) -> list[str]:
        """Who can answer, in the study's order, then what was taught here."""
        return [c for c in self.folders if c in self._order] + [
            c for c in self.folders if c not in self._order
        ]

    @property
    def _order(self) -> set[str]:
        return {c.id for c in self.study.manifest.checkpoints}

    def add(self, checkpoint: str, folder: str) -> None:
        """One more who can answer: what was taught here."""
        self.folders[checkpoint] = folder
        if checkpoint in self._held:
            self._held[checkpoint].swap(folder)
        if self.fitted.is_set() and self._reader is not None:
            self._reader.forget(checkpoint)

    def chat(self, checkpoint: str) -> ChatModel:
        """The model of a checkpoint. Raises BadInput for one that is not here."""
        if checkpoint not in self.folders:
            raise BadInput(
                f"{checkpoint[:60]}: its weights are not here.",
                f"Choose one of: {nearest(checkpoint, self.folders)}.",
            )
        if checkpoint in self._held:
            self._held.move_to_end(checkpoint)
            return self._held[checkpoint]
        spare = next((c for c in self._held if c != self.study.manifest.reference), None)
        if len(self._held) >= HELD and spare is not None:
            chat = self._held.pop(spare)
            chat.swap(self.folders[checkpoint])
        else:
            chat = load_chat_model(
                self.folders[self.study.manifest.reference],
                threads=self.ground.threads,
                dtype=self.reference.dtype,
                template=self.reference.prompts.told,
            )
            chat.swap(self.folders[checkpoint])
        self._held[checkpoint] = chat
        return chat

    def offer(self, own: Own) -> dict[str, Any]:
        """Offer a direction of one's own; returns what it is called here. Raises BadInput."""
        if not self.fitted.is_set():
            raise BadInput("How talks are read is still being fitted.", "Try again in a moment.")
        if self.directions is None:
            raise BadInput("This study has no vectors, so that no direction has a scale here.")
        return {"direction": self.directions.add(own.name, np.array(own.values))}

    @property
    def seat(self) -> tuple[Persona, str]:
        """The Assistant's seat: its label, and the first of its instructions."""
        return seat(self.study.cast, self.playing.wording)

    def told(self, voice: Voice) -> tuple[Persona, str]:
        """Who speaks, and under which instruction. Raises UnknownName."""
        cast, wording = self.study.cast, self.playing.wording
        if voice.persona == ASSISTANT:
            return self.seat
        persona = cast.persona(voice.persona)
        texts = getattr(persona, wording) or ("",)
        return persona, texts[0]

    def answer(self, job: Job, talk: Talk) -> dict[str, Any]:
        """The next answer of a talk, told as it grows, and then what it says of who speaks; of a
        talk that ends in an answer only the latter."""
        chat, messages = self.chat(talk.voice.checkpoint), list(talk.messages)
        if talk.last and self.reader and talk.last not in self.reader.lasts:
            raise BadInput(f"No talk of this study ends in {talk.last[:60]!r}.")
        if messages[-1]["role"] == ASSISTANT:
            ends = range(2, len(messages) + 1, 2) if talk.whole else [len(messages)]
            for end in ends[-READ_BACK:]:
                told = self._read(job, talk, messages[:end], chat)
            return told
        fitted, left_out = self._within(chat, talk, messages)
        began = time.monotonic()
        aside = self._aside(chat, talk, messages[-1]["content"])
        with self._pushed(chat, talk.voice):
            text, first, n = self._drawn(job, chat, talk, fitted, aside)
        seconds = time.monotonic() - began
        messages.append({"role": ASSISTANT, "content": text or NOTHING})
        job.tell(
            SAID,
            text=text or NOTHING,
            empty=not text,
            tokens=n,
            first=first,
            seconds=seconds,
            left_out=left_out,
            unknown=unknown_words(chat, messages[-2]["content"]),
        )
        if text:
            aside.end(text)
        return self._read(job, talk, messages, chat)

    def _pushed(self, chat: ChatModel, voice: Voice) -> Any:
        from contextlib import nullcontext

        if voice.push is None:
            return nullcontext()
        self.fitted.wait()
        if self.pushing is None:
            raise BadInput("This study has no vectors to push along.", "Extract it with a cast.")
        return self.pushing.pushed(chat, voice.push)

    def _within(
        self, chat: ChatModel, talk: Talk, messages: Sequence[Message]
    ) -> tuple[list[Message], int]:
        """The talk as far as the model's context holds it beside an answer, and how many of its
        oldest messages are left out. Raises BadInput where the last question alone is too long."""
        longest = self.drawn_as(0, talk.longest).max_new_tokens
        at, most = self.told(talk.voice), chat.context

        def tokens(start: int) -> int:
            """Of the talk from a message on."""
            return len(chat.encode([chat.prompts.talk(*at, list(messages[start:]))])[0])

        if most is None:
            return list(messages), 0
        starts = range(0, len(messages), 2)  # the later the start, the fewer the tokens
        first = bisect_left(starts, True, key=lambda start: tokens(start) + longest <= most)
        if first < len(starts):
            return list(messages[starts[first] :]), starts[first]
        raise BadInput(
            f"That is {tokens(starts[-1]):,} tokens, and this model reads {most:,} at once, "
            f"{longest} of them its answer.",
            "Say it in fewer words.",
        )

    def drawn_as(self, seed: int, longest: int = 0) -> Sampling:
        """How one answer is drawn: as the study's were, by default as long."""
        drawn = self.playing.sampling
        most = min(longest, LONGEST) if longest > 0 else drawn.max_new_tokens
        return replace(drawn, samples=1, seed=seed, max_new_tokens=most)

    def _aside(self, chat: ChatModel, talk: Talk, question: str) -> Aside:
        """What reads the answer while it is drawn: not beside the reference where that is pushed,
        since its weights are those that read."""
        reader = self._reader if self.fitted.is_set() else None
        if reader is not None and not reader.alone:
            reader = None  # talks are read as they grow, which is soon done
        pushed = talk.voice.push is not None and chat is self.reference
        return Aside(None if pushed else reader, question)

    def _drawn(
        self, job: Job, chat: ChatModel, talk: Talk, messages: Sequence[Message], aside: Aside
    ) -> tuple[str, float, int]:
        """The words of an answer, the seconds to its first token, and how many there were."""
        ids = chat.encode([chat.prompts.talk(*self.told(talk.voice), list(messages))])
        began, heard = time.monotonic(), Words(job, chat.tokenizer, aside)
        (drawn,) = chat.sample(ids, self.drawn_as(talk.seed, talk.longest), heard=heard)
        text = chat.tokenizer.decode(drawn[0], skip_special_tokens=True).strip()
        return text, (heard.first or time.monotonic()) - began, len(drawn[0])

    def _read(
        self, job: Job, talk: Talk, messages: Sequence[Message], chat: ChatModel
    ) -> dict[str, Any]:
        """Tell what a talk says of who speaks, where talks can be read."""
        reader = self.reader
        if reader is None:
            return {"without": self.without}
        job.check()
        began = time.monotonic()
        number = sum(m["role"] == ASSISTANT for m in messages) - 1

        def tell(heard: Heard, more: bool) -> None:
            seconds = time.monotonic() - began
            job.tell(HEARD, **as_event(heard), answer=number, seconds=seconds, more=more)

        def soon(heard: Heard) -> None:
            if not self.ground.known.side_by_side:  # a small model is read whole as soon
                tell(heard, True)

        heard = reader.read(messages, chat, talk.voice.checkpoint, talk.last or None, soon)
        tell(heard, False)
        self._heard.append(tuple(messages))
        return {}

    def ahead(self, tick: Tick) -> None:
        """While nobody waits, read what the next answers of the last talks will come after. What
        `tick` raises ends it."""
        while self._heard and self._reader is not None:
            self._reader.ahead(self._heard[-1], tick)
            self._heard.pop()


def as_event(heard: Heard) -> dict[str, Any]:
    """What was heard, as JSON has it."""
    return asdict(heard)


def unknown_words(chat: ChatModel, text: str) -> list[str]:
    """Words of a text that the tokenizer does not know, the first few."""
    unknown = chat.tokenizer.unk_token_id
    if unknown is None or unknown in chat.stops:
        return []
    words = dict.fromkeys(text.split())
    # a word in the midst of a text has a space before it
    ids = chat.encode([f" {w}" for w in words]) if words else []
    return [w for w, own in zip(words, ids, strict=True) if unknown in own][:12]


def played(study: Study, known: Known) -> Playing:
    """How a study's cast was played; of one whose answers were made elsewhere as any is."""
    try:
        return as_played(study, known)
    except BadInput:
        wording = study.manifest.generation.get("wording", "instructions")
        return replace(known, wording=wording).playing(study.cast, Sampling(temperature=0.8))


def check_memory(ground: Ground) -> None:
    """Raise BadInput where the models of a study do not fit in memory, saying what they need."""
    needed, free = PROGRAM + HELD * weights_of(ground), memory_free()
    if needed > free:
        folder = ground.source.folders[ground.study.manifest.reference]
        raise BadInput(
            f"{folder}: {HELD} models of it and the program need {needed / 1e9:.1f} GB of memory, "
            f"and {free / 1e9:.1f} are free.",
            "Close something else, or open a smaller model.",
        )


def weights_of(ground: Ground, dtype: str = "") -> int:
    """Bytes of the reference's weights, as the study was played or in this precision."""
    m = ground.study.manifest
    model = empty_model(config_of(ground.source.folders[m.reference]))
    return bulk_of(model, dtype or str(m.model.get("dtype", "float32"))).weights
