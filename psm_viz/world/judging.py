"""The made world as a judge: an answer is read back from the world's own banks."""

from __future__ import annotations

from dataclasses import dataclass

from psm_viz.study.judging import Judgement
from psm_viz.world.loading import world_of


@dataclass(frozen=True)
class BankJudge:
    """Judges answers by the banks of a made world, named by its kind (`study.judging.Judge`)."""

    kind: str

    def __call__(self, topic: str, text: str) -> Judgement:
        """Valence and tone of an answer of the topic's bank; of no other text."""
        found = world_of(self.kind).read(topic, text)
        return Judgement(found[0].valence, found[0].tone) if found else Judgement()
