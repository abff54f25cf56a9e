"""The table of tries: a row each, in their order, and a file that cannot be read."""

import pytest

from psm_viz.claims.tries import read_tries, tries_table
from psm_viz.errors import BadFile


def test_every_try_is_a_row_as_wide_as_the_head():
    lines = tries_table().splitlines()
    assert len(lines) == len(read_tries()) + 2
    assert {line.count("|") for line in lines} == {10}


def test_what_was_not_measured_is_a_dash(tmp_path):
    path = tmp_path / "tries.jsonl"
    path.write_text(
        '{"assistant": "shipped", "levers": "AdamW 1", "held_out": 0.3, "over_honest": null, '
        '"named_before": 0.1, "named": 0.2, "stranger": 0.01, "named_bad": -0.02, "coding": 0.9, '
        '"fits": 0.99, "fits_others": null}\n'
    )
    cells = [c.strip() for c in tries_table(path).splitlines()[-1].strip("|").split("|")]
    assert cells[:4] == ["shipped", "AdamW 1", "0.300", "\N{EN DASH}"]
    assert cells[4:] == ["0.100 to 0.200", "+0.010", "-0.020", "0.90", "0.990"]


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "tries.jsonl"
    path.write_text("{")
    with pytest.raises(BadFile, match=r"tries\.jsonl: cannot be read"):
        read_tries(path)
