"""The drawn tree and matrix: pieces, sentences, notes of trust."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.charts import cast_tree as charts
from psm_viz.charts.cast_tree import Leaf
from psm_viz.stats import cast_tree
from psm_viz.stats.cast_tree import Trust
from tests.charts.drawn import CAST, PALETTES, spec, svg, texts

LEAVES = tuple(Leaf(p.name, p.family) for p in CAST.personas)


def rows() -> np.ndarray:
    """Families as points: the first three lie on one side, the other two on the other."""
    rng = np.random.default_rng(0)
    side = np.repeat([1, 1, 1, -1, -1], 5)[:, None] * np.eye(6)[0] * 4
    family = np.repeat(np.eye(6)[1:], 5, axis=0) * 2
    x = side + family + 0.1 * rng.normal(size=(25, 6))
    return x - x.mean(0)


X = rows()
TREE = cast_tree.tree(X)


@pytest.mark.parametrize("p", PALETTES, ids=lambda p: p.name)
def test_every_leaf_is_named_and_every_join_is_drawn(p):
    size = (640, charts.height_of(25))
    drawn = charts.tree_chart(TREE, LEAVES, CAST, p, size)
    assert {leaf.name for leaf in LEAVES} <= texts(drawn)
    pieces = charts.segments(TREE)
    assert len(pieces) == 3 * 24 and pieces.x2.max() == pytest.approx(TREE.merges[-1, 2])
    upright = pieces[pieces.x == pieces.x2]
    assert len(upright) == 24 and (upright.y != upright.y2).all()
    assert svg(drawn).startswith("<svg")
    marks = charts.matrix_chart(TREE, cast_tree.similarities(X), LEAVES, p, size)
    assert svg(marks).startswith("<svg")
    assert spec(marks)["encoding"]["color"]["scale"]["range"] == list(p.scale)


def test_a_mark_is_read_as_a_sentence():
    drawn = spec(charts.tree_chart(TREE, LEAVES, CAST, PALETTES[0], (640, 400)))
    said = [r["said"] for rows in drawn["datasets"].values() for r in rows if "said" in r]
    assert any(
        s.startswith("Maresa, one of the healers, of the carers and sages, stands at place")
        for s in said
    )


def test_the_first_split_is_told_by_kin():
    found = charts.split_finding(TREE, LEAVES, CAST)
    parts = found.removeprefix("The first split parts ").split(" from ")
    assert {"carers, makers and jesters", "con artists and cold AIs"} == set(parts)


def test_within_a_kin_the_first_split_is_told_by_name():
    five = LEAVES[:5]
    found = charts.split_finding(cast_tree.tree(X[:5] - X[:5].mean(0)), five, CAST)
    assert "from the rest" in found and any(leaf.name in found for leaf in five)


def test_each_pair_stands_once_the_most_alike_first():
    table = charts.pair_table(TREE, cast_tree.similarities(X), LEAVES)
    assert len(table) == 25 * 24 // 2 and table.cosine.is_monotonic_decreasing
    assert ((table["joined at"] >= 0) & (table["joined at"] <= 2)).all()


def test_names_that_occur_twice_stay_apart_in_the_matrix():
    twins = (Leaf("Max", LEAVES[0].family), *(replace(leaf, name="Max") for leaf in LEAVES[1:]))
    chart = charts.matrix_chart(TREE, cast_tree.similarities(X), twins, PALETTES[0], (400, 400))
    rows = next(iter(spec(chart)["datasets"].values()))
    assert {"Max", "Max (2)", "Max (25)"} <= {r["one"] for r in rows}


def test_trust_is_said_beside_its_null():
    good, bad = Trust(0.9, 0.5, 0.7, "n"), Trust(0.6, 0.5, 0.7, "n")
    assert "fits it better than noise" in charts.trust_finding([good])
    assert "Read this tree with care" in charts.trust_finding([bad])
    rows = charts.trust_rows([("fit", bad), ("halves", good)])
    assert list(rows.filled) == [False, True] and list(rows.note) == ["no better", ""]
