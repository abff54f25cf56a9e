"""From an address to figures: which charts, of which data, a page shows at that link. Pages, files
and notebooks ask here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from psm_viz.charts.address import (
    CAST,
    CLAIMS,
    COMPARE,
    DRIFT,
    MAP,
    METHOD,
    SEARCH,
    Address,
    parse_address,
)
from psm_viz.charts.cast_view import cast_choice
from psm_viz.charts.claims_view import claims_choice
from psm_viz.charts.compare_view import compare_choice
from psm_viz.charts.drift_view import drift_choice
from psm_viz.charts.figures import Figure, Missing, Shown
from psm_viz.charts.map_view import map_choice
from psm_viz.charts.method_view import method_choice
from psm_viz.charts.page_view import PageView
from psm_viz.charts.reads import Reads
from psm_viz.charts.search_view import search_choice
from psm_viz.errors import UnknownName
from psm_viz.study.cast import nearest

VIEWS: Mapping[str, Callable[[Reads, Address], PageView]] = {
    MAP: map_choice,
    DRIFT: drift_choice,
    COMPARE: compare_choice,
    SEARCH: search_choice,
    CAST: cast_choice,
    METHOD: method_choice,
    CLAIMS: claims_choice,
}


def view_of(reads: Reads, link: str) -> PageView:
    """The view of a link. Raises UnknownName for a page without views, and for what the study does
    not have."""
    address = parse_address(link)
    return VIEWS[address.page](reads, address)


def charts_of(view: PageView, only: Sequence[str] = ()) -> list[Shown]:
    """The charts of a view in the order of its page, and what it cannot show; `only` names figures.

    Raises UnknownName for a name that the view has not, and where it has nothing to draw.
    """
    every = view.figures()
    drawn = {f.told.name: f for f in every if isinstance(f, Figure)}
    lacking = " ".join(f"Not here: {f.what}" for f in every if isinstance(f, Missing))
    for name in only:
        if name not in drawn:
            raise UnknownName(
                f"This view has no figure {name[:80]!r}.",
                f"It has: {nearest(name, drawn)} {lacking}".rstrip(),
            )
    if not drawn:
        one = next(f for f in every if isinstance(f, Missing))
        raise UnknownName(one.what, one.next_step)
    return [drawn[name] for name in only] if only else every
