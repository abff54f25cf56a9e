"""The Method page's view: how far the map, the statistics and belief from talks can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from psm_viz.charts import choices, map_trust, method_figures, method_talks
from psm_viz.charts.address import METHOD, Address, address_of, unless
from psm_viz.charts.dose_figures import doses_figure, has_doses
from psm_viz.charts.figures import Figure, Shown, told_or_missing
from psm_viz.charts.page_view import StudyView
from psm_viz.charts.reads import Reads
from psm_viz.study.reader import Study

OF_POOLING = ("twins", "trials")
OF_CHECKPOINT = ("layers", "confounds")
POWER = "power"
"""Keys of the figures that show a pooling, a checkpoint at it, and what planted movements did."""


@dataclass(frozen=True)
class MethodChoice(StudyView):
    """What a reader chose on the Method page."""

    checkpoint: str
    pooling: str
    planted: str = ""
    """The data whose planted movements are shown; '' for the first."""

    @property
    def planted_in(self) -> str:
        """The data whose planted movements are shown; '' where nothing was tested. Raises
        BadFile."""
        return self.planted or next(iter(method_figures.planted_in(self.reads)), "")

    @property
    def map_finding(self) -> str:
        """What the stored map keeps, beside maps of noise. Raises UnknownName, BadFile."""
        noise = method_figures.noise_trials(self.reads, self.pooling)
        stored = method_figures.stored_map(self.reads, self.pooling)
        return map_trust.map_finding(stored.info, noise)

    def link(self, study: str = "") -> str:
        """The address that brings it back; `study` is its name there, '' for the default one."""
        planted = self.planted
        if planted:
            planted = unless(planted, next(iter(method_figures.planted_in(self.reads))))
        return address_of(
            METHOD,
            {
                "study": study,
                "checkpoint": unless(self.checkpoint, usual_checkpoint(self.study)),
                "pooling": unless(self.pooling, self.study.manifest.headline_pooling),
                "planted": planted,
            },
        )

    def link_of(self, one: Shown, study: str = "") -> str:
        """The address that brings one figure back: what it does not show is left out."""
        key, m = one.told.key if isinstance(one, Figure) else "", self.study.manifest
        own = self if key == POWER else replace(self, planted="")
        if key not in OF_CHECKPOINT:
            own = replace(own, checkpoint=usual_checkpoint(self.study))
        if key not in OF_CHECKPOINT + OF_POOLING:
            own = replace(own, pooling=m.headline_pooling)
        return own.link(study)

    def figures(self) -> list[Shown]:
        """The charts of the page."""
        talks = [partial(make, self.reads) for make in method_talks.makers(self.study)]
        first = (*talks, self.map_and_noise, self.map_trials, self.alarms, self.power)
        last = (self.layers, self.confounds, self.steering, *self.more)
        return [told_or_missing(make) for make in (*first, *last)]

    def map_and_noise(self) -> Shown:
        """The stored map beside a map of noise. Raises UnknownName, BadFile."""
        return method_figures.map_and_noise(self.reads, self.pooling)

    def map_trials(self) -> Shown:
        """Other settings and seeds. Raises BadFile."""
        return method_figures.map_trials(self.reads, self.pooling)

    def alarms(self) -> Shown:
        """False alarms. Raises BadFile."""
        return method_figures.alarms(self.reads)

    def power(self) -> Shown:
        """Power of each statistic by the size of a planted movement. Raises BadFile."""
        return method_figures.power_figure(self.reads, self.planted_in)

    def layers(self) -> Shown:
        """What is kept by layer. Raises BadFile."""
        return method_figures.layer_figure(self.reads, self.checkpoint, self.pooling)

    def confounds(self) -> Shown:
        """What else the axis goes with. Raises BadFile."""
        return method_figures.confound_figure(self.reads, self.checkpoint, self.pooling)

    def steering(self) -> Shown:
        """Steered answers. Raises BadFile."""
        return method_figures.steering_figure(self.reads)

    @property
    def more(self) -> tuple[Callable[[], Shown], ...]:
        """What only a study has that a push was tried on dose by dose."""
        return (partial(doses_figure, self.reads),) if has_doses(self.study) else ()


def usual_checkpoint(study: Study) -> str:
    """The checkpoint that the page opens with: where the first branch ended."""
    return study.manifest.branch(choices.branch_order(study)[0])[-1].id


def method_choice(reads: Reads, address: Address) -> MethodChoice:
    """What an address chooses on the Method page. Raises UnknownName, BadFile."""
    study, m, one = reads.study, reads.study.manifest, address.one
    planted = method_figures.planted_in(reads) if "planted" in address.given else {}
    return MethodChoice(
        reads,
        one("checkpoint", choices.checkpoints(study), usual_checkpoint(study)),
        one("pooling", choices.poolings(m.poolings), m.headline_pooling),
        one("planted", planted, "", "data set"),
    )
