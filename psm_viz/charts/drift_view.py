"""The Drift page's view: what is chosen there, and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from psm_viz.charts import (
    choices,
    course_figures,
    drift_figures,
    end_figures,
    makeup_figures,
)
from psm_viz.charts.address import (
    DRIFT,
    Address,
    address_of,
    unless,
)
from psm_viz.charts.course_figures import TalkChoice, talk_choices
from psm_viz.charts.drift_figures import Chosen
from psm_viz.charts.figures import Figure, Missing, Shown, told_or_missing
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.page_view import StudyView
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_course import steps_of
from psm_viz.charts.talk_figures import has_talks
from psm_viz.study.manifest import Checkpoint

OF_TALKS = ("course", "apart", "leak")
OF_ONE_BRANCH = ("traits", "posterior", "effects")
"""Keys of the figures that show talks, and of those that show one branch taken apart."""


@dataclass(frozen=True)
class DriftChoice(StudyView):
    """What a reader chose on the Drift page."""

    branches: Sequence[str]
    step: int
    question: str
    pooling: str
    projection: str = "UMAP"
    space: str = "own"
    details: bool = False
    branch: str = ""
    """Whose movement is taken apart; '' for the first."""
    arrow: str = ""
    """The evidence whose arrow is drawn; '' for the first."""

    @property
    def saved(self) -> Mapping[str, Sequence[Checkpoint]]:
        """The checkpoints of each branch."""
        return {b: self.reads.study.manifest.branch(b) for b in self.branches}

    def talk_choices(self) -> tuple[TalkChoice, TalkChoice]:
        """The branches whose talks are drawn, and all of them."""
        return talk_choices(self.reads, self.saved, self.projection, self.step, self.question)

    def chosen(self, step: int | None = None) -> Chosen:
        """The choice for figures of means, up to the last step by then at which the cast was
        asked."""
        asked = choices.steps_of_means(self.reads.study, self.saved)
        wanted = self.step if step is None else step
        now = max((s for s in asked if s <= wanted), default=wanted)
        return Chosen(self.reads, self.pooling, self.branches, now, wanted)

    def link(self, study: str = "") -> str:
        """The address that brings it back; `study` is its name there, '' for the default one."""
        m = self.reads.study.manifest
        usual = list(self.branches) == choices.default_branches(self.reads.study)
        means = self.details or not has_talks(self.reads.study)
        arrows = next(iter(makeup_figures.arrows(self.reads.study, self.reads)), "")
        said: dict[str, str | Sequence[str]] = {
            "study": study,
            "branches": "" if usual else self.branches,
            "step": unless(str(self.step), str(steps_of(self.saved)[-1])),
            "question": unless(self.question, choices.first_question(self.reads, self.saved)),
            "projection": unless(self.projection, "UMAP"),
            "details": "true" if self.details else "",
        }
        if means:
            said |= {
                "pooling": unless(self.pooling, m.headline_pooling),
                "frame": unless(self.space, "own"),
                "branch": unless(self.branch, self.branches[0]),
                "arrow": unless(self.arrow, arrows),
            }
        return address_of(DRIFT, said)

    def link_of(self, one: Shown, study: str = "") -> str:
        """The address that brings one figure back: what it does not show is left out."""
        key = one.told.key if isinstance(one, Figure) else ""
        last = steps_of(self.saved)[-1]
        if key in OF_TALKS:
            return replace(self, details=False).link(study)
        if key.startswith("ends-"):
            return replace(self, step=last, branch="", arrow="").link(study)
        if key == "arrow-figure":
            return replace(self, step=last, branch="").link(study)
        own = self if key in OF_ONE_BRANCH else replace(self, branch="")
        return replace(own, arrow="").link(study)

    def figures(self) -> list[Shown]:
        """The charts of the page."""
        out: list[Shown] = []
        if has_talks(self.reads.study):
            few, every = self.talk_choices()
            out.append(course_figures.talk_story(few, every))
            out += [course_figures.apart_figure(every), course_figures.leak_figure(every)]
            if not self.details:
                return out
        return out + self._means()

    def _means(self) -> list[Shown]:
        chosen, view = self.chosen(), MapView(self.projection, self.space)
        out: list[Shown] = [told_or_missing(lambda: drift_figures.trail_figure(chosen, view))]
        out += [told_or_missing(lambda: drift_figures.rates_figure(chosen))]
        out += drift_figures.movement_figures(chosen)
        looked = makeup_figures.looked_at(chosen, self.branch or self.branches[0])
        held = makeup_figures.arrows(self.reads.study, self.reads)
        arrow = self.arrow or next(iter(held), "")
        out += [makeup_figures.traits_figure(looked), makeup_figures.families_figure(looked)]
        out.append(makeup_figures.arrow_figure(self.reads, self.pooling, self.branches, arrow))
        out.append(makeup_figures.effects_figure(looked))
        panels = end_figures.end_panels(chosen)
        if isinstance(panels, Missing):
            return [*out, panels]
        study = self.reads.study
        return [*out, *(end_figures.ends_figure(study, p, rows) for p, rows in panels.items())]


def drift_choice(reads: Reads, address: Address) -> DriftChoice:
    """What an address chooses on the Drift page. Raises UnknownName, BadFile."""
    study, m, one = reads.study, reads.study.manifest, address.one
    every = {b: b for b in m.branches}
    branches = address.several("branches", every, choices.default_branches(study), "branch")
    saved = {b: m.branch(b) for b in branches}
    steps = {str(s): str(s) for s in steps_of(saved)}
    asked = choices.questions(reads, saved)
    own = {b: b for b in branches}
    return DriftChoice(
        reads,
        branches,
        int(one("step", steps, next(reversed(steps)))),
        one("question", asked, choices.first_question(reads, saved)),
        one("pooling", choices.poolings(m.poolings), m.headline_pooling),
        one("projection", choices.FLAT, "UMAP"),
        one("frame", choices.SPACES, "own"),
        address.flag("details"),
        one("branch", own, branches[0]),
        one("arrow", makeup_figures.arrows(study, reads), ""),
    )
