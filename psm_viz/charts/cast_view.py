"""The Cast page's view: the tree, the matrix beside it, how far both can be trusted, and who would
say the answers of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from shlex import quote

import pandas as pd

from psm_viz.charts import cast_tree as charts
from psm_viz.charts import choices
from psm_viz.charts.address import CAST, Address, address_of, unless
from psm_viz.charts.cast_rows import EVERYBODY, FAMILIES, Grown, grown_over, leaf_choices
from psm_viz.charts.dot_chart import DotLook, Rule
from psm_viz.charts.evidence_colour import overlay_finding, overlay_of, overlay_words
from psm_viz.charts.figures import (
    Facts,
    Figure,
    Layout,
    Missing,
    Shown,
    Told,
    dots,
    told_or_missing,
)
from psm_viz.charts.findings import capital
from psm_viz.charts.frames import each
from psm_viz.charts.overlay import Overlay
from psm_viz.charts.page_view import StudyView
from psm_viz.charts.reads import Reads
from psm_viz.paths import from_here
from psm_viz.study.cast import Cast
from psm_viz.study.reader import Study

SHOWN = 10
"""So many of the readiest personas are shown."""


@dataclass(frozen=True)
class CastChoice(StudyView):
    """What a reader chose on the Cast page."""

    checkpoint: str
    pooling: str
    leaves: str
    evidence: str = ""
    """Whose answers are asked about; '' for the first there is."""

    @property
    def asked(self) -> str:
        """The evidence that is shown; '' where there is none."""
        return self.evidence or next(iter(self.study.evidences), "")

    @cached_property
    def grown(self) -> Grown:
        """The tree and its trust. Raises UnknownName, BadInput."""
        chosen = (self.checkpoint, self.pooling, self.leaves)
        return self.reads.once(("tree", *chosen), lambda: grown_over(self.study, *chosen))

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The table behind tree and matrix. Raises UnknownName, BadInput."""
        return charts.pair_table(self.grown.tree, self.grown.cosines, self.grown.rows.leaves)

    @cached_property
    def finding(self) -> str:
        """What the tree says, above tree and matrix. Raises UnknownName, BadInput."""
        return charts.split_finding(self.grown.tree, self.grown.rows.leaves, self.study.cast)

    def link(self, study: str = "") -> str:
        """The address that brings it back; `study` is its name there, '' for the default one."""
        m, first = self.study.manifest, next(iter(self.study.evidences), "")
        return address_of(
            CAST,
            {
                "study": study,
                "checkpoint": unless(self.checkpoint, m.reference),
                "pooling": unless(self.pooling, m.headline_pooling),
                "leaves": unless(self.leaves, next(iter(leaf_choices(self.study)))),
                "evidence": unless(self.asked, first),
            },
        )

    def figures(self) -> list[Shown]:
        """The charts of the page."""
        makers = (self.tree, self.matrix, self.trust, self.would_say)
        return [told_or_missing(make) for make in makers]

    def _facts(self, null: str = "") -> Facts:
        return Facts(
            n=f"{len(self.grown.rows.leaves)} {FAMILIES if self._of_families else EVERYBODY}",
            pooling=choices.pooling_name(self.pooling),
            layer=self.study.manifest.headline_layer,
            null=null,
        )

    def _words(self) -> str:
        many = len(self.grown.rows.leaves)
        return (
            f"{many} {'families (means of their personas)' if self._of_families else 'personas'} "
            f"at {self.checkpoint}, {choices.pooling_name(self.pooling)}, layer "
            f"{self.study.manifest.headline_layer}, centred on the cast. Average linkage on cosine "
            "distance; neighbours are turned to lie as near as the tree allows, which branch is "
            "above says nothing."
        )

    @property
    def _of_families(self) -> bool:
        return self.leaves == FAMILIES

    def tree(self) -> Figure:
        """Who is like whom. Raises UnknownName, BadInput."""
        g, cast = self.grown, self.study.cast
        names, height = g.rows.leaves, charts.height_of(len(g.rows.leaves))
        told = Told(
            f"tree-{self.leaves}-{self.checkpoint}",
            "Who is like whom: the further left two join, the less alike they are",
            self._words(),
            f"Tree of {len(names)} {self.leaves} at {self.checkpoint}. {self.finding}.",
            "tree",
            self._facts(),
        )
        return Figure(
            lambda p, w: charts.tree_chart(g.tree, names, cast, p, (w, height)),
            self.pairs,
            told,
            Layout(640, label=True),
        )

    def matrix(self) -> Figure:
        """The same as cosines. Raises UnknownName, BadInput."""
        g, names = self.grown, self.grown.rows.leaves
        pairs, height = self.pairs, charts.height_of(len(names))
        told = Told(
            f"matrix-{self.leaves}-{self.checkpoint}",
            "The same as cosines, rows and columns in the tree's order",
            self._words(),
            f"Matrix of cosines of {len(names)} {self.leaves}. The most alike: {_alike(pairs)}.",
            "matrix",
            self._facts(),
        )
        return Figure(
            lambda p, w: charts.matrix_chart(g.tree, g.cosines, names, p, (w, height)),
            pairs,
            told,
            Layout(560, small=True, label=True),
        )

    def trust(self) -> Figure:
        """How far the tree can be trusted, each figure beside its null. Raises UnknownName,
        BadInput."""
        found = self.grown.trust
        title = charts.trust_finding([t for key, t in found if key == "fit"])
        null = "the same without any group to find, the range of 20 draws (families: 200)"
        words = (
            f"Grey: {null}. Fits a tree: cophenetic correlation, beside Gaussian "
            "vectors of the cast's covariance and beside the cast's own with each dimension dealt "
            "out anew. Two halves agree: correlation of the joining distances of trees from two "
            "halves of the questions. Finds the families: adjusted Rand index of as many groups as "
            "there are families, which it was not told."
        )
        told = Told(
            f"trust-{self.leaves}-{self.checkpoint}",
            title,
            words,
            f"{title}.",
            "tree-trust",
            self._facts(null),
        )
        layout = Layout(520, small=True, captioned=True)
        return dots(charts.trust_rows(found), told, layout, DotLook(accent=False))

    def would_say(self) -> Shown:
        """Who would give the answers of a data set that was asked about. Raises UnknownName,
        BadFile."""
        if not self.asked:
            return Missing(
                "Nobody was asked about any answers yet.", ask_command(self.study, "FILE")
            )
        table, record = self.reads.likelihood(self.asked)
        overlay = overlay_of(self.asked, table, self.study.cast)
        title = overlay_finding(overlay, {q.id: q.name for q in self.study.cast.personas})
        told = Told(
            f"who-would-say-{self.asked}",
            title,
            f"The {SHOWN} readiest of {len(overlay.rows)} personas, nats a token, with 95 % "
            f"intervals. {capital(overlay_words(overlay, record).removeprefix('Colour: '))}",
            title,
            "who-would-say",
            Facts(n=f"{len(overlay.rows)} personas", interval="95 %"),
        )
        look = DotLook(
            rules=(Rule(0.0, "the Assistant"),), accent=False, unit="nats a token, less its own"
        )
        rows = readiest(overlay, self.study.cast)
        return dots(rows, told, Layout(640, small=True, captioned=True), look)


def ask_command(study: Study, file: str) -> str:
    """The command that asks the cast of a study about a file of answers."""
    folder = quote(str(from_here(study.folder.resolve())))
    return f"python -m psm_viz evidence --study {folder} --data {quote(file)}"


def _alike(pairs: pd.DataFrame) -> str:
    """The two of the greatest cosine."""
    best = pairs.iloc[0]
    return f"{best.one} and {best.other}, {best.cosine:.2f}"


def readiest(overlay: Overlay, cast: Cast) -> pd.DataFrame:
    """Rows for `dot_chart`: the personas that would give the answers most readily."""
    who = {q.id: q for q in cast.personas}
    best = overlay.rows.sort_values("value", ascending=False).head(SHOWN)
    return pd.DataFrame(
        [
            {
                "label": f"{who[str(r.persona)].name}, "
                f"{cast.family(who[str(r.persona)].family).name.lower()}",
                "value": float(r.value),
                "low": float(r.low),
                "high": float(r.high),
                "filled": bool(r.low > 0),
            }
            for r in each(best)
        ]
    )


def cast_choice(reads: Reads, address: Address) -> CastChoice:
    """What an address chooses on the Cast page. Raises UnknownName."""
    study, m, one = reads.study, reads.study.manifest, address.one
    leaves, known = leaf_choices(study), {e: e for e in study.evidences}
    return CastChoice(
        reads,
        one("checkpoint", choices.checkpoints(study), m.reference),
        one("pooling", choices.poolings(m.poolings), m.headline_pooling),
        one("leaves", leaves, next(iter(leaves), FAMILIES), "choice of leaves"),
        one("evidence", known, ""),
    )
