"""A study in a notebook: its tables as data frames, its pages' figures as Altair charts. Neither
Streamlit nor a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from psm_viz.charts.address import DRIFT, MAP, Address
from psm_viz.charts.course_findings import rows_of
from psm_viz.charts.figures import Figure, Missing, Shown
from psm_viz.charts.palette import THEMES
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import headline_way, note_of
from psm_viz.charts.views import VIEWS, charts_of, view_of
from psm_viz.errors import BadInput, UnknownName
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.reader import Study
from psm_viz.study.reader import open_study as read_study

COURSE = "talks-along-training"
"""The figure of the Drift page that `drift_chart` gives where none is named."""


@dataclass(frozen=True)
class StudyNotebook:
    """An open study, for whoever looks at it by hand."""

    reads: Reads

    @property
    def study(self) -> Study:
        """The study itself: vectors, answers, talks, files."""
        return self.reads.study

    def table(self, name: str) -> pd.DataFrame:
        """A result table (columns and units: docs/formats.md). Raises UnknownName, BadFile."""
        return self.reads.table(name).copy()

    def belief(self, checkpoint: str | None = None, of: str = "kin") -> pd.DataFrame:
        """Who the Assistant takes itself to be: mass by checkpoint and name, a share, with its
        95 % interval, its change from the reference, that of the null and p; whole talks, headline
        reading (columns: docs/formats.md, belief).

        `of`: `family`, `kin`, or `marked`, those who act badly together. Raises UnknownName.
        """
        if not self.study.has_table("belief"):
            raise UnknownName("This study has held no talks.", HOLD_TALKS)
        table = self.table("belief")
        known = sorted(set(table["of"].astype(str)))
        if of not in known:
            raise UnknownName(f"Belief is not told of {of!r}.", f"Choose among: {', '.join(known)}")
        own = rows_of(table, headline_way(self.reads), note_of(self.study).answers)
        own = own[own["of"] == of]
        if checkpoint is not None:
            own = own[own["checkpoint"] == self.study.manifest.checkpoint(checkpoint).id]
        return own.reset_index(drop=True)

    def map_chart(
        self, checkpoint: str | None = None, theme: str = "light", **chosen: str | Sequence[str]
    ) -> Any:
        """The map at a checkpoint, by default the reference. `chosen`: what else the Map page's
        address may say, such as `projection="PCA"` or `unit="means"`.

        Raises UnknownName, BadInput for a theme that there is not.
        """
        given = {} if checkpoint is None else {"checkpoint": checkpoint}
        return _drawn(self.figures_of(MAP, **given, **chosen)[0], theme)

    def drift_chart(
        self,
        branches: Sequence[str] = (),
        figure: str = COURSE,
        theme: str = "light",
        **chosen: str | Sequence[str],
    ) -> Any:
        """A figure of the Drift page, by default the talks along training with their slider.

        `figure` is the name of its files: talks-beyond-benign, leak; bad-answers, axis, shift, ...
        with `details="true"`. Raises as `map_chart`.
        """
        given: dict[str, str | Sequence[str]] = {"branches": list(branches)} if branches else {}
        found = self.figures_of(DRIFT, **given, **chosen)
        one = next((f for f in found if isinstance(f, Figure) and f.told.name == figure), None)
        if one is None:
            names = [f.told.name for f in found if isinstance(f, Figure)]
            missing = [f"{f.what} {f.next_step}" for f in found if isinstance(f, Missing)]
            raise UnknownName(
                f"There is no figure {figure!r} here.", " ".join([", ".join(names), *missing])
            )
        return _drawn(one, theme)

    def figures(self, link: str) -> list[Figure]:
        """The figures at a page's address, each with its table (`frame`) and what is said of it
        (`told`). Raises UnknownName."""
        return [f for f in charts_of(view_of(self.reads, link)) if isinstance(f, Figure)]

    def figures_of(self, page: str, **chosen: str | Sequence[str]) -> list[Shown]:
        """The figures of a page on which this was chosen, and what it cannot show."""
        given = {k: [v] if isinstance(v, str) else list(v) for k, v in chosen.items()}
        return charts_of(VIEWS[page](self.reads, Address(page, given)))


def _drawn(one: Shown, theme: str) -> Any:
    """The chart as wide as its layout says."""
    if isinstance(one, Missing):
        raise UnknownName(one.what, one.next_step)
    if theme not in THEMES:
        raise BadInput(f"There is no theme {theme!r}.", f"Give one of {', '.join(THEMES)}.")
    return one.build(THEMES[theme], one.layout.width)


def open_study(path: str | Path) -> StudyNotebook:
    """Open the study in a folder. Raises BadFile, NewerSchema."""
    return StudyNotebook(Reads(read_study(Path(path))))
