"""Laws of what could stand behind a figure: length, norm, words or weights."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.confounds import CELLS, correlations, two_by_two

N, P = 600, 30
WHO = [f"p{i % P}" for i in range(N)]
Q, D = 28, 32
TOPICS = tuple(f"t{i // 2}" for i in range(Q))


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def named(found):
    return {(c.confound, c.within): c for c in found}


def cells(words, weights, interaction=0.0, noise=0.0, seed=0):
    """Four cells around common per-question vectors, each with noise of its own."""
    base = draw(seed, Q, D)
    return {
        (t, w): base
        + (t == "b") * words
        + (w == "b") * weights
        + (t == w == "b") * interaction
        + noise * draw(seed * 10 + 2 * (t == "b") + (w == "b") + 1, Q, D)
        for t, w in CELLS
    }


# -- length and norm ----------------------------------------------------------------------------


def test_correlations_are_pearsons():
    x, length, norm = draw(0, N) + 1e4, draw(1, N), draw(2, N)
    x = x + 0.5 * length
    found = named(correlations(x, length, norm, WHO))
    assert found["length", False].r.value == pytest.approx(np.corrcoef(x, length)[0, 1])
    own = np.array([int(w[1:]) for w in WHO])
    residual = [v - np.array([v[own == k].mean() for k in range(P)])[own] for v in (x, length)]
    expected = np.corrcoef(*residual)[0, 1]
    assert found["length", True].r.value == pytest.approx(expected)
    assert len(found) == 4 and found["norm", True].personas == P


def test_a_projection_read_off_length_is_found_with_its_interval():
    length = draw(3, N)
    found = named(correlations(2 * length + draw(4, N), length, draw(5, N), WHO))
    r = found["length", True].r
    assert 0.8 < r.low < r.value < r.high <= 1
    assert found["norm", False].r.low < 0 < found["norm", False].r.high


def test_personas_that_differ_correlate_over_all_rows_but_not_within():
    between = np.tile(3 * draw(6, P), N // P)
    found = named(correlations(between + draw(7, N), between + draw(8, N), draw(9, N), WHO))
    assert found["length", False].r.low > 0.5
    assert found["length", True].r.low < 0 < found["length", True].r.high


def test_the_interval_resamples_personas_not_rows():
    """A correlation between 30 personas is no surer for 20 copies of every row."""
    x, y = draw(10, P), draw(11, P)
    once = correlations(x, y, y, WHO[:P])[0].r
    often = correlations(np.tile(x, 20), np.tile(y, 20), np.tile(y, 20), WHO)[0].r
    assert often.value == pytest.approx(once.value)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_intervals_cover_no_correlation():
    covered = 0
    for s in range(100):
        between = np.tile(draw(s, 2, P), (1, N // P))
        x, y = between + draw(s + 1000, 2, N)
        r = correlations(x, y, y, WHO, seed=s)[0].r
        covered += r.low <= 0 <= r.high
    assert covered >= 86  # nominal 95, a percentile interval over 30 personas a little short


def test_holes_are_counted_and_left_out_column_by_column():
    x, length, norm = draw(12, 3, N)
    length[:7], x[10] = np.nan, np.inf
    found = named(correlations(x, length, norm, WHO))
    assert found["length", False].left_out == 8 and found["norm", False].left_out == 1
    kept = np.isfinite(x) & np.isfinite(length)
    assert found["length", False].rows == kept.sum() == N - 8
    expected = np.corrcoef(x[kept], length[kept])[0, 1]
    assert found["length", False].r.value == pytest.approx(expected)


def test_a_constant_has_no_correlation():
    found = named(correlations(draw(13, N), np.full(N, 0.1), np.tile(draw(14, P), N // P), WHO))
    for c in (found["length", False], found["length", True], found["norm", True]):
        assert np.isnan([c.r.value, c.r.low, c.r.high]).all()
    assert np.isfinite(found["norm", False].r.value)
    empty = correlations(draw(15, 5), np.full(5, np.nan), draw(16, 5), ["p"] * 5)
    assert np.isnan(empty[0].r.value) and empty[0].rows == 0 and empty[0].left_out == 5
    alone = empty[2].r  # one persona: a value, no interval
    assert np.isfinite(alone.value) and np.isnan(alone.low)


def test_columns_that_do_not_match_are_refused():
    with pytest.raises(BadInput, match="different lengths"):
        correlations(draw(0, 5), draw(1, 5), draw(2, 5), ["p"] * 4)
    with pytest.raises(BadInput, match="no row"):
        correlations(draw(0, 0), draw(1, 0), draw(2, 0), [])


# -- words or weights ---------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "weights"), [(2.0, 0.0), (0.0, 2.0)])
def test_only_words_or_only_weights(words, weights):
    found = two_by_two(cells(words, weights), TOPICS)
    assert found.words_share.value == pytest.approx(words / 2)
    assert found.weights_share.value == pytest.approx(weights / 2)
    assert found.words.value == pytest.approx(words * np.sqrt(D))
    assert found.weights.value == pytest.approx(weights * np.sqrt(D))
    assert found.interaction.value == pytest.approx(0, abs=1e-6)
    assert found.questions == Q and found.topics == Q // 2


def test_shares_sum_to_one_whatever_the_data():
    found = two_by_two(cells(1.0, 0.5, 0.7, noise=0.5), TOPICS)
    total = found.words_share.value + found.weights_share.value
    assert total == pytest.approx(1, abs=1e-12)
    assert found.words_share.low < found.words_share.value < found.words_share.high


def test_a_planted_interaction_is_recovered_through_noise():
    found = two_by_two(cells(0.0, 0.0, 1.0, noise=0.5), TOPICS)
    assert found.interaction.low < np.sqrt(D) < found.interaction.high
    # what only text b under weights b does is shared evenly between the two
    assert found.words_share.value == pytest.approx(0.5, abs=0.1)


def test_effects_across_each_other_have_shares_by_their_squares():
    along, across = 3 * np.eye(D)[0], 4 * np.eye(D)[1]
    found = two_by_two(cells(along, across), TOPICS)
    assert found.total.value == pytest.approx(5)
    assert found.words_share.value == pytest.approx(9 / 25)


def test_no_shift_has_no_shares():
    for found in (
        two_by_two(cells(0.0, 0.0), TOPICS),
        two_by_two(cells(1.0, -1.0), TOPICS),  # two effects that cancel
        *(two_by_two(cells(0.0, 0.0, noise=1.0, seed=s), TOPICS) for s in range(1, 6)),
    ):
        for share in (found.words_share, found.weights_share):
            assert np.isnan([share.value, share.low, share.high]).all()
    assert two_by_two(cells(1.0, -1.0), TOPICS).words.value == pytest.approx(np.sqrt(D))


def test_squares_are_unbiased_though_topics_share_noise():
    squares = []
    for s in range(200):
        made = {k: np.repeat(draw(4 * s + i, Q // 2, D), 2, 0) for i, k in enumerate(CELLS)}
        norm = two_by_two(made, TOPICS, draws=1).words.value
        squares.append(np.sign(norm) * norm**2)
    assert abs(np.mean(squares)) < 3 * np.std(squares) / np.sqrt(len(squares))


def test_questions_of_one_topic_are_never_paired():
    made = cells(draw(20, Q, D), draw(21, Q, D))
    words = made["b", "a"] - made["a", "a"]
    different = np.array([[a != b for b in TOPICS] for a in TOPICS])
    square = (words @ words.T)[different].mean()
    expected = np.sign(square) * np.sqrt(abs(square))
    assert two_by_two(made, TOPICS).words.value == pytest.approx(expected)


def test_rotation_and_the_order_of_questions_change_nothing():
    made = cells(1.0, 0.5, 0.7, noise=0.5)
    q, _ = np.linalg.qr(draw(22, D, D))
    turned = two_by_two({k: v @ q for k, v in made.items()}, TOPICS)
    plain = two_by_two(made, TOPICS)
    assert turned.words.value == pytest.approx(plain.words.value)
    assert turned.words_share.low == pytest.approx(plain.words_share.low)
    back = two_by_two({k: v[::-1].copy() for k, v in made.items()}, TOPICS[::-1])
    assert back.words_share.high == pytest.approx(plain.words_share.high)


def test_two_topics_give_figures_without_intervals():
    found = two_by_two(cells(1.0, 1.0), ("a", "b") * (Q // 2))
    assert found.words_share.value == pytest.approx(0.5) and np.isnan(found.words_share.low)


def test_incomplete_cells_are_refused():
    made = cells(1.0, 0.0)
    with pytest.raises(BadInput, match="two topics"):
        two_by_two(made, ("t",) * Q)
    with pytest.raises(BadInput, match="27 topics"):
        two_by_two(made, TOPICS[:-1])
    with pytest.raises(BadInput, match="not finite"):
        two_by_two(made | {("a", "b"): np.full((Q, D), np.nan)}, TOPICS)
    del made["b", "b"]
    with pytest.raises(BadInput, match="four cells"):
        two_by_two(made, TOPICS)
