"""Answers that are read one by one are read while they are drawn, and told as soon as they end."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from psm_viz.engine.answer_likelihood import ask_of_one
from psm_viz.engine.exchange_reader import ExchangeReader
from psm_viz.engine.talk_reader import TalkReader
from psm_viz.messages import Push
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.talks import LIKELIHOOD
from tests.live.test_model import ASK, SAID, of, talk

QUESTION, ANSWER = ASK["content"], SAID["content"]


@pytest.fixture
def exchanges(model):
    reader = model.reader
    return ExchangeReader(model.reference, reader._people, reader.work.playing)


@pytest.fixture
def alone(model, monkeypatch):
    """The model with a study whose answers are read one by one, and which is not soon read."""
    reader = model.reader
    note = replace(reader.readings.note, afresh=True)
    monkeypatch.setattr(reader, "readings", replace(reader.readings, note=note))
    monkeypatch.setattr(TalkReader, "headline", LIKELIHOOD)
    known = replace(model.ground.known, side_by_side=False)
    monkeypatch.setattr(model, "ground", replace(model.ground, known=known))
    monkeypatch.setattr(
        reader,
        "exchanges",
        ExchangeReader(model.reference, reader._people, reader.work.playing),
    )
    return model


def whole(exchanges, question, answer):
    """The same, read from the beginning."""
    own = exchanges.playing
    lines = Conversation(1, ({**ASK, "content": question}, {**SAID, "content": answer}))
    return ask_of_one(exchanges.chat, exchanges.people, own.wording, lines, in_turn=own.in_turn)


def test_an_answer_by_itself_is_as_likely_as_any_reading_says(exchanges):
    found = exchanges(QUESTION, ANSWER)
    assert found.shape == (len(exchanges.people), 1)
    assert np.allclose(found, whole(exchanges, QUESTION, ANSWER), atol=1e-4)
    assert exchanges(QUESTION, ANSWER) is found


def test_what_was_heard_while_it_was_drawn_is_kept_as_its_reading(exchanges):
    read = exchanges.meanwhile(QUESTION)
    opening = exchanges._openings(QUESTION)[0]
    text = exchanges.chat.prompts.talk(
        exchanges.people[-1],
        getattr(exchanges.people[-1], exchanges.playing.wording)[0],
        [ASK, SAID],
        prompt=False,
    )
    for token in exchanges.chat.encode([text])[0][len(opening) :][:5]:
        read.hear(token)
    assert exchanges.take(QUESTION, ANSWER, read)
    found = exchanges._known[QUESTION, ANSWER]
    assert np.allclose(found, whole(exchanges, QUESTION, ANSWER), atol=1e-4)
    other = exchanges.meanwhile(QUESTION)
    other.hear(opening[0])
    assert not exchanges.take(QUESTION, ANSWER, other)


def test_what_the_context_does_not_hold_is_not_read_on(exchanges, monkeypatch):
    assert exchanges.meanwhile("word " * 30_000) is None
    monkeypatch.setattr(type(exchanges.chat), "context", 20)
    assert exchanges.meanwhile(QUESTION) is None


def test_words_are_told_before_states_are_read(alone, run):
    events = run(partial(alone.answer, talk=talk(seed=5)))
    assert events[-1]["kind"] == "done", events
    said, (soon, end) = of(events, "said")[0]["text"], of(events, "heard")
    assert (soon["more"], end["more"]) == (True, False)
    assert set(soon["belief"]) == {LIKELIHOOD} < set(end["belief"])
    assert soon["belief"][LIKELIHOOD] == pytest.approx(end["belief"][LIKELIHOOD])
    reader = alone.reader
    assert (QUESTION, said) in reader.exchanges._known
    reader.exchanges._known.clear()
    anew = run(partial(alone.answer, talk=talk(messages=[ASK, {**SAID, "content": said}])))
    assert of(anew, "heard")[0]["belief"][LIKELIHOOD] == pytest.approx(
        soon["belief"][LIKELIHOOD], abs=1e-4
    )


def test_a_fault_in_reading_keeps_nobody_from_talking(alone, run, monkeypatch):
    def broken(*args):
        raise IndexError("beyond the end")

    monkeypatch.setattr(alone.reader.exchanges, "meanwhile", broken)
    events = run(partial(alone.answer, talk=talk(seed=5)))
    assert of(events, "said")[0]["text"]
    monkeypatch.undo()


def test_the_reference_is_not_read_beside_while_it_is_pushed(alone, run, monkeypatch):
    asked = []
    monkeypatch.setattr(alone.reader.exchanges, "meanwhile", asked.append)
    for push, times in ((Push("axis", 0.5), 1), (None, 2)):  # once when the answer has ended
        asked.clear()
        alone.reader.exchanges._known.clear()
        run(partial(alone.answer, talk=talk(seed=5, push=push)))
        assert asked == [QUESTION] * times
