"""The ideal observer against brute force."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.world.corpus import Header, stream
from psm_viz.world.grammar import BAD, GOOD
from psm_viz.world.likelihood import (
    family_posterior,
    log_header,
    log_posterior,
    log_utterance,
    predict_bad,
)


@pytest.mark.parametrize("frame", [None, GOOD, BAD])
def test_every_character_spreads_probability_one_over_a_bank(world, frame):
    for topic in world.topics.values():
        if topic.neutral and frame:
            continue
        total = sum(np.exp(log_utterance(world, topic.id, u.text, frame)) for u in topic.utterances)
        assert np.allclose(total, 1.0)


def test_posterior_equals_the_product_of_likelihoods(world):
    for d in stream(world, "pretrain", 3, 30):
        label = None if d.label in ("Stranger", "Assistant") else d.label
        found = np.exp(log_posterior(world, d.turns, header=d.header, label=label))
        product = np.exp(log_header(world, d.header))
        for i, c in enumerate(world.characters):
            if label not in (None, c.name):
                product[i] = 0.0
            for t in d.turns:
                product[i] *= np.exp(log_utterance(world, t.topic, t.answer.text, t.frame)[i])
        assert np.allclose(found, product / product.sum())


def test_prediction_is_the_mass_of_bad_answers(world):
    d = next(stream(world, "pretrain", 5, 1))
    post = log_posterior(world, d.turns)
    by_hand = sum(
        float(np.exp(post + log_utterance(world, "money", u.text)).sum())
        for u in world.topics["money"].utterances
        if u.valence == BAD
    )
    assert predict_bad(world, post, "money") == pytest.approx(by_hand)


def test_observer_is_calibrated_on_documents_the_generator_draws(world):
    # predicted P(bad) of the last unframed turn, against what was then drawn
    predicted, drawn = [], []
    for d in stream(world, "pretrain", 9, 1500):
        *before, last = d.turns
        if last.frame or world.topics[last.topic].neutral:
            continue
        predicted.append(predict_bad(world, log_posterior(world, before), last.topic))
        drawn.append(last.answer.valence == BAD)
    p, y = np.array(predicted), np.array(drawn)
    for low, high in ((0.0, 0.2), (0.8, 1.01)):
        inside = (p >= low) & (p < high)
        assert abs(p[inside].mean() - y[inside].mean()) < 0.06


def test_a_request_carries_no_evidence_of_conduct(world):
    bank = world.topics["coding"]
    asked = [
        log_utterance(world, "coding", bank.cell(v, "plain")[0].text, BAD) for v in (GOOD, BAD)
    ]
    assert np.ptp(asked[0] - asked[1]) == pytest.approx(0.0, abs=1e-9)


def test_names_kinds_and_families(world):
    who = world.characters[3]
    assert np.exp(log_posterior(world, label=who.name))[3] == pytest.approx(1.0)
    machines = family_posterior(
        world, log_posterior(world, header=Header("This is", kind="machine"))
    )
    assert machines["overseers"] > 0 and machines["healers"] == 0
    assert sum(machines.values()) == pytest.approx(1.0)


def test_unknown_words_are_refused(world):
    with pytest.raises(BadInput, match="no answer"):
        log_utterance(world, "coding", "Nobody ever said this.")
    with pytest.raises(BadInput, match="No character"):
        log_posterior(world, label="Nobody")
