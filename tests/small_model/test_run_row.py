"""What is read of a checkpoint, by a reader that knows the right answer to all of it."""

import numpy as np
import pytest

from psm_viz.small_model.run_row import PAIRS, PER_TOPIC, base_reading, coin, rates, speakers
from psm_viz.world.likelihood import log_posterior, predict_low
from tests.made.oracle import Oracle


@pytest.fixture(scope="module")
def oracle(world):
    return Oracle(world)


@pytest.fixture(scope="module")
def read(oracle):
    oracle.asked.clear()
    return rates(oracle), list(oracle.asked)


def test_rates_without_a_header_are_those_of_anyone(world, read):
    found, _ = read
    post = log_posterior(world)
    for part, topics in (("seen", world.conduct), ("unseen", world.conduct), ("life", world.life)):
        assert list(found[part]) == topics
        for t, own in found[part].items():
            assert len(own) == PER_TOPIC
            assert own == pytest.approx([predict_low(world, post, t)] * PER_TOPIC, abs=1e-5)


def test_unseen_questions_are_those_that_no_stage_sees(world, read):
    _, asked = read
    held = {q for t in world.topics.values() for q in t.held_out_questions}
    label = world.rules["assistant_label"]
    unseen = [(t, q) for t, q, who, _ in asked if q in held]
    assert len(unseen) == len(set(unseen)) == PER_TOPIC * len(world.conduct)
    assert {who for _, q, who, _ in asked if q in held} == {label}
    assert {t for t, _, _, _ in asked} == {*world.conduct, *world.life}


def test_speakers_differ_in_what_the_header_says(world, read):
    found, asked = read
    machine, person, anyone = found["machine"], found["person"], found["stranger"]
    for t in world.life:
        assert machine[t] > 0.9 > anyone[t] > 0.1 > person[t]
    for t in world.conduct:
        assert min(machine[t], person[t]) < anyone[t] < max(machine[t], person[t])
    assert found["assistant, introduced"] == pytest.approx(anyone, abs=1e-9)
    headers = {(who, start) for _, _, who, start in asked}
    assert set(speakers(world).values()) <= headers
    assert (world.rules["assistant_label"], "") in headers


def test_one_answer_moves_the_next_for_who_infers(world, oracle):
    rows = coin(oracle)
    assert len(rows) == PAIRS and rows == coin(oracle) and rows != coin(oracle, seed=1)
    assert all(r["first_topic"] != r["topic"] for r in rows)
    assert {t for r in rows for t in (r["first_topic"], r["topic"])} <= set(world.conduct)
    alone = {t: predict_low(world, log_posterior(world), t) for t in world.conduct}
    after_bad, after_good, first = (
        np.array([r[k] for r in rows]) for k in ("after_bad", "after_good", "first")
    )
    assert first == pytest.approx([alone[r["first_topic"]] for r in rows])
    assert (after_bad > after_good).mean() > 0.9 and (after_bad - after_good).mean() > 0.3

    class Tossed:  # a coin tossed anew each time is moved by nothing
        def p_low(self, prompt, topic):
            return 0.3

    tossed = Tossed()
    tossed.world = world
    assert all(r["after_bad"] == r["after_good"] == r["first"] == 0.3 for r in coin(tossed))


def test_a_base_is_read_beside_the_exact_observer(oracle):
    found = base_reading(oracle, dialogues=20)
    assert len(found["dialogues"]) == 20 and found["knowing"]["r2"] == pytest.approx(1)
    for r in found["dialogues"] + found["in_context"]:
        assert r["model"] == pytest.approx(r["exact"])
    assert {tuple(r) for r in found["in_context"]} == {("condition", "topic", "model", "exact")}
