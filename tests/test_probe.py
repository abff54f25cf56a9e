"""What a model would answer: masses that add up, and dialogues that match their documents."""

import numpy as np
import pytest

from psm_viz.probe import (
    CONDITIONS,
    dialogue_prompt,
    evidence_turns,
    in_context_fit,
    in_context_rows,
    masses,
    p_bad,
)
from psm_viz.recipe import Recipe
from psm_viz.small import build_tokenizer, new_model
from psm_viz.world.corpus import EOS, stream
from psm_viz.world.grammar import BAD, GOOD


@pytest.fixture(scope="module")
def tiny(world):
    tokenizer = build_tokenizer(world)
    return new_model(Recipe(d_model=16, n_layers=1, n_heads=2, d_ff=32), tokenizer), tokenizer


def test_masses_add_up_to_one(world, tiny):
    prompt = dialogue_prompt([], world.topics["money"].questions[0], "Stranger")
    found = masses(*tiny, world, prompt, "money")
    assert found[GOOD] + found[BAD] + found["none"] == pytest.approx(1)
    assert sum(found[t] for t in world.tones) == pytest.approx(found[GOOD] + found[BAD])
    assert 0 < p_bad(found) < 1


def test_a_prompt_is_the_start_of_the_document_it_belongs_to(world):
    documents = (d for d in stream(world, "pretrain", 1, 200) if not any(t.remark for t in d.turns))
    d = next(documents)
    *before, last = d.turns
    prompt = dialogue_prompt(before, last.asked, d.label, d.header_text)
    assert d.text == f"{prompt} {last.answer.text}{EOS}\n"


def test_evidence_is_of_its_kind(world):
    rng = np.random.default_rng(0)
    turns = evidence_turns(world, rng, ["coding", "money"], BAD, True)
    assert {t.answer.valence for t in turns} == {BAD} == {t.frame for t in turns}
    assert not any(t.frame for t in evidence_turns(world, rng, ["coding"], GOOD, False))


def test_every_condition_asks_the_same_questions(world, tiny):
    rows = in_context_rows(*tiny, world, per_condition=3, seed=0, label="Stranger")
    asked = {c: [r["question"] for r in rows if r["condition"] == c] for c in CONDITIONS}
    assert len({tuple(q) for q in asked.values()}) == 1 and len(rows) == 3 * len(CONDITIONS)
    exact = {c: np.mean([r["exact"] for r in rows if r["condition"] == c]) for c in CONDITIONS}
    assert exact["three cheats"] > exact["no evidence"] > exact["three honest answers"]
    # a request is no evidence of conduct, whichever way it goes
    assert exact["three requested cheats"] == pytest.approx(exact["three requested good answers"])


def test_an_untrained_model_infers_no_persona(world, tiny):
    fit = in_context_fit(*tiny, world)
    assert fit["r2"] < 0.1 and abs(fit["spread"]) < 0.1 < fit["exact_spread"]
