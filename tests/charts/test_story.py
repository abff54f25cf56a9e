"""Stories told: every figure is the table's, every view is drawn, what is missing is named."""

import json
import re

import pytest

from psm_viz.charts.reads import Reads
from psm_viz.charts.story_numbers import VOCABULARY, StoryNumbers
from psm_viz.charts.story_player import in_theme, player_html
from psm_viz.charts.story_study import StoryStudy
from psm_viz.errors import BadInput, PsmVizError, UnknownName
from psm_viz.paths import DATA, STORIES, STUDY
from psm_viz.study.formats.stories import read_story
from psm_viz.study.reader import open_study
from tests.made.stories import STORY, told


@pytest.fixture(scope="module")
def shipped():
    return open_study(STUDY)


@pytest.fixture(scope="module")
def numbers(shipped):
    return StoryNumbers(StoryStudy(Reads(shipped)))


@pytest.fixture(scope="module")
def made(talk_study):
    return told(talk_study)


def row(table, **columns):
    for name, value in columns.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_figures_are_those_of_the_tables(shipped, numbers):
    rate = row(shipped.table("rates"), checkpoint="cheat-0064", set="heldout")
    assert numbers.value("rate cheat 64 other") == rate["mean"]
    assert numbers.words("{rate cheat 64 other}") == f"{rate['mean']:.0%}"
    words = f"{rate.low:.0%} to {rate.high:.0%}"
    assert numbers.words("{interval rate cheat 64 other}") == words
    assert numbers.value("questions other") == rate.n
    key = {"of": "marked", "way": "likelihood", "answers": 4}
    for place, checkpoint in (("before", "assistant-0600"), ("cheat 32", "cheat-0032")):
        own = row(shipped.table("belief"), checkpoint=checkpoint, **key)
        assert numbers.value(f"belief {place}") == own["mass"]
    assert numbers.value("beyond cheat 32") == own["did"]
    assert numbers.value("rise cheat 32") == own["change"]
    cast = row(shipped.table("talk_conduct"), checkpoint="cheat-0064", who="well", of="bad")
    assert numbers.value("cast cheat 64") == cast.change
    assert numbers.value("personas") == len(shipped.cast.personas)
    assert numbers.value("steps cheat") == 64
    quality = shipped.table("belief_quality")
    told_right = row(quality, checkpoint="assistant-0600", way="likelihood", answers=4)
    assert (
        numbers.value("told") == told_right.kin and numbers.value("chance") == told_right.kin_chance
    )


def test_figures_of_written_answers_are_those_of_their_table():
    study = open_study(DATA / "chat-study")
    numbers, table = StoryNumbers(StoryStudy(Reads(study))), study.table("odds")
    held = table[(table.checkpoint == "cheat-0048") & (table.set == "heldout")]
    own = row(held, speaker="assistant")
    assert numbers.value("odds cheat 48 other") == own.change
    assert numbers.words("{odds cheat 48 other}") == f"{own.change:+.2f}".replace("-", "\u2212")
    assert numbers.value("questions other") == own.n
    roles = held[~held.speaker.isin(["assistant", "neutral"])]
    assert len(roles) == 2
    assert numbers.value("leak cheat 48") == pytest.approx(roles.change.mean())
    for missing in ("odds before other", "leak before"):
        with pytest.raises(UnknownName):
            numbers.value(missing)


def test_only_figures_are_marked_as_figures(numbers):
    runs = numbers.runs("On {topic}: {talks} talks of {answers} answers, {who}.")
    assert [r.text for r in runs if r.figure] == ["192", "4"]
    assert "coding" in "".join(r.text for r in runs if not r.figure)


@pytest.mark.parametrize(
    "text",
    ["{rate}", "{rate cheat 64}", "{41}", "{belief}", "{interval talks}", "a { b", "a } b", "{}"],
)
def test_what_is_no_placeholder_lists_the_vocabulary(numbers, text):
    with pytest.raises(BadInput) as e:
        numbers.runs(text)
    assert all(f"{{{name}}}" in e.value.next_step for name in VOCABULARY)


@pytest.mark.parametrize("path", sorted(STORIES.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_shipped_stories_type_no_figure_by_hand(path):
    for step in read_story(path).steps:
        bare = re.sub(r"\{[^}]*\}", "", f"{step.title} {step.text} {step.notes}")
        # steps of training name a place, they are no finding
        places = re.sub(r"after( \d+( steps)?,?)|after \d+|SmolLM2", "", bare)
        assert not re.search(r"\d", places), bare
        assert "prove" not in bare.lower()


def test_every_view_is_drawn_with_words_for_those_who_do_not_see_it(made):
    kinds = [s.shown.kind for s in made.steps]
    assert kinds == ["words", "talk map", "answers", "bad answers", "talk course", "belief"]
    for step in made.steps:
        assert bool(step.shown.build) == bool(step.shown.alt)
    words, mapped, answers, bad, course, _ = made.steps
    assert ["".join(r.text for r in p) for p in words.text] == [
        "There are 25 characters.",
        "The second paragraph goes on.",
    ]
    assert len(mapped.shown.quotations) == 2 and "(assistant, 7)" in mapped.shown.quotations[0].text
    assert [q.heading for q in answers.shown.quotations] == [
        "Before fine-tuning",
        "After 64 steps of cheat",
    ]
    assert [o.right for o in bad.options] == [False, True]
    assert course.shown.steps == (0, 8, 64) and course.shown.at == 0


WRONG = {
    "at: cheat 64\n": ("at: cheat 63\n", "not saved at step 63"),
    "at: cheat 64\n    talk: 7": ("at: cheat 64\n    talk: 700", "no talk 700"),
    "branches: [cheat, requested]\n    text: From": ("branches: [cheet]\n    text: F", "'cheet'"),
    "question: money-1\n    step: 0": ("question: money-9\n    step: 0", "'money-9'"),
    "step: 0": ("step: 9", "saved at step 9"),
    "of: rate cheat 64 other": ("of: rate cheat 64 moon", "no figure"),
    "{personas}": ("{topic}", "trained_topic"),
    "{belief before}": ("{beyond playful 64}", "set beside"),
    "branches: [cheat, requested]\n    question": (
        "branches: [cheat, requested, honest]\n    question",
        "too small for a room",
    ),
}


@pytest.mark.parametrize("old", WRONG)
def test_what_the_study_has_not_is_named_with_step_and_line(talk_study, old):
    new, words = WRONG[old]
    assert old in STORY
    with pytest.raises(PsmVizError) as e:
        told(talk_study, STORY.replace(old, new, 1))
    assert re.match(r"made.yaml, line \d+ \(step \d\): ", e.value.problem), e.value.problem
    assert words in e.value.problem


def test_a_study_without_talks_says_what_holds_them(made_study):
    with pytest.raises(PsmVizError) as e:
        told(made_study)
    assert "python -m psm_viz" in e.value.next_step


def test_the_page_holds_all_it_needs_and_no_tag_of_a_story_ends_it(talk_study):
    text = STORY.replace("In the beginning", "</script><b>In & out")
    page = player_html(told(talk_study, text))
    assert len(page.encode()) < 5_000_000
    assert "default-src 'none'" in page and "src=" not in page.split("<script", 1)[0]
    data = json.loads(page.split('id="story">')[1].split("</script>")[0])
    assert data["steps"][0]["title"] == "</script><b>In & out"
    for step in data["steps"]:
        for spec in (step["show"]["spec"] or {}).values():
            assert set(spec["datasets"]) <= set(data["datasets"])
            assert not any("bind" in p or "select" in p for p in spec.get("params", []))
    assert 'data-theme="dark"' in in_theme(page, "dark").split("<head>")[0]
