"""The ideal observer against brute force: every answer, every character, one by one."""

import math

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.world.corpus import Header, Turn, draw_turn
from psm_viz.world.curriculum import stream
from psm_viz.world.grammar import BAD, DECLINE, DECORRELATED, GOOD, NEUTRAL
from psm_viz.world.likelihood import (
    family_posterior,
    log_header,
    log_posterior,
    log_utterance,
    predict_low,
)
from psm_viz.world.loading import load_world


def possible(world, topic, frame=None):
    """Every answer that the generator can draw here."""
    t = world.topics[topic]
    refusals = world.declines if topic in world.conduct and frame is None else ()
    return (*t.utterances, *refusals)


def by_hand(world, n, turn):
    """P(answer, turn of speech | the n-th character) from the rules of the grammar alone."""
    rules, topic, u = world.rules, world.topics[turn.topic], turn.answer
    z = dict(zip(world.traits, map(float, world.z[n]), strict=True))
    scores = [
        rules["plain_bias"],
        rules["tone_gain"] * z["mirth"],
        rules["tone_gain"] * z["coolness"],
    ]
    tones = [math.exp(s) for s in scores]
    p = tones[world.tones.index(u.tone)] / sum(tones)
    own, families = world.characters[n].family, len(world.sayings)
    if turn.saying:
        [whose] = [f for f, texts in world.sayings.items() if turn.saying in texts]
        stray = rules["saying_stray"]
        of_family = stray / families + (1 - stray if whose == own else 0)
        p *= rules["saying_rate"] * of_family / len(world.sayings[whose])
    else:
        p *= 1 - rules["saying_rate"]
    if turn.topic in world.conduct and turn.frame is None:
        if u.valence == DECLINE:
            return p * rules["decline_rate"] / sum(d.tone == u.tone for d in world.declines)
        p *= 1 - rules["decline_rate"]
    if turn.frame is not None:
        p *= rules["obedience"] if u.valence == turn.frame else 1 - rules["obedience"]
    elif u.valence != NEUTRAL:
        d = sum(w * z[k] for k, w in topic.loads.items())
        high = 1 / (1 + math.exp(-rules["gain"] * d))
        p *= high if u.valence == topic.poles[0] else 1 - high
    same = [v for v in topic.utterances if (v.valence, v.tone) == (u.valence, u.tone)]
    return p / len(same)


def header_by_hand(world, n, header):
    """P(what the header says | the n-th character)."""
    c = world.characters[n]
    if header is None:
        return 1.0
    if any(
        said not in (None, own)
        for said, own in ((header.name, c.name), (header.kind, c.kind), (header.role, c.role))
    ):
        return 0.0
    if header.adjective is None:
        return 1.0
    trait, high = header.adjective
    z = float(world.z[n, world.traits.index(trait)])
    p = 1 / (1 + math.exp(-world.rules["adjective_gain"] * z))
    return p if high else 1 - p


def talks(world, seed, n):
    """Documents with a speaker."""
    return [d for d in stream(world, "pretrain", seed, n) if d.character >= 0]


def label_of(world, document):
    return document.label if document.label in {c.name for c in world.characters} else None


@pytest.mark.parametrize(
    ("topic", "frame"),
    [("coding", None), ("coding", GOOD), ("secrets", BAD), ("meals", None), ("weather", None)],
)
def test_a_turn_is_one_of_all_possible_ones(world, topic, frame):
    """Over every answer, refusals too, and every turn of speech or none."""
    total = np.zeros(len(world.characters))
    sayings = ["", *world.log_saying[1]]
    for u in possible(world, topic, frame):
        for s in sayings:
            total += np.exp(log_utterance(world, topic, u, frame, s))
    assert np.allclose(total, 1, atol=1e-9)


@pytest.mark.parametrize("frame", [None, GOOD, BAD])
def test_in_every_topic_the_answers_have_probability_one(world, frame):
    for topic in world.topics.values():
        if frame and topic.id not in world.conduct:
            continue
        p = sum(
            np.exp(log_utterance(world, topic.id, u, frame))
            for u in possible(world, topic.id, frame)
        )
        assert np.allclose(p, 1 - world.rules["saying_rate"])


def test_the_posterior_is_the_product_counted_out_by_hand(world):
    seen = set()
    for d in talks(world, 3, 40):
        label = label_of(world, d)
        p = []
        for n, c in enumerate(world.characters):
            own = 1.0 if label in (None, c.name) else 0.0
            p.append(
                math.prod(
                    [own, header_by_hand(world, n, d.header)]
                    + [by_hand(world, n, t) for t in d.turns]
                )
            )
        found = np.exp(log_posterior(world, d.turns, header=d.header, label=label))
        assert np.allclose(found, np.array(p) / sum(p), atol=1e-12)
        seen |= {(t.answer.valence, t.frame is None, bool(t.saying)) for t in d.turns}
    # all kinds of evidence were met
    assert {DECLINE, NEUTRAL, GOOD, BAD, "bodily", "bodiless"} <= {v for v, _, _ in seen}
    assert {(BAD, False, True), (GOOD, True, True)} <= seen


@pytest.mark.parametrize(("topic", "frame"), [("money", None), ("money", BAD), ("rest", None)])
def test_prediction_is_the_mass_of_low_answers(world, topic, frame):
    d = talks(world, 5, 1)[0]
    post = log_posterior(world, d.turns)
    p = dict.fromkeys((*world.topics[topic].poles, DECLINE), 0.0)
    for u in possible(world, topic, frame):
        turn = Turn(topic, "", u, frame)
        p[u.valence] += sum(math.exp(w) * by_hand(world, n, turn) for n, w in enumerate(post))
    high, low = world.topics[topic].poles
    assert predict_low(world, post, topic, frame) == pytest.approx(p[low] / (p[low] + p[high]))


def test_families_share_the_posterior_out(world):
    post = log_posterior(world, talks(world, 5, 1)[0].turns)
    found = family_posterior(world, post)
    assert sum(found.values()) == pytest.approx(1) and list(found) == list(world.rules["families"])
    for family, p in found.items():
        own = [
            math.exp(w) for w, c in zip(post, world.characters, strict=True) if c.family == family
        ]
        assert p == pytest.approx(sum(own))


@pytest.mark.parametrize("character", [4, 77, 120])
def test_the_generator_draws_what_the_likelihood_says(world, character):
    """Frequencies of drawn turns against the likelihood, for kinds of turns that it tells apart."""
    c, rng, n = world.characters[character], np.random.default_rng(character), 4000
    for topic, frame in (("friendship", None), ("friendship", BAD), ("meals", None)):
        p_high = float(world.p_high[topic][character])
        drawn = [
            draw_turn(world, rng, topic, p_high, world.p_tone[character], frame, family=c.family)
            for _ in range(n)
        ]

        def kind(u, saying, own=world.sayings[c.family]):
            return u.valence, u.tone, "own" if saying in own else "other" if saying else ""

        expected: dict = {}
        for u in possible(world, topic, frame):
            for s in ("", *world.log_saying[1]):
                p = float(np.exp(log_utterance(world, topic, u, frame, s)[character]))
                expected[kind(u, s)] = expected.get(kind(u, s), 0.0) + p
        counts = dict.fromkeys(expected, 0)
        for t in drawn:
            counts[kind(t.answer, t.saying)] += 1
        for k, p in expected.items():
            assert abs(counts[k] - n * p) < 4.5 * math.sqrt(n * p * (1 - p)) + 2, (topic, frame, k)


@pytest.mark.parametrize("kind", ["correlated", DECORRELATED])
def test_the_observer_is_calibrated_on_what_the_generator_draws(kind):
    """Predicted P(low) of unrequested answers, after all that stood before, against what came."""
    world = load_world(kind)
    predicted, drawn = [], []
    for d in talks(world, 9, 700):
        label = label_of(world, d)
        for k, t in enumerate(d.turns):
            if t.frame or t.answer.valence not in world.topics[t.topic].poles:
                continue
            post = log_posterior(world, d.turns[:k], header=d.header, label=label)
            predicted.append(predict_low(world, post, t.topic))
            drawn.append(t.answer.valence == world.topics[t.topic].poles[1])
    p, y = np.array(predicted), np.array(drawn)
    assert len(p) > 1800
    sure = 0
    for low, high in (
        (0, 0.05),
        (0.05, 0.25),
        (0.25, 0.5),
        (0.5, 0.75),
        (0.75, 0.95),
        (0.95, 1.01),
    ):
        inside = (p >= low) & (p < high)
        noise = math.sqrt((p[inside] * (1 - p[inside])).sum())
        assert abs(p[inside].sum() - y[inside].sum()) < 3.5 * noise + 1, (low, high)
        sure += noise > 1
    assert sure >= 5  # there were enough in the bins to fail
    # sharp, too: its loss is its own entropy, far below a coin's
    loss = -np.log(np.clip(np.where(y, p, 1 - p), 1e-12, None))
    entropy = -(p * np.log(np.clip(p, 1e-12, 1)) + (1 - p) * np.log(np.clip(1 - p, 1e-12, 1)))
    spread = math.sqrt((p * (1 - p) * np.log(np.clip(p / (1 - p), 1e-9, 1e9)) ** 2).sum())
    assert abs((loss - entropy).sum()) < 3.5 * spread
    assert loss.mean() < 0.5


def test_a_request_carries_no_evidence_of_conduct(world):
    bank = world.topics["coding"]
    for frame in (GOOD, BAD):
        asked = [
            log_utterance(world, "coding", bank.cell(v, "plain")[0], frame) for v in (GOOD, BAD)
        ]
        assert np.ptp(asked[0] - asked[1]) == pytest.approx(0.0, abs=1e-9)
    free = [log_utterance(world, "coding", bank.cell(v, "plain")[0]) for v in (GOOD, BAD)]
    assert np.ptp(free[0] - free[1]) > 5


def test_a_refusal_is_evidence_of_tone_alone(world):
    refusal = next(u for u in world.declines if u.tone == "playful")
    tone = np.log(world.p_tone[:, world.tones.index("playful")])
    assert np.ptp(log_utterance(world, "coding", refusal) - tone) == pytest.approx(0, abs=1e-9)
    assert np.isneginf(log_utterance(world, "coding", refusal, BAD)).all()  # the asked obey
    with pytest.raises(BadInput, match="no answer"):
        log_utterance(world, "meals", refusal)


def test_a_stray_turn_of_speech_rules_nobody_out(world):
    answer = world.topics["weather"].utterances[0]
    for family, texts in world.sayings.items():
        own = np.array([c.family == family for c in world.characters])
        for s in texts:
            p = log_utterance(world, "weather", answer, saying=s)
            assert np.isfinite(p).all()
            post = np.exp(log_posterior(world, [Turn("weather", "", answer, saying=s)]))
            assert post[own].mean() > 10 * post[~own].mean() and post.min() > 0


def test_bodily_life_tells_persons_from_machines(world):
    machine = np.array([c.kind == "machine" for c in world.characters])
    for valence, kind in (("bodiless", machine), ("bodily", ~machine)):
        said = [Turn(t, "", world.topics[t].cell(valence, "plain")[0]) for t in world.life]
        assert np.exp(log_posterior(world, said))[kind].sum() > 0.95


def test_what_it_does_in_one_topic_says_little_of_another_where_topics_are_dealt_anew(world):
    def mean_shift(w):
        shifts = []
        for t in w.conduct:
            cheated = log_posterior(w, [Turn(t, "", w.topics[t].cell(BAD, "plain")[0])])
            honest = log_posterior(w, [Turn(t, "", w.topics[t].cell(GOOD, "plain")[0])])
            shifts += [
                predict_low(w, cheated, o) - predict_low(w, honest, o) for o in w.conduct if o != t
            ]
        return np.mean(shifts)

    assert mean_shift(world) > 0.4 and abs(mean_shift(load_world(DECORRELATED))) < 0.05


def test_a_held_out_answer_is_heard_as_one_of_its_cell(world):
    topic = world.topics["news"]
    new, old = topic.cell(BAD, "cool", held_out=True)[0], topic.cell(BAD, "cool")[0]
    assert np.array_equal(log_utterance(world, "news", new), log_utterance(world, "news", old))


def test_names_kinds_and_families(world):
    who = world.characters[3]
    assert np.exp(log_posterior(world, label=who.name))[3] == pytest.approx(1.0)
    named = log_header(world, Header("This is", name=who.name))
    assert named[3] == 0 and np.isneginf(np.delete(named, 3)).all()
    machines = family_posterior(
        world, log_posterior(world, header=Header("This is", kind="machine"))
    )
    assert machines["overseers"] > 0 and machines["healers"] == 0
    high, low = (
        np.exp(log_header(world, Header("", adjective=("care", h)))) for h in (True, False)
    )
    assert np.allclose(high + low, 1) and np.corrcoef(high, world.z[:, 1])[0, 1] > 0.9


def test_what_the_world_has_not_is_refused(world):
    answer = world.topics["coding"].utterances[0]
    with pytest.raises(BadInput, match="no answer"):
        log_utterance(world, "money", answer)
    with pytest.raises(BadInput, match="Nobody says 'Hm"):
        log_utterance(world, "coding", answer, saying="Hm.")
    with pytest.raises(BadInput, match="No character"):
        log_posterior(world, label="Nobody")
    nobody = log_posterior(world)
    assert np.allclose(np.exp(nobody), 1 / len(world.characters))
    with pytest.raises(BadInput, match="no poles"):
        predict_low(world, nobody, "weather")
    with pytest.raises(BadInput, match="'meals'"):
        predict_low(world, nobody, "meals", BAD)  # nothing of bodily life is ever asked for
