"""The Compare page's view: which two checkpoints, their maps side by side, and what moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from psm_viz.charts import choices, compare_map, mover_findings
from psm_viz.charts.address import COMPARE, Address, address_of, unless
from psm_viz.charts.figures import PHONE, Facts, Figure, Layout, Missing, Shown, Told
from psm_viz.charts.map_ground import MapView, as_drawn
from psm_viz.charts.mover_figures import RELATIVE, kinds_of, mover_figure, moves
from psm_viz.charts.page_view import StudyView
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import (
    BY_STATES,
    has_talks,
    map_of_talks,
    no_talks,
    talk_points,
    with_care,
)
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study

CHECKPOINTS, BRANCHES = "checkpoints", "branches"
BY = {CHECKPOINTS: "Checkpoints", BRANCHES: "Branches at a step"}
"""How two checkpoints are chosen: any two, or two branches at a step."""
FEWEST = "families"
"""The kind of movers that a page opens with."""


@dataclass(frozen=True)
class CompareChoice(StudyView):
    """What a reader chose on the Compare page."""

    pair: tuple[str, str]
    branches: tuple[str, str] | None = None
    """Where two branches were chosen at a step: which."""
    projection: str = "UMAP"
    persona: str = ASSISTANT
    talk: int | None = None
    """The talk of the Assistant that is ringed and read; None for the first that both hold."""
    moved: str = FEWEST
    relative: bool = False
    """Whether neighbours' movement is taken off; only of what has neighbours (`RELATIVE`)."""

    @cached_property
    def talks(self) -> dict[str, str]:
        """The Assistant's talks that can be read at both, by number."""
        return common_talks(self.reads, self.pair)

    @property
    def shown(self) -> int | None:
        """The number of the talk that is shown: of the Assistant, where both hold one."""
        held = self.talks if self.persona == ASSISTANT else {}
        if self.talk is not None and str(self.talk) in held:
            return self.talk
        return next(map(int, held), None)

    def link(self, study: str = "") -> str:
        """The address that brings it back; `study` is its name there, '' for the default one."""
        plain = usual_pair(self.reads.study)
        first = next(iter(self.talks), "")
        if self.branches is None:
            said = {f: unless(c, u) for f, c, u in zip(FIRST, self.pair, plain, strict=True)}
        else:
            said = {"by": BRANCHES, "one": self.branches[0], "other": self.branches[1]}
            steps = common_steps(self.reads.study, self.branches)
            now = next((str(s) for s, both in steps.items() if both == self.pair), "")
            said["at"] = unless(now, str(max(steps, default="")))
        return address_of(
            COMPARE,
            {
                "study": study,
                **said,
                "projection": unless(self.projection, "UMAP"),
                "persona": unless(self.persona, ASSISTANT),
                "talk": "" if self.shown is None else unless(str(self.shown), first),
                "moved": unless(self.moved, FEWEST),
                "relative": "true" if self.relative else "",
            },
        )

    def link_of(self, one: Shown, study: str = "") -> str:
        """The address that brings one figure back: what it does not show is left out."""
        if isinstance(one, Figure) and one.told.key == "map":
            return replace(self, moved=FEWEST, relative=False).link(study)
        return replace(self, persona=ASSISTANT, talk=None, projection="UMAP").link(study)

    def figures(self) -> list[Shown]:
        """The charts of the page."""
        return [self.maps(), self.movers()]

    def movers(self) -> Shown:
        """What moved most. Raises BadInput, BadFile."""
        return mover_figure(self.reads, self.moved, self.pair, self.relative)

    def maps(self) -> Shown:
        """The two maps, linked. Raises BadFile."""
        reads, study, pair = self.reads, self.reads.study, self.pair
        if not has_talks(study):
            why, next_step = no_talks(study)
            return Missing(f"{why}, so there are no two maps to compare.", next_step)
        found = mover_findings.compare_title(moves(reads, FEWEST, pair), pair)
        title, means = with_care(reads, found, *pair)
        points, talk = talk_points(reads), self.shown
        silent = [c for c in pair if not study.holds(c, "talks")]
        held = [c for c in pair if c not in silent]
        said = {c: compare_map.first_lines(reads.talk_answers(c)) for c in held}
        none = f" No talks were held at {' and '.join(silent)}." if silent else ""
        told = Told(
            name=f"{pair[0]}-beside-{pair[1]}",
            title=title,
            words=f"The same land twice: {self._land()}. Full dots: talks of the Assistant, which "
            "were asked the same questions at both checkpoints. Point at a talk "
            f"or a persona to see it on both maps; click to read it below.{none} Distances on a "
            f"map are not measurements.{means}",
            alt=f"Two maps of talks side by side: {pair[0]} and {pair[1]}. {title}.",
            key="map",
            facts=Facts(n=f"{len(self.talks)} talks of the Assistant held at both"),
        )
        view = MapView(self.projection, selected=self.persona)
        return Figure(
            lambda p, width: compare_map.compare_map(
                points, study.cast, pair, as_drawn(view, width), p, talk, said, width
            ),
            compare_map.compare_table(points, pair),
            told,
            Layout(2 * compare_map.WIDTH + compare_map.GAP, fixed=True, narrow=PHONE),
        )

    def _land(self) -> str:
        """What the pale dots are, and what lying close means."""
        study = self.reads.study
        many = len(study.cast.personas)
        if map_of_talks(study) == BY_STATES:
            return f"pale dots are talks of the {many} personas, talks that read alike lie close"
        return f"pale dots are the {many} personas; a talk lies near those who might well hold it"


FIRST = ("first", "second")


def usual_pair(study: Study) -> tuple[str, str]:
    """The two checkpoints that the page opens with: the reference, and where a branch ended."""
    m = study.manifest
    branch = (choices.default_branches(study) or m.branches)[0]
    return m.reference, m.branch(branch)[-1].id


def usual_branches(study: Study) -> tuple[str, str]:
    """The two branches that the page opens with."""
    ids = choices.branch_order(study)
    return ids[0], ids[min(1, len(ids) - 1)]


def common_steps(study: Study, branches: tuple[str, str]) -> dict[int, tuple[str, str]]:
    """The steps at which both branches were saved, in order -> what was saved there."""
    m = study.manifest
    one, two = ({c.step: c.id for c in m.branch(b) if c.branch == b} for b in branches)
    return {s: (one[s], two[s]) for s in sorted(set(one) & set(two))}


def ends(study: Study, branches: tuple[str, str]) -> tuple[str, str]:
    """Where two branches ended."""
    m = study.manifest
    one, two = (m.branch(b)[-1].id for b in branches)
    return one, two


def common_talks(reads: Reads, pair: tuple[str, str]) -> dict[str, str]:
    """The talks of the Assistant that are held at every one of two checkpoints that holds any,
    by number: number and first question."""
    held = [choices.talks_of(reads, c) for c in pair if reads.study.holds(c, "talks")]
    if not held:
        return {}
    return {n: told for n, told in held[0].items() if n in held[-1]}


def compare_choice(reads: Reads, address: Address) -> CompareChoice:
    """What an address chooses on the Compare page. Raises UnknownName, BadFile."""
    study, one = reads.study, address.one
    branches: tuple[str, str] | None = None
    if one("by", BY, CHECKPOINTS) == CHECKPOINTS:
        known, plain = choices.checkpoints(study), usual_pair(study)
        first, second = (one(f, known, u, "checkpoint") for f, u in zip(FIRST, plain, strict=True))
        pair = (first, second)
    else:
        every = {b: b for b in choices.branch_order(study)}
        own, other = usual_branches(study)
        branches = (one("one", every, own, "branch"), one("other", every, other, "branch"))
        steps = common_steps(study, branches)
        options = {str(s): f"step {s}" for s in steps}
        pair = ends(study, branches)
        if steps:
            pair = steps[int(one("at", options, str(max(steps)), "step"))]
    talks = common_talks(reads, pair) if "talk" in address.given else {}
    talk, moved = one("talk", talks, ""), one("moved", kinds_of(study), FEWEST, "kind of movers")
    return CompareChoice(
        reads,
        pair,
        branches,
        one("projection", choices.FLAT, "UMAP"),
        one("persona", choices.personas(study), ASSISTANT),
        int(talk) if talk else None,
        moved,
        address.flag("relative") and moved in RELATIVE,
    )
