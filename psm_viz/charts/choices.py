"""What can be chosen on a page, id -> label, and what a page opens with: for its widgets, and for
whatever reads its address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from psm_viz.charts.frames import where
from psm_viz.charts.map_plane import PROJECTIONS
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_course import steps_of
from psm_viz.charts.talk_figures import has_talks
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import Study
from psm_viz.study.talks import TURN

TALKS, MEANS = "talks", "means"
"""What a map's dots are: single talks, or one mean a persona."""
UNITS = {TALKS: "Talks", MEANS: "Means (detail)"}
SPACES = {"own": "own mean", "reference": "reference"}
"""What the Assistant is centred on: `MapView.space`."""
FLAT = {k: k for k in PROJECTIONS}
KIN = "kin"
BELIEF, CONDUCT, AXIS, TRUST = "belief", "bad answers", "Assistant axis", "trust in the place"
TRAIT = "trait: "
"""What the name of a trait's colour begins with."""
MEASURED = "measured trait: "
"""What the name of the colour of a trait vector begins with (`extract --traits`)."""
WHOLE = "1"
ZOOMS = {WHOLE: "whole map", "2": "2 times", "4": "4 times"}
"""How close a map is shown."""
AT_ONCE = 3
"""Branches that a page opens with: with more, labels and findings crowd each other."""


def pooling_name(pooling: str) -> str:
    """A pooling in words."""
    return POOLING_NAMES.get(pooling, pooling)


def personas(study: Study) -> dict[str, str]:
    """Everybody of the cast by name and family, the Assistant first."""
    family = {f.id: f.name for f in study.cast.families}
    people = {p.id: f"{p.name}, {family[p.family]}" for p in study.cast.personas}
    return {ASSISTANT: "Assistant"} | people


def poolings(names: Iterable[str]) -> dict[str, str]:
    """Poolings by their names."""
    return {p: pooling_name(p) for p in names}


def usual_pooling(reads: Reads) -> str:
    """The pooling of the map that a page opens with: the headline's, where it has a map. Raises
    UnknownName where there is no map."""
    maps, headline = reads.maps_by_pooling(), reads.study.manifest.headline_pooling
    return headline if headline in maps else next(iter(maps))


def usual_layer(reads: Reads, pooling: str) -> int:
    """The layer of a pooling's map that a page opens with."""
    found, headline = reads.maps_by_pooling()[pooling], reads.study.manifest.headline_layer
    return headline if headline in found else found[0]


def checkpoints(study: Study) -> dict[str, str]:
    """The checkpoints that are drawn."""
    return {c.id: c.id for c in study.manifest.drawn}


def colours(study: Study) -> dict[str, str]:
    """What colour may mean on the map: kin, an evidence of the study, or a measure."""
    said = {e: f"would say: {e}" for e in study.evidences}
    return {KIN: "kin (shape: family)"} | said | {m: m for m in measures(study)}


def measures(study: Study) -> list[str]:
    """What a study has a number of for every persona."""
    traits = [f"{TRAIT}{t}" for t in study.cast.personas[0].traits]
    traits += [f"{MEASURED}{t}" for t in study.traits]
    has = {BELIEF: has_talks(study), AXIS: study.has_table("positions")}
    return [m for m in (BELIEF, CONDUCT, AXIS, TRUST) if has.get(m, True)] + traits


def layers(found: Sequence[int]) -> dict[str, str]:
    """Layers by their numbers."""
    return {str(n): f"layer {n}" for n in found}


def talks_of(reads: Reads, checkpoint: str, persona: str = ASSISTANT) -> dict[str, str]:
    """The Assistant's talks at a checkpoint, or a persona's, each by its first question; none
    without any."""
    if not reads.study.holds(checkpoint, "talks"):
        return {}

    def named() -> dict[str, str]:
        said = reads.talk_answers(checkpoint, persona)
        text = {q.id: q.text for q in reads.study.questions}
        first = where(said, said[TURN] == 0)
        both = zip(first.talk, first.question, strict=True)
        return {str(t): f"Talk {t}: {text[str(q)]}" for t, q in both}

    return reads.once(("names of talks", checkpoint, persona), named)


def default_branches(study: Study) -> list[str]:
    """The branches that a page opens with: the first few that start at the reference, the controls
    that have rows of their own (benign, other role) left out."""
    m = study.manifest
    own_rows = {m.notes.get("benign"), m.notes.get("other_role")}
    free = [b for b in m.fine_tuned if b not in own_rows]
    return free[:AT_ONCE] or m.fine_tuned[:AT_ONCE] or m.branches[-1:]


def branch_order(study: Study) -> list[str]:
    """All branches, the fine-tuned ones first: they get the plainest marks and dashes."""
    m = study.manifest
    return [*m.fine_tuned, *(b for b in m.branches if b not in m.fine_tuned)]


def steps_of_means(study: Study, saved: Mapping[str, Sequence[Checkpoint]]) -> list[int]:
    """The steps at which the cast was asked in some branch, so that means can be compared, 0 among
    them where a branch starts from another's checkpoint."""
    at = [(c.step if c.branch == b else 0, c.id) for b, own in saved.items() for c in own]
    return sorted({step for step, c in at if study.holds(c, "vectors")})


def steps_of_details(study: Study, saved: Mapping[str, Sequence[Checkpoint]]) -> list[int]:
    """The steps that the figures of means are shown at; every saved one where the cast was asked at
    none of the branches', so that there are no means to compare."""
    asked = steps_of_means(study, saved)
    return asked if len(asked) > 1 else steps_of(saved)


def questions(reads: Reads, saved: Mapping[str, Sequence[Checkpoint]]) -> dict[str, str]:
    """The questions that were asked at every checkpoint; none where no checkpoint of these branches
    came with answers."""
    asked = {q.id: q.text for q in reads.study.questions if q.set == "main"}
    return asked if any(reads.has_answers(c.id) for s in saved.values() for c in s) else {}


def first_question(reads: Reads, saved: Mapping[str, Sequence[Checkpoint]]) -> str:
    """The question that a page opens with: one whose answer changes. '' without any."""
    asked = questions(reads, saved)
    if not asked:
        return ""
    return telling_question(
        reads.answers(reads.study.manifest.reference, ASSISTANT),
        [reads.answers(own[-1].id, ASSISTANT) for own in saved.values()],
        list(asked),
    )


def telling_question(
    start: pd.DataFrame, ends: Sequence[pd.DataFrame], asked: Sequence[str]
) -> str:
    """The first question whose judgement changes at the end of a branch; else the first.

    `asked` holds at least one.
    """
    for q in asked:
        if any(_majority(end, q) not in ("", _majority(start, q)) for end in ends):
            return q
    return asked[0]


def _majority(answers: pd.DataFrame, question: str) -> str:
    """The commonest judgement of the answers to a question ('' where there are none)."""
    own = where(answers, answers.question == question).valence
    return str(own.mode().iloc[0]) if len(own) else ""
