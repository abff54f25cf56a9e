"""The Map page's view: what is chosen there, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from psm_viz.charts import (
    choices,
    map_figures,
)
from psm_viz.charts.address import (
    MAP,
    Address,
    address_of,
    unless,
)
from psm_viz.charts.figures import Figure, Shown
from psm_viz.charts.map_colour import colour_of
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.map_plane import Area
from psm_viz.charts.measure_colour import Colour
from psm_viz.charts.page_view import StudyView
from psm_viz.charts.reads import Reads, StoredMap
from psm_viz.charts.talk_figures import has_talks, talk_figure, talk_points, unfolding_figure
from psm_viz.study.cast import ASSISTANT


@dataclass(frozen=True)
class MapChoice(StudyView):
    """What a reader chose on the Map page."""

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
                "layer": unless(
                    str(self.layer), str(choices.usual_layer(self.reads, self.pooling))
                ),
                "frame": unless(self.space, plain.space),
                "blocks": "true" if self.blocks else "",
                "fade": "true" if self.fade else "",
            }
        return address_of(MAP, said)

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


def map_choice(reads: Reads, address: Address) -> MapChoice:
    """What an address chooses on the Map page. Raises UnknownName, BadFile."""
    study, m, one = reads.study, reads.study.manifest, address.one
    maps = reads.maps_by_pooling()
    pooling = one("pooling", choices.poolings(maps), choices.usual_pooling(reads))
    layers, head = choices.layers(maps[pooling]), choices.usual_layer(reads, pooling)
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
