"""Laws of the figures between two sets of activations, at both ends of what can be planted."""

from dataclasses import fields, replace

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats import drift
from psm_viz.stats import significance as sig
from psm_viz.stats.estimates import (
    asked,
    axis_kept,
    given_cast_figures,
    origin_of,
    p_over_steps,
    shift_figures,
    specific_squares,
    trait_figures,
)
from psm_viz.stats.trials import fold_means

R, D, N = 40, 32, 14
ROUNDING = 1e-9
"""What sums of zeros may differ by from processor to processor."""
W = np.full(R, 1 / R)
TOPICS = tuple(f"t{i // 2}" for i in range(2 * N))
FULL = asked(TOPICS, tuple(2 * (i // 2 % 2) + i % 2 for i in range(2 * N)))
Q = replace(FULL, counts=FULL.counts[:99], signs=sig.flips(FULL.topics, 199))
SIZES = ("shift_norm", "global_norm", "specific_norm", "specific_given_cast", "axis_component")
SIZES += ("axis_position_cast", "axis_component_given_cast")
TRAITS = {"warmth": np.linspace(-1, 1, R), "guile": np.resize([1.0, -1, 0.5], R)}


def activations(noise=0.0, seed=0):
    """[persona, question, d_model]: a cast with directions of unequal size, the Assistant apart."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(R + 1, D)) * np.arange(1, D + 1) ** -0.7
    x[:-1, 0] += TRAITS["warmth"]
    x[-1] = 3 * np.eye(D)[1] + 0.5 * rng.normal(size=D)
    topics = rng.normal(size=(2 * N, D))
    return x[:, None] + topics + 4 + noise * rng.normal(size=(R + 1, 2 * N, D))


START = activations(0.3)
ORIGIN = origin_of(fold_means(START, Q.fold), W, TRAITS, Q)


def measured(start, end, origin=ORIGIN):
    c0, c1 = (x[:-1].mean(0) for x in (start, end))
    axis, spread = drift.held_out_axes(origin.folds, W, Q.fold)
    shift = drift.Shift(end[-1] - start[-1], c1 - c0, axis, spread, Q.topics)
    more, flips, squares = given_cast_figures(shift, origin, fold_means(end, Q.fold), Q)
    return shift_figures(shift, Q) | more, trait_figures(shift, origin.traits, Q), flips, squares


def towards(persona, size, seed=1):
    """A second extraction in which the Assistant has gone a share of the way to a persona."""
    end = START + 0.3 * np.random.default_rng(seed).normal(size=START.shape)
    end[-1] += size * (START[persona].mean(0) - START[-1].mean(0))
    return end


def test_folds_that_share_topics_are_not_paired():
    assert len(FULL.fold) == 2 * N and FULL.pairs == ((0, 2), (0, 3), (1, 2), (1, 3))
    few = asked(("one",) * 8, tuple(i % 4 for i in range(8)))
    assert len(few.pairs) == 6  # too few topics: every question by itself
    assert ((few.counts > 0).sum(1) > 1).all()
    with pytest.raises(BadInput, match="two different questions"):
        asked(TOPICS[:1], (0,))


def test_zero_shift_gives_zero_and_no_finding():
    figures, traits, flips, squares = measured(START, START.copy())
    assert set(SIZES) < set(figures)
    for name in SIZES:
        f = figures[name]
        assert (f.value, f.low, f.high) == pytest.approx((0, 0, 0), abs=ROUNDING), name
    assert np.isnan(figures["in_space_share_70"].value)
    own = [f.value for part in traits.values() for f in part.values()]
    assert own == pytest.approx([0] * len(own), abs=ROUNDING)
    assert np.allclose(flips, 0, atol=ROUNDING) and np.allclose(squares, 0, atol=ROUNDING)
    every = [f.p for f in (*figures.values(), *traits["specific"].values())]
    assert not any(p <= sig.ALPHA for p in every)
    assert figures["specific_given_cast"].p == pytest.approx(1)
    assert figures["shift_norm"].p == pytest.approx(1)


def test_a_large_movement_is_seen_with_the_smallest_p():
    figures, _, _, squares = measured(START, towards(3, 0.9))
    way = np.linalg.norm(START[3].mean(0) - START[-1].mean(0))
    size = figures["specific_norm"]
    assert (
        size.value == pytest.approx(0.9 * way, rel=0.1) and size.low < 0.9 * way < size.high * 1.1
    )
    assert size.p == pytest.approx(1 / 200) and size.value > size.null_high
    given = figures["specific_given_cast"]
    assert given.p == pytest.approx(1 / (R + 1)) and given.value > given.null_high
    assert figures["given_cast_percentile"].value == pytest.approx(1) and squares.argmax() == R
    assert figures["axis_component_given_cast"].p == pytest.approx(2 / (R + 1))
    assert figures["axis_component"].value < 0 and figures["axis_percentile"].value < 0.05


def test_a_straight_movement_towards_a_persona_stays_inside_and_one_across_leaves():
    for persona in (3, 11, 25):
        figures = measured(START, towards(persona, 0.8))[0]
        for share in (70, 90):
            assert figures[f"in_space_share_{share}"].p > sig.ALPHA
    across = towards(3, 0.0)
    low_rank = [v for spans in ORIGIN.spaces[1].spans.values() for v in spans]
    away = np.eye(D)[-1]
    inside = np.linalg.svd(np.vstack(low_rank))[2][: int(ORIGIN.spaces[1].rank)]
    away = away - inside.T @ (inside @ away)
    across[-1] += 4 * away / np.linalg.norm(away)
    figures = measured(START, across)[0]
    for share in (70, 90):
        f = figures[f"in_space_share_{share}"]
        assert f.p <= sig.ALPHA and f.value < f.null_low


def test_what_the_whole_cast_does_is_not_the_assistants_own():
    mu = START[:-1].mean(0).mean(0)
    fired = {"carried": 0, "contracted": 0}
    for seed in range(12):
        again = towards(0, 0.0, seed + 50)
        figures = measured(START, again + 2 * np.eye(D)[4])[0]
        assert (
            figures["shift_norm"].p == pytest.approx(1 / 200)
            and figures["cos_shift_global"].value > 0.95
        )
        fired["carried"] += figures["specific_given_cast"].p <= sig.ALPHA
        figures = measured(START, again - 0.3 * (again - mu))[0]
        assert figures["specific_norm"].p == pytest.approx(
            1 / 200
        )  # it has moved: it stood far out ...
        fired["contracted"] += figures["specific_given_cast"].p <= sig.ALPHA  # ... as all would
    assert max(fired.values()) <= 2, fired  # of 12 at 5 %


def test_a_contraction_without_noise_leaves_nothing_given_the_cast():
    start = np.repeat(START.mean(1)[:, None], 2 * N, axis=1)
    origin = origin_of(fold_means(start, Q.fold), W, {}, Q)
    mu = start[:-1, 0].mean(0)
    figures = measured(start, start - 0.3 * (start - mu), origin)[0]
    own = 0.3 * np.linalg.norm(start[-1, 0] - mu)
    assert figures["specific_norm"].value == pytest.approx(own)
    assert figures["specific_given_cast"].value == pytest.approx(0, abs=1e-5)
    assert figures["axis_component_given_cast"].value == pytest.approx(0, abs=1e-9)


def test_rotation_and_scale_change_no_norm_share_or_p():
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(D, D)))
    end = towards(3, 0.3)
    here = measured(START, end)
    for scale in (1.0, 1e-6):
        a, b = scale * START @ turn, scale * end @ turn
        there = measured(a, b, origin_of(fold_means(a, Q.fold), W, TRAITS, Q))
        for name, f in here[0].items():
            unit = scale if name.endswith("norm") or name == "specific_given_cast" else 1.0
            for part in fields(f):
                x, y = (getattr(g, part.name) for g in (f, there[0][name]))
                if part.name == "p":
                    unit = 1.0
                if part.name != "null":
                    assert y == pytest.approx(unit * x, rel=1e-5, nan_ok=True), (name, part.name)
        assert [f.p for f in there[1]["specific"].values()] == pytest.approx(
            [f.p for f in here[1]["specific"].values()]
        )


def test_specific_squares_are_everybodys_own_movement():
    shift = np.zeros((R + 1, 4, D))
    shift[:] = np.random.default_rng(3).normal(size=D)  # everybody alike
    assert np.allclose(specific_squares(shift, W, Q.pairs), 0)
    shift[-1] += 2 * np.eye(D)[0]
    found = specific_squares(shift, W, Q.pairs)
    assert found[-1] == pytest.approx(4) and np.allclose(found[:-1], 0)


def test_the_axis_that_stays_keeps_cosine_and_length():
    x = START[-1] - START[:-1].mean(0)
    cosine, ratio = axis_kept(x, x, Q)
    assert cosine.value == pytest.approx(1)
    assert (ratio.value, ratio.low) == pytest.approx((1, 1))
    cosine, ratio = axis_kept(x, -2 * x, Q)  # turned round, not merely 'no longer kept'
    assert (cosine.value, cosine.high) == pytest.approx((-1, -1))
    assert ratio.value == pytest.approx(2)
    cosine, ratio = axis_kept(
        np.tile(np.eye(D)[0], (2 * N, 1)), np.tile(np.eye(D)[1], (2 * N, 1)), Q
    )
    assert cosine.value == pytest.approx(0, abs=ROUNDING) and ratio.value == pytest.approx(1)
    assert np.isnan(axis_kept(0 * x, x, Q)[0].value)


def test_traits_are_read_where_they_were_planted():
    end = START.copy()
    end[-1] += 1.5 * np.eye(D)[0]
    found = measured(START, end)[1]
    assert found["specific"]["warmth"].value > 0.5
    assert found["specific"]["warmth"].value == pytest.approx(found["total"]["warmth"].value)
    assert found["global"]["warmth"].value == pytest.approx(0, abs=ROUNDING)
    assert found["specific"]["warmth"].p == pytest.approx(1 / 200)
    assert np.isnan(found["total"]["warmth"].p)  # only movements of its own are tested


def steps(moved, n=4):
    """Flips and squares of n saved steps, the last one moved by so much."""
    out = [measured(START, towards(3, 0.0, seed=s))[2:] for s in range(10, 9 + n)]
    return [*out, measured(START, towards(3, moved, seed=40))[2:]]


def test_a_search_over_steps_is_paid_for_by_every_null():
    found = p_over_steps(*zip(*steps(0.9), strict=True))
    assert found.shape == (4,) and found[-1] == pytest.approx(1 / (R + 1))
    assert (found[:-1] > sig.ALPHA).all()
    still = p_over_steps(*zip(*steps(0.0), strict=True))
    assert (still > sig.ALPHA).all()
    # one step many times is one step
    flips, squares = steps(0.3)[-1]
    once = p_over_steps([flips], [squares])
    assert np.allclose(p_over_steps([flips] * 5, [squares] * 5), once)
    alone = sig.p_both(
        *(sig.p_of_flips(f) for f in flips), sig.p_largest(squares[-1], squares[:-1])
    )
    assert once[0] == pytest.approx(alone)


def test_every_cast_member_takes_its_own_best_step():
    rng = np.random.default_rng(4)
    flips, first = steps(0.9)[-1]
    squares = [np.append(rng.normal(size=R), first[-1]) for _ in range(3)]
    for s, who in zip(squares, (5, 6, 7), strict=True):
        s[who] = 100.0  # at each step another persona stands out more than the Assistant
        s[-1] = 50.0
    found = p_over_steps([flips] * 3, squares)
    assert np.allclose(found, (1 + 3) / (R + 1))


def test_a_step_of_which_something_is_unknown_is_no_finding():
    flips, squares = steps(0.9)[-1]
    broken = squares.copy()
    broken[2] = np.nan
    assert not (p_over_steps([flips], [broken]) <= sig.ALPHA).any()
    broken = flips.copy()
    broken[1, 7] = np.nan
    assert np.isnan(p_over_steps([broken], [squares])).all()


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (START[:, :3], "at least 4 question folds, found 3"),
        (START[[0, -1], :4], "one point"),
        (START[[0, 0, -1], :4], "one point"),
        (START[[0, 0, 0, -1], :4], "one point"),
        (START[-4:, :4], "at least 8 personas, found 3"),
        (START[-10:, :4], "at least 10 personas, found 9"),
    ],
)
def test_a_start_that_cannot_carry_a_comparison_is_refused_with_a_next_step(folds, message):
    n = len(folds) - 1
    with pytest.raises(BadInput, match=message) as e:
        origin_of(folds, np.full(n, 1 / n), {}, Q)
    assert e.value.next_step


def test_folds_that_all_share_topics_are_refused_with_a_next_step():
    mixed = asked(tuple(f"t{i // 4}" for i in range(20)), tuple(i % 4 for i in range(20)))
    with pytest.raises(BadInput, match="free of common topics") as e:
        origin_of(ORIGIN.folds, W, {}, mixed)
    assert "questions.jsonl" in e.value.next_step


def test_what_is_not_a_number_is_refused_at_the_start_and_no_finding_at_the_end():
    folds = ORIGIN.folds.copy()
    folds[2, 1, 0] = np.nan
    with pytest.raises(BadInput, match="not finite"):
        origin_of(folds, W, {}, Q)
    end = towards(3, 0.9)
    end[2, 4, 0] = np.nan
    figures = measured(START, end)[0]
    own = {"shift_norm", "axis_component"}  # the Assistant's alone: those are known
    assert [figures[k].p for k in own] == pytest.approx([1 / 200] * len(own))
    assert all(np.isnan([f.value, f.p]).all() for k, f in figures.items() if k not in own)
