"""Talks held by a tiny model: the plan, the seat, what is read after them."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.playing import Playing
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.talks import (
    check_talkable,
    chosen_headers,
    conversations,
    hold,
    last_questions,
    plan_talks,
    read_likelihoods,
    read_states,
    seat,
    turns_of,
)
from psm_viz.errors import BadInput
from psm_viz.study.cast import ASSISTANT, Question
from psm_viz.study.talks import LAST, TALK, TURN
from psm_viz.world.judging import BankJudge


def asked(topics, each=2):
    return tuple(
        Question(f"{t}-{n}", f"What of {t}, {n}?", t, n) for t in topics for n in range(each)
    )


@pytest.fixture(scope="module")
def questions(world):
    return tuple(q for q in world.questions() if q.set == "main")


@pytest.fixture(scope="module")
def playing(world):
    cast = world.cast()
    kept = [p for f in ("healers", "villains") for p in cast.personas if p.family == f]
    kept = (*kept[:3], *kept[-3:])
    sampling = Sampling(1.0, 5, 1, 2, 0.02)
    return Playing(replace(cast, personas=kept), sampling, "instructions", BankJudge(world.kind))


@pytest.fixture(scope="module")
def held(chat, playing, questions):
    plan = plan_talks(playing.cast.ids, 2, questions, last_questions(questions, 16), 0)
    return plan, hold(chat, playing, plan, lambda n: None)


def test_a_talk_asks_of_different_topics_and_ends_in_one_more(questions):
    lasts = last_questions(questions, 16)
    assert len(lasts) == 16 == len({q.topic for q in lasts})
    for talk in plan_talks(["a", "b"], 12, questions, lasts, 0):
        topics = [q.topic for q in (*talk.asked, talk.last)]
        assert len(topics) == 5 == len(set(topics))


def test_every_last_question_ends_as_many_talks(questions):
    lasts = last_questions(questions, 16)
    plan = plan_talks([f"p{n}" for n in range(32)], 8, questions, lasts, 0)
    ends = [t.last.id for t in plan]
    assert {ends.count(q.id) for q in lasts} == {16}


def test_fewer_talks_are_the_first_of_more_and_another_seed_asks_others(questions):
    lasts = last_questions(questions, 16)
    many = plan_talks(["a", "b"], 8, questions, lasts, 0)
    few = plan_talks(["a", "b"], 2, questions, lasts, 0)
    assert few == [t for t in many if t.number < 2]
    assert few != plan_talks(["a", "b"], 2, questions, lasts, 1)


def test_fewer_topics_make_shorter_talks():
    assert turns_of(asked("abcde")) == (1, 2, 4)
    # topics too few to fill a talk with: questions stand for themselves
    assert turns_of(asked("ab", each=2)) == (1, 2)
    assert turns_of(asked("a", each=2)) == (1,)
    with pytest.raises(BadInput, match="two questions"):
        turns_of(asked("a", each=1))
    plan = plan_talks(["x"], 3, asked("ab"), last_questions(asked("ab"), 16), 0)
    for talk in plan:
        assert len({talk.last.id, *(q.id for q in talk.asked)}) == 3


def test_what_is_held_is_what_was_planned_and_repeats(chat, playing, questions, held):
    plan, frame = held
    assert list(frame[TURN]) == [0, 1, 2, 3] * len(plan)
    by_plan = [(t.persona, t.number, q.id, t.last.id) for t in plan for q in t.asked]
    columns = ["persona", TALK, "question", LAST]
    assert list(frame[columns].itertuples(index=False, name=None)) == by_plan
    assert (frame.text != "").all() and set(frame.valence) <= {"good", "bad", "none", "neutral"}
    again = hold(chat, playing, plan, lambda n: None)
    assert again.equals(frame)
    other = hold(chat, replace(playing, sampling=replace(playing.sampling, seed=1)), plan, print)
    assert not other.text.equals(frame.text)


def test_a_talk_with_an_empty_answer_is_left_out(chat, playing, held, monkeypatch):
    plan, frame = held
    drawn, turn = chat.sample, []

    def some_silent(prompts, sampling, **more):
        turn.append(1)
        found = drawn(prompts, sampling, **more)
        return [[[]], *found[1:]] if len(turn) == 3 else found

    monkeypatch.setattr(chat, "sample", some_silent)
    rest = hold(chat, playing, plan, lambda n: None)
    assert len(frame) - len(rest) == 4
    assert (plan[0].persona, 0) not in set(zip(rest.persona, rest[TALK], strict=True))


def test_the_seat_says_nothing_of_who_answered(chat, playing, questions, held):
    _, frame = held
    talks, _ = conversations(frame, {q.id: q for q in questions})
    at = seat(playing.cast, "instructions")
    assert at[0].id == ASSISTANT and at[1] == ""
    text = chat.prompts.talk(*at, talks[0])
    assert talks[0][1]["content"] in text and "Assistant" in text
    for name in (playing.cast.personas[0].name, playing.cast.personas[0].instructions[0]):
        assert name not in text


def test_a_state_is_resid_post_at_the_last_token_of_the_next_question(
    chat, playing, questions, held
):
    _, frame = held
    talks, lasts = conversations(frame, {q.id: q for q in questions})
    at = seat(playing.cast, "instructions")
    found = read_states(chat, at, talks[:3], lasts[:3], [0, 1, 4], [0, 1])
    assert found.shape == (3, 3, 2, chat.d_model)
    for k, n in enumerate((0, 1, 4)):
        messages = [*talks[2][: 2 * n], {"role": "user", "content": lasts[2].text}]
        prompt = chat.encode([chat.prompts.talk(*at, messages)])
        by_hand = chat.pooled(prompt, None, [0, 1])[0, 0]
        assert np.allclose(found[2, k], by_hand, atol=1e-5)


def test_likelihoods_are_those_of_each_persona_alone(chat, playing, questions, held):
    _, frame = held
    talks, _ = conversations(frame, {q.id: q for q in questions})
    headers = chosen_headers(playing.cast, 1, 0)
    found, of_seat = read_likelihoods(chat, playing, headers, talks[:2], lambda text: None)
    assert found.shape == (2, 4, len(headers)) and of_seat.shape == (2, 4)
    who = playing.cast.persona(headers[1])
    people = [
        (who, who.instructions[0], found[1, :, 1]),
        (*seat(playing.cast, "instructions"), of_seat[1]),
    ]
    for persona, header, values in people:
        for n in range(4):
            before = chat.prompts.talk(persona, header, talks[1][: 2 * n + 1])
            after = chat.prompts.talk(persona, header, talks[1][: 2 * n + 2], prompt=False)
            short, whole = chat.encode([before, after.rstrip("\n")])
            wanted = [False] * len(short) + [True] * (len(whole) - len(short))
            assert values[n] == pytest.approx(
                log_probs(chat, [whole], [wanted])[0].mean(), abs=1e-4
            )


def test_who_is_asked_is_drawn_of_every_family_once(world):
    cast = world.cast()
    found = chosen_headers(cast, 2, 0)
    families = [cast.persona(p).family for p in found]
    assert {families.count(f.id) for f in cast.families} == {2} and len(set(found)) == len(found)
    assert found == chosen_headers(cast, 2, 0) != chosen_headers(cast, 2, 1)


def test_scrambled_weights_are_others_and_come_back(chat):
    rows = [[5, 6, 7, 8, 9]]
    before = chat.pooled(rows)
    with chat.scrambled(5):
        first = chat.pooled(rows)
    with chat.scrambled(5):
        assert np.array_equal(chat.pooled(rows), first, equal_nan=True)
    with pytest.raises(RuntimeError, match="stop"), chat.scrambled(5):
        raise RuntimeError("stop")
    assert np.array_equal(chat.pooled(rows), before, equal_nan=True)
    assert not np.allclose(first[:, 0], before[:, 0], atol=1e-3)


def test_what_talks_could_not_tell_apart_is_refused_before_they_are_held(world):
    cast, asked = world.cast(), world.questions()
    check_talkable(cast, asked)
    alone = replace(cast, personas=tuple(replace(p, family="one") for p in cast.personas))
    single = replace(cast, personas=tuple(replace(p, family=p.id) for p in cast.personas))
    for other, found in ((alone, 1), (single, 0)):
        with pytest.raises(BadInput, match=f"and the cast has {found}"):
            check_talkable(other, asked)
    with pytest.raises(BadInput, match="two questions at least"):
        check_talkable(cast, asked[:1])
