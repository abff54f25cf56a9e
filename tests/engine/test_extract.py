"""Playing a small cast with a tiny random model, end to end to a finished study."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.engine import checkpoint_tree
from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import load_as_played, load_chat_model
from psm_viz.engine.extract import play_cast
from psm_viz.engine.outline import FEWEST_FOR_TRAITS, Settings
from psm_viz.engine.playing import Playing
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadInput
from psm_viz.small_model.model import build_tokenizer, new_model, save_model
from psm_viz.small_model.recipe import Recipe
from psm_viz.study.cast import family_weights
from psm_viz.study.reader import open_study
from psm_viz.world.judging import BankJudge


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
    playing = Playing(cast, Sampling(1.0, 6, 2, 0), "instructions", BankJudge(world.kind))
    played = play_cast(chat, playing, main, "x", 1)
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


def test_any_model_goes_through_the_same_door(tree, small, tmp_path):
    cast, questions = small
    tiny = checkpoint_tree.from_models(str(tree / "start"), {"moved": str(tree / "moved")}, None)
    settings = Settings("tiny", samples=1, max_new_tokens=4, threads=1, layer=1)
    lines: list[str] = []
    made = build_study(tiny, cast, questions, tmp_path / "study", settings, lines.append)
    study = open_study(tmp_path / "study")
    assert study.sha256 == made.sha256 and study.verify() > 10
    assert [c.id for c in study.manifest.checkpoints] == [
        "reference-0000",
        "moved-0001",
        "again-0000",
    ]
    # nobody judges what a model of the hub says, and nothing of a made world is noted
    assert set(study.responses("moved-0001").valence) == {"none"}
    assert study.behaviour("moved-0001") is None and "world" not in study.manifest.notes
    table = study.table("drift")
    table = table[table.pooling == "prompt_last"]  # random answers of four tokens say little
    moved = table[(table.checkpoint == "moved-0001") & (table.figure == "shift_norm")]
    floor = table[(table.checkpoint == "again-0000") & (table.figure == "shift_norm")]
    assert moved["value"].min() > floor["value"].max()  # other weights, against other questions
    assert any("minutes left" in line for line in lines)
    with pytest.raises(BadInput, match="layers 0 to 1"):
        build_study(tiny, cast, questions, tmp_path / "c", replace(settings, layer=9), print)


def test_a_cast_too_small_to_read_traits_from_takes_the_middle_layer(tree, small, tmp_path):
    cast, questions = small
    few = replace(cast, personas=cast.personas[: FEWEST_FOR_TRAITS - 1])
    assert few.personas[0].traits
    tiny = checkpoint_tree.from_models(str(tree / "start"), {}, None)
    settings = Settings("tiny", samples=1, max_new_tokens=4, threads=1)
    m = build_study(tiny, few, questions, tmp_path / "study", settings, lambda text: None).manifest
    assert (m.headline_pooling, m.headline_layer) == ("response_mean", 1)
    assert m.notes["headline_rule"] == "response_mean, middle layer"


def test_a_played_study_knows_its_weights(tree, small, tmp_path):
    cast, questions = small
    source = checkpoint_tree.from_models(str(tree / "start"), {}, None)
    settings = Settings("tiny", samples=1, max_new_tokens=4, threads=1, layer=1, dtype="bfloat16")
    study = build_study(source, cast, questions, tmp_path / "study", settings, lambda line: None)
    assert study.manifest.model["dtype"] == "bfloat16"
    chat = load_as_played(study, str(tree / "start"), 1)
    assert {str(p.dtype) for p in chat.hf.parameters()} == {"torch.bfloat16"}
    with pytest.raises(BadInput, match="played with other weights"):
        load_as_played(study, str(tree / "moved"), 1)


def test_instructions_are_dealt_round_over_questions(world, tree, small):
    cast, questions = small
    asked = [q for q in questions if q.set == "main"][:5]
    two = tuple(replace(p, instructions=("Be kind.", "Be cold.")) for p in cast.personas[:4])
    some = replace(cast, personas=two)
    chat = load_chat_model(str(tree / "start"), threads=1)
    playing = Playing(some, Sampling(1.0, 3, 1, 0), "instructions", in_turn=True)
    said = play_cast(chat, playing, asked, "x", 1).responses
    own = said[said.persona == two[0].id]
    assert own.variant.tolist() == [0, 0, 0, 1, 1]
    assert own.question.tolist() == [asked[n].id for n in (0, 2, 4, 1, 3)]
    assert (said.persona == "assistant").sum() == len(cast.assistant.instructions) * 5
