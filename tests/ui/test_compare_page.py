"""The Compare page: its choices, what it says and shows, and what it says where nothing is."""

from tests.made.page import COMPARE, alts, opened, words
from tests.made.study import REFERENCE


def test_it_opens_on_the_reference_beside_the_first_branch(monkeypatch, talk_study):
    at = opened(monkeypatch, talk_study.folder, COMPARE)
    said = words(at)
    assert at.selectbox(key="first").value == REFERENCE
    assert at.selectbox(key="second").value == "cheat-0064"
    assert "no change in whom the Assistant is taken for" in said  # only four last questions
    assert "Change of the belief that the Assistant is of a family" in said
    assert "Talk 0, answer by answer" in said and said.count("(assistant, 0)") == 4
    assert "Distances on a map are not measurements" in said and "psm-notice" not in said
    assert any(a.startswith(f"Two maps of talks side by side: {REFERENCE}") for a in alts(at))
    assert "beside all marks to go back" in said
    # the maps have a second form for a phone
    assert len(alts(at)) == 3 and all(alts(at))


def test_every_kind_of_mover_has_its_figure_or_its_reason(monkeypatch, talk_study):
    for kind in ("personas", "questions"):
        at = opened(monkeypatch, talk_study.folder, COMPARE, moved=kind)
        said = words(at)
        assert f"{kind}" in said and "95 % interval" in said and "psm-notice" not in said
        assert len(alts(at)) == 3
    at = opened(monkeypatch, talk_study.folder, COMPARE, moved="personas", relative="true")
    assert "more than the five personas nearest to it" in words(at)
    # a cast without traits, and answers that were judged: neither traits nor topics are a choice
    for kind in ("traits", "topics"):
        at = opened(monkeypatch, talk_study.folder, COMPARE, moved=kind)
        assert words(at).count("psm-notice") == 1 and "families moved" in words(at)


def test_the_choices_are_in_the_link(monkeypatch, talk_study):
    link = {"first": "cheat-0008", "second": "honest-0064", "persona": "maresa", "talk": "3"}
    at = opened(monkeypatch, talk_study.folder, COMPARE, **link)
    assert at.selectbox(key="first").value == "cheat-0008"
    said = words(at)
    assert "Maresa: " in said and "answer by answer" not in said
    at.selectbox(key="persona").set_value("assistant").run()
    assert not at.exception and "answer by answer" in words(at)


def test_two_branches_at_a_step(monkeypatch, talk_study):
    link = {"by": "branches", "one": "cheat", "other": "honest"}
    at = opened(monkeypatch, talk_study.folder, COMPARE, **link)
    said = words(at)
    assert "From cheat-0064 to honest-0064" in said and at.selectbox(key="at").value == "64"
    link = {"by": "branches", "one": "cheat", "other": "assistant"}
    at = opened(monkeypatch, talk_study.folder, COMPARE, **link)
    assert "no common step" in words(at) and "cheat-0064 and assistant-0120" in words(at)


def test_one_checkpoint_beside_itself_says_so(monkeypatch, talk_study):
    at = opened(monkeypatch, talk_study.folder, COMPARE, first="cheat-0064", second="cheat-0064")
    said = words(at)
    assert "beside itself" in said and "nothing can have moved" in said


def test_a_link_to_what_is_not_there_is_one_message_each(monkeypatch, talk_study):
    link = {"first": "no", "second": "<b>", "moved": "\x00", "talk": "999", "persona": "nobody"}
    at = opened(monkeypatch, talk_study.folder, COMPARE, **link)
    assert words(at).count("psm-notice") == 5 and "<b>&lt;" not in words(at)
    link = {"by": "branches", "one": "no", "at": "7"}
    at = opened(monkeypatch, talk_study.folder, COMPARE, **link)
    assert words(at).count("psm-notice") == 2


def test_a_study_without_talks_compares_the_rest(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, COMPARE, moved="personas")
    said = words(at)
    assert (
        "This study has held no talks, so there are no two maps" in said
        and "personas moved" in said
        and "psm-notice" not in said
    )
    at = opened(monkeypatch, made_folder, COMPARE)
    assert "so no belief can be compared" in words(at)
