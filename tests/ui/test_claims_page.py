"""The Claims page on claims made by hand: every card, no runs, broken runs."""

import os
import re
import sys
import types
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from psm_viz.charts import claim_words, claims_view
from psm_viz.claims.chat_rows import chat_file
from psm_viz.claims.verdict import AGAINST, CONSISTENT, UNDECIDED
from psm_viz.errors import BadFile
from tests.made.chat_rows import write_chat_rows
from tests.made.claims import made_claims
from tests.made.page import CLAIMS, alts, opened, words
from tests.made.server import assert_no_model_imported


def page(monkeypatch, folder: Path, made=made_claims) -> AppTest:
    module = types.ModuleType("psm_viz.claims.registry")
    module.claims_of = made
    monkeypatch.setitem(sys.modules, "psm_viz.claims.registry", module)
    monkeypatch.setenv("PSM_VIZ_RUNS", str(folder))
    if "PSM_VIZ_CHAT_RUNS" not in os.environ:
        monkeypatch.setenv("PSM_VIZ_CHAT_RUNS", str(folder / "no-chat-runs"))
    claims_view.made_claims.cache_clear()
    at = opened(monkeypatch, folder / "no-study", CLAIMS)
    claims_view.made_claims.cache_clear()
    return at


def test_the_made_claims_have_every_verdict():
    found = {c.id: c.verdict for c in made_claims()}
    assert found == {
        "cast": UNDECIDED,
        "narrow": CONSISTENT,
        "requested": AGAINST,
        "updating": UNDECIDED,
        "appears": CONSISTENT,
    }


def test_every_claim_has_its_card_and_its_line(monkeypatch, runs):
    at = page(monkeypatch, runs)
    text = words(at)
    assert "Of 5 claims about personas, 2 fit what was measured, 1 does not and 2 are" in text
    assert "no evidence about frontier models" in text
    for c in made_claims():
        key = claim_words.key_of(c)
        assert text.count(f'href="#{key}"') == 1 and text.count(f'id="{key}"') == 1
        assert c.title in unescape(text) and c.figure.name in unescape(text)
    assert text.count("Consistent with the claim</span>") == 4
    assert text.count("Not consistent with the claim</span>") == 2
    assert text.count("Undecided</span>") == 4
    assert "docs/decisions.md" in text
    assert not re.search(r"\bprove", text)
    assert "psm-notice" not in text and "nan" not in text.lower().replace("finance", "")
    assert len(alts(at)) == 5 and all(alts(at))


def test_the_chat_models_claims_stand_beside_and_below(monkeypatch, runs, tmp_path):
    monkeypatch.setenv("PSM_VIZ_CHAT_RUNS", str(write_chat_rows(tmp_path / "chat")))
    text = words(page(monkeypatch, runs))
    assert text.count("In a real small chat model.</b>") == 2  # narrow and requested
    assert text.count('href="#claim-chat-spread"') == 2 and "no frontier model" in text
    assert text.count('id="claim-chat-') == 7
    assert "Of 7 claims about a real small chat model" in text


def test_broken_rows_of_the_chat_model_are_one_notice(monkeypatch, runs, tmp_path):
    folder = write_chat_rows(tmp_path / "chat")
    chat_file(1, folder).write_text("[]\n")
    monkeypatch.setenv("PSM_VIZ_CHAT_RUNS", str(folder))
    text = words(page(monkeypatch, runs))
    assert text.count("psm-notice") == 1 and "seed-1.jsonl, line 1" in text
    assert "Of 5 claims about personas" in text  # what can be read is shown


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_before_any_run_the_page_says_what_to_do(monkeypatch, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    text = words(page(monkeypatch, tmp_path / folder))
    assert "Nothing has been run yet" in text
    assert "python -m psm_viz run --world correlated --seed 0" in text


def test_no_claims_from_the_rows_is_the_same_message(monkeypatch, runs):
    assert "Nothing has been run yet" in words(page(monkeypatch, runs, lambda folder: []))


def test_broken_rows_are_one_notice(monkeypatch, runs):
    def broken(folder):
        raise BadFile("row 3: expected JSON.", "Delete it.")

    text = words(page(monkeypatch, runs, broken))
    assert text.count("psm-notice") == 1 and "Traceback" not in text
    assert "row 3" in text and "Delete it." in text


def test_changed_rows_are_read_again(runs):
    before = claims_view.stamp_of(runs)
    assert before == claims_view.stamp_of(runs)
    (runs / "correlated-0.jsonl.gz").write_text('{"a": 1}\n')
    assert claims_view.stamp_of(runs) != before


def test_the_page_imports_no_model(runs):
    made = "from tests.made.claims import install; install()"
    assert_no_model_imported(CLAIMS, first=made, PSM_VIZ_RUNS=str(runs))
