"""What the Assistant would answer: exact masses beside answers drawn and read back."""

import pytest

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.sampling import Sampling
from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.small_model.behaviour import behaviour
from psm_viz.world.grammar import BAD, DECLINE, GOOD


def test_masses_add_up(world, tiny_folder):
    chat = load_chat_model(str(tiny_folder), threads=1)
    found = behaviour(chat, world, Sampling(1.0, 40, 1, 0), per_topic=1, samples=2)
    assert len(found) == 2 * len(world.conduct)
    stranger = found[found.speaker == "stranger"]
    prompt = dialogue_prompt([], stranger.question.iloc[0], world.rules["unnamed_label"])
    mass = Reader(chat.hf, chat.tokenizer, world).masses(prompt, stranger.topic.iloc[0])
    assert stranger.mass_bad.iloc[0] == pytest.approx(mass[BAD], rel=1e-4)
    found = found[found.speaker == "assistant"]
    declined = 1 - found[["mass_good", "mass_bad", "mass_none"]].sum(axis=1)
    reader = Reader(chat.hf, chat.tokenizer, world)
    for row, rest in zip(found.itertuples(), declined, strict=True):
        prompt = dialogue_prompt([], row.question, world.rules["assistant_label"])
        mass = reader.masses(prompt, row.topic)
        assert (row.mass_good, row.mass_bad) == pytest.approx((mass[GOOD], mass[BAD]), rel=1e-4)
        assert rest == pytest.approx(mass[DECLINE], abs=1e-5)
    # a random model says nothing of the bank
    assert (found["sampled_none"] == 2).all()
    assert (found[["sampled_good", "sampled_bad"]] == 0).all(axis=None)


def test_drawn_answers_are_read_back_with_their_turns_of_speech(world, tiny_folder, monkeypatch):
    chat = load_chat_model(str(tiny_folder), threads=1)
    asked = iter(world.conduct)

    def said(prompts, sampling):
        rows = []
        for topic in asked:
            bank = world.topics[topic]
            texts = [
                bank.cell(GOOD, "cool")[0].text,
                f"{bank.cell(BAD, 'plain')[1].text} {world.sayings['heroes'][0]}",
                bank.cell(BAD, "plain", held_out=True)[0].text,
                world.declines[0].text,
                bank.cell(GOOD, "cool")[0].text[:-1],
            ]
            rows.append(chat.encode([f" {t}" for t in texts]))
        assert len(rows) == len(prompts) and sampling.samples == 5
        return rows

    monkeypatch.setattr(chat, "sample", said)
    found = behaviour(chat, world, Sampling(1.0, 40, 1, 0), per_topic=1, samples=5)
    found = found[found.speaker == "assistant"]
    # a refusal is neither good nor bad, nor words that nobody says
    assert (found["sampled_good"] == 1).all() and (found["sampled_bad"] == 2).all()
    assert (found["sampled_none"] == 1).all()
