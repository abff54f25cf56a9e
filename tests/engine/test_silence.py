"""Who answers nothing is left out, named and counted; nothing ends a run of hours."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from psm_viz.engine import checkpoint_tree
from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.extract import play_cast
from psm_viz.engine.outline import Settings
from psm_viz.engine.playing import Playing, askings
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.talks import TalkSettings
from psm_viz.errors import BadInput, UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import open_study
from psm_viz.tables.compare import Comparer
from psm_viz.tables.persona_map import not_held
from psm_viz.tables.results import as_text, results_of
from tests.made.models import write_architecture

LONG = 70
"""Tokens of a prompt from which on one of the models only ends."""
SETTINGS = Settings("silent", samples=1, max_new_tokens=3, threads=1, layer=1)


@pytest.fixture(scope="module")
def asked(world):
    """A cast of three families, one persona of which has a long instruction, and its questions."""
    cast = world.cast()
    families = ("healers", "villains", "overseers")
    people = [p for f in families for p in [q for q in cast.personas if q.family == f][:4]]
    people[1] = replace(people[1], prose=(" ".join(["You heal people."] * 20),))
    people = [replace(p, traits={}) for p in people]
    questions = [q for q in world.questions() if q.topic in ("coding", "money", "news", "truth")]
    some = [q for s in ("main", "again") for q in [q for q in questions if q.set == s][:6]]
    some = [replace(q, fold=n % 3) for n, q in enumerate(some)]
    return replace(cast, personas=tuple(people)), tuple(some)


def wide(vocab):
    """A maker of a tiny model that reads whole talks."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 256}
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocab, eos_token_id=3, **sizes))


@pytest.fixture(scope="module")
def models(world, tmp_path_factory):
    """A model, and one of other weights that has nothing to say after a long prompt."""
    out = tmp_path_factory.mktemp("silent")
    talks = write_architecture(world, out / "talks", wide)
    write_silent(talks, out / "silent", LONG)
    write_silent(talks, out / "mute", 0)
    return out


def write_silent(of, folder, longest):
    """The model of a folder, made to end at once after a prompt of so many tokens."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(of)
    model = AutoModelForCausalLM.from_pretrained(of)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    with torch.no_grad():
        model.transformer.wte.weight[:, 0] = 0
        model.transformer.wpe.weight[:, 0] = 0
        model.transformer.wpe.weight[longest:, 0] = 50.0
        model.lm_head.weight[:, 0] = 0
        model.lm_head.weight[tokenizer.eos_token_id] = 0
        model.lm_head.weight[tokenizer.eos_token_id, 0] = 20.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def made(models, asked, tmp_path_factory):
    cast, questions = asked
    tree = checkpoint_tree.from_models(
        str(models / "talks"), {"silent": str(models / "silent")}, None
    )
    out, lines = tmp_path_factory.mktemp("made") / "study", []
    build_study(tree, cast, questions, out, SETTINGS, lines.append)
    return open_study(out), lines


def test_a_persona_that_falls_silent_is_left_out_there(made, asked):
    study, lines = made
    quiet = asked[0].personas[1].id
    assert study.verify() and study.cast.ids == asked[0].ids
    assert quiet not in study.vectors("silent-0001").ids
    assert len(study.vectors("silent-0001").ids) == len(asked[0].all) - 1
    assert quiet in study.vectors("reference-0000").ids
    assert study.manifest.notes["silent"] == {"silent-0001": [quiet]}
    empty, n = study.manifest.notes["empty_answers"]["silent-0001"]
    assert 6 <= empty < n == len(study.responses("silent-0001"))
    told = [x for x in lines if x.startswith("silent-0001: ")]
    assert any(f"left out for answering no question: {quiet!r}" in x for x in told)
    assert any(f"{empty} of {n} answers are empty" in x for x in told)


def test_what_is_derived_copes_with_a_persona_that_is_not_there(made, asked):
    study, _ = made
    n = len(asked[0].personas)
    found = Comparer(study)("reference-0000", "silent-0001")
    assert found.personas == n - 1 and f"{n - 1} of {n} personas in common" in found.note
    drift = study.table("drift")
    assert "silent-0001" in set(drift.checkpoint) and "silent" in as_text(results_of(study))
    points, _ = study.map(study.maps[0])
    assert points.id.astype(str).str.contains("silent-0001").any()


def given(playing, people, questions, silent=()):
    """Answers to everything, empty ones of some."""
    return {
        one.key: ("" if one.persona.id in silent else "I heal people .",)
        for one in askings(playing, people, questions)
    }


def test_means_over_the_cast_are_of_those_who_answered(models, asked):
    cast, questions = asked
    main = [q for q in questions if q.set == "main"]
    chat = load_chat_model(str(models / "talks"), threads=1)
    playing = Playing(cast, Sampling(1.0, 3, 1, 0), "prose")
    quiet = cast.personas[1].id  # of four of its family, in a block with two other families
    said = given(playing, cast.all, main, [quiet])
    some = play_cast(chat, replace(playing, given=said), main, "x", 1)
    rest = replace(cast, personas=tuple(p for p in cast.personas if p.id != quiet))
    without = play_cast(chat, replace(playing, cast=rest, given=said), main, "x", 1)
    assert some.silence.silent == (quiet,) and some.vectors.ids == without.vectors.ids
    assert np.allclose(some.questions.cast, without.questions.cast, atol=1e-6)
    assert np.allclose(some.folds.values, without.folds.values, atol=1e-6)
    assert quiet not in set(some.responses.persona) and some.silence.empty == len(main)
    # at another checkpoint whoever was silent at the reference weighs nothing, though it speaks
    loud = given(playing, cast.all, main)
    later = replace(playing, given=loud, left_out=(quiet,))
    other = play_cast(chat, later, main, "y", 1)
    assert other.silence.silent == () and np.allclose(
        other.questions.cast, without.questions.cast, atol=1e-6
    )
    # and where somebody else is silent there are no means over the cast
    last = cast.personas[-1].id
    gone = replace(later, given=given(playing, cast.all, main, [last]))
    third = play_cast(chat, gone, main, "z", 1)
    assert third.silence.silent == (last,) and third.questions is None and third.folds is None


def test_a_checkpoint_with_nothing_to_say_ends_no_run(world, models, asked, tmp_path):
    cast, questions = asked
    short = tuple(replace(p, prose=p.prose[:1]) for p in world.cast().personas if p.id in cast.ids)
    tree = checkpoint_tree.from_models(str(models / "talks"), {"mute": str(models / "mute")}, None)
    talks = TalkSettings(assistant=4, per_persona=2, elsewhere=1, lasts=2, headers=1)
    settings, lines = replace(SETTINGS, talks=talks), []
    some = replace(cast, personas=tuple(replace(p, traits={}) for p in short))
    study = build_study(tree, some, questions, tmp_path / "study", settings, lines.append)
    assert not study.holds("mute-0001", "vectors") and not study.holds("mute-0001", "talks")
    n = len(study.responses("mute-0001"))
    assert study.manifest.notes["empty_answers"]["mute-0001"] == [n, n]
    assert study.manifest.notes["silent"]["mute-0001"] == [p.id for p in some.all]
    why = "some of the cast answered nothing there"
    assert not_held(study, study.manifest.headline_pooling) == {"mute-0001": why}
    with pytest.raises(UnknownName, match=f"mute-0001 has no question folds: {why}"):
        study.folds("mute-0001")
    assert len(study.talks("reference-0000").answers) and study.table("beliefs").size
    assert any("mute-0001 (none: every talk holds an empty answer)" in x for x in lines)
    assert any("mute" in x for x in as_text(results_of(study)).split("\n"))


def test_a_reference_where_too_few_answer_is_refused_and_kept(models, asked, tmp_path):
    from psm_viz.engine.given import Given
    from psm_viz.engine.known import Known

    cast, questions = asked
    playing = Playing(cast, Sampling(1.0, 3, 1, 0), "prose")
    tree = checkpoint_tree.from_models(str(models / "talks"), {}, None)
    silent = [*cast.ids[3:], ASSISTANT]
    answers = {"reference-0000": given(playing, cast.all, questions, silent)}
    known = Known(given=Given(answers, "some", "0", ()))
    with pytest.raises(BadInput, match="the Assistant answers no question, and 3 personas answer"):
        build_study(tree, cast, questions, tmp_path / "s", SETTINGS, lambda line: None, known)
    assert list((tmp_path / "s.partial" / "blocks" / "reference-0000").iterdir())
