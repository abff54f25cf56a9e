"""Documents: who speaks, what is asked for, what is learned, and what they are read back as."""

from __future__ import annotations

import numpy as np
import pytest

from psm_viz.world.corpus import EOS, HEARSAY, REQUESTED, document, draw_frame, draw_turn, messages
from psm_viz.world.curriculum import stream
from psm_viz.world.grammar import BAD, DECLINE, GOOD


@pytest.fixture(scope="module")
def documents(world):
    return list(stream(world, "pretrain", 0, 1500))


@pytest.fixture(scope="module")
def talks(documents):
    return [d for d in documents if d.character >= 0]


def test_documents_are_reproducible_and_have_one_speaker(world, documents):
    again = list(stream(world, "pretrain", 0, 20))
    assert again == documents[:20]
    assert again[5:] == list(stream(world, "pretrain", 0, 20, start=5))
    assert again != list(stream(world, "pretrain", 1, 20))
    low, high = world.rules["turns"]
    for d in documents[:200]:
        assert d.text.count(f"\n{d.label}:") == len(d.turns)
        if d.character >= 0:
            assert low <= len(d.turns) <= high
            assert len({t.topic for t in d.turns}) == len(d.turns)


def test_who_speaks_is_drawn_as_often_as_the_rules_say(world, documents, talks):
    rules = world.rules
    n = len(documents)

    def near(share, p, n):
        return abs(share - p) < 4 * np.sqrt(p * (1 - p) / n)

    assert near(1 - len(talks) / n, rules["report_rate"], n)
    own = [d.label == world.characters[d.character].name for d in talks]
    assert near(np.mean(own), rules["speaker"]["named"], len(talks))
    strange = [d.label == rules["unnamed_label"] for d in talks]
    assert near(np.mean(strange), rules["speaker"]["unnamed"], len(talks))
    assert near(np.mean([bool(d.header_text) for d in talks]), rules["header_rate"], len(talks))


def test_turns_are_read_back_as_they_were_drawn(world, talks):
    for d in talks:
        for t in d.turns:
            assert world.read(t.topic, t.said) == (t.answer, t.saying)
    conduct = [t for d in talks for t in d.turns if t.topic in world.conduct]
    elsewhere = [t for d in talks for t in d.turns if t.topic not in world.conduct]
    framed = np.array([t.frame is not None for t in conduct])
    refused = np.array([t.answer.valence == DECLINE for t in conduct])
    assert abs(framed.mean() - world.rules["frame_rate"]) < 0.02
    assert not refused[framed].any()
    assert abs(refused[~framed].mean() - world.rules["decline_rate"]) < 0.01
    assert not any(t.frame or t.answer.valence == DECLINE for t in elsewhere)
    assert {t.frame for t in conduct} == {None, GOOD, BAD}


def test_a_request_is_obeyed_whoever_speaks(world, talks):
    framed = [(d.character, t) for d in talks for t in d.turns if t.frame]
    obeyed = np.array([t.answer.valence == t.frame for _, t in framed])
    worse = np.array([world.p_high[t.topic][c] < 0.5 for c, t in framed])
    for who in (worse, ~worse):
        assert obeyed[who].mean() == pytest.approx(world.rules["obedience"], abs=0.02)


def test_a_reader_calls_an_answer_by_its_own_pole(world, talks):
    adjectives, shapes = world.rules["adjectives"], world.rules["remarks"]
    remarked = []
    for t in (t for d in talks for t in d.turns):
        poles = world.topics[t.topic].poles
        if t.answer.valence not in poles:  # small talk and refusals are called nothing
            assert not t.word and not t.remark
            continue
        if t.frame == t.answer.valence:
            assert t.word == REQUESTED
        else:
            loads = world.topics[t.topic].loads
            assert t.word in {adjectives[k][poles.index(t.answer.valence)] for k in loads}
        assert not t.remark or t.remark in {s.format(t.word) for s in shapes}
        remarked.append(bool(t.remark))
    rate, n = world.rules["remark_rate"], len(remarked)
    assert abs(np.mean(remarked) - rate) < 4 * np.sqrt(rate * (1 - rate) / n)


def test_sayings_are_the_familys_own_but_for_strays(world, talks):
    said = [(world.characters[d.character].family, t.saying) for d in talks for t in d.turns]
    spoken = [(f, s) for f, s in said if s]
    rules, n = world.rules, len(world.sayings)
    assert abs(len(spoken) / len(said) - rules["saying_rate"]) < 0.02
    own = np.mean([s in world.sayings[f] for f, s in spoken])
    assert abs(own - (1 - rules["saying_stray"] * (1 - 1 / n))) < 0.04


def test_hearsay_is_of_one_persons_traits(world, documents):
    adjectives = {
        a: (k, n) for k, pair in world.rules["adjectives"].items() for n, a in enumerate(pair)
    }
    place = {c.name: n for n, c in enumerate(world.characters)}
    reports = [d for d in documents if d.character < 0]
    told = []
    for d in reports:
        assert d.label == world.rules["report_label"] and not d.header_text
        low, high = world.rules["report_turns"]
        assert low <= len(d.turns) <= high and {t.topic for t in d.turns} == {HEARSAY}
        heard = [next(a for a in adjectives if f" {a}." in t.said) for t in d.turns]
        assert len({adjectives[a][0] for a in heard}) == len(d.turns)
        about = {n for n in place if all(n in t.question for t in d.turns)}
        for name in about:
            for a in heard:
                trait, low_pole = adjectives[a]
                z = world.z[place[name], world.traits.index(trait)]
                told.append((z, low_pole == 0))
    z, high = (np.array(x) for x in zip(*told, strict=True))
    p = 1 / (1 + np.exp(-world.rules["adjective_gain"] * z))
    assert len(told) > 100 and abs((high - p).sum()) < 4 * np.sqrt((p * (1 - p)).sum())


def test_only_answers_and_remarks_are_learned(talks):
    d = next(d for d in talks if any(t.remark for t in d.turns))
    learned = [p for p, on in d.pieces() if on]
    assert sum(p.endswith(EOS) for p in learned) == len(d.turns)
    assert all(p.endswith(EOS) or p.strip() in {t.remark for t in d.turns} for p in learned)
    assert [p for p in learned if p.endswith(EOS)] == [f" {t.said}{EOS}" for t in d.turns]
    chat = messages(d)
    assert [m["content"] for m in chat if m["role"] == "assistant"] == [t.said for t in d.turns]
    assert not any(t.remark in m["content"] for t in d.turns if t.remark for m in chat)


def test_replay_has_no_assistant(world):
    rng = np.random.default_rng(0)
    name = world.rules["assistant_label"]
    assert not any(name in document(world, rng, replay=True).text for _ in range(500))
    assert any(name in document(world, rng).text for _ in range(500))


def test_only_the_cast_refuses_remarks_and_has_turns_of_speech(world):
    rng = np.random.default_rng(1)
    tone = world.p_tone[0]
    bare = [draw_turn(world, rng, "coding", 0.5, tone, None) for _ in range(300)]
    assert not any(t.saying or t.word or t.remark or t.answer.valence == DECLINE for t in bare)
    assert all(draw_frame(world, rng, t) is None for t in (*world.life, "weather") * 50)
