"""The bench of searches makes as many answers as it says, and times a search beside a scan."""

from psm_viz.cli.bench_search import as_text, made_answers, measured


def test_as_many_answers_are_made_and_searched(made_study, made_folder):
    made = made_answers(made_study, 6000, 20)
    assert len(made.responses(made.manifest.reference)) == 20 * made.each
    found = measured(made_folder, 2400, 20)
    assert found["answers"] == 2400 and found["personas"] == 20
    assert sum(r["found"] for r in found["searches"].values()) > 0
    assert "ratio" in as_text(found) and "2,400 answers of 20 personas" in as_text(found)
