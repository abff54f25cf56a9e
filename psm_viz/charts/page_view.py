"""What all views have in common: an address, figures, and what they are drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from psm_viz.charts.export import Source, source_of
from psm_viz.charts.figures import Shown
from psm_viz.charts.reads import Reads
from psm_viz.study.reader import Study


class PageView(ABC):
    """What a reader looks at: a page, and what is chosen there."""

    @abstractmethod
    def link(self, study: str = "") -> str:
        """The address that brings it back; `study` is its name there, '' for the default one."""

    def link_of(self, one: Shown, study: str = "") -> str:
        """The address that brings one figure back: that of the whole page."""
        return self.link(study)

    @abstractmethod
    def figures(self) -> list[Shown]:
        """The charts of the page."""

    @abstractmethod
    def source_of(self, one: Shown) -> Source:
        """What one figure is drawn from."""


@dataclass(frozen=True)
class StudyView(PageView):
    """A view of a study."""

    reads: Reads

    @property
    def study(self) -> Study:
        """The study that is looked at."""
        return self.reads.study

    def source_of(self, one: Shown) -> Source:
        """The study, of every figure."""
        return source_of(self.study)
