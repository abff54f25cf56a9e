"""The Method page's figures of talks: how often belief is right, whether it means what it says,
whether planted mixtures come back, and how often no change is called one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from psm_viz.charts import belief_trust
from psm_viz.charts.dot_chart import DotLook, Rule, spoken
from psm_viz.charts.figures import Facts, Figure, Layout, Missing, Shown, Told, dots
from psm_viz.charts.frames import where
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import headline_way, note_of
from psm_viz.stats.significance import ALPHA
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study
from psm_viz.study.talks import families_in

CAPTIONED = Layout(400, small=True, captioned=True)


def makers(study: Study) -> Sequence[Callable[[Reads], Shown]]:
    """What makes the figures of talks whose speakers are known; none for a study without talks."""
    made = (told_figure, meant_figure, planted_figure, changes_figure)
    return made if study.has_table("belief_quality") else ()


def told_figure(reads: Reads) -> Figure:
    """How often the likeliest kin is the right one. Raises UnknownName, BadFile."""
    study, quality = reads.study, reads.table("belief_quality")
    m, k = study.manifest, note_of(study).answers
    way = headline_way(reads)
    rows = belief_trust.told_rows(quality, m.reference, k)
    at = where(quality, (quality.checkpoint == m.reference) & (quality.answers == k))
    chance = float(where(at, at.way == way).kin_chance.iloc[0])
    title = belief_trust.told_finding(quality, m.reference, k, way)
    told = Told(
        name="belief-told",
        title=title,
        words="Talks of the cast put into the Assistant's seat, each read without its persona and "
        "its last question. Hollow, what should tell less: words without a model, weights that "
        "learned nothing, families dealt out anew. Brier: the mean squared miss of the belief in "
        "those who act badly.",
        alt=f"Share of talks whose kin is named right: {spoken(rows, percent=True)}.",
        key="belief-told",
        facts=Facts(
            n=f"talks of {len(study.cast.personas)} personas, {k} answers each",
            null="words without a model, random weights, families dealt out anew",
        ),
    )
    look = DotLook(rules=(Rule(chance, "chance"),), percent=True, accent=False)
    return dots(rows, told, CAPTIONED, look)


def meant_figure(reads: Reads) -> Figure:
    """Belief against what was so. Raises UnknownName, BadFile."""
    study, beliefs = reads.study, reads.table("beliefs")
    families, k = families_in(beliefs, study.cast), note_of(study).answers
    rows = belief_trust.meant_rows(beliefs, study.cast, families, study.manifest.reference, k)
    told = Told(
        name="belief-meant",
        title="Where belief says so much, so often it is so: on the line it means what it says",
        words="Every kin and talk of the cast at the reference, out of sample, gathered by fifths "
        "of belief; families count alike.",
        alt="Belief against the share that was so, by way of reading, beside the diagonal.",
        key="belief-meant",
        facts=Facts(n=f"talks of {len(study.cast.personas)} personas, {k} answers each"),
    )
    return _diagonal(rows, ("belief", "share that was so"), told)


def planted_figure(reads: Reads) -> Shown:
    """Planted shares against those given back. Raises BadFile."""
    none = "No mixtures of talks were planted."
    rows = reads.rows("belief_trials", none, belief_trust.planted_rows, none)
    if isinstance(rows, Missing):
        return rows
    told = Told(
        name="belief-planted",
        title=belief_trust.planted_finding(rows),
        words="Talks of personas whom the reading never saw, mixed in known shares; the share that "
        "explains the beliefs best (prior-shift EM), mean and two standard deviations over trials.",
        alt="Shares given back against shares planted, beside the diagonal.",
        key="belief-planted",
        facts=Facts(
            n=f"{int(rows.n.min())} trials a share", interval="two standard deviations over trials"
        ),
    )
    return _diagonal(rows, ("planted share", "share given back"), told)


def changes_figure(reads: Reads) -> Shown:
    """How often no change is called one. Raises BadFile."""
    none = "No changes of talks were planted."
    changes = reads.rows("belief_trials", none, belief_trust.change_rows, none)
    if isinstance(changes, Missing):
        return changes
    rows = belief_trust.still_rows(changes)
    if rows.empty:
        return Missing(none, made_by("belief_trials"))
    title, n = belief_trust.still_finding(rows), f"{int(rows.n.min())} trials a row"
    told = Told(
        name="belief-changes",
        title=title,
        words="Talks of the cast drawn twice with the same share by those who act badly (the "
        "share after 'from'): how often the test calls it a change at p of at most .05, with the "
        f"95 % Monte Carlo interval of {n}. Hollow: the whole interval lies above 5 %. Beside it: "
        "the smallest rise of the share, in points, that is found four times in five, and how "
        "often. The table has made activations too.",
        alt=f"{title}. {spoken(rows, percent=True)}.",
        key="belief-changes",
        facts=Facts(n=n, interval="95 %, Monte Carlo"),
    )
    look = DotLook(rules=(Rule(ALPHA, f"{ALPHA:.0%}"),), percent=True, accent=False)
    return dots(rows, told, CAPTIONED, look, row=38, frame=changes)


def _diagonal(rows: pd.DataFrame, titles: tuple[str, str], told: Told) -> Figure:
    """A figure of marks against the diagonal on which both are equal."""
    return Figure(
        lambda p, width: belief_trust.diagonal_chart(rows, p, titles, (width, 250)),
        rows,
        told,
        CAPTIONED,
    )
