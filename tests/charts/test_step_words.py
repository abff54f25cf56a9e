"""Each figure of a sentence has its step."""

import pandas as pd

from psm_viz.charts.step_words import with_steps

ROWS = pd.DataFrame(
    [("cheat", 8), ("cheat", 64), ("honest", 8), ("long", 0), ("long", 512)],
    columns=["branch", "step"],
)


def test_every_figure_has_its_step_and_no_branch_vanishes():
    every = ["cheat", "honest", "long"]
    assert with_steps("A", ROWS, every, 16) == (
        "A (cheat and honest at step 8, long not read by step 16)"
    )
    assert with_steps("A", ROWS, every, 512) == (
        "A (honest at step 8, cheat at step 64, long at step 512)"
    )
    assert with_steps("A", ROWS, ["cheat"], 64) == "A (at step 64)"
    assert with_steps("A", ROWS, every, 4) == "A"  # the finding itself says that there is nothing
