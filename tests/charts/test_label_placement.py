"""Words do not collide, and stay on the drawing."""

import itertools

import pytest

from psm_viz.charts.label_placement import Places, beside, frame, nudged, overlaps, spread, text_box


def test_frame_keeps_equal_scales_and_goes_there_and_back():
    f = frame([0, 10], [0, 1], 800, 400)
    assert f.to_map(*f.to_px(3.0, 0.5)) == pytest.approx((3.0, 0.5))
    (ax, ay), (bx, by) = f.to_px(0, 0), f.to_px(1, 1)
    assert bx - ax == pytest.approx(ay - by)
    assert f.to_px(0, 0)[0] >= 0 and f.to_px(10, 1)[0] <= 800


def test_words_avoid_words():
    held = [text_box(100, 100, "Healers", 16)]
    x, y = nudged(100, 100, "Teachers", 16, held, [], (800, 400))
    assert not overlaps(text_box(x, y, "Teachers", 16), held[0])
    everywhere = [(0.0, 0.0, 800.0, 400.0)]
    assert beside(100, 100, "Maresa", 10, everywhere, (800, 400)) is None


@pytest.mark.parametrize("wanted", [[], [3.0], [1, 1, 1], [9.9, 0, 10, 5], [0] * 30])
def test_labels_spread_apart_and_keep_their_order(wanted):
    out = spread(wanted, 2, 0, 10)
    assert len(out) == len(wanted)
    placed = sorted(out)
    assert all(0 <= v <= 10 for v in out)
    gap = min(2, 10 / max(len(out) - 1, 1))
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(placed))
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    assert [out[i] for i in order] == placed


def test_a_word_that_must_stand_covers_a_mark_before_a_word():
    places = Places((200, 60), marks=[(0.0, 0.0, 200.0, 60.0)])
    first = places.put_near(100, 30, "cheat", 12, 8)
    places.put_near(100, 30, "honest", 12, 8)
    assert first == (108, 30, "left")  # marks lie everywhere: right of its own
    assert len(places.words) == 2 and not overlaps(*places.words)
    assert len(places.taken) == 3
