"""What all views have in common: a study, an address, figures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from psm_viz.charts.figures import Shown
from psm_viz.charts.reads import Reads
from psm_viz.study.reader import Study


@dataclass(frozen=True)
class PageView(ABC):
    """What a reader looks at: a page, and what is chosen there."""

    reads: Reads

    @property
    def study(self) -> Study:
        """The study that is looked at."""
        return self.reads.study

    @abstractmethod
    def link(self, study: str = "") -> str:
        """The address that brings it back; `study` is its name there, '' for the default one."""

    def link_of(self, one: Shown, study: str = "") -> str:
        """The address that brings one figure back: that of the whole page."""
        return self.link(study)

    @abstractmethod
    def figures(self) -> list[Shown]:
        """The charts of the page."""
