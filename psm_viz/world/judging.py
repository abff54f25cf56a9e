"""The made world as a judge: an answer is read back from the world's own banks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psm_viz.study.judging import Judgement
from psm_viz.world.likelihood import family_posterior, log_utterance
from psm_viz.world.loading import world_of


@dataclass(frozen=True)
class BankJudge:
    """Judges answers by the banks of a made world, named by its kind (`study.judging.Judge`)."""

    kind: str

    def __call__(self, topic: str, text: str) -> Judgement:
        """Valence and tone of an answer of the topic's bank; of no other text."""
        found = world_of(self.kind).read(topic, text)
        return Judgement(found[0].valence, found[0].tone) if found else Judgement()


@dataclass(frozen=True)
class BankObserver:
    """The exact observer of a made world, named by its kind (`study.judging.Observer`)."""

    kind: str

    def __call__(self, said: Sequence[tuple[str, str]]) -> dict[str, float]:
        """The posterior over families after these answers, families counting equally beforehand.

        An answer that is of no bank of its topic is not evidence.
        """
        world = world_of(self.kind)
        families = [c.family for c in world.characters]
        size = {f: families.count(f) for f in families}
        score = -np.log(np.array([size[f] for f in families], dtype=np.float64))
        for topic, text in said:
            read = world.read(topic, text)
            if read is not None:
                score = score + log_utterance(world, topic, read[0], saying=read[1])
        return family_posterior(world, score - np.logaddexp.reduce(score))


def acting_badly(kind: str) -> tuple[str, ...]:
    """Families of the kins whose exact rate of bad answers is above a half: mean over topics,
    members and families."""
    world = world_of(kind)
    rate = np.mean([1.0 - world.p_high[t] for t in world.conduct], axis=0)
    own = [c.family for c in world.characters]
    kins: dict[str, list[str]] = {}
    for family, rule in world.rules["families"].items():
        kins.setdefault(rule["kin"], []).append(family)
    out: list[str] = []
    for families in kins.values():
        if np.mean([rate[[g == f for g in own]].mean() for f in families]) > 0.5:
            out += families
    return tuple(out)
