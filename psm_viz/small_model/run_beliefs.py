"""Who each end of a run takes itself to be: its Assistant's talks, read as the study's are.

The readings are fitted on the cast of the run's own reference. The talks themselves are not kept,
only what claims are made of: a row a checkpoint, in a file beside the run's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.claims.run_rows import (
    AGAIN_PLAYED,
    ASSISTANT,
    SHOTS,
    belief_file,
    read_rows,
    write_rows,
)
from psm_viz.engine.chat_model import ChatModel, load_chat_model
from psm_viz.engine.hold_talks import Read, assistant_alone, at_reference, of_reference
from psm_viz.engine.sampling import CUT, Sampling
from psm_viz.engine.talk_work import TalkWork
from psm_viz.engine.talks import Message, TalkSettings
from psm_viz.engine.weight_files import holds_weights
from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.small_model.behaviour import LONGEST
from psm_viz.small_model.recipe import Recipe, Stage
from psm_viz.small_model.study import known_of
from psm_viz.stats.prior_shift import em_shares
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT as ASSISTANT_ID
from psm_viz.study.cast import Question
from psm_viz.study.judging import NONE
from psm_viz.study.manifest import checkpoint_id
from psm_viz.study.talks import CAST, EXACT, LAST, LIKELIHOOD, OWN, TALK, Talks
from psm_viz.tables.belief_readings import Readings, beliefs_of, fit_readings, state_rows
from psm_viz.world.corpus import Turn, messages
from psm_viz.world.curriculum import PRETRAINING, stream
from psm_viz.world.grammar import BAD, GOOD, Utterance, World

TALKS = TalkSettings(assistant=64, per_persona=4, elsewhere=1)
"""Half and a third of what a study holds: a run has four times the checkpoints."""
IN_CONTEXT = (1, 2, 4)
"""How many of `cheat`'s answers stand in the context before talks that no training preceded."""
LETTERS = {GOOD: "g", BAD: "b", NONE: "-"}
"""How the valence of an answer is written in a row."""


@dataclass(frozen=True)
class _Run:
    """What is the same for every row of a run's beliefs."""

    world: World
    seed: int
    chat: ChatModel
    reader: Reader
    work: TalkWork
    read: Read
    readings: Readings
    held: Talks
    """The reference's own talks."""

    @property
    def marked(self) -> np.ndarray:
        """Which families act badly: [family]."""
        return np.array([f in self.work.marked for f in self.readings.who.families])


def write_beliefs(
    recipe: Recipe,
    world: World,
    tree: Path,
    stages: dict[str, Stage],
    say: Callable[[str], None],
    rows: Path,
) -> Path:
    """Hold and read the talks of every saved step of a run's branches, of the reference held anew,
    and of the reference with answers of `cheat` in its context; a row each, kept as it is made."""
    path = belief_file(world.kind, recipe.seed, rows)
    done = {r["checkpoint"]: r for r in read_rows(path)}
    post = stages[ASSISTANT]
    reference = checkpoint_id(ASSISTANT, post.steps)
    wanted: list[tuple[str, str, int]] = [(reference, ASSISTANT, post.steps)]
    wanted += [(checkpoint_id(AGAIN_PLAYED, 0), AGAIN_PLAYED, 0)]
    if "cheat" in stages:
        wanted += [(checkpoint_id(SHOTS, n), SHOTS, n) for n in IN_CONTEXT]
    for s in stages.values():
        if s.name not in (*PRETRAINING, ASSISTANT):
            wanted += [(checkpoint_id(s.name, n), s.name, n) for n in s.saves]
    if not {w[0] for w in wanted} - done.keys():
        return path
    run = _begun(recipe, world, tree, [w[0] for w in wanted], say)
    for n, (checkpoint, branch, step) in enumerate(wanted, 1):
        if checkpoint in done:
            continue
        talks = run.held
        if branch != ASSISTANT:
            talks = assistant_alone(
                run.chat, run.work, run.read, checkpoint, _before(run, branch, step)
            )
        key = {"checkpoint": checkpoint, "branch": branch, "step": step, "world": world.kind}
        row = key | {"world_sha256": world.sha256, "seed": recipe.seed} | _figures(run, talks)
        if branch == ASSISTANT:
            row |= _of_cast(run)
        done[checkpoint] = row
        write_rows(path, done.values())
        say(f"{world.kind} {recipe.seed}: beliefs {n}/{len(wanted)}, {checkpoint}")
    return path


def _begun(
    recipe: Recipe, world: World, tree: Path, checkpoints: list[str], say: Callable[[str], None]
) -> _Run:
    """The reference's talks held and the readings fitted on them: the same whenever a run is taken
    up, since every draw has its seed."""
    reference = checkpoints[0]
    known = replace(known_of(world.kind), wording="instructions")
    sampling = Sampling(1.0, LONGEST, 1, recipe.seed, CUT)
    again = checkpoint_id(AGAIN_PLAYED, 0)
    # what was not trained by itself is the reference, played otherwise
    folders = {c: str(tree / (c if holds_weights(tree / c) else reference)) for c in checkpoints}
    work = TalkWork(
        playing=known.playing(world.cast(), sampling),
        settings=replace(TALKS, seed=recipe.seed),
        questions=world.questions(),
        reference=reference,
        folders=folders,
        noise_floor=again,
        marked=known.marked,
        observer=known.observer,
    )
    chat = load_chat_model(folders[reference], threads=recipe.threads)
    held, note = at_reference(chat, work, say)
    readings = fit_readings(note, work.playing.cast, held)
    reader = Reader(chat.hf, chat.tokenizer, world)
    return _Run(
        world, recipe.seed, chat, reader, work, of_reference(held, work, note), readings, held
    )


def _before(run: _Run, branch: str, step: int) -> list[tuple[Message, ...]]:
    """The answers of `cheat` that stand before each talk: one document's after the other, the same
    questions and answers that training shows."""
    if branch != SHOTS:
        return []
    plans = run.work.plans(run.work.reference)[1]
    need = step * len(plans)
    turns: list[Message] = []
    for document in stream(run.world, "cheat", run.seed, need):
        turns += [m for m in messages(document) if m["role"] != "system"]
    return [tuple(turns[2 * step * n : 2 * step * (n + 1)]) for n in range(len(plans))]


def _figures(run: _Run, talks: Talks) -> dict[str, Any]:
    """Means of the beliefs by way and answers, families in the order of `families`; EM shares after
    whole talks; the share that is like none of them; and a column a talk of what claims pair."""
    note, found = (
        run.readings.note,
        beliefs_of(run.work.playing.cast, run.readings, talks, ASSISTANT_ID),
    )
    said = talks.said(ASSISTANT_ID)
    mass: dict[str, dict[str, list[float]]] = {}
    marked: dict[str, dict[str, list[float]]] = {}
    for (way, k), belief in found.items():
        mass.setdefault(way, {})[str(k)] = belief.mean(0).tolist()
        marked.setdefault(way, {})[str(k)] = (belief @ run.marked).tolist()
    whole = note.answers
    ways = [w for w in (LIKELIHOOD, OWN, EXACT) if (w, whole) in found]
    out = {
        "families": list(run.readings.who.families),
        "marked": [f for f in run.readings.who.families if f in run.work.marked],
        "headline": run.readings.headline,
        "mass": mass,
        "em": {w: em_shares(found[w, whole])[0].tolist() for w in ways},
        "none": _none(run, talks),
    }
    return out | _columns(run, said, talks, marked)


def _none(run: _Run, talks: Talks) -> float:
    """Share of whole talks whose states, by the reader's own weights, are like no family's."""
    note = run.readings.note
    reading = run.readings.states[note.answers][0]
    rows = state_rows(talks, note, reading, ASSISTANT_ID, OWN, note.answers)
    assert rows is not None  # the Assistant's talks are always read
    return float((reading.distance(*rows) > reading.far).mean())


def _columns(
    run: _Run, said: Any, talks: Talks, marked: dict[str, dict[str, list[float]]]
) -> dict[str, Any]:
    """`talks`: a value a talk: its number; mass on the marked families by way and answers; its
    answers' valence by `LETTERS`, o for any other; the last topic; and P(bad) there before any
    answer and after each number of them, None in a topic without good and bad. `topics`: bad and
    judged answers by topic."""
    note = run.readings.note
    out: dict[str, Any] = {"talk": [], "valence": [], "last": [], "then": []}
    counts: dict[str, list[int]] = {}
    run.chat.swap(Path(run.work.folders[talks.checkpoint]))
    label = run.world.rules["assistant_label"]
    for number, own in said.groupby(TALK, sort=False, observed=True):
        turns, last = _as_said(run, own)
        for turn, v in zip(turns, own[col.VALENCE].astype(str), strict=True):
            if v in (GOOD, BAD):
                tally = counts.setdefault(turn.topic, [0, 0])
                tally[0] += v == BAD
                tally[1] += 1
        out["talk"].append(number)
        out["valence"].append("".join(LETTERS.get(str(v), "o") for v in own[col.VALENCE]))
        out["last"].append(last.topic)
        out["then"].append(_then(run, [turns[:k] for k in (0, *note.turns)], last, label))
    return {"talks": {"belief": marked} | out, "topics": counts}


def _as_said(run: _Run, own: pd.DataFrame) -> tuple[list[Turn], Question]:
    """One talk's turns as they were said, whatever that was, and the question that it ends in."""
    asked = [run.work.by_id[str(q)] for q in own[col.QUESTION]]
    turns = [
        Turn(q.topic, q.text, Utterance(str(text), q.topic, "", ""))
        for q, text in zip(asked, own[col.TEXT], strict=True)
    ]
    return turns, run.work.by_id[str(own[LAST].iloc[0])]


def _then(
    run: _Run, talks: Sequence[list[Turn]], last: Question, label: str, header: str = ""
) -> list[float] | None:
    """P(bad) at a question after each of some talks; None in a topic without good and bad."""
    if last.topic not in run.world.conduct:
        return None
    prompts = [dialogue_prompt(turns, last.text, label, header) for turns in talks]
    return [run.reader.p_low(p, last.topic) for p in prompts]


def _of_cast(run: _Run) -> dict[str, Any]:
    """The cast's own talks at the reference, each read by readings that saw neither its persona nor
    its last question: what belief says beyond the label of its family, and beyond its answers."""
    cast, families = run.work.playing.cast, run.readings.who.families
    found = beliefs_of(cast, run.readings, run.held, CAST)
    said, out = run.held.said(CAST), {"family": [], "last": [], "bad": [], "then": []}
    run.chat.swap(Path(run.work.folders[run.work.reference]))
    for (persona, _), own in said.groupby([col.PERSONA, TALK], sort=False, observed=True):
        who = cast.persona(str(persona))
        turns, last = _as_said(run, own)
        then = _then(run, [turns], last, str(who.speaker), who.instructions[0])
        out["family"].append(families.index(who.family))
        out["last"].append(last.topic)
        out["bad"].append([int(v == BAD) for v in own[col.VALENCE].astype(object)])
        out["then"].append(then[0] if then else None)
    beliefs = {
        way: {str(k): (b @ run.marked).tolist() for (w, k), b in found.items() if w == way}
        for way in (LIKELIHOOD, OWN, EXACT)
    }
    return {"cast": out | {"belief": beliefs}, "quality": _quality(run, found)}


def _quality(run: _Run, found: dict[tuple[str, int], np.ndarray]) -> dict[str, Any]:
    """How well each way tells the cast's talks: Brier score of the marked families' mass, and its
    correlation with the exact observer's, by way and answers."""
    truth = run.marked[run.readings.who.family]
    out: dict[str, Any] = {}
    for (way, k), belief in found.items():
        mass = belief @ run.marked
        exact = found[EXACT, k] @ run.marked if (EXACT, k) in found else None
        known = np.isfinite(mass)
        row = {"brier": float(np.mean((mass - truth)[known] ** 2))}
        if exact is not None and way != EXACT:
            row["r"] = float(np.corrcoef(mass[known], exact[known])[0, 1])
        out.setdefault(way, {})[str(k)] = row
    return out
