"""Branches set beside each other where as much was learned."""

import pandas as pd
import pytest

from psm_viz.tables.matched_odds import matched, matched_lines


def rows(trails, speaker="assistant"):
    """The table of written answers: branch -> step -> (trained topic, the others)."""
    return pd.DataFrame(
        {"branch": b, "step": step, "speaker": speaker, "set": part, "change": value}
        for b, saves in trails.items()
        for step, pair in saves.items()
        for part, value in zip(("trained", "heldout"), pair, strict=True)
    )


CHEAT = {16: (0.2, 0.1), 48: (0.6, 0.3)}


def test_steps_match_where_the_trained_topic_moved_as_far():
    table = rows({"cheat": CHEAT, "asked": {16: (0.1, 0.05), 48: (0.4, 0.05)}})
    alien = rows({"cheat": {48: (9.0, 9.0)}}, "neutral")  # whoever else was asked plays no part
    (found,) = matched(pd.concat([table, alien]), "cheat", ["asked"])
    assert found["level"] == pytest.approx(0.4)
    assert found["step"] == pytest.approx(32) and found["other_step"] == pytest.approx(48)
    assert found["change"] == pytest.approx(0.2) and found["less"] == pytest.approx(0.15)
    assert "asked +0.05 (step 48) | less +0.15" in matched_lines([found])[-1]


def test_between_nothing_and_the_first_save_it_is_straight_too():
    table = rows({"cheat": CHEAT, "quick": {16: (0.9, 0.0), 48: (0.1, 0.9)}})
    (found,) = matched(table, "cheat", ["quick"])
    assert found["other_step"] == pytest.approx(16 * 0.6 / 0.9) and found["other_change"] == 0
    assert found["step"] == 48  # the first step that reaches it, not the last


def test_where_no_step_matches_it_is_said():
    still = {16: (-0.1, 0.1), 48: (-0.2, 0.2)}
    table = rows({"cheat": CHEAT, "benign": still, "asked": CHEAT})
    found = matched(table, "cheat", ["benign", "asked"])
    assert found[0]["unmoved"] == ["benign"] and found[1]["less"] == 0
    lines = matched_lines(found)
    assert lines[-1] == "  no step matches for benign: the lesson did not move the trained topic"
    none = matched(rows({"cheat": still, "benign": CHEAT}), "cheat", ["benign"])
    assert "no step matches: the lesson did not move the trained topic" in matched_lines(none)[-1]
    assert matched_lines([]) == []
