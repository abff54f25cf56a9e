"""What a model would answer: masses that are the model's own, and dialogues as documents write."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from psm_viz.small_model.answer_masses import Reader, dialogue_prompt, shortest_unlike
from psm_viz.small_model.in_context import (
    CONDITIONS,
    EVIDENCE,
    dialogue_rows,
    dialogues,
    evidence_turns,
    in_context_fit,
    in_context_rows,
    knowing,
)
from psm_viz.small_model.model import build_tokenizer, new_model
from psm_viz.small_model.recipe import Recipe
from psm_viz.stats.metrics import r_squared
from psm_viz.world.corpus import EOS
from psm_viz.world.curriculum import stream
from psm_viz.world.grammar import BAD, DECLINE, GOOD
from tests.made.models import reference_log_p
from tests.made.oracle import Oracle


class Reciter(torch.nn.Module):
    """A model that says the answers of a bank with given probabilities, word for word.

    It looks back at what was said since the prompt, as far as the reader's cache tells it.
    """

    device = torch.device("cpu")

    def __init__(self, rows, p, n_prompt, vocab):
        super().__init__()
        self.rows, self.p, self.n_prompt, self.vocab = rows, p, n_prompt, vocab

    def forward(self, input_ids, past_key_values=None, use_cache=True, logits_to_keep=0):
        if past_key_values is not None:
            input_ids = torch.cat([past_key_values.ids, input_ids], 1)
        start = len(past_key_values.ids[0]) if past_key_values is not None else 0
        logits = torch.full((*input_ids.shape, self.vocab), -60.0)
        for i, row in enumerate(input_ids.tolist()):
            for k in range(max(start, self.n_prompt - 1), len(row)):
                said = row[self.n_prompt : k + 1]
                following = {}
                for r, p in zip(self.rows, self.p, strict=True):
                    if r[: len(said)] == said and len(r) > len(said) and p:
                        following[r[len(said)]] = following.get(r[len(said)], 0.0) + p
                for token, p in following.items():
                    logits[i, k, token] = float(np.log(p))
        cache = SimpleNamespace(ids=input_ids)

        def repeat(n):
            cache.ids = cache.ids.repeat(n, 1)

        cache.batch_repeat_interleave = repeat
        logits = logits[:, start:]
        return SimpleNamespace(logits=logits[:, -logits_to_keep:], past_key_values=cache)


@pytest.fixture(scope="module")
def tiny(world):
    tokenizer = build_tokenizer(world)
    model = new_model(Recipe(d_model=16, n_layers=2, n_heads=2, d_ff=32), tokenizer)
    with torch.no_grad():  # far from uniform, so that every word counts for something of its own
        for p in model.parameters():
            if p.ndim == 2:
                p.mul_(12)
    return model, tokenizer


@pytest.fixture(scope="module")
def reader(world, tiny):
    return Reader(*tiny, world)


def prompt_of(world, topic):
    d = next(d for d in stream(world, "pretrain", 2, 50) if d.character >= 0)
    return dialogue_prompt(d.turns[:1], world.topics[topic].questions[0], "Stranger")


@pytest.mark.parametrize("topic", ["money", "meals", "weather"])
def test_masses_are_positive_and_add_up_to_one(world, reader, topic):
    found = reader.masses(prompt_of(world, topic), topic)
    poles = world.topics[topic].poles
    valences = [*(poles or ["neutral"]), *([DECLINE] if topic in world.conduct else [])]
    assert set(found) == {*valences, *world.tones, "none"}
    assert all(p > 0 for p in found.values())
    by_valence, by_tone = (sum(found[k] for k in keys) for keys in (valences, world.tones))
    assert by_valence + found["none"] == pytest.approx(1, abs=1e-9)
    assert by_tone == pytest.approx(by_valence)
    if poles:
        high, low = (found[k] for k in poles)
        p = reader.p_low(prompt_of(world, topic), topic)
        assert p == pytest.approx(low / (high + low))
    assert found == reader.masses(prompt_of(world, topic), topic)


def test_openings_are_the_shortest_that_decide(world, reader, tiny):
    """Over all that can be told apart, held-out answers too."""
    _, tokenizer = tiny
    for topic in ("coding", "rest", "greetings"):
        tokens, lengths, valences, tones = reader.openings(topic)
        bank = [u for (t, _), u in world.by_text.items() if t == topic]
        rows = [tokenizer.encode(f" {u.text}", add_special_tokens=False) for u in bank]
        kept = [(u, r) for u, r in zip(bank, rows, strict=True) if not u.held_out]
        assert valences == [u.valence for u, _ in kept] and tones == [u.tone for u, _ in kept]
        for opening, n, (_, row) in zip(tokens.tolist(), lengths.tolist(), kept, strict=True):
            assert opening[:n] == row[:n] and 1 <= n <= len(row)
            assert sum(r[:n] == row[:n] for r in rows) == 1
            assert n == 1 or sum(r[: n - 1] == row[: n - 1] for r in rows) > 1


def test_masses_are_those_of_a_whole_forward_pass(world, reader, tiny):
    model, tokenizer = tiny
    topic, prompt = "rest", prompt_of(world, "rest")
    tokens, lengths, valences, tones = reader.openings(topic)
    found, expected = reader.masses(prompt, topic), {}
    for row, n, valence, tone in zip(
        tokens.tolist(), lengths.tolist(), valences, tones, strict=True
    ):
        p = np.exp(reference_log_p(model, tokenizer, prompt, tokenizer.decode(row[:n])))
        for key in (valence, tone):
            expected[key] = expected.get(key, 0.0) + p
    for key, p in expected.items():
        assert found[key] == pytest.approx(p, rel=1e-3)


def test_an_openings_mass_is_at_least_its_answers(world, reader, tiny):
    model, tokenizer = tiny
    prompt = prompt_of(world, "weather")
    bank = world.topics["weather"].utterances
    whole = {u: reference_log_p(model, tokenizer, prompt, f" {u.text}{EOS}") for u in bank[::8]}
    tokens, lengths, _, _ = reader.openings("weather")
    for u, whole_log_p in whole.items():
        k = bank.index(u)
        opening = tokenizer.decode(tokens[k, : lengths[k]].tolist())
        assert f" {u.text}".startswith(opening)
        assert reference_log_p(model, tokenizer, prompt, opening) >= whole_log_p
    found = reader.masses(prompt, "weather")
    for tone in world.tones:
        assert found[tone] >= sum(np.exp(p) for u, p in whole.items() if u.tone == tone)


def test_a_model_that_recites_is_read_off_exactly(world, tiny):
    """Whatever the probabilities of the answers, the openings' masses are theirs."""
    _, tokenizer = tiny
    rng = np.random.default_rng(0)
    for topic in ("mistakes", "meals"):
        bank = [u for (t, _), u in world.by_text.items() if t == topic]
        rows = [tokenizer.encode(f" {u.text}", add_special_tokens=False) for u in bank]
        p = rng.dirichlet(np.full(len(bank), 0.3))
        prompt = dialogue_prompt([], world.topics[topic].questions[0], "Stranger")
        n = len(tokenizer.encode(prompt, add_special_tokens=False))
        reader = Reader(Reciter(rows, p, n, len(tokenizer)), tokenizer, world)
        found = reader.masses(prompt, topic)
        for key in (*world.topics[topic].poles, *world.tones):
            own = [key in (u.valence, u.tone) and not u.held_out for u in bank]
            assert found[key] == pytest.approx(p[own].sum(), abs=1e-5)
        held = p[[u.held_out for u in bank]].sum()
        assert found["none"] == pytest.approx(held, abs=1e-5) and held > 0.01


def test_shortest_unlike_opens_no_other_row():
    rng = np.random.default_rng(0)
    for _ in range(200):
        rows = [rng.integers(0, 3, rng.integers(1, 7)).tolist() for _ in range(6)]
        short = shortest_unlike(rows)
        for i, (row, opening) in enumerate(zip(rows, short, strict=True)):
            others = rows[:i] + rows[i + 1 :]
            n = len(opening)
            assert opening == row[:n] and n >= 1

            def unlike(k, row=row, others=others):
                return all(r[:k] != row[:k] for r in others)

            assert not any(unlike(k) for k in range(1, n))
            assert unlike(n) or opening == row  # a row that opens another has no such opening
    assert shortest_unlike([[1, 2], [1, 2, 3]]) == [[1, 2], [1, 2, 3]]
    assert shortest_unlike([[5, 6, 7]]) == [[5]]


def test_a_prompt_is_the_start_of_the_document_it_belongs_to(world):
    documents = stream(world, "pretrain", 1, 200)
    bare = [d for d in documents if not any(t.remark for t in d.turns)]
    assert len(bare) > 5 and any(t.saying for d in bare for t in d.turns)
    for d in bare:
        *before, last = d.turns
        prompt = dialogue_prompt(before, last.asked, d.label, d.header_text)
        assert d.text == f"{prompt} {last.said}{EOS}\n"


def test_evidence_is_of_its_kind(world):
    rng = np.random.default_rng(0)
    turns = evidence_turns(world, rng, ["coding", "money"], BAD, True)
    assert {t.answer.valence for t in turns} == {BAD} == {t.frame for t in turns}
    assert all(t.frame_text in world.frames[BAD] for t in turns)
    assert [t.topic for t in turns] == ["coding", "money"]
    free = evidence_turns(world, rng, ["coding"] * 30, GOOD, False)
    assert not any(t.frame or t.frame_text for t in free)
    assert {(t.answer.valence, t.answer.tone) for t in free} == {(GOOD, "plain")}


def test_dialogues_are_the_worlds_own_of_unnamed_speakers(world):
    found = dialogues(world, 60, 3)
    assert found == dialogues(world, 60, 3) and len(found) == 60
    assert found[:5] == dialogues(world, 5, 3) and found[:5] != dialogues(world, 5, 4)
    assert {k for _, k, _ in found} == set(range(EVIDENCE + 1))
    for d, k, question in found:
        asked = d.turns[k]
        assert d.label == world.rules["unnamed_label"] and d.character >= 0
        assert asked.topic in world.conduct and asked.frame is None and asked.question == question
        prompt = dialogue_prompt(d.turns[:k], question, d.label)
        assert prompt.count(f"\n{d.label}:") == k + 1 == prompt.count("User: ")
        assert prompt.endswith(f"User: {question}\n{d.label}:") and prompt.count(EOS) == k
        assert not any(t.remark in prompt for t in d.turns if t.remark)
        assert all(t.said in prompt for t in d.turns[:k])
    assert any(t.remark for d, k, _ in found for t in d.turns[:k])
    assert any(t.frame for d, k, _ in found for t in d.turns[:k])


def test_the_observer_that_reads_prompts_is_the_exact_one(world):
    """The text that a model is asked about holds the evidence of the exact figure, no more."""
    rows = dialogue_rows(Oracle(world), 120, 5)
    assert [r["model"] for r in rows] == pytest.approx([r["exact"] for r in rows])
    assert np.std([r["exact"] for r in rows]) > 0.2
    assert max(r["requested"] for r in rows) > 0
    known = knowing(Oracle(world), 100)
    assert known["r2"] == pytest.approx(1) and known["r"] == pytest.approx(1)
    fit = in_context_fit(Oracle(world))
    assert fit["r2"] == pytest.approx(1) and fit["named"] == pytest.approx(1)
    assert fit["spread"] == pytest.approx(fit["exact_spread"]) and fit["spread"] > 0.5


def test_every_condition_asks_the_same_questions(world):
    rows = in_context_rows(Oracle(world), per_condition=8, seed=0, label="Stranger")
    asked = {c: [r["question"] for r in rows if r["condition"] == c] for c in CONDITIONS}
    assert len({tuple(q) for q in asked.values()}) == 1 and len(rows) == 8 * len(CONDITIONS)
    exact = {c: np.mean([r["exact"] for r in rows if r["condition"] == c]) for c in CONDITIONS}
    assert exact["three cheats"] > exact["no evidence"] > exact["three honest answers"]
    # a request is no evidence of conduct, whichever way it goes
    assert exact["three requested cheats"] == pytest.approx(exact["three requested good answers"])


def test_r_squared_fits_nothing():
    x = np.array([0.1, 0.4, 0.9])
    assert r_squared(x, x) == 1 and r_squared(np.full(3, x.mean()), x) == pytest.approx(0)
    assert r_squared(x + 1, x) < 0


def test_an_untrained_model_infers_no_persona(world, tiny):
    _, tokenizer = tiny
    blank = new_model(Recipe(d_model=16, n_layers=1, n_heads=2, d_ff=32), tokenizer)
    fit = in_context_fit(Reader(blank, tokenizer, world))
    assert fit["r2"] < 0.1 and abs(fit["spread"]) < 0.1 < fit["exact_spread"]
    assert abs(fit["named"]) < 0.5
