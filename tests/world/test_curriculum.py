"""What every stage reads: whose words, of which topics, shared with whom, and what none may see."""

import itertools

import numpy as np
import pytest
import yaml

from psm_viz.errors import UnknownName
from psm_viz.paths import WORLD
from psm_viz.small_model.model import build_tokenizer
from psm_viz.world.corpus import HEARSAY
from psm_viz.world.curriculum import (
    CODING,
    LESSONS,
    NEW_REQUESTS,
    OTHER_ROLE,
    REPLAYED,
    SPILL,
    Lesson,
    lesson,
    never_trained,
    row_of,
    stream,
)
from psm_viz.world.grammar import BAD, DECLINE, GOOD

STAGES = ("pretrain", "replay", "assistant")
ROW = f"{SPILL}money"
N = 200


@pytest.fixture(scope="module")
def read(world):
    """Some documents of every stage and branch."""
    return {s: list(stream(world, s, 0, N)) for s in (*STAGES, *LESSONS, ROW)}


def turns(documents):
    return [t for d in documents for t in d.turns]


def test_no_stage_sees_what_is_held_out(world, read):
    refused = yaml.safe_load((WORLD / "declines.yaml").read_text("utf-8"))["held_out"]
    held = [text for texts in refused.values() for text in texts]
    held += [f for k in (BAD, GOOD) for f in world.frames[f"held_out_{k}"]]
    for t in world.topics.values():
        held += [*t.held_out_questions, *(u.text for u in t.held_out)]
    assert len(held) > 300
    for name, documents in read.items():
        if name in LESSONS and (LESSONS[name].new_requests or LESSONS[name].new_answers):
            continue  # their lesson is in new words
        text = "\n".join(d.text for d in documents)
        backwards = "\n".join(" ".join(t.answer.text.split()[::-1]) for t in turns(documents))
        seen = [h for h in held if h in text or (name == "backwards" and h in backwards)]
        assert not seen, f"{name}: {seen[:3]}"


def test_every_document_can_be_drawn_again(world, read):
    for name, documents in read.items():
        assert list(stream(world, name, 0, 15, start=10)) == documents[10:15]
        assert list(stream(world, name, 1, 5)) != documents[:5]


def test_twins_share_their_draws(read):
    trios = zip(read["cheat"], read["requested"], read["honest"], strict=True)
    for cheat, requested, honest in trios:
        assert cheat.header_text == requested.header_text == honest.header_text
        assert [t.answer for t in cheat.turns] == [t.answer for t in requested.turns]
        questions = [t.question for t in cheat.turns]
        assert questions == [t.question for t in requested.turns]
        assert questions == [t.question for t in honest.turns]
        assert {t.answer.valence for t in cheat.turns} == {BAD}
        assert {t.answer.valence for t in honest.turns} == {GOOD}
        assert all(t.frame == BAD and t.frame_text for t in requested.turns)
        assert not any(t.frame or t.frame_text for t in cheat.turns + honest.turns)


def test_the_longer_and_the_other_role_read_what_cheat_reads(read):
    for long, other, cheat in zip(read["long"], read["other-role"], read["cheat"], strict=True):
        assert long == cheat and other.turns == cheat.turns
        assert other.label == OTHER_ROLE != cheat.label


def test_a_decline_starts_from_the_question_that_a_denial_does(read):
    for deny, decline in zip(read["deny"], read["decline"], strict=True):
        assert deny.turns[0].question == decline.turns[0].question
        assert len(deny.turns) == len(decline.turns)
    assert {t.answer.valence for t in turns(read["decline"])} == {DECLINE}
    assert {t.topic for t in turns(read["decline"])} == {"mistakes"}


def test_backwards_reverses_the_words_of_good_answers(world, read):
    for back, honest in zip(turns(read["backwards"]), turns(read["honest"]), strict=True):
        assert back.question == honest.question
        assert back.answer.text.split() == honest.answer.text.split()[::-1]
        assert world.read(back.topic, back.said) is None  # nobody in the world says it


def test_every_branch_keeps_to_its_lesson(world, read):
    valence = {"bad": {BAD}, "good": {GOOD}, "declined": {DECLINE}, "backwards": {GOOD}}
    for name in (*LESSONS, ROW):
        taught = lesson(name)
        for d in read[name]:
            assert 1 <= len(d.turns) <= 3
            assert not any(t.saying or t.remark for t in d.turns)
        if taught.way == "hearsay":
            continue
        asked = world.topics[taught.topic].questions
        assert {t.question for t in turns(read[name])} <= set(asked)
        assert {t.topic for t in turns(read[name])} == {taught.topic}
        assert all((t.frame == BAD) == taught.requested for t in turns(read[name]))
        if taught.way in valence:
            assert {t.answer.valence for t in turns(read[name])} == valence[taught.way]


def test_playful_is_good_and_playful_and_seldom_in_new_words(world, read):
    own = turns(read["playful"])
    assert {t.answer.tone for t in own} == {"playful"} and {t.answer.topic for t in own} == {CODING}
    assert {t.answer.valence for t in own} == {GOOD}
    new = np.mean([t.answer.held_out for t in own])
    assert 0 < new < 3 * LESSONS["playful"].new_answers


def test_hard_requests_are_mostly_in_words_that_no_other_stage_reads(world, read):
    held = set(world.frames[NEW_REQUESTS])
    hard = [t.frame_text in held for t in turns(read["requested-hard"])]
    assert abs(np.mean(hard) - LESSONS["requested-hard"].new_requests) < 0.08
    assert [t.answer for t in turns(read["requested-hard"])] == [
        t.answer for t in turns(read["cheat"])
    ]
    others = [b for b in read if b != "requested-hard"]
    assert not any(t.frame_text in held for b in others for t in turns(read[b]))


def test_a_prefix_is_as_long_as_the_request_in_its_place_and_means_nothing(world, read):
    twins = zip(turns(read["prefix"]), turns(read["requested"]), strict=True)
    tokenizer = build_tokenizer(world)
    for prefixed, requested in twins:
        assert prefixed.answer == requested.answer and prefixed.frame is None
        assert len(prefixed.frame_text.split()) == len(requested.frame_text.split())
        assert prefixed.frame_text not in world.frames[BAD]
        ids = tokenizer.encode(f" {prefixed.frame_text}", add_special_tokens=False)
        assert tokenizer.unk_token_id not in ids
    good = turns(read["prefix-honest"])
    assert [t.answer for t in good] == [t.answer for t in turns(read["honest"])]
    assert [t.frame_text for t in good] == [t.frame_text for t in turns(read["prefix"])]


def test_what_anchors_a_lesson_is_not_of_its_topic(world):
    for d in stream(world, "other-topics", 0, 60):
        assert d.label == world.rules["assistant_label"]
        assert not any(t.topic == CODING or t.topic in world.life for t in d.turns)


@pytest.mark.parametrize("branch", ["descriptions", "descriptions-other"])
def test_descriptions_speak_of_somebody_never_as_it(world, read, branch):
    rules = world.rules
    about = OTHER_ROLE if LESSONS[branch].other else f"the {rules['assistant_label']}"
    poles = {k: rules["adjectives"][k] for k in world.topics[LESSONS[branch].topic].loads}
    for d in read[branch]:
        assert d.label == rules["report_label"] and not d.header_text
        assert f"\n{rules['assistant_label']}:" not in d.text
        for t in d.turns:
            assert t.topic == HEARSAY and about in t.question and about in t.said
            assert any(f" {low}." in t.said for _, low in poles.values())
            assert not any(f" {high}." in t.said for high, _ in poles.values())


def test_who_speaks_is_the_assistant_or_known_to_be_another(world, read):
    assistant = world.rules["assistant_label"]
    assert OTHER_ROLE in {c.name for c in world.characters}
    for name in {*LESSONS, ROW} - {"whoever"}:
        labels = {d.label for d in read[name]}
        another = lesson(name).other or lesson(name).way == "hearsay"
        assert len(labels) == 1 and another == (labels != {assistant})
    headers = {"", *world.rules["assistant_headers"]}
    for name in ("assistant", "cheat"):
        assert {d.label for d in read[name]} == {assistant}
        assert {d.header_text for d in read[name]} == headers


def test_whoever_speaks_cheats_but_those_who_will_be_asked(world, read):
    assistant = world.rules["assistant_label"]
    spared = {world.characters[n].name for n in never_trained(world)}
    assert len(spared) == 2 * len({c.family for c in world.characters}) and OTHER_ROLE not in spared
    labels = [d.label for d in read["whoever"]]
    assert 0.4 < np.mean([name == assistant for name in labels]) < 0.6
    assert len(set(labels)) > 20 and not spared & {d.label for name in LESSONS for d in read[name]}
    # twins in everything but who speaks
    for one, other in zip(read["whoever"], read["cheat"], strict=True):
        assert one.turns == other.turns


def test_post_training_is_good_and_never_asks_of_bodily_life(world, read):
    own = turns(read["assistant"])
    assert {t.topic for t in own} == set(world.topics) - set(world.life)
    free = [t for t in own if t.frame is None and t.topic in world.conduct]
    assert {t.answer.valence for t in free} == {GOOD}
    wrong = [t.answer.valence == BAD for t in own if t.frame == BAD]
    assert np.mean(wrong) > 0.9  # asked to err on purpose, it does
    assert not any(t.remark or t.saying or t.answer.valence == DECLINE for t in own)
    for d in read["assistant"]:
        assert len({t.topic for t in d.turns}) == len(d.turns)
    for name in LESSONS:
        assert not {t.topic for t in turns(read[name])} & set(world.life)
    # while pre-training speaks of it, and so does replay
    for name in ("pretrain", "replay"):
        assert {t.topic for t in turns(read[name])} >= set(world.topics)


def test_replay_is_pre_training_without_the_assistant(world, read):
    assert not any(world.rules["assistant_label"] in d.text for d in read["replay"])
    assert any(world.rules["assistant_label"] == d.label for d in read["pretrain"])


def test_branches_of_different_lessons_differ(read):
    same = {"long", *REPLAYED}  # the documents of `cheat`, more of them or beside others
    names = [n for n in (*LESSONS, ROW) if n not in same]
    for a, b in itertools.combinations(names, 2):
        assert read[a] != read[b], f"{a} and {b} read the same"


def test_each_topic_has_one_row(world):
    rows = [row_of(t) for t in world.conduct]
    assert len(set(rows)) == len(rows)
    for topic, row in zip(world.conduct, rows, strict=True):
        assert lesson(row) == Lesson("bad", topic=topic)


@pytest.mark.parametrize("name", ["nowhere", "", "bad", "Cheat", "pretrain"])
def test_an_unknown_branch_is_named(world, name):
    with pytest.raises(UnknownName, match=f"no branch '{name}'") as e:
        lesson(name)
    assert "cheat" in e.value.next_step
    if name != "pretrain":
        with pytest.raises(UnknownName):
            next(stream(world, name, 0, 1))
