"""The figures for a reader: complete, each with its null, and never invented."""

import json
import shutil
from dataclasses import replace

import pytest

from psm_viz.cli.answers import answers_table
from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats.significance import ALPHA
from psm_viz.study.activations import POOLINGS
from psm_viz.tables.results import GEOMETRY, TABLES, as_text, ends, results_of
from tests.made.activations import CONTRACTED, MOVED, add_vectors
from tests.made.study import BASE, REFERENCE


@pytest.fixture(scope="module")
def found(made_study):
    return results_of(made_study)


@pytest.fixture(scope="module")
def of_known(known):
    return results_of(known)


def test_ends_are_base_assistant_and_branches(made_study):
    assert ends(made_study) == {
        "base": BASE,
        "assistant": REFERENCE,
        "cheat": "cheat-0064",
        "requested": "requested-0064",
        "honest": "honest-0064",
    }


def test_every_pooling_has_its_noise_floor(found):
    for entry in found["geometry"]["poolings"].values():
        assert {"noise floor", "cheat", "honest", "requested"} == set(entry)
        for figures in entry.values():
            assert {"value", "low", "high", "null", "p"} <= set(figures["specific_norm"])
    assert "noise floor" in as_text(found)


def test_the_headline_says_what_moved(of_known):
    assert of_known["geometry"]["benign"] == "contracted"
    for pooling in POOLINGS:
        entry = of_known["geometry"]["poolings"][pooling]
        assert all(set(GEOMETRY) == set(figures) for figures in entry.values())
        p = {name: figures["specific_given_cast"]["p"] for name, figures in entry.items()}
        assert p["moved"] <= ALPHA < min(p["contracted"], p["noise floor"])
    text = as_text(of_known)
    assert "contracted (benign)" in text and "left out" not in text


@pytest.mark.parametrize("which", ["found", "of_known"])
def test_results_are_json_and_words_without_nan(which, request):
    results = request.getfixturevalue(which)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert "nan" not in as_text(results).lower()
    assert set(TABLES) <= set(results)


def test_rates_are_those_that_were_made(of_known):
    for branch, share in (("moved", max(MOVED.values())), ("contracted", 0.0)):
        for part in ("trained_rate", "heldout_rate"):
            assert of_known["branches"][branch][part]["mean"] == pytest.approx(share)
    assert of_known["branches"]["contracted"]["checkpoint"] == list(CONTRACTED)[-1]


def test_imported_vectors_are_measured_as_far_as_they_go(known, known_folder, tmp_path):
    study = replace(known, folder=shutil.copytree(known_folder, tmp_path / "known"))
    v = study.vectors("moved-0064")
    one = replace(v, values=v.values[:, 1:], poolings=POOLINGS[1:])
    few = v.of(replace(study.cast, personas=study.cast.personas[:7]))
    study = add_vectors(add_vectors(study, "given-0001", one), "few-0001", few)
    found = results_of(study)
    poolings = found["geometry"]["poolings"]
    assert "given" in poolings[POOLINGS[1]] and "given" not in poolings[POOLINGS[0]]
    figure = poolings[POOLINGS[1]]["given"]["specific_given_cast"]
    assert figure["null"] == "no folds" and figure["low"] is figure["p"] is None
    left_out = "; ".join(found["geometry"]["left_out"])
    assert "given, prompt_last: given-0001 has no vectors at prompt_last" in left_out
    assert left_out.count("few-0001 have 7 personas in common") == 2
    text = as_text(found)
    assert "(no folds)" in text and "left out: few" in text and "nan" not in text.lower()
    json.dumps(found, allow_nan=False)


def test_the_answers_table_quotes_answers_that_were_drawn(made_study):
    question = next(q for q in made_study.questions if q.set == "main")
    table = answers_table(made_study, question.id)
    # this cast has overseers and no villains: who is absent is left out
    assert "(overseers)" in table and "villains" not in table
    drawn = set(made_study.responses(REFERENCE).text)
    assert any(text in table for text in drawn)


def test_without_a_question_the_one_that_turned_bad_most_is_taken(made_study):
    table = answers_table(made_study)
    texts = {q.text for q in made_study.questions if q.topic != "coding"}
    assert table.splitlines()[0].removeprefix("> ") in texts


def test_what_was_not_asked_has_no_answer(made_study):
    with pytest.raises(UnknownName, match="no question 'nowhere'") as e:
        answers_table(made_study, "nowhere")
    assert made_study.questions[0].id in e.value.next_step


def test_a_study_without_the_branch_says_so(made_study):
    kept = tuple(c for c in made_study.manifest.checkpoints if c.branch != "cheat")
    other = replace(made_study, manifest=replace(made_study.manifest, checkpoints=kept))
    with pytest.raises(BadInput, match="no branch `cheat`"):
        answers_table(other)
