"""All that `extract` would do, told before anything is played: answers, tokens, bytes, hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psm_viz.engine.answer_odds import odds_of
from psm_viz.engine.build_study import opened
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.counts import Count, Counting, TalkCounting
from psm_viz.engine.fitting import fitted, lines_of
from psm_viz.engine.jobs import Job
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.needs import Memory, bulk_of, disk_needed, memory_needed, size_of
from psm_viz.engine.open_model import config_of, context_of, empty_model, tokenizer_of
from psm_viz.engine.outline import Outline, Settings, outline_of
from psm_viz.engine.pace import Say
from psm_viz.engine.preflight import check_plan, check_room, longest_prompts
from psm_viz.engine.prompts import Words
from psm_viz.engine.rates import Rates, measured
from psm_viz.engine.shards import check_shard
from psm_viz.engine.talk_work import work_for
from psm_viz.engine.trait_vectors import poles
from psm_viz.study.cast import Cast, Question
from psm_viz.study.writer import partial_of


@dataclass(frozen=True)
class Planning:
    """How a plan is made."""

    rates: Rates | None = None
    """Rates of other hardware; None: they are measured here, with the model's weights."""
    shard: tuple[int, int] | None = None
    """(i, n): the plan of this share alone."""


@dataclass(frozen=True)
class Work:
    """One kind of work at so many checkpoints, all of them counted."""

    what: str
    checkpoints: int
    count: Count

    def hours(self, rates: Rates) -> float:
        """The time that it takes, at most."""
        c = self.count
        read = (c.prompt + c.read) / rates.read
        return (read + c.drawn / rates.draw + c.weighed / rates.weigh) / 3600


@dataclass(frozen=True)
class Plan:
    """What a study will take."""

    works: tuple[Work, ...]
    disk: int
    """Bytes of the finished study, about."""
    memory: Memory
    """At the peak, about."""
    rates: Rates
    measured: bool
    """Whether the rates were measured here."""
    left_out: tuple[str, ...]
    """What is done too and takes time that is not counted."""
    notes: tuple[str, ...] = ()
    """What else is to be said of it, a line each."""

    @property
    def all(self) -> Work:
        """All work together."""
        most = max((w.checkpoints for w in self.works), default=0)
        return Work("all", most, sum((w.count for w in self.works), Count()))

    def told(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {
            "work": [self._row(w) for w in self.works],
            "all": self._row(self.all),
            "tokens_per_second": asdict(self.rates) | {"measured_here": self.measured},
            "disk_bytes": self.disk,
            "memory_bytes": asdict(self.memory),
            "not_counted": list(self.left_out),
            "notes": list(self.notes),
        }

    def _row(self, work: Work) -> dict[str, Any]:
        told = {"what": work.what, "checkpoints": work.checkpoints}
        return told | asdict(work.count) | {"hours": work.hours(self.rates)}


def plan_study(
    source: Source,
    cast: Cast,
    questions: tuple[Question, ...],
    out: Path,
    settings: Settings,
    say: Say,
    known: Known = ANY,
    planning: Planning | None = None,
) -> Plan:
    """What `build_study` of the same would do, or `play_shard`. Nothing is written.

    Where rates are given no weights are needed, config and tokenizer alone, and the room on this
    machine is not looked at. Raises what these raise before they play.
    """
    planning = planning or Planning()
    rates, shard = planning.rates, planning.shard
    outline = outline_of(source, cast, questions, settings, known)
    if shard:
        check_shard(shard, cast)
    if rates is None:
        chat, outline = opened(outline, out)
        counting = Counting(chat.words, outline, shard)
        works, model = _works(counting, known), chat.hf
        say("measuring how fast the model reads and draws here")
        counts = [w.count for w in works]
        draws, weighs = (any(c.drawn for c in counts), any(c.weighed for c in counts))
        # a share of more than there are blocks has no prompts of its own
        rows = counting.examples or [p.ids for p in longest_prompts(chat.words, outline)]
        rates = measured(chat, rows, outline, draws=draws, weighs=weighs)
    else:
        words, model, outline = _without_weights(outline, out)
        counting = Counting(words, outline, shard)
        works = _works(counting, known)
    size = size_of(model.config)
    bulk = bulk_of(model, settings.dtype)
    return Plan(
        works=tuple(works),
        disk=disk_needed(outline, size),
        memory=memory_needed(outline, size, bulk, counting.longest),
        rates=rates,
        measured=planning.rates is None,
        left_out=_left_out(known, shard),
        notes=(*lines_of(outline), *_unfinished(out)),
    )


def _unfinished(out: Path) -> list[str]:
    """What is said of work that was begun."""
    partial = partial_of(out)
    if not partial.exists():
        return []
    return [f"{partial}: unfinished work lies here; what it has of the same is not played again."]


def _without_weights(outline: Outline, out: Path) -> tuple[Words, Any, Outline]:
    """The reference's tokenizer, the model without its weights, and the outline as it fits into its
    context; all checked that can be."""
    check_plan(outline, out, here=False)
    name = outline.source.folders[outline.source.reference]
    config = config_of(name)
    words = Words(tokenizer_of(name), outline.settings.template)
    context = context_of(config)
    outline = fitted(words, context, outline)
    check_room(words, context, outline)
    return words, empty_model(config), outline


def _left_out(known: Known, shard: tuple[int, int] | None) -> tuple[str, ...]:
    """What is not counted."""
    if shard:
        return ("what the command without --shard does",)
    more = ["the measure of conduct"] if known.measure else []
    more += ["tables that need the model"] if known.further else []
    return (*more, "tables and maps")


def _works(counting: Counting, known: Known) -> list[Work]:
    """Every kind of work, in the order in which it is done."""
    outline, out = counting.outline, dict[str, list[Count]]()
    jobs = outline.jobs(0)
    if outline.traits:
        first = next(j for j in jobs if j.checkpoint == outline.source.reference)
        out["the cast at the reference, to choose the headline"] = [counting.answers(first)]
    for job in jobs:
        if not (counting.shard and job.alone):
            out.setdefault(_kind(job, outline), []).append(counting.answers(job))
    if known.traits and not counting.shard:
        out["traits at the reference"] = [counting.under(poles(t)) for t in known.traits]
    others = {} if counting.shard else _others(counting, known)
    every = {**out, **others}
    return [Work(what, len(counts), sum(counts, Count())) for what, counts in every.items()]


def _kind(job: Job, outline: Outline) -> str:
    """What a checkpoint's answers are called."""
    if job.checkpoint == outline.source.reference:
        return "the cast at the reference"
    if job.checkpoint == outline.noise:
        return "the cast at the reference, other questions"
    return ("the Assistant" if job.alone else "the cast") + " at further checkpoints"


def _others(counting: Counting, known: Known) -> Mapping[str, list[Count]]:
    """Written answers and talks, where there are any."""
    outline, out = counting.outline, dict[str, list[Count]]()
    if known.bank:
        odds = odds_of(known.bank, outline.cast, known.marked, known.wording)
        one = Count(weighed=counting.weighed(odds.speakers(), odds.lines()))
        out["written answers weighed"] = [one for _ in outline.source.checkpoints]
    if outline.settings.talks is not None:
        work = work_for(outline, known)
        talks = TalkCounting(counting, work)
        out["talks at the reference"] = [talks.at_reference()]
        others = [c.id for c in outline.checkpoints if c.id != work.reference]
        if others:
            out["talks at further checkpoints"] = [talks.elsewhere(c) for c in others]
    return out
