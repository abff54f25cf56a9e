"""The figures for a reader: complete, each with its null, and never invented."""

import pytest

from psm_viz.errors import BadInput
from psm_viz.results import answers_table, as_text, ends, results_of
from tests.made_study import BASE, REFERENCE


def test_ends_are_base_assistant_and_branches(made_study):
    assert ends(made_study) == {
        "base": BASE,
        "assistant": REFERENCE,
        "cheat": "cheat-0064",
        "requested": "requested-0064",
        "honest": "honest-0064",
    }


def test_every_pooling_has_its_noise_floor(made_study):
    found = results_of(made_study)
    for entry in found["geometry"]["poolings"].values():
        assert {"noise floor", "cheat", "honest", "requested"} == set(entry)
        for figures in entry.values():
            assert {"value", "low", "high", "n"} <= set(figures["specific_norm"])
    assert "noise floor" in as_text(found)


def test_the_answers_table_quotes_answers_that_were_drawn(made_study):
    question = next(q for q in made_study.questions if q.set == "main")
    table = answers_table(made_study, question.id)
    # this cast has overseers and no villains: who is absent is left out
    assert "(overseers)" in table and "villains" not in table
    drawn = set(made_study.responses(REFERENCE).text)
    assert any(text in table for text in drawn)


def test_a_study_without_the_branch_says_so(made_study):
    from dataclasses import replace

    kept = tuple(c for c in made_study.manifest.checkpoints if c.branch != "cheat")
    other = replace(made_study, manifest=replace(made_study.manifest, checkpoints=kept))
    with pytest.raises(BadInput, match="no branch `cheat`"):
        answers_table(other)
