"""Playing a small cast with a tiny random model, end to end to a finished study."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from psm_viz.engine import build_study, checkpoint_tree
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.extract import play_cast
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadFile, BadInput
from psm_viz.small_model import trained_tree
from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.small_model.behaviour import behaviour
from psm_viz.small_model.model import build_tokenizer, new_model, save_model
from psm_viz.small_model.recipe import Recipe
from psm_viz.study.cast import dump_cast, dump_questions, family_weights
from psm_viz.study.reader import open_study
from psm_viz.world.grammar import BAD, DECLINE, GOOD


@pytest.fixture(scope="module")
def tree(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("models")
    tokenizer = build_tokenizer(world)
    for seed, name in enumerate(("start", "moved")):
        recipe = Recipe(seed=seed, d_model=16, n_layers=2, n_heads=2, d_ff=32)
        save_model(new_model(recipe, tokenizer), tokenizer, out / name)
    return out


@pytest.fixture(scope="module")
def small(world):
    cast = world.cast()
    kept = tuple(p for p in cast.personas if p.family in ("healers", "villains", "overseers"))
    questions = tuple(q for q in world.questions() if q.topic in ("coding", "money", "news"))
    questions = tuple(replace(q, fold=i % 3) for i, q in enumerate(questions))
    return replace(cast, personas=kept), questions


def test_means_fold_means_and_question_means_agree(world, tree, small):
    cast, questions = small
    main = [q for q in questions if q.set == "main"]
    chat = load_chat_model(str(tree / "start"), threads=1)
    played = play_cast(chat, cast, main, Sampling(1.0, 6, 2, 0), "x", headline_layer=1, world=world)
    v, a = played.vectors, played.activations
    assert v.values.shape == (len(cast.all), 2, 2, 16)
    assert np.allclose(v.values[:, :, 1], a.values.mean(1), atol=1e-5)
    fold_of = np.array([q.fold for q in main])
    by_hand = np.stack([a.values[:, fold_of == f].mean(1) for f in range(3)], axis=1)
    assert np.allclose(played.folds.values, by_hand, atol=1e-5)
    assert np.allclose(played.questions.assistant[:, :, 1], a.values[-1], atol=1e-5)
    w = family_weights(cast)
    expected = np.tensordot(w, a.values[:-1], axes=1)
    assert np.allclose(played.questions.cast[:, :, 1], expected, atol=1e-5)
    n_prompts = len(main) * (len(cast.personas) + 3)
    assert len(played.responses) == n_prompts * 2 == len(played.single)


def test_masses_add_up(world, tree):
    chat = load_chat_model(str(tree / "start"), threads=1)
    found = behaviour(chat, world, Sampling(1.0, 40, 1, 0), per_topic=1, samples=2)
    assert len(found) == len(world.conduct)
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


def test_drawn_answers_are_read_back_with_their_turns_of_speech(world, tree, monkeypatch):
    chat = load_chat_model(str(tree / "start"), threads=1)
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
    # a refusal is neither good nor bad, nor words that nobody says
    assert (found["sampled_good"] == 1).all() and (found["sampled_bad"] == 2).all()
    assert (found["sampled_none"] == 1).all()


def test_any_model_goes_through_the_same_door(world, tree, small, tmp_path):
    cast, questions = small
    (tmp_path / "cast.json").write_text(json.dumps(dump_cast(cast)))
    (tmp_path / "questions.jsonl").write_text(dump_questions(questions))
    tiny = checkpoint_tree.from_models(str(tree / "start"), {"moved": str(tree / "moved")}, None)
    settings = build_study.Settings("tiny", samples=1, max_new_tokens=4, threads=1, layer=1)
    lines: list[str] = []
    made = build_study.assemble(
        tiny,
        tmp_path / "study",
        settings,
        tmp_path / "cast.json",
        tmp_path / "questions.jsonl",
        lines.append,
    )
    study = open_study(tmp_path / "study")
    assert study.sha256 == made.sha256 and study.verify() > 10
    assert [c.id for c in study.manifest.checkpoints] == [
        "reference-0000",
        "moved-0001",
        "again-0000",
    ]
    table = study.table("drift")
    table = table[table.pooling == "prompt_last"]  # random answers of four tokens say little
    moved = table[(table.checkpoint == "moved-0001") & (table.figure == "shift_norm")]
    floor = table[(table.checkpoint == "again-0000") & (table.figure == "shift_norm")]
    assert moved["value"].min() > floor["value"].max()  # other weights, against other questions
    assert any("minutes left" in line for line in lines)
    # a model without a folder of its own, and a cast that is none
    with pytest.raises(BadFile, match=r"cast\.json"):
        build_study.assemble(
            tiny, tmp_path / "b", settings, tmp_path / "no" / "cast.json", None, print
        )
    with pytest.raises(BadInput, match="layers 0 to 1"):
        build_study.assemble(tiny, tmp_path / "c", replace(settings, layer=9), None, None, print)


def test_a_tree_with_missing_checkpoints_names_them(tmp_path):
    with pytest.raises(BadFile, match=r"recipe\.json") as e:
        trained_tree.from_tree(tmp_path)
    assert "psm_viz train" in e.value.next_step
    note = {"recipe": asdict(Recipe()), "world": ""}
    (tmp_path / "recipe.json").write_text(json.dumps(note))
    with pytest.raises(BadFile, match="pretrain-0000"):
        trained_tree.from_tree(tmp_path)
