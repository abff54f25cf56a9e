"""Comparisons on a study of which it is known what moved: flagged where it did, and only there."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats.significance import ALPHA
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import family_weights
from psm_viz.tables.compare import NO_FOLDS, Comparer, plain, trait_values
from tests.made.activations import (
    CONTRACTED,
    FLOOR,
    HEAD,
    MOVED,
    RAW,
    REFERENCE,
    activations_of,
    add_vectors,
    cast_of,
    truth,
    write_known_study,
)

END = "moved-0064"
SIZES = ("shift_norm", "global_norm", "specific_norm", "specific_given_cast")


@pytest.fixture(scope="module")
def compare(known):
    return Comparer(known)


@pytest.fixture
def study(known_folder, tmp_path, known):
    return replace(known, folder=shutil.copytree(known_folder, tmp_path / "known"))


def flagged(c):
    """Names of the figures that are called significant."""
    own = {name for name, f in c.figures.items() if f.p <= ALPHA}
    return own | {t for traits in c.traits.values() for t, f in traits.items() if f.p <= ALPHA}


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_checkpoint_has_not_moved_from_itself(compare, pooling):
    c = compare(REFERENCE, REFERENCE, pooling)
    still = (*SIZES, "axis_component", "axis_position_cast", "axis_component_given_cast")
    for name in still:
        assert c.figures[name].value == pytest.approx(0, abs=1e-9)
        assert c.figures[name].p == 1
    assert c.figures["axis_cosine"].value == pytest.approx(1)
    assert c.figures["axis_ratio"].value == pytest.approx(1)
    assert np.isnan(c.figures["in_space_share_70"].value)  # a share of nothing is not invented
    assert c.figures["in_space_share_70"].p == 1
    for f in c.traits["specific"].values():
        assert f.value == pytest.approx(0, abs=1e-9) and f.p == 1


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_noise_floor_is_not_flagged(compare, pooling):
    assert not flagged(compare(REFERENCE, FLOOR, pooling))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_movement_towards_a_family_is_the_assistants_own(compare, pooling):
    found = [compare(REFERENCE, c, pooling) for c in MOVED]
    for c in found:
        assert {"specific_given_cast", "specific_norm", "shift_norm"} <= flagged(c)
        assert c.figures["given_cast_percentile"].value == 1
        # towards somebody is not out of the space
        assert not {"in_space_share_70", "in_space_share_90"} & flagged(c)
    sizes = [c.figures["specific_given_cast"].value for c in found]
    assert sizes == sorted(sizes)
    # the thieves are the least honest
    assert found[-1].traits["specific"]["honesty"].value < 0


def test_a_movement_is_as_long_as_it_was_made(compare):
    means = activations_of(REFERENCE, truth(cast_of()), "main").mean(1)
    way = np.linalg.norm(means[-7:-1].mean(0) - means[-1])
    for c, share in MOVED.items():
        figures = compare(REFERENCE, c).figures
        for name in ("shift_norm", "specific_norm", "specific_given_cast"):
            assert figures[name].value == pytest.approx(share * way, rel=0.05)
        for name in ("shift_norm", "specific_norm"):
            assert figures[name].low < share * way < figures[name].high
        assert abs(figures["global_norm"].value) < 0.05 * share * way


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_contraction_of_the_cast_is_no_movement_of_the_assistants_own(compare, pooling):
    for c in CONTRACTED:
        found = compare(REFERENCE, c, pooling)
        told = flagged(found)
        assert {"shift_norm", "global_norm", "specific_norm", "axis_component"} <= told
        assert not {"specific_given_cast", "axis_component_given_cast"} & told
        assert not {"in_space_share_70", "in_space_share_90"} & told
        assert found.figures["axis_component"].value < 0
        kept = found.figures["axis_ratio"].value
        assert kept == pytest.approx(1 - CONTRACTED[c], abs=0.03)


@pytest.mark.parametrize("end", [END, "contracted-0064", FLOOR])
def test_there_and_back_are_equally_far(compare, end):
    there, back = compare(REFERENCE, end), compare(end, REFERENCE)
    for name in ("shift_norm", "global_norm", "specific_norm", "cos_shift_global", "axis_cosine"):
        a, b = there.figures[name].value, back.figures[name].value
        assert a == pytest.approx(b, nan_ok=True)
    ratio = there.figures["axis_ratio"].value * back.figures["axis_ratio"].value
    assert ratio == pytest.approx(1)


def test_every_interval_holds_its_order(compare):
    for end in (END, "contracted-0064", FLOOR):
        for f in compare(REFERENCE, end).figures.values():
            assert not f.low > f.high and not f.null_low > f.null_high
            assert np.isnan(f.p) or 0 < f.p <= 1


def by_hand(x, y, weights):
    """The plain formulas, written out."""
    shift = y - x
    common = (weights[:, None] * shift[:-1]).sum(0)
    axis, after = (v[-1] - (weights[:, None] * v[:-1]).sum(0) for v in (x, y))
    u = axis / np.linalg.norm(axis)
    stood = x[:-1] @ u
    spread = np.sqrt((weights * (stood - (weights * stood).sum()) ** 2).sum())
    own = shift[-1] - common
    length = np.linalg.norm
    return {
        "shift_norm": length(shift[-1]),
        "global_norm": length(common),
        "specific_norm": length(own),
        "cos_shift_global": shift[-1] @ common / length(shift[-1]) / length(common),
        "axis_component": shift[-1] @ u / spread,
        "axis_position_cast": own @ u / spread,
        "axis_percentile": (1 + (shift[:-1] @ u <= shift[-1] @ u).sum()) / len(x),
        "axis_cosine": u @ after / length(after),
        "axis_ratio": length(after) / length(axis),
    }


def rows_of(study, checkpoint, pooling, layer, ids=None):
    v = study.vectors(checkpoint)
    keep = [n for n, i in enumerate(v.ids) if ids is None or i in ids]
    return v.at(pooling, layer)[keep].astype(np.float64)


def test_at_another_layer_figures_given_the_cast_are_plain_and_say_so(compare, known):
    for end in (END, "contracted-0064"):
        c = compare(REFERENCE, end, layer=0)
        assert c.note.startswith(NO_FOLDS) and not c.flips.size
        assert all(f.null == NO_FOLDS for part in c.traits.values() for f in part.values())
        x, y = (rows_of(known, k, POOLINGS[0], 0) for k in (REFERENCE, end))
        wanted = by_hand(x, y, family_weights(known.cast))
        assert c.figures["axis_percentile"].value == pytest.approx(wanted["axis_percentile"])
        for name in ("specific_given_cast", "axis_component_given_cast"):
            f = c.figures[name]
            assert f.null == NO_FOLDS and np.isnan([f.low, f.high, f.p]).all()
        # what needs questions alone is cross-fitted here too
        assert c.figures["shift_norm"].p <= ALPHA and c.figures["shift_norm"].null != NO_FOLDS
        assert c.figures["shift_norm"].value == pytest.approx(wanted["shift_norm"], rel=0.02)


def test_vectors_alone_are_compared_by_the_plain_formulas(study):
    end = add_vectors(study, "given-0001", study.vectors(END))
    c = Comparer(end)(REFERENCE, "given-0001")
    assert c.note == f"{NO_FOLDS}: vectors alone" and c.personas == 24
    assert all(f.null == NO_FOLDS for part in c.traits.values() for f in part.values())
    x, y = (rows_of(study, k, POOLINGS[0], HEAD) for k in (REFERENCE, END))
    for name, value in by_hand(x, y, family_weights(study.cast)).items():
        assert c.figures[name].value == pytest.approx(value, rel=1e-5), name
    for f in c.figures.values():
        assert f.null == NO_FOLDS and np.isnan([f.low, f.high, f.null_low, f.null_high, f.p]).all()
    assert 0 < c.figures["specific_given_cast"].value < c.figures["specific_norm"].value * 1.1


def test_without_folds_noise_makes_sizes_too_large(known):
    fitted = Comparer(known)(REFERENCE, FLOOR).figures
    raw = plain(known, REFERENCE, FLOOR, POOLINGS[0], HEAD, "").figures
    for name in SIZES:
        assert raw[name].value > fitted[name].value


def test_casts_that_differ_are_compared_where_they_meet_and_it_is_said(study):
    v = study.vectors(END)
    parts = (study.cast.personas[:-4], study.cast.personas[7:])
    both = study
    for n, part in enumerate(parts):
        both = add_vectors(both, f"given-000{n}", v.of(replace(study.cast, personas=part)))
    c = Comparer(both)("given-0000", "given-0001")
    assert c.personas == 13 and "13 of 24 personas in common" in c.note
    assert c.figures["shift_norm"].value == 0
    c = Comparer(both)(REFERENCE, "given-0001")
    assert c.personas == 17 and c.note.endswith("17 of 24 personas in common")
    part = replace(study.cast, personas=parts[1])
    ids = {p.id for p in part.all}
    x, y = (rows_of(study, k, POOLINGS[0], HEAD, ids) for k in (REFERENCE, END))
    for name, value in by_hand(x, y, family_weights(part)).items():
        assert c.figures[name].value == pytest.approx(value, rel=1e-5), name


def test_fewer_than_eight_common_personas_are_refused_by_name(study):
    few = study.vectors(END).of(replace(study.cast, personas=study.cast.personas[:7]))
    more = add_vectors(study, "given-0001", few)
    with pytest.raises(BadInput, match=r"assistant-0120 and given-0001 have 7 .* at least 8"):
        Comparer(more)(REFERENCE, "given-0001")


def test_what_three_folds_cannot_say_is_left_out_with_the_reason(tmp_path):
    c = Comparer(write_known_study(tmp_path / "three", folds=3))(REFERENCE, END)
    assert "at least 4 question folds, found 3" in c.note
    assert {"shift_norm", "specific_norm", "axis_component", "axis_cosine"} <= set(c.figures)
    assert "specific_given_cast" not in c.figures and c.traits == {}
    assert c.figures["specific_norm"].p <= ALPHA


def test_one_fold_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(BadInput, match="at least two question folds, found 1") as e:
        Comparer(write_known_study(tmp_path / "one", folds=1))(REFERENCE, END)
    assert "questions.jsonl" in e.value.next_step


def test_a_start_without_an_axis_is_named(compare):
    with pytest.raises(BadInput, match=f"{RAW}, prompt_last, layer 1: .*no Assistant axis"):
        compare(RAW, REFERENCE)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (("nowhere-0001", END), "checkpoint 'nowhere-0001'"),
        ((REFERENCE, "nowhere-0001"), "checkpoint 'nowhere-0001'"),
        ((REFERENCE, END, "first_token"), "Pooling 'first_token'"),
        ((REFERENCE, END, None, 7), "Layer 7"),
    ],
)
def test_unknown_names(compare, asked, problem):
    with pytest.raises(UnknownName, match=problem) as e:
        compare(*asked)
    assert e.value.next_step


def test_a_pooling_that_one_end_lacks_is_named(study):
    v = study.vectors(END)
    part = replace(v, values=v.values[:, 1:], poolings=POOLINGS[1:])
    more = add_vectors(study, "given-0001", part)
    with pytest.raises(UnknownName, match="given-0001 has no vectors at prompt_last, layer 1") as e:
        Comparer(more)(REFERENCE, "given-0001")
    assert "response_mean; layers 0, 1" in e.value.next_step
    assert Comparer(more)(REFERENCE, "given-0001", "response_mean").figures


def test_traits_count_where_everybody_has_them_and_they_vary(known):
    cast = known.cast
    assert set(trait_values(cast)) == {"honesty", "warmth"}

    def changed(**traits):
        return tuple(replace(p, traits=p.traits | traits) for p in cast.personas)

    assert set(trait_values(replace(cast, personas=changed(warmth=0.5)))) == {"honesty"}
    some = (replace(cast.personas[0], traits={}), *cast.personas[1:])
    assert trait_values(replace(cast, personas=some)) == {}
    bare = tuple(replace(p, traits={}) for p in cast.personas)
    found = Comparer(replace(known, cast=replace(cast, personas=bare)))(REFERENCE, END)
    assert found.traits == {} and "specific_given_cast" in found.figures
