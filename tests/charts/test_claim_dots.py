"""Groups under each other: nothing lies on anything else."""

from psm_viz.charts.claim_dots import lanes_of
from psm_viz.charts.claim_marks import drawable
from tests.made.claims import made_claims

MADE = {c.id: c for c in made_claims()}


def test_no_mark_lies_on_another_and_observers_are_below_their_seeds():
    lanes = lanes_of(drawable(MADE["narrow"].picture), {})
    marks = lanes.marks
    assert marks.y.is_unique and marks.y.between(0, lanes.height).all()
    assert list(lanes.centres) == ["cheat", "requested", "honest"] and len(lanes.means) == 3
    for _, own in marks.groupby("group"):
        assert own[own.seed.isna()].y.min() > own[own.seed.notna()].y.max()
