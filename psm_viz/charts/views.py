"""From an address to figures: which charts, of which data, a page shows at that link. Pages, files
and notebooks ask here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from psm_viz.charts import (
    choices,
    course_figures,
    drift_figures,
    end_figures,
    makeup_figures,
    map_figures,
)
from psm_viz.charts.address import (
    CAST,
    COMPARE,
    DRIFT,
    MAP,
    Address,
    address_of,
    parse_address,
    unless,
)
from psm_viz.charts.cast_view import CastChoice, cast_choice
from psm_viz.charts.compare_view import CompareChoice, compare_choice
from psm_viz.charts.course_figures import TalkChoice, talk_choices
from psm_viz.charts.drift_figures import Chosen
from psm_viz.charts.figures import Figure, Missing, Shown, told_or_missing
from psm_viz.charts.map_colour import colour_of
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.map_plane import Area
from psm_viz.charts.measure_colour import Colour
from psm_viz.charts.reads import Reads, StoredMap
from psm_viz.charts.talk_course import steps_of
from psm_viz.charts.talk_figures import has_talks, talk_figure, talk_points, unfolding_figure
from psm_viz.errors import UnknownName
from psm_viz.study.cast import ASSISTANT, nearest
from psm_viz.study.manifest import Checkpoint


@dataclass(frozen=True)
class MapChoice:
    """What a reader chose on the Map page."""

    reads: Reads
    checkpoint: str
    persona: str
    talks: bool
    """Whether dots are talks; else means of personas."""
    pooling: str
    layer: int
    colour: str
    projection: str = "UMAP"
    space: str = "own"
    blocks: bool = False
    fade: bool = False
    talk: int | None = None
    """The talk of the Assistant that is read; None for the first."""
    zoom: str = choices.WHOLE
    """How close the map is shown, of `choices.ZOOMS`."""
    area: Area | None = None
    """What the reader marked on the page; no address says it."""

    @property
    def stored(self) -> StoredMap:
        """The map of means. Raises UnknownName, BadFile."""
        return self.reads.map_of(self.pooling, self.layer)

    @cached_property
    def meant(self) -> Colour | None:
        """What colour means; None for kin. Raises PsmVizError."""
        points = talk_points(self.reads) if self.talks else self.stored.points
        return colour_of(self.reads, self.colour, self.checkpoint, self.pooling, points)

    def view(self) -> MapView:
        """How the map is looked at. Raises PsmVizError."""
        return MapView(
            self.projection,
            self.space,
            self.persona,
            self.blocks,
            fade=self.fade,
            zoom=float(self.zoom),
            area=self.area,
            overlay=self.meant.overlay if self.meant else None,
        )

    @property
    def shown(self) -> int | None:
        """The number of the talk whose card is shown: of the Assistant, where talks are dots."""
        if not self.talks or self.persona != ASSISTANT:
            return None
        held = choices.talks_of(self.reads, self.checkpoint)
        if self.talk is not None and str(self.talk) in held:
            return self.talk
        return next(map(int, held), None)

    def link(self, study: str = "") -> str:
        """The address that brings it back; `study` is its name there, '' for the default one."""
        plain = map_choice(self.reads, Address(MAP, {}))
        unit = choices.MEANS if has_talks(self.reads.study) and not self.talks else ""
        said = {
            "study": study,
            "checkpoint": unless(self.checkpoint, plain.checkpoint),
            "persona": unless(self.persona, plain.persona),
            "talk": "" if self.shown is None else unless(str(self.shown), self._first_talk()),
            "projection": unless(self.projection, plain.projection),
            "unit": unit,
            "colour": unless(self.colour, plain.colour),
            "zoom": unless(self.zoom, plain.zoom),
        }
        if not self.talks or self.colour == choices.AXIS:
            said["pooling"] = unless(self.pooling, plain.pooling)
        if not self.talks:
            said |= {
                "layer": unless(str(self.layer), str(_layers(self.reads, self.pooling)[1])),
                "frame": unless(self.space, plain.space),
                "blocks": "true" if self.blocks else "",
                "fade": "true" if self.fade else "",
            }
        return address_of(MAP, said)

    def link_of(self, one: Shown, study: str = "") -> str:
        """The address that brings one figure back: that of the whole page."""
        return self.link(study)

    def _first_talk(self) -> str:
        return next(iter(choices.talks_of(self.reads, self.checkpoint)), "")

    def figures(self) -> list[Shown]:
        """The charts of the page."""
        return [self.map(), *self.card()]

    def card(self) -> list[Figure]:
        """Those beside the map: one talk's belief, or where the persona stands along the axis."""
        if self.shown is None:
            return map_figures.track_figures(
                self.reads, self.checkpoint, self.pooling, self.persona
            )
        return [unfolding_figure(self.reads, self.checkpoint, self.shown)]

    def map(self) -> Shown:
        """The map, of talks or of means."""
        if not self.talks:
            args = (self.reads.study, self.stored, self.checkpoint, self.view(), self.meant)
            return map_figures.map_figure(*args)
        picked = self.shown is not None and str(self.shown) != self._first_talk()
        view, meant = self.view(), self.meant
        return talk_figure(self.reads, self.checkpoint, view, self.shown, meant, picked)


def _layers(reads: Reads, pooling: str) -> tuple[dict[str, str], int]:
    """The layers that have a map, and the one that a page opens with."""
    found = reads.maps_by_pooling()[pooling]
    headline = reads.study.manifest.headline_layer
    return choices.layers(found), headline if headline in found else found[0]


def map_choice(reads: Reads, address: Address) -> MapChoice:
    """What an address chooses on the Map page. Raises UnknownName, BadFile."""
    study, m, one = reads.study, reads.study.manifest, address.one
    maps = reads.maps_by_pooling()
    poolings = {p: choices.pooling_name(p) for p in maps}
    plain = m.headline_pooling if m.headline_pooling in maps else next(iter(maps))
    pooling = one("pooling", poolings, plain)
    layers, head = _layers(reads, pooling)
    unit = one("unit", choices.UNITS, choices.TALKS)
    checkpoint = one("checkpoint", choices.checkpoints(study), m.reference)
    talks = choices.talks_of(reads, checkpoint) if "talk" in address.given else {}
    talk = one("talk", talks, "")
    return MapChoice(
        reads,
        checkpoint,
        one("persona", choices.personas(study), ASSISTANT),
        unit == choices.TALKS and has_talks(study),
        pooling,
        int(one("layer", layers, str(head))),
        one("colour", choices.colours(study), choices.KIN),
        one("projection", choices.FLAT, "UMAP"),
        one("frame", choices.SPACES, "own"),
        address.flag("blocks"),
        address.flag("fade"),
        int(talk) if talk else None,
        one("zoom", choices.ZOOMS, choices.WHOLE),
    )


OF_TALKS = ("course", "apart", "leak")
OF_ONE_BRANCH = ("traits", "posterior", "effects")
"""Keys of the figures that show talks, and of those that show one branch taken apart."""


@dataclass(frozen=True)
class DriftChoice:
    """What a reader chose on the Drift page."""

    reads: Reads
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
        """The choice for figures of means, at a step at which the cast was asked."""
        asked = choices.steps_of_means(self.reads.study, self.saved)
        wanted = self.step if step is None else step
        now = wanted if wanted in asked or not asked else asked[-1]
        return Chosen(self.reads, self.pooling, self.branches, now)

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
        one("pooling", {p: choices.pooling_name(p) for p in m.poolings}, m.headline_pooling),
        one("projection", choices.FLAT, "UMAP"),
        one("frame", choices.SPACES, "own"),
        address.flag("details"),
        one("branch", own, branches[0]),
        one("arrow", makeup_figures.arrows(study, reads), ""),
    )


View = MapChoice | DriftChoice | CompareChoice | CastChoice
"""What a reader looks at: a page, and what is chosen there."""
VIEWS: Mapping[str, Callable[[Reads, Address], View]] = {
    MAP: map_choice,
    DRIFT: drift_choice,
    COMPARE: compare_choice,
    CAST: cast_choice,
}


def view_of(reads: Reads, link: str) -> View:
    """The view of a link. Raises UnknownName for a page without views, and for what the study does
    not have."""
    address = parse_address(link)
    return VIEWS[address.page](reads, address)


def charts_of(view: View, only: Sequence[str] = ()) -> list[Shown]:
    """The charts of a view in the order of its page, and what it cannot show; `only` names figures.

    Raises UnknownName for a name that the view has not, and where it has nothing to draw.
    """
    every = view.figures()
    drawn = {f.told.name: f for f in every if isinstance(f, Figure)}
    for name in only:
        if name not in drawn:
            raise UnknownName(
                f"This view has no figure {name[:80]!r}.", f"It has: {nearest(name, drawn)}"
            )
    if not drawn:
        one = next(f for f in every if isinstance(f, Missing))
        raise UnknownName(one.what, one.next_step)
    return [drawn[name] for name in only] if only else every
