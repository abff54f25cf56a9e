"""The Method page: how far to trust the tool, and its link."""

from psm_viz.charts.glossary import STATISTICS
from tests.made.page import METHOD, alts, opened, words
from tests.made.tables import KINDS


def test_method_says_how_far_to_trust_it(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, METHOD)
    said = words(at)
    assert "neighbours it should (chance 5%; 2 maps of noise 11% to 13%)" in said
    assert "false-alarm rates keep to 5% within Monte Carlo error" in said
    assert "too many alarms: Energy distance" in said
    assert said.count("<dt>") == len(STATISTICS) and "Movement of its own" in said
    assert "prove" not in said and "psm-notice" not in said and "psm-empty" not in said
    # map and noise, trials, alarms, power twice (also for a phone), layers, confounds, steering
    assert len(alts(at)) == 8 and all(alts(at))


def test_method_link(monkeypatch, made_folder):
    link = {
        "checkpoint": "honest-0064",
        "pooling": "response_mean",
        "planted": KINDS[3],
    }
    at = opened(monkeypatch, made_folder, METHOD, **link)
    assert at.selectbox(key="checkpoint").value == "honest-0064"
    assert at.selectbox(key="pooling").value == "response_mean"
    assert "Across layers, honest-0064: no specific shift shown" in words(at)
    assert any(KINDS[3] in a and a.startswith("Power") for a in alts(at))


def test_talks_have_their_own_section_where_there_are_any(monkeypatch, talk_study, made_folder):
    at = opened(monkeypatch, talk_study.folder, METHOD)
    said = words(at)
    assert "How far belief from talks can be trusted" in said and "psm-notice" not in said
    assert "belief names the right kin of" in said
    assert "No mixtures of talks were planted." in said
    at = opened(monkeypatch, made_folder, METHOD)
    assert "How far belief from talks can be trusted" not in words(at)
