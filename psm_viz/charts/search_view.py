"""The Search page's view: what is looked for, and the map on which what was found is lit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from psm_viz.charts import choices, lit_map
from psm_viz.charts.address import SEARCH, Address, address_of, unless
from psm_viz.charts.figures import (
    Facts,
    Figure,
    Layout,
    Missing,
    Shown,
    Told,
    scaled,
    told_or_missing,
)
from psm_viz.charts.map_ground import WIDTH, MapView, as_drawn, part_words
from psm_viz.charts.page_view import StudyView
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import has_talks, talk_points
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.judging import BAD, GOOD
from psm_viz.study.reader import Study
from psm_viz.study.search import Found, Wanted, search
from psm_viz.study.search_index import cache_folder

HEIGHT = 440
BRANCH, FAMILY = "branch ", "family "
"""What the id of a filter begins with that means a whole branch or family."""
CAST = "cast"
ANY = "any"
JUDGED = {ANY: "Any", BAD: "Bad", GOOD: "Good"}
"""How an answer must have been judged."""


def where_choices(study: Study) -> dict[str, str]:
    """Where answers must be from; '' is everywhere."""
    m = study.manifest
    options = {"": "Everywhere"}
    options |= {f"{BRANCH}{b}": f"All of {b}" for b in m.branches if len(m.branch(b)) > 2}
    return options | {c.id: c.id for c in m.drawn}


def who_choices(study: Study) -> dict[str, str]:
    """Who must have said it; '' is everybody."""
    cast = study.cast
    family = {f.id: f.name for f in cast.families}
    options = {"": "Everybody", ASSISTANT: "The Assistant", CAST: "The cast"}
    options |= {f"{FAMILY}{f}": f"All {n.lower()}" for f, n in family.items()}
    return options | {p.id: f"{p.name}, {family[p.family]}" for p in cast.personas}


@dataclass(frozen=True)
class SearchChoice(StudyView):
    """What a reader looks for on the Search page."""

    words: str = ""
    where: str = ""
    """Of `where_choices`."""
    who: str = ""
    """Of `who_choices`."""
    judged: str = ANY
    projection: str = "UMAP"
    zoom: str = choices.WHOLE
    """Of `choices.ZOOMS`: how close the map is shown, about the persona whose words are looked for,
    else about the Assistant's talks."""

    @property
    def wanted(self) -> Wanted:
        """The search."""
        whole = self.where.startswith(BRANCH)
        who: dict[str, Any] = {"persona": self.who}
        if self.who in ("", ASSISTANT, CAST):
            who = {"cast": {"": None, ASSISTANT: False, CAST: True}[self.who]}
        elif self.who.startswith(FAMILY):
            who = {"family": self.who.removeprefix(FAMILY)}
        return Wanted(
            self.words,
            "" if whole else self.where,
            self.where.removeprefix(BRANCH) if whole else "",
            judged="" if self.judged == ANY else self.judged,
            **who,
        )

    @property
    def found(self) -> Found | None:
        """What is found; None where nothing is looked for. The first search in a study takes the
        time that its index needs. Raises BadInput, UnknownName, NotWritten."""
        wanted = self.wanted
        if wanted == Wanted():
            return None
        key = ("found", self.words, self.where, self.who, self.judged)
        return self.reads.once(key, lambda: search(self.study, cache_folder(), wanted))

    def link(self, study: str = "") -> str:
        """The address that brings it back; `study` is its name there, '' for the default one."""
        return address_of(
            SEARCH,
            {
                "study": study,
                "words": self.words,
                "where": self.where,
                "who": self.who,
                "judged": unless(self.judged, ANY),
                "projection": unless(self.projection, "UMAP"),
                "zoom": unless(self.zoom, choices.WHOLE),
            },
        )

    def figures(self) -> list[Shown]:
        """The charts of the page."""
        return [told_or_missing(self._lit_or_why_not)]

    def _lit_or_why_not(self) -> Shown:
        """The map; of a search that finds too much, what to do. Raises as `found` and `lit`."""
        result = self.found
        if result is not None and result.counts is None:
            many = f"{result.total:,} answers are found, too many to be lit one by one."
            return Missing(many, "Add a word or a filter to the search.")
        return self.lit(result)

    def lit(self, result: Found | None) -> Figure:
        """The map with what was found lit. Raises UnknownName where the study has no map."""
        study, m = self.study, self.study.manifest
        points, counts = points_of(self.reads), None if result is None else result.counts
        later = [c.id for b in m.fine_tuned for c in m.branch(b) if c.branch == b]
        most = lit_map.checkpoint_to_draw(counts, [m.reference, *later], ASSISTANT)
        checkpoint = self.wanted.checkpoint or most
        lit = lit_map.lit_of(counts, checkpoint, m.reference, ASSISTANT)
        talks = has_talks(study)
        about = self.who if self.who in study.cast.ids else ASSISTANT
        view = MapView(self.projection, selected=about, zoom=float(self.zoom))
        title = lit_title(lit, result, talks)
        told = Told(
            name="found-on-the-map",
            title=title,
            words=part_words(view) + lit_words(study, checkpoint, talks),
            alt=f"{title}. Map of the cast with found answers lit.",
            key="found",
            facts=Facts(n="" if result is None else f"{result.total} answers found"),
        )
        return Figure(
            lambda p, width: lit_map.lit_map(
                points,
                study.cast,
                lit,
                as_drawn(view, width),
                p,
                (width, scaled(HEIGHT, width, WIDTH)),
            ),
            lit_map.lit_table(lit, study.cast),
            told,
            Layout(WIDTH, label=True, hero="hero-search"),
        )


def points_of(reads: Reads) -> pd.DataFrame:
    """The points that found answers are lit on: of talks, where there are any. Raises UnknownName
    where the study has no map."""
    if has_talks(reads.study):
        return talk_points(reads)
    pooling = choices.usual_pooling(reads)
    return reads.map_of(pooling, choices.usual_layer(reads, pooling)).points


def lit_title(lit: lit_map.Lit, result: Found | None, talks: bool) -> str:
    """What is lit, in numbers."""
    if result is None:
        return "Where answers lie: those that are found will be lit"
    if result.counts is None:
        return "Too many to be lit one by one: add a word or a filter"
    people = f"{len(lit.people)} persona{'' if len(lit.people) == 1 else 's'} of the cast"
    own = f"{len(lit.talks)} of the Assistant's talks at {lit.checkpoint}"
    parts = [own] if talks and (lit.talks or not lit.people) else []
    return f"Lit: {' and '.join([*parts, people] if lit.people or not talks else parts)}"


def lit_words(study: Study, checkpoint: str, talks: bool) -> str:
    """What is drawn on the map."""
    rings = "Rings: personas who said it, at any checkpoint, larger the oftener."
    if not talks:
        return f"{rings} Distances on a map are not measurements."
    return (
        f"Filled: talks of the Assistant at {checkpoint} in which it was said; outlines: its other "
        f"talks there. {rings} Small full dots: talks of the cast, at {study.manifest.reference}. "
        "Distances on a map are not measurements."
    )


def search_choice(reads: Reads, address: Address) -> SearchChoice:
    """What an address looks for. Raises UnknownName."""
    one, study = address.one, reads.study
    return SearchChoice(
        reads,
        (list(address.given.get("words", ())) or [""])[0],
        one("where", where_choices(study), "", "place"),
        one("who", who_choices(study), "", "speaker"),
        one("judged", JUDGED, ANY),
        one("projection", choices.FLAT, "UMAP"),
        one("zoom", choices.ZOOMS, choices.WHOLE),
    )
