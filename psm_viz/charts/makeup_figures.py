"""The figures of what a branch's movement is made of: traits, families, a predicted arrow, words or
weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from psm_viz.charts import drift_details
from psm_viz.charts.choices import branch_order, pooling_name
from psm_viz.charts.dot_chart import DotLook, spoken
from psm_viz.charts.drift_figures import SMALL, Chosen
from psm_viz.charts.figures import Facts, Missing, Shown, Told, dots
from psm_viz.charts.findings import STAGES
from psm_viz.charts.reads import Reads
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study


@dataclass(frozen=True)
class Looked:
    """The branch that is looked at, at the last of its checkpoints up to the chosen step."""

    reads: Reads
    branch: str
    checkpoint: str
    pooling: str

    @property
    def study(self) -> Study:
        """The study that is looked at."""
        return self.reads.study

    @property
    def untouched(self) -> bool:
        """Whether this is the model as it came, which no stage of training that we know made."""
        return self.checkpoint == self.study.manifest.reference and self.branch not in STAGES

    @property
    def how(self) -> str:
        """Where the figures stand, in words."""
        layer = self.study.manifest.headline_layer
        return f"{self.checkpoint}, {pooling_name(self.pooling)}, layer {layer}"

    def facts(self, n: str, null: str, interval: str = "95 %") -> Facts:
        """What a figure of this checkpoint rests on."""
        layer = self.study.manifest.headline_layer
        return Facts(n, pooling_name(self.pooling), layer, interval, null)


def looked_at(chosen: Chosen, branch: str) -> Looked:
    """The branch at the last of its checkpoints up to the chosen step. Before its first saved step
    a branch is where it starts: then it is the checkpoint, and the branch, that it starts from."""
    saved = chosen.study.manifest.branch(branch)
    at = [c for c in saved if c.branch != branch or c.step <= chosen.now] or [saved[0]]
    return Looked(chosen.reads, at[-1].branch, at[-1].id, chosen.pooling)


def traits_figure(looked: Looked) -> Shown:
    """The specific shift on each trait."""
    checkpoint = looked.checkpoint
    rows = looked.reads.rows(
        "traits",
        "The trait axes were not measured.",
        lambda table: drift_details.trait_rows(table, checkpoint, looked.pooling),
        f"{checkpoint} was not measured on the traits.",
    )
    if isinstance(rows, Missing):
        return rows
    title = drift_details.trait_finding(rows, looked.branch)
    told = Told(
        name=f"traits-{checkpoint}",
        title=title,
        words=f"Specific shift along each trait, SDs of the cast, {looked.how}, 95 % interval; "
        "filled: p at most .05 after the search over traits, hollow: not shown.",
        alt=f"Specific shift along the traits at {checkpoint}: {spoken(rows)}. {title}.",
        key="traits",
        facts=looked.facts(f"{len(rows)} traits", "topics' signs flipped, searched over traits"),
    )
    return dots(rows, told, SMALL, DotLook(unit="specific shift, SDs of the cast"))


def families_figure(looked: Looked) -> Shown:
    """The Assistant as a mixture of families."""
    study, checkpoint, reads = looked.study, looked.checkpoint, looked.reads
    names = {f.id: f.name for f in study.cast.families}
    exact = reads.table("exact_families") if study.has_table("exact_families") else None
    rows = reads.rows(
        "posterior",
        "The mixture of families was not measured.",
        lambda table: drift_details.posterior_rows(table, exact, checkpoint, looked.pooling, names),
        f"{checkpoint} has no mixture of families.",
    )
    if isinstance(rows, Missing):
        return rows
    title = drift_details.posterior_finding(rows, looked.branch, looked.untouched)
    ticked = "; tick: the exact posterior" if rows.tick.notna().any() else ""
    told = Told(
        name=f"families-{checkpoint}",
        title=title,
        words=f"Weights of the families, {looked.how}, range over folds of questions{ticked}.",
        alt=f"Weights of the families at {checkpoint}: {spoken(rows)}. {title}.",
        key="posterior",
        facts=looked.facts(
            f"{len(study.cast.families)} families", "", "range when folds of questions are left out"
        ),
    )
    return dots(
        rows, told, SMALL, DotLook(percent=True, tick_name="exact", unit="weight of the family")
    )


def arrows(study: Study, reads: Reads) -> dict[str, str]:
    """The evidences that were scored against branches, id -> label."""
    if not study.has_table("evidence_scores"):
        return {}
    return {str(e): str(e) for e in dict.fromkeys(reads.table("evidence_scores").evidence)}


def arrow_figure(reads: Reads, pooling: str, branches: Sequence[str], evidence: str) -> Shown:
    """Each branch's shift against an arrow that was written down before training; `evidence` is ''
    where there is none."""
    if not evidence:
        what = "No evidence was scored against these branches."
        return Missing(what, made_by("evidence_scores"))
    rows = drift_details.arrow_rows(
        reads.table("evidence_scores"), evidence, pooling, branches, branch_order(reads.study)
    )
    title = drift_details.arrow_finding(rows, evidence)
    if rows.empty:
        return Missing(f"{title}.", made_by("evidence_scores"))
    name = pooling_name(pooling)
    told = Told(
        name=f"arrow-{evidence}",
        title=title,
        words=f"Cosine of each branch's specific shift with the arrow of {evidence}, "
        f"{name}, 95 % interval; grey: the same readiness dealt "
        "out to the cast at random; filled: p at most .05.",
        alt=f"Cosine with the arrow of {evidence} by branch: {spoken(rows)}.",
        key="arrow-figure",
        facts=Facts(
            n=f"{len(rows)} branches",
            pooling=name,
            layer=reads.study.manifest.headline_layer,
            interval="95 %",
            null="the same readiness dealt out to the cast at random",
        ),
    )
    return dots(rows, told, SMALL, DotLook(unit="cosine with the arrow"))


def effects_figure(looked: Looked) -> Shown:
    """How much of the shift is in the words that are read, how much in the weights."""
    branch = looked.branch
    rows = looked.reads.rows(
        "words_or_weights",
        "Words and weights were not told apart.",
        lambda table: drift_details.effect_rows(table, branch),
        f"{drift_details.effect_finding(pd.DataFrame(), branch)}.",
    )
    if isinstance(rows, Missing):
        return rows
    title = drift_details.effect_finding(rows, branch)
    told = Told(
        name=f"words-or-weights-{branch}",
        title=title,
        words=f"Shares of {branch}'s shift over the answers by whose text is read and whose "
        "weights read it, mean over the answer, 95 % interval.",
        alt=f"Words or weights, {branch}: {spoken(rows, percent=True)}. {title}.",
        key="effects",
        facts=Facts(
            n=f"{len(rows)} shares of one shift",
            pooling=pooling_name("response_mean"),
            layer=looked.study.manifest.headline_layer,
            interval="95 %",
        ),
    )
    return dots(rows, told, SMALL, DotLook(percent=True, unit="share of the shift"))
