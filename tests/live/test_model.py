"""A model held in memory: what it answers, what is heard, what a push does."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from psm_viz.engine.steering import capped
from psm_viz.live import model as live_model
from psm_viz.live.directions import Directions
from psm_viz.messages import Own, Push, Talk, Voice
from psm_viz.study.talks import LIKELIHOOD, OWN, REFERENCE
from tests.made.live import CHEAT
from tests.made.study import HEAD
from tests.made.study import REFERENCE as START

ASK = {"role": "user", "content": "What would you do?"}
SAID = {"role": "assistant", "content": "I would say so openly."}


def talk(checkpoint=START, messages=(ASK,), **more):
    voice = Voice(checkpoint, more.pop("persona", "assistant"), more.pop("push", None))
    return Talk(voice, tuple(messages), longest=6, **more)


def of(events, kind):
    return [e for e in events if e["kind"] == kind]


def test_an_answer_grows_ends_and_is_read(model, run):
    events = run(partial(model.answer, talk=talk(seed=5)))
    assert events[-1]["kind"] == "done", events
    [said], [heard] = of(events, "said"), of(events, "heard")
    assert said["text"] and said["tokens"] <= 6 and 0 <= said["first"] <= said["seconds"]
    assert heard["answers"] == 1 and set(heard["belief"]) == {OWN, LIKELIHOOD}
    for belief in heard["belief"].values():
        assert sum(belief.values()) == pytest.approx(1.0, abs=1e-6)
    assert heard["headline"] in heard["belief"]


def test_the_same_seed_says_the_same_and_another_one_something_else(model, run):
    def text(**more):
        return of(run(partial(model.answer, talk=talk(**more))), "said")[0]["text"]

    assert text(seed=5) == text(seed=5)
    assert text(seed=6) != text(seed=5)
    persona = model.study.cast.ids[0]
    assert text(seed=5, persona=persona)


def test_every_checkpoint_answers_with_its_own_weights(model):
    own = [next_words(model.chat(c)) for c in (START, CHEAT, START)]
    assert not np.allclose(own[0], own[1]) and np.array_equal(own[0], own[2])


def next_words(chat):
    """Log-odds of the next word after a question: a tiny model's draws hardly differ."""
    ids = torch.tensor([chat.encode(["User: Who are you?\nAssistant:"])[0]])
    with torch.inference_mode():
        return chat.hf(input_ids=ids).logits[0, -1].double().numpy()


def test_a_talk_that_ends_in_an_answer_is_read_alone(model, run):
    events = run(partial(model.answer, talk=talk(CHEAT, (ASK, SAID))))
    assert [e["kind"] for e in events] == ["begun", "heard", "done"]
    assert set(events[1]["belief"]) == {OWN, REFERENCE, LIKELIHOOD}


def test_what_is_heard_is_what_the_study_computes_of_the_same_talk(model, run):
    """The talks of the study are made up; read by this model both ways have to agree."""
    from psm_viz.engine.talks import read_likelihoods, read_states
    from psm_viz.stats.belief import softmax
    from psm_viz.stats.belief_likelihood import evidence_of

    reader = model.reader
    readings, note = reader.readings, reader.readings.note
    last = list(reader.lasts)[1]
    messages = [ASK, SAID, ASK, {**SAID, "content": "I would hide it."}]
    events = run(partial(model.answer, talk=talk(START, messages, last=last)))
    heard = of(events, "heard")[0]["belief"]
    at = model.seat
    x = read_states(model.reference, at, [messages], [reader.lasts[last]], [2], [note.layer])[
        :, 0, 0
    ]
    own = softmax(readings.states[2][0].scores(x.astype(float), np.array([1])))[0]
    per_token = read_likelihoods(
        model.reference, reader.work.playing, note.headers, [messages], lambda s: None
    )[0].astype(float)
    told = softmax(readings.likelihood[2][0].scores(evidence_of(per_token)))[0]
    for way, expected in ((OWN, own), (LIKELIHOOD, told)):
        found = np.array([heard[way][f] for f in reader.families])
        assert np.abs(found - expected).max() < 1e-4


def test_after_three_answers_the_last_two_are_read(model, run):
    messages = [ASK, {**SAID, "content": "Something else."}, ASK, SAID, ASK, SAID]
    three = of(run(partial(model.answer, talk=talk(START, messages))), "heard")[0]
    two = of(run(partial(model.answer, talk=talk(START, messages[2:]))), "heard")[0]
    assert three["answers"] == 2
    check_alike(three["belief"], two["belief"])


def check_alike(one, other):
    for way, belief in one.items():
        assert belief == pytest.approx(other[way], abs=1e-5)


def test_what_is_read_ahead_is_not_read_again_and_changes_nothing(model, run, monkeypatch):
    messages = [m for n in range(5) for m in (ASK, {**SAID, "content": f"I would say {n}."})]
    sizes: list[int] = []
    forward = type(model.reference.hf).forward

    def counted(self, *args, **more):
        sizes.append(more["input_ids"].numel())
        return forward(self, *args, **more)

    monkeypatch.setattr(type(model.reference.hf), "forward", counted)
    for n in range(2, 10, 2):
        run(partial(model.answer, talk=talk(START, messages[:n])))
        model.ahead(lambda done, tokens: None)
    sizes.clear()
    prepared = run(partial(model.answer, talk=talk(START, messages)))
    few = max(sizes)
    model.reader._growing._talks.clear()
    anew = run(partial(model.answer, talk=talk(START, messages)))
    assert few < 0.75 * max(sizes)
    check_alike(of(prepared, "heard")[0]["belief"], of(anew, "heard")[0]["belief"])


def test_a_talk_longer_than_the_context_loses_its_oldest_turns_and_says_so(model, run):
    long = [ASK, SAID] * 250
    events = run(partial(model.answer, talk=talk(START, [*long, ASK])))
    [said] = of(events, "said")
    assert 0 < said["left_out"] < 500 and said["left_out"] % 2 == 0
    assert events[-1]["kind"] == "done"


def test_a_talk_that_is_taken_up_is_read_after_each_of_its_last_answers(model, run, monkeypatch):
    monkeypatch.setattr(live_model, "READ_BACK", 3)
    messages = [m for n in range(5) for m in (ASK, {**SAID, "content": f"I would say {n}."})]
    heard = of(run(partial(model.answer, talk=talk(START, messages, whole=True))), "heard")
    assert [h["answer"] for h in heard] == [2, 3, 4]
    alone = of(run(partial(model.answer, talk=talk(START, messages[:8]))), "heard")[0]
    assert alone["answer"] == 3
    check_alike(heard[1]["belief"], alone["belief"])


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (talk("nobody"), "not here"),
        (talk(persona="nobody"), "no persona"),
        (talk(last="nothing"), "ends in"),
        (talk(messages=[{**ASK, "content": "word " * 30_000}]), "tokens"),
        (talk(push=Push("nowhere", 1.0)), "direction"),
        (talk(push=Push("axis", 1e5)), "Strength"),
    ],
)
def test_what_cannot_be_answered_is_one_message(model, run, wanted, told):
    last = run(partial(model.answer, talk=wanted))[-1]
    assert last["kind"] == "failed" and told in f"{last['problem']} {last['next_step']}"


def test_a_push_changes_the_next_words_and_is_taken_off_again(model):
    def words(push):
        with model.pushing.pushed(model.reference, push):
            return next_words(model.reference)

    plain = words(None)
    pushed, random = words(Push("axis", 2.0)), words(Push("axis", 2.0, random=3))
    assert np.allclose(words(Push("axis", 0.0)), plain, atol=1e-5)
    assert np.abs(pushed - plain).max() > 1e-3 and np.abs(random - plain).max() > 1e-3
    assert not np.allclose(pushed, random)
    assert np.array_equal(words(None), plain)
    names = model.directions.names
    assert "axis" in names and any(n.startswith("family:") for n in names)


def test_a_direction_of_ones_own_is_pushed_along_and_has_the_casts_scale(model):
    directions = model.directions
    axis = directions("axis")
    name = model.offer(Own("mine", tuple(7 * axis.unit)))["direction"]
    assert name == "own:mine" and directions.names[name] == "along mine"
    assert directions(name).spread == pytest.approx(axis.spread)
    # under the same name another file takes its place
    model.offer(Own("mine", tuple(-axis.unit)))
    assert np.allclose(directions(name).unit, -axis.unit)
    for wrong in ([0.0] * len(axis.unit), [1.0], [float("nan")] * len(axis.unit)):
        with pytest.raises(live_model.BadInput, match="that are not all 0"):
            model.offer(Own("mine", tuple(wrong)))
    for n in range(9):
        model.offer(Own(f"n{n}", tuple(axis.unit)))
    assert name not in directions.names and "own:n8" in directions.names


def test_traits_of_the_cast_are_directions_where_none_were_measured(model):
    names = ("care", "mirth")
    own = model.study.cast
    drawn = np.random.default_rng(0).normal(size=(len(own.personas), 2))
    people = [
        replace(p, traits=dict(zip(names, map(float, row), strict=True)))
        for p, row in zip(own.personas, drawn, strict=True)
    ]
    directions = Directions(model.study, model.chat)
    directions.study = Traited(model.study, replace(own, personas=tuple(people)))
    assert directions.names["trait:care"] == "more care"
    flat = [replace(p, traits={**p.traits, "flat": float(n > 0)}) for n, p in enumerate(people)]
    told = Directions(model.study, model.chat)
    told.study = Traited(model.study, replace(own, personas=tuple(flat)))
    # nobody lies above the median of a trait that nearly all have: it is no direction
    assert "trait:care" in told.names and "trait:flat" not in told.names
    places = directions.roles @ directions("trait:care").unit
    assert np.corrcoef(places, drawn[:, 0])[0, 1] > 0.2


class Traited:
    """A study with another cast."""

    def __init__(self, study, cast):
        self.study, self.cast = study, cast

    def __getattr__(self, name):
        return getattr(self.study, name)


def test_a_push_of_one_is_a_standard_deviation_of_the_cast(model):
    directions = model.directions
    found = directions("axis")
    places = directions.roles @ found.unit
    # families of one size: the weighted deviation is the plain one
    assert found.spread == pytest.approx(places.std(), rel=1e-6)
    assert np.linalg.norm(found.unit) == pytest.approx(1.0)


def test_a_band_holds_what_passes_it(model):
    """Within the band nothing changes; beyond it the projection is the band's edge."""
    reference, directions = model.reference, model.directions
    along = directions("axis").unit
    ids = torch.tensor([reference.encode(["User: Who are you?\nAssistant:"])[0]])
    kept = []

    def states():
        kept.clear()
        point = reference.resid_post[HEAD]
        handle = point.register_forward_hook(lambda m, i, out: kept.append(out))
        with torch.inference_mode():
            reference.hf(input_ids=ids)
        handle.remove()
        x = kept[0][0] if isinstance(kept[0], tuple) else kept[0]
        return x[0].double().numpy()

    free = states()
    places = free @ along
    middle = float(np.median(places))
    wide, narrow = (places.min() - 1, places.max() + 1), (places.min() - 1, middle)
    with capped(reference.resid_post[HEAD], along, wide):
        assert np.abs(states() - free).max() < 1e-5
    with capped(reference.resid_post[HEAD], along, narrow):
        held = states()
    assert (held @ along).max() <= middle + 1e-4
    below = places <= middle
    assert np.abs(held[below] - free[below]).max() < 1e-4
    off = held - np.outer(held @ along, along)
    assert np.abs(off - (free - np.outer(places, along))).max() < 1e-4  # beside it nothing moved


def test_memory_that_is_not_there_is_refused_with_what_it_needs(model, monkeypatch):
    monkeypatch.setattr(live_model, "memory_free", lambda: 10**6)
    with pytest.raises(live_model.BadInput, match=r"need 1\.0 GB of memory"):
        live_model.check_memory(model.ground)


def test_words_that_the_model_does_not_know_are_named(model, run):
    asked = {**ASK, "content": "What would you do about xyzzy ?"}
    [said] = of(run(partial(model.answer, talk=talk(messages=[asked]))), "said")
    assert "xyzzy" in said["unknown"]
