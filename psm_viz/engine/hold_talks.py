"""Talks of every checkpoint held, read and written: at the reference first, then at the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from psm_viz.engine.answers import small, told_of
from psm_viz.engine.chat_model import ChatModel, load_as_played, load_chat_model
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.kept import NOTHING, Kept
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.pace import named, quiet
from psm_viz.engine.silence import LONGER
from psm_viz.engine.talk_states import Read, of_reference, start_states, states_elsewhere
from psm_viz.engine.talk_work import TalkWork, work_of
from psm_viz.engine.talks import (
    Message,
    TalkSettings,
    chosen_headers,
    conversations,
    hold,
    read_likelihoods,
    read_states,
    seat,
    turns_of,
)
from psm_viz.errors import BadInput
from psm_viz.processes import each
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.layout import TALK_PARTS
from psm_viz.study.reader import Study
from psm_viz.study.talks import (
    CAST,
    OWN,
    RANDOM,
    TALK,
    TURN,
    States,
    TalkNote,
    Talks,
)
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.belief_readings import layer_of
from psm_viz.tables.derive import editing

SMALL = {TALK: np.int16, TURN: np.int8, col.TOKENS: np.int16}
"""Numbers of talks.parquet, and the smallest type of each."""


def hold_all(
    chat: ChatModel,
    work: TalkWork,
    checkpoints: Sequence[str],
    threads: int,
    writer: StudyWriter,
    say: Callable[[str], None],
) -> None:
    """Hold and write the talks of every checkpoint that has weights, those there are passed over.

    `chat` holds the reference. Small models hold several checkpoints' talks at once.
    """
    if not writer.has_talks(work.reference):
        talks, note = at_reference(chat, work, say, _parts(writer, work.reference))
        writer.write_talk_note(note)
        writer.write_talks(talks)
    # as they are on disk, in half precision: a run that is gone on with reads no others
    talks, note = writer.talks(work.reference), writer.talk_note()
    read = of_reference(talks, work, note)
    left = [c for c in checkpoints if c != work.reference and not writer.has_talks(c)]

    def here(checkpoint: str) -> str:
        parts = _parts(writer, checkpoint)
        talks = elsewhere(chat, work, read, checkpoint, named(say, checkpoint), parts)
        return _written(writer, checkpoint, talks)

    def told(n: int, rest: str, checkpoint: str) -> None:
        say(f"talks held {n}/{len(left)}: {checkpoint}, {rest}")

    if work.playing.side_by_side and threads > 1 and len(left) > 1:
        each(partial(_work, work, read, writer.folder), left, threads, told)
    else:
        each(here, left, None, told)


def _work(work: TalkWork, read: Read, out: Path, checkpoint: str) -> str:
    """`elsewhere` in a process of its own, on one thread."""
    chat = load_chat_model(work.folders[work.reference], threads=1)
    return _written(StudyWriter(out), checkpoint, elsewhere(chat, work, read, checkpoint))


def _written(writer: StudyWriter, checkpoint: str, talks: Talks | None) -> str:
    """Write talks, where there are any, and return what is said of them."""
    if talks is None:
        return f"{checkpoint} (none: every talk holds an empty answer)"
    writer.write_talks(talks)
    return checkpoint


def _parts(writer: StudyWriter, checkpoint: str) -> Kept:
    """What a run that was killed had made of a checkpoint's talks."""
    return Kept(writer.blocks / TALK_PARTS.format(checkpoint))


def at_reference(
    chat: ChatModel, work: TalkWork, say: Callable[[str], None], kept: Kept = NOTHING
) -> tuple[Talks, TalkNote]:
    """The reference's talks, read at every layer, and the layer that tells families best."""
    playing, s = work.playing, work.settings
    turns, layers = turns_of(work.main), work.layers or tuple(range(chat.n_layers))
    told = _held(chat, work, work.reference, say, kept)
    frame, n = told.frame, told.cast
    talks, lasts = conversations(frame, work.by_id)
    at = seat(playing.cast, playing.wording)
    say(f"reading {len(talks)} talks at {len(layers)} layers")
    states = read_states(chat, at, talks, lasts, turns, layers, say)
    headers = chosen_headers(playing.cast, s.headers, s.seed)
    tokens = sum(len(row) for row in chat.encode([m["content"] for t in talks for m in t]))
    say(
        f"asking {len(headers)} personas how likely they find {len(frame)} answers "
        f"({tokens * (len(headers) + 1) / 1e6:.1f} million tokens)"
    )
    likelihood, of_seat = read_likelihoods(
        chat, playing, headers, talks, say, kept, afresh=s.afresh
    )
    held = {
        (CAST, OWN): States(states[:n], turns, layers),
        (ASSISTANT, OWN): States(states[n:], turns, layers),
    }
    found = Talks(
        checkpoint=work.reference,
        answers=small(frame, SMALL),
        states=held,
        start=start_states(chat, work, layers),
        moved=None,
        likelihood=likelihood,
        seat=of_seat,
        exact=_observed(frame, work, turns),
        left_out=told.left_out,
    )
    layer = layer_of(found, playing.cast, tuple(q.id for q in work.lasts))
    say(f"talks are read at layer {layer}, which tells the cast's families best")
    with chat.scrambled():
        known = read_states(chat, at, talks[:n], lasts[:n], turns[-1:], [layer], say)
    held[CAST, RANDOM] = States(known, turns[-1:], (layer,))
    note = TalkNote(
        turns=turns,
        lasts=tuple(q.id for q in work.lasts),
        headers=headers,
        layer=layer,
        assistant=s.assistant,
        per_persona=s.per_persona,
        elsewhere=s.elsewhere,
        marked=work.marked,
        seed=s.seed,
        people=s.people,
        states=s.states,
        afresh=s.afresh,
    )
    return found, note


def elsewhere(
    chat: ChatModel,
    work: TalkWork,
    read: Read,
    checkpoint: str,
    say: Callable[[str], None] = quiet,
    kept: Kept = NOTHING,
) -> Talks | None:
    """The talks of another checkpoint, read by its own weights and by the reference's; None where
    each of the Assistant's holds an empty answer."""
    chat.swap(Path(work.folders[checkpoint]))
    with told_of(checkpoint):
        held = _held(chat, work, checkpoint, say, kept)
        if held.frame.empty or held.frame[col.PERSONA].iloc[-1] != ASSISTANT:
            return None
        return _read_elsewhere(chat, work, read, held, checkpoint, say, kept)


def assistant_alone(
    chat: ChatModel,
    work: TalkWork,
    read: Read,
    checkpoint: str,
    before: Sequence[tuple[Message, ...]] = (),
) -> Talks:
    """The Assistant's talks alone at another checkpoint, or at the reference held anew: what costs
    least, where many checkpoints are read and the cast is read at the reference.

    `before`: what stands in the context before each talk (`talks.Planned.before`).
    """
    plan = work.plans(checkpoint)[1]
    if before:
        plan = [replace(p, before=b) for p, b in zip(plan, before, strict=True)]
    chat.swap(Path(work.folders[checkpoint]))
    sampled = replace(work.playing, sampling=work.sampling(checkpoint))
    frame = hold(chat, sampled, plan, quiet)
    left_out = len(plan) - int((frame[TURN] == 0).sum())
    return _read_elsewhere(chat, work, read, _Held(frame, 0, left_out), checkpoint, quiet)


def _read_elsewhere(
    chat: ChatModel,
    work: TalkWork,
    read: Read,
    held: _Held,
    checkpoint: str,
    say: Callable[[str], None],
    kept: Kept = NOTHING,
) -> Talks:
    """Talks that were held at a checkpoint, whose weights `chat` holds, read by these and by the
    reference's."""
    note, playing, frame = read.note, work.playing, held.frame
    talks, lasts = conversations(frame, work.by_id)
    start = start_states(chat, work, [note.layer])
    states: dict[tuple[str, str], States] = {}
    moved = np.zeros((len(note.lasts), 0, chat.d_model), dtype=np.float32)
    if note.states:
        states, moved = states_elsewhere(chat, work, read, (talks, lasts, held.cast), say)
    chat.swap(Path(work.folders[work.reference]))
    likelihood, of_seat = read_likelihoods(
        chat, playing, note.headers, talks, say, kept, afresh=note.afresh
    )
    return Talks(
        checkpoint=checkpoint,
        answers=small(frame, SMALL),
        states=states,
        start=start,
        moved=moved,
        likelihood=likelihood,
        seat=of_seat,
        exact=_observed(frame, work, note.turns),
        left_out=held.left_out,
    )


@dataclass(frozen=True)
class _Held:
    """Talks of cast and Assistant in one frame."""

    frame: pd.DataFrame
    cast: int
    """How many are the cast's: the first ones."""
    left_out: int
    """How many had an empty answer."""


def _held(
    chat: ChatModel, work: TalkWork, checkpoint: str, say: Callable[[str], None], kept: Kept
) -> _Held:
    """The planned talks of cast and Assistant at a checkpoint, those without an empty answer.
    Raises BadInput where none of the reference's is whole, by which all others are read."""
    playing = replace(work.playing, sampling=work.sampling(checkpoint))
    plans = dict(zip((CAST, ASSISTANT), work.plans(checkpoint), strict=True))
    frames, left_out = [], 0
    for name, plan in ((n, p) for n, p in plans.items() if p):
        told = named(say, f"talks of {name}")
        frame = kept.frame(name, partial(hold, chat, playing, plan, told))
        left_out += len(plan) - int((frame[TURN] == 0).sum())
        frames.append(frame)
    if left_out:
        many = sum(map(len, plans.values()))
        say(f"{left_out} of {many} talks hold an empty answer and are left out")
    if checkpoint == work.reference and any(f.empty for f in frames):
        raise BadInput(f"{checkpoint}: every talk holds an empty answer.", LONGER)
    cast = int((frames[0][TURN] == 0).sum()) if plans[CAST] else 0
    return _Held(pd.concat(frames, ignore_index=True), cast, left_out)


def _observed(frame: pd.DataFrame, work: TalkWork, turns: Sequence[int]) -> np.ndarray | None:
    """What the exact observer makes of every talk: [talk, turn, family], families of the cast."""
    if work.observer is None:
        return None
    by_id, names = work.by_id, [f.id for f in work.playing.cast.families]
    out = []
    for _, own in frame.groupby([col.PERSONA, TALK], sort=False, observed=True):
        said = [
            (by_id[str(q)].topic, str(text))
            for q, text in zip(own[col.QUESTION], own[col.TEXT], strict=True)
        ]
        beliefs = [work.observer(said[:k]) for k in turns]
        out.append([[b.get(f, 0.0) for f in names] for b in beliefs])
    return np.array(out, dtype=np.float32)


def add_talks(
    study: Study,
    source: Source,
    settings: TalkSettings,
    threads: int,
    say: Callable[[str], None],
    known: Known = ANY,
) -> Study:
    """Hold the talks of a finished study's checkpoints, as far as `source` has their weights, in
    place of those it may have, and derive its tables again.

    A killed run goes on after its last finished checkpoint. Raises BadInput where the source lacks
    the reference.
    """
    m = study.manifest
    if m.reference not in source.folders:
        raise BadInput(
            f"There are no weights of the reference {m.reference}.", "Name its tree or model."
        )
    with editing(study, say, settings={"talks": asdict(settings)}, talks=False) as edit:
        chat = load_as_played(study, source.folders[m.reference], threads)
        work = work_of(study, source, settings, known)
        ids = [c.id for c in m.checkpoints if c.id in work.folders]
        hold_all(chat, work, ids, threads, edit.writer, say)
    return edit.done
