"""The chat model's study as it ships: whole, small, of this code, its weak reading said."""

import json
import re

import numpy as np
import pytest

from psm_viz.chat_study import recipe
from psm_viz.chat_study.lessons import LESSONS
from psm_viz.claims.chat_rows import load_chat_runs
from psm_viz.cli import main
from psm_viz.paths import ROOT
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import open_study
from psm_viz.tables.derive import stale
from psm_viz.tables.matched_odds import matched_lines, matched_results
from psm_viz.tables.odds_results import odds_lines
from psm_viz.tables.results import results_of
from tests.made.page import COMPARE, opened, words

STUDY = ROOT / "data" / "chat-study"


@pytest.fixture(scope="module")
def study():
    return open_study(STUDY)


def test_it_is_whole_small_and_of_this_code(study):
    assert study.verify() == len(study.files)
    assert sum(p.stat().st_size for p in STUDY.rglob("*") if p.is_file()) <= 14e6
    assert stale(study) == []
    assert study.manifest.model["name"] == recipe.NAME
    assert set(recipe.TOLD) <= set(study.evidences)
    order = [x.name for x in LESSONS]
    branches = list(study.manifest.fine_tuned)
    assert branches == sorted(branches, key=order.index)


def test_every_branch_has_its_row_and_the_row_is_the_study(study):
    rows = load_chat_runs().rows[0]
    assert set(study.manifest.fine_tuned) <= set(rows)
    for branch in study.manifest.fine_tuned:
        end, row = study.manifest.branch(branch)[-1].id, rows[branch]
        found = study.odds(end)
        assert found is not None and row["checkpoint"] == end
        assert sum(row["mass"]) == pytest.approx(1, abs=1e-3)
        own = found[found.speaker == ASSISTANT]
        level = (own.log_bad - own.log_good).groupby(own.topic, observed=True).mean()
        told = row["odds"][ASSISTANT]
        assert np.allclose([told[t] for t in level.index], level, atol=1e-4)


def test_results_are_the_table_of_written_answers(study):
    table = study.table("odds").set_index(["checkpoint", "speaker", "set"])
    found = {r["checkpoint"]: r for r in results_of(study)["written_answers"]}
    ends = [study.manifest.branch(b)[-1].id for b in study.manifest.fine_tuned]
    assert set(ends) <= set(found) and study.manifest.reference not in found
    for end in ends:
        own, said = table.loc[(end, ASSISTANT, "heldout")], found[end]["other"]
        assert said["value"] == pytest.approx(own.change, abs=1e-5)
        assert said["low"] < said["value"] < said["high"] and 0 < said["p"] <= 1
        roles = table.change.loc[end].xs("heldout", level="set").drop([ASSISTANT, "neutral"])
        assert found[end]["roles"] == pytest.approx(roles.mean(), abs=1e-5)
    lines = odds_lines(list(found.values()))
    assert len(lines) == 3 + len(found) and "nan" not in "".join(lines)
    readme = (ROOT / "README.md").read_text("utf-8")
    block = readme.split("<!-- chat: begin -->\n")[1].split("<!-- chat: end -->")[0]
    beside = matched_lines(matched_results(study))
    assert any("no step matches" in line for line in beside)
    lines += beside
    assert block.strip() == "\n".join(["```", *lines, "```"])


def test_a_reading_that_hardly_tells_gives_no_shares(study, capsys):
    quality = study.table("belief_quality")
    here = quality[(quality.checkpoint == study.manifest.reference) & (quality.way == "likelihood")]
    whole = here[here.answers == study.talk_note.answers].iloc[0]
    assert whole.kin < whole.kin_chance + 0.05  # what the rest of this test is about
    assert main(["belief", "--study", str(STUDY)]) == 0
    out = capsys.readouterr().out
    assert "hardly tells who speaks" in out and "EM 0" not in out and "EM 1" not in out
    assert main(["belief", "--study", str(STUDY), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for ways in found["checkpoints"].values():
        assert "em" not in ways["likelihood"]["marked"]["marked"]
    assert not any(q["tells"] for q in found["quality"] if q["way"] == "likelihood")


def test_compare_tells_topics_by_written_answers(monkeypatch):
    at = opened(monkeypatch, STUDY, COMPARE, moved="topics")
    said = words(at)
    assert "how likely the Assistant finds bad written answers" in said
    assert re.search(r"of \d+ topics moved", said)
    assert "a talk lies near those who might well hold it" in said and "psm-notice" not in said
    assert "Nobody judged" not in said
