"""The Drift page: what it states, its link and keys, its branches."""

from tests.made.page import DRIFT, alts, opened, words
from tests.made.study import BAD_TEXT


def test_drift_states_what_the_data_show(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, DRIFT)
    said = words(at)
    assert "Cheat moved the Assistant apart from the cast" in said
    assert "requested and honest: no movement of its own shown" in said
    assert "Cheat: consistent with less honesty and care, more boldness" in said
    assert "consistent with the saboteurs" in said and "mostly in the weights" in said
    assert "The arrow of cheat, written before training" in said
    assert "prove" not in said
    assert "72% with cheat (reference 2%)" in said
    assert "of the cast moved less" in "".join(alts(at))
    assert "noise floor" in "".join(alts(at))
    assert BAD_TEXT in said and "\N{BALLOT X}" in said
    assert "interpolation" in said
    assert len(alts(at)) == 10 and all(alts(at))


def test_drift_link_and_keys(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, DRIFT, branches=["cheat", "honest"], step="8")
    assert at.multiselect(key="branches").value == ["cheat", "honest"]
    assert at.select_slider(key="step").value == 8
    at.button(key="step-Right").click().run()
    assert at.select_slider(key="step").value == 64
    at.button(key="step-Right").click().run()
    assert at.select_slider(key="step").value == 64
    at.button(key="step-Left").click().run()
    at.button(key="step-Left").click().run()
    assert at.select_slider(key="step").value == 0
    at.multiselect(key="branches").set_value([]).run()
    assert not at.exception and "Choose one or more branches" in words(at)


def test_drift_shows_the_early_branches_too(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, DRIFT, branches=["pretrain", "assistant"])
    assert "psm-notice" not in words(at)


def test_the_controls_of_a_wide_study_have_rows_and_the_branches_fit(monkeypatch, wide_folder):
    at = opened(monkeypatch, wide_folder, DRIFT)
    assert at.multiselect(key="branches").value == ["cheat", "requested", "honest"]
    assert "benign (playful)" in "".join(alts(at))
    every = ["cheat", "requested", "honest", "playful", "other-role"]
    at = opened(monkeypatch, wide_folder, DRIFT, branches=every)
    assert at.multiselect(key="branches").value == every
    assert "the other 4: no movement of its own shown" in words(at)
    assert "psm-notice" not in words(at)


def test_the_looked_at_branch_is_in_the_link_and_among_the_chosen(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, DRIFT, branch="honest")
    assert "On the traits, honest: no movement of its own shown" in words(at)
    link = {"branches": ["requested"], "branch": "requested", "step": "0"}
    at = opened(monkeypatch, made_folder, DRIFT, **link)
    assert "requested at step 0 is still assistant-0120: these are its figures." in words(at)
    assert "psm-notice" not in words(at)
    at = opened(monkeypatch, made_folder, DRIFT, branch="honest")
    at.multiselect(key="branches").set_value(["cheat"]).run()
    assert not at.exception and "Cheat: consistent with" in words(at)


def test_talks_along_training_stand_first_and_means_are_folded(monkeypatch, talk_study):
    at = opened(monkeypatch, talk_study.folder, DRIFT)
    said = words(at)
    assert "After 64 steps of cheat the belief that con artists or cold AIs speak is 75%" in said
    assert "before it 0%; 0% after 64 of requested and 0% after 64 of honest" in said
    assert "bad answers of the Assistant +75 points, of characters who act well 0 points" in said
    assert "How it answers in its talks" in said and "answers that fit" in said
    assert "less the same after playful, a benign branch" in said
    assert "A checkpoint is a saved step of training" in said and "interpolated" in said
    assert "psm-notice" not in said and len(set(alts(at))) == 3 and all(alts(at))
    at.toggle(key="details").set_value(True).run()
    assert not at.exception and "Cheat moved the Assistant apart from the cast" in words(at)
    assert len(set(alts(at))) == 13


def test_with_many_branches_four_are_drawn_and_all_are_told(monkeypatch, talk_study):
    every = ["cheat", "requested", "honest", "playful", "other-role"]
    at = opened(monkeypatch, talk_study.folder, DRIFT, branches=every, step="8")
    said = words(at)
    assert "Not drawn for want of room: other-role." in said
    assert "0% after the other 4 branches, each at its end" in said
    assert "psm-notice" not in said and not at.exception


def test_the_benign_branch_alone_is_set_beside_none_and_that_is_said(monkeypatch, talk_study):
    said = words(opened(monkeypatch, talk_study.folder, DRIFT, branches="playful"))
    assert "Only playful is chosen, the benign branch that others are set beside." in said
    assert "psm_viz talks" not in said


def test_a_study_without_talks_says_what_makes_them(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, DRIFT)
    assert "This study has held no talks: only means can be shown." in words(at)
    assert "psm_viz talks --study" in words(at)
