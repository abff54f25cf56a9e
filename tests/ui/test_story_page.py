"""The Story page without a browser: what it says where a story cannot be told."""

from tests.made.page import opened, words
from tests.made.stories import STORY, written

PAGE = "pages/present/story.py"


def test_the_page_has_its_stage_and_its_files(talk_study, monkeypatch, tmp_path):
    written(tmp_path, STORY.replace("seconds: 3", f"study: {talk_study.folder.name}"))
    monkeypatch.setenv("PSM_VIZ_STORIES", str(tmp_path))
    at = opened(monkeypatch, talk_study.folder, PAGE)
    frame = at.get("iframe")[0].proto
    assert "6 steps" in frame.alt and "default-src 'none'" in frame.srcdoc
    assert 'data-theme="light"' in frame.srcdoc[:200]
    assert len(at.get("download_button")) == 3


def test_a_study_that_is_not_there_says_what_makes_it(talk_study, monkeypatch, tmp_path):
    written(tmp_path, STORY.replace("seconds: 3", "study: elsewhere"))
    monkeypatch.setenv("PSM_VIZ_STORIES", str(tmp_path))
    at = opened(monkeypatch, talk_study.folder, PAGE)
    assert "data/elsewhere" in words(at) and not at.get("iframe")


def test_a_broken_story_is_one_notice_and_the_others_stay(talk_study, monkeypatch, tmp_path):
    written(tmp_path, "title: [", name="a.yaml")
    written(tmp_path, STORY.replace("view: belief", "view: globe"), name="b.yaml")
    monkeypatch.setenv("PSM_VIZ_STORIES", str(tmp_path))
    at = opened(monkeypatch, talk_study.folder, PAGE)
    assert at.selectbox[0].options == ["a", "b"]
    assert "line 1" in words(at)
    at.selectbox[0].set_value("b").run()
    assert "no view" in words(at) and not at.exception


def test_without_stories_the_page_says_where_they_lie(talk_study, monkeypatch, tmp_path):
    monkeypatch.setenv("PSM_VIZ_STORIES", str(tmp_path))
    at = opened(monkeypatch, talk_study.folder, PAGE)
    assert "There is no story" in words(at)


def test_a_link_to_an_unknown_story_shows_the_first(talk_study, monkeypatch, tmp_path):
    written(tmp_path, STORY.replace("seconds: 3", f"study: {talk_study.folder.name}"))
    monkeypatch.setenv("PSM_VIZ_STORIES", str(tmp_path))
    at = opened(monkeypatch, talk_study.folder, PAGE, story="other")
    assert "does not have" in words(at) and at.get("iframe")
