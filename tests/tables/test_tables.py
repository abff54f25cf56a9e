"""Derived tables on studies of which it is known what moved: what was planted is what they say."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.significance import ALPHA
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import ASSISTANT
from psm_viz.tables.compare import Comparer
from psm_viz.tables.confounds import confounds_table
from psm_viz.tables.drift import COLUMNS, comparisons, drift_table, start_of, traits_table
from psm_viz.tables.families import posterior_tables
from psm_viz.tables.layers import LAYER_COLUMNS, layers_table
from psm_viz.tables.neighbours import neighbours_table
from psm_viz.tables.positions import positions_table, preservation
from psm_viz.tables.rates import rates_table
from tests.made import study as made
from tests.made.activations import (
    BASE,
    CHECKPOINTS,
    CONTRACTED,
    FLOOR,
    LAYERS,
    MOVED,
    RAW,
    REFERENCE,
    write_known_study,
)

STARTED = [c.id for c in CHECKPOINTS if c.branch != "pretrain"]
OWN = "specific_given_cast"


@pytest.fixture(scope="module")
def compare(known):
    return Comparer(known)


@pytest.fixture(scope="module")
def found(known, compare):
    return comparisons(known, compare)


@pytest.fixture(scope="module")
def drift(known, compare, found):
    return drift_table(known, compare, found)


@pytest.fixture(scope="module")
def layers(known, compare):
    return layers_table(known, compare)


def of(table, figure, pooling=POOLINGS[0]):
    here = table[(table.figure == figure) & (table.pooling == pooling)]
    return here.set_index("checkpoint")


def test_drift_is_counted_from_where_a_branch_begins(made_study, known):
    starts = {c.id: start_of(made_study, c) for c in made_study.manifest.checkpoints}
    assert starts["cheat-0064"] == starts["cheat-0008"] == starts[made.AGAIN] == made.REFERENCE
    assert starts["assistant-0060"] == starts[made.REFERENCE] == made.BASE
    assert starts[made.BASE] is None
    starts = {c.id: start_of(known, c) for c in CHECKPOINTS}
    assert starts[REFERENCE] == BASE and starts["moved-0064"] == starts[FLOOR] == REFERENCE


def test_drift_has_one_row_for_each_figure(drift):
    assert tuple(drift.columns) == COLUMNS
    assert not drift.duplicated(["checkpoint", "pooling", "figure"]).any()
    assert set(drift.checkpoint) == set(STARTED) and set(drift.pooling) == set(POOLINGS)
    counts = drift.groupby(["checkpoint", "pooling"]).size()
    assert counts.nunique() == 1
    ranks = drift.figure.str.endswith("percentile") | (drift.figure == "percentile_given_cast")
    assert set(drift.n[ranks]) == {24} and set(drift.n[~ranks]) == {16}
    inside = drift.dropna(subset=["low"])
    assert (inside.low <= inside.high).all()


def test_drift_flags_what_moved_and_nothing_else(drift):
    for pooling in POOLINGS:
        p = of(drift, OWN, pooling).p_steps
        assert (p[list(MOVED)] <= ALPHA).all()
        assert (p[[*CONTRACTED, FLOOR]] > ALPHA).all()
        assert (of(drift, "shift_norm", pooling).p[list(CONTRACTED)] <= ALPHA).all()


def test_a_search_over_steps_is_paid_for(drift):
    own = drift[drift.figure == OWN]
    assert (own.p_steps >= own.p).all()
    assert (own.p_steps > own.p).any()
    # a branch of one saved step searched nothing
    single = own[own.checkpoint.isin([REFERENCE, FLOOR])]
    assert np.allclose(single.p_steps, single.p)
    assert drift[drift.figure != OWN].p_steps.isna().all()


def test_the_axis_kept_stands_beside_the_noise_floor(drift):
    for figure in ("axis_cosine", "axis_ratio"):
        rows = of(drift, figure)
        assert set(rows.null) == {"noise floor"}
        assert (rows.null_low == rows.low[FLOOR]).all()
    assert of(drift, "axis_cosine").value["moved-0064"] < of(drift, "axis_cosine").null_low[FLOOR]


def test_positions_and_components_agree(drift):
    """Where it stands less where the start stood is how far it went."""
    stands, went = of(drift, "axis_position").value, of(drift, "axis_component").value
    branches = [*MOVED, *CONTRACTED]
    start = stands[branches] - went[branches]
    assert np.allclose(start, start.iloc[0], atol=1e-6)


def test_the_cloud_narrows_where_the_cast_contracts(drift):
    ratio = of(drift, "cloud_trace_ratio").value
    assert ratio["contracted-0064"] < 1 and of(drift, "cloud_energy").p["moved-0064"] <= ALPHA
    assert of(drift, "cloud_energy").p[FLOOR] > ALPHA


def test_few_folds_leave_figures_out_and_crash_nothing(tmp_path):
    study = write_known_study(tmp_path / "three", folds=3)
    compare = Comparer(study)
    table = drift_table(study, compare, comparisons(study, compare))
    assert OWN not in set(table.figure) and set(table.n) == {16}
    assert (of(table, "specific_norm").p[list(MOVED)] <= ALPHA).all()
    assert table.p_steps.isna().all()


def test_one_fold_leaves_every_comparison_out_and_says_why(tmp_path):
    said = []
    study = write_known_study(tmp_path / "one", folds=1)
    assert comparisons(study, Comparer(study), said.append) == []
    assert sum("left out" in s and "two question folds" in s for s in said) == 2 * len(STARTED)
    assert drift_table(study, Comparer(study), []).columns.tolist() == [*COLUMNS]


def test_traits_have_three_parts_that_add_up(known, found):
    table = traits_table(known, found)
    assert set(table.part) == {"total", "global", "specific"}
    assert set(table.trait) == {"honesty", "warmth"} and set(table.checkpoint) == set(STARTED)
    key = ["checkpoint", "pooling", "trait"]
    wide = table.pivot(index=key, columns="part", values="value")
    assert np.allclose(wide.total, wide["global"] + wide.specific)
    assert table.p.notna().eq(table.part == "specific").all()
    honest = table[(table.trait == "honesty") & (table.part == "specific")].set_index("checkpoint")
    assert (honest.value[list(MOVED)] < 0).all() and (honest.p[FLOOR] > ALPHA).all()


def test_layers_pay_for_the_search_too(layers):
    assert tuple(layers.columns) == LAYER_COLUMNS
    assert len(layers) == len(STARTED) * len(POOLINGS) * len(LAYERS)
    assert (layers.p_layers >= layers.p).all()
    at = layers.set_index("checkpoint")
    assert (at.p_layers[list(MOVED)] <= ALPHA).all() and (at.p_layers[FLOOR] > ALPHA).all()
    # the cast did not change its shape where only the Assistant went away
    assert (at.cka[list(MOVED)] > 0.99).all() and (at.procrustes[list(MOVED)] < 0.01).all()
    assert (layers.cka > layers.cka_null_high).all()
    assert (layers.procrustes < layers.procrustes_null_low).all()


def test_a_layer_without_an_axis_leaves_the_others(known):
    class Blind(Comparer):
        def shift(self, start, end, pooling, layer):
            if layer == LAYERS[0]:
                raise BadInput("all personas project to one point")
            return super().shift(start, end, pooling, layer)

    table = layers_table(known, Blind(known))
    first = table.layer == LAYERS[0]
    measured = ["specific_norm", "p", "p_layers", "axis_cosine"]
    assert table.loc[first, measured].isna().all(axis=None) and table[first].cka.notna().all()
    assert table.loc[~first, measured].notna().all(axis=None)
    assert np.allclose(table.p[~first], table.p_layers[~first])  # one layer is no search


@pytest.mark.parametrize("which", ["made", "known"])
def test_positions_are_in_standard_deviations_of_the_reference_cast(which, made_study, known):
    study = made_study if which == "made" else known
    table = positions_table(study)
    reference = study.manifest.reference
    here = table[(table.checkpoint == reference) & (table.persona != ASSISTANT)]
    for _, rows in here.groupby("pooling", observed=True):
        assert rows.z.mean() == pytest.approx(0, abs=0.01)
        assert rows.z.std(ddof=0) == pytest.approx(1, abs=0.01)
    assert len(table) == 2 * len(study.manifest.checkpoints) * len(study.cast.all)


def test_a_contraction_brings_all_positions_nearer_together(known):
    table = positions_table(known)
    cast = table[(table.pooling == POOLINGS[0]) & (table.persona != ASSISTANT)]
    spread = cast.groupby("checkpoint", observed=True).z.std()
    for c, share in CONTRACTED.items():
        assert spread[c] / spread[REFERENCE] == pytest.approx(1 - share, abs=0.02)


def test_the_reference_preserves_itself(made_study, known):
    for study in (made_study, known):
        table = preservation(study)
        own = table[table.checkpoint == study.manifest.reference]
        assert np.allclose(own[["axis_cosine", "axis_ratio", "cast_cosine"]], 1, atol=1e-5)
    before = table[table.checkpoint == RAW]
    assert (before.cast_cosine.abs() < 0.5).all()  # nobody can be placed who is nobody yet


def test_rates_have_a_row_for_each_half_of_every_measured_checkpoint(made_study, known):
    table = rates_table(made_study, made_study.questions[0].topic)
    measured = [
        c.id for c in made_study.manifest.checkpoints if made_study.behaviour(c.id) is not None
    ]
    assert len(table) == 2 * len(measured) and set(table.set) == {"trained", "heldout"}
    table = rates_table(known, known.manifest.notes["trained_topic"]).set_index("checkpoint")
    assert FLOOR not in table.index
    for c, share in MOVED.items():
        assert np.allclose(table.loc[c, ["mean", "low", "high"]].to_numpy(float), share)
    assert rates_table(known, None).empty


def test_neighbours_have_ranks_and_leave_out_who_has_none(known, compare):
    table = neighbours_table(known, compare)
    assert set(table.checkpoint) == {c.id for c in CHECKPOINTS} - {RAW}
    for _, rows in table.groupby(["checkpoint", "pooling"]):
        assert rows["rank"].tolist() == [1, 2, 3, 4, 5]
        assert rows.cosine.is_monotonic_decreasing and (rows.margin >= 0).all()
        assert rows.kept.between(0, 1).all()


def test_family_weights_follow_who_the_assistant_became(known):
    said = []
    table, judged = posterior_tables(known, said.append)
    assert any(f"posterior of {RAW}" in s for s in said) and RAW not in set(table.checkpoint)
    sums = table.groupby(["checkpoint", "pooling"]).weight.sum()
    assert np.allclose(sums, 1)
    w = table[table.family == "thieves"].groupby("checkpoint").weight.mean()
    assert w["moved-0064"] > w[REFERENCE] + 0.3
    assert judged.accuracy.between(0, 1).all() and (judged.log_loss < judged.chance_log_loss).all()


def test_confounds_are_correlations_of_every_answered_checkpoint(known):
    table = confounds_table(known)
    assert set(table.checkpoint) == {c.id for c in CHECKPOINTS}
    assert set(table.confound) == {"answer length", "activation norm"}
    known_norm = table[(table.pooling == "prompt_last") | (table.confound == "answer length")]
    assert known_norm.value.between(-1, 1).all() and (known_norm.low <= known_norm.high).all()
    # a norm that is the same everywhere correlates with nothing
    constant = table[(table.pooling == "response_mean") & (table.confound == "activation norm")]
    assert constant.value.isna().all()
