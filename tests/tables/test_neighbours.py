"""Neighbours: in order, by how much, and how surely."""

import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import ASSISTANT
from psm_viz.tables.compare import Comparer
from psm_viz.tables.neighbours import MOST, neighbours_at, neighbours_table
from tests.made.activations import CHECKPOINTS, FLOOR, HEAD, LAYERS, RAW, REFERENCE, add_vectors


@pytest.fixture(scope="module")
def compare(known):
    return Comparer(known)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("checkpoint", [REFERENCE, "contracted-0064", "moved-0016", FLOOR])
def test_neighbours_are_in_order_with_margins_to_the_next(
    known, compare, checkpoint, pooling, layer
):
    near = neighbours_at(known, compare, checkpoint, pooling, layer)
    assert len({n.persona for n in near}) == MOST and ASSISTANT not in {n.persona for n in near}
    cosines = [n.cosine for n in near]
    assert cosines == sorted(cosines, reverse=True) and max(cosines) <= 1
    assert all(n.margin >= 0 for n in near)
    for n, after in pairwise(near):
        assert n.margin == pytest.approx(n.cosine - after.cosine)
    assert all(0 <= n.kept <= 1 for n in near)


def test_who_it_moved_towards_is_near_and_stays(known, compare):
    before, after = (
        neighbours_at(known, compare, c, POOLINGS[0], HEAD) for c in (REFERENCE, "moved-0064")
    )
    assert not any(n.persona.startswith("thieves") for n in before)
    assert all(n.persona.startswith("thieves") for n in after)
    assert after[0].kept == 1


def test_a_cast_that_contracts_keeps_its_neighbours(known, compare):
    before, after = (
        {n.persona for n in neighbours_at(known, compare, c, POOLINGS[0], HEAD)}
        for c in (REFERENCE, "contracted-0004")
    )
    assert len(before & after) >= MOST - 1


def test_families_count_equally_among_those_that_are_there(known, known_folder, tmp_path):
    """One judge and six bakers: the mean lies halfway between the families."""
    study = replace(known, folder=shutil.copytree(known_folder, tmp_path / "known"))
    part = replace(known.cast, personas=known.cast.personas[:7])
    more = add_vectors(study, "given-0001", known.vectors(REFERENCE).of(part))
    x = more.vectors("given-0001").at(POOLINGS[0], HEAD).astype(np.float64)
    mu = (x[:6].mean(0) + x[6]) / 2
    rows, own = x[:-1] - mu, x[-1] - mu
    wanted = rows @ own / np.linalg.norm(rows, axis=1) / np.linalg.norm(own)
    near = neighbours_at(more, Comparer(more), "given-0001", POOLINGS[0], HEAD)
    assert [n.cosine for n in near] == pytest.approx(sorted(wanted, reverse=True)[:MOST])
    assert [n.persona for n in near] == [part.ids[i] for i in np.argsort(-wanted)[:MOST]]
    # without questions nothing says how surely
    assert np.isnan([n.kept for n in near]).all()


def test_the_last_of_few_has_no_next(known, known_folder, tmp_path):
    study = replace(known, folder=shutil.copytree(known_folder, tmp_path / "known"))
    part = replace(known.cast, personas=known.cast.personas[:4])
    more = add_vectors(study, "given-0001", known.vectors(REFERENCE).of(part))
    near = neighbours_at(more, Comparer(more), "given-0001", POOLINGS[0], HEAD)
    assert len(near) == 4 and np.isnan(near[-1].margin) and near[0].margin >= 0


def test_where_all_are_one_point_nobody_is_near(known, compare):
    with pytest.raises(BadInput, match=f"{RAW}, prompt_last, layer 1"):
        neighbours_at(known, compare, RAW, POOLINGS[0], HEAD)


def test_neighbours_have_ranks_and_leave_out_who_has_none(known, compare):
    table = neighbours_table(known, compare)
    assert set(table.checkpoint) == {c.id for c in CHECKPOINTS} - {RAW}
    for _, rows in table.groupby(["checkpoint", "pooling"]):
        assert rows["rank"].tolist() == [1, 2, 3, 4, 5]
        assert rows.cosine.is_monotonic_decreasing and (rows.margin >= 0).all()
        assert rows.kept.between(0, 1).all()
