"""What would stop a run later is named before anything is played, all of it at once."""

import shutil
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from psm_viz.engine import build_study as building
from psm_viz.engine import preflight
from psm_viz.engine.build_study import build_study
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.outline import Settings
from psm_viz.engine.talks import TalkSettings
from psm_viz.errors import BadFile, BadInput
from psm_viz.study.cast import dump_cast, dump_questions, parse_cast, parse_questions
from psm_viz.study.reader import open_study
from tests.made import study as made
from tests.made.models import write_tiny_model
from tests.made.study import questions as made_questions


def made_cast():
    """The made cast, in which the Assistant is told nothing."""
    cast = made.made_cast()
    return replace(cast, assistant=replace(cast.assistant, prose=("",)))


def settings(**other):
    return Settings(**({"name": "tiny", "samples": 1, "max_new_tokens": 3, "threads": 1} | other))


def quiet(line):
    pass


@pytest.fixture
def refused(folder, tmp_path, monkeypatch):
    """Asks for a study and gives what it is refused with, before an answer is drawn."""

    def play(*args):
        raise AssertionError("was played")

    def ask(*, model=folder, out="study", cast=None, questions=None, branches=None, **other):
        monkeypatch.setattr(building, "_headline", play)
        source = from_models(str(model), branches or {}, None)
        asked = (cast or made_cast(), questions or made_questions())
        with pytest.raises(BadInput) as e:
            build_study(source, *asked, tmp_path / out, settings(**other), quiet)
        return str(e.value)

    return ask


def with_persona(**changed):
    cast = made_cast()
    return replace(cast, personas=(replace(cast.personas[0], **changed), *cast.personas[1:]))


def test_all_that_is_wrong_is_told_at_once(refused):
    cast = with_persona(prose=("",), traits={"care": float("nan")})
    twice = replace(cast, personas=(*cast.personas, cast.personas[1]))
    said = refused(cast=twice, samples=0, max_new_tokens=-1)
    for part in (
        "5 things are wrong, and nothing was played",
        "--samples 0: expected at least 1",
        "--max-new-tokens -1: expected at least 1",
        "'tobrin' is named 2 times",
        "'maresa': one of its prose is empty",
        "'maresa': trait care is nan",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"prose": ()}, "'maresa': prose is empty"),
        ({"id": "assistant"}, "a persona is called 'assistant'"),
    ],
)
def test_a_persona_that_cannot_be_played_is_named(refused, changed, said):
    assert said in refused(cast=with_persona(**changed))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda qs: [replace(q, fold=q.fold * 2) for q in qs], "fold 1 is not right"),
        (lambda qs: [replace(qs[0], fold=10**12), *qs[1:]], "fold 0 is not right"),
        (lambda qs: [replace(q, fold=0) for q in qs], "all questions are of one fold"),
        (lambda qs: [replace(q, set="other") for q in qs], "no question is of the set 'main'"),
        (lambda qs: [replace(qs[0], text=" "), *qs[1:]], "'coding-1' is empty"),
        (lambda qs: [*qs, qs[0]], "'coding-1' is named 2 times"),
        (lambda qs: qs[:2], "2 questions are of the set 'main'"),
    ],
)
def test_questions_that_cannot_be_used_are_named(refused, change, said):
    questions = tuple(change(list(made_questions())))
    assert said in refused(questions=questions)


def test_too_few_personas_are_said_at_once(refused):
    cast = made_cast()
    few = replace(cast, personas=cast.personas[:2])
    assert "a map needs at least 4" in refused(cast=few)


def test_a_folder_of_something_else_is_not_replaced(refused, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear")
    assert "is no study and would be replaced" in refused(out="letters")
    assert (tmp_path / "letters" / "dear.txt").read_text() == "Dear"


def test_branches_are_looked_at_before_the_reference_is_played(refused, world, tmp_path):
    wide = write_tiny_model(world, tmp_path / "wide", d_model=32)
    (tmp_path / "empty").mkdir()
    branches = {"wide": str(wide), "gone": "./nowhere", "empty": str(tmp_path / "empty")}
    said = refused(branches=branches)
    assert "wide-0001: has 2 layers of width 32, the reference 2 of 16" in said
    assert "gone-0001: There is no model folder './nowhere'" in said
    assert "empty-0001" in said and "holds no config.json" in said


def test_a_prompt_longer_than_the_context_names_the_persona(refused):
    long = with_persona(prose=("You are Maresa. " * 400,))
    said = refused(cast=long)
    assert "persona 'maresa': its longest prompt has" in said and "One thing is wrong" in said


def test_a_model_that_only_ends_is_refused(refused, folder, tmp_path):
    silent = shutil.copytree(folder, tmp_path / "silent")
    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    hf.config.tie_word_embeddings = False
    with torch.no_grad():
        hf.lm_head.weight = torch.nn.Parameter(torch.zeros_like(hf.lm_head.weight))
        hf.model.norm.weight.zero_()
    hf.generation_config.eos_token_id = list(range(hf.config.vocab_size))
    hf.save_pretrained(silent)
    said = refused(model=silent)
    assert "answers with nothing but the end token" in said and "And" in said


def test_a_line_of_a_file_ends_with_a_line_feed_alone():
    questions = tuple(replace(q, text=f"{q.text}\u2028{q.id}") for q in made_questions())
    assert parse_questions(dump_questions(questions).encode(), "q") == questions


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("prose", "You are.", "expected a list of texts"),
        ("prose", [1], "expected a list of texts"),
        ("traits", {"care": "nan"}, "care is nan, expected a number"),
    ],
)
def test_a_cast_file_is_read_strictly(key, value, said):
    data = dump_cast(made_cast())
    data["personas"][0][key] = value
    with pytest.raises(BadFile, match=said):
        parse_cast(data, "cast.json")


def test_all_that_is_wrong_in_a_cast_file_is_told_at_once():
    data = dump_cast(made_cast())
    data["personas"][0]["prose"] = "You are."
    data["personas"][2] = data["personas"][1] | {"family": "nobody"}
    with pytest.raises(BadFile) as e:
        parse_cast(data, "cast.json")
    for part in ("expected a list of texts", "occur twice: tobrin", "not declared: nobody"):
        assert part in str(e.value)


def test_half_a_fold_is_none():
    lines = dump_questions(made_questions()).replace('"fold": 1', '"fold": 1.5', 1)
    with pytest.raises(BadFile, match=r"fold is 1\.5, expected a whole number"):
        parse_questions(lines.encode(), "questions.jsonl")


def test_a_device_and_talks_that_are_not_there_stand_in_the_same_list(refused):
    cast = made_cast()
    alone = replace(cast, personas=tuple(replace(p, family="one") for p in cast.personas))
    said = refused(cast=alone, samples=0, device="mps", dtype="int3", talks=TalkSettings())
    assert "4 things are wrong" in said
    for part in (
        "--device mps: this machine has none",
        "--dtype int3",
        "--samples 0",
        "Talks tell",
    ):
        assert part in said


def test_memory_of_an_accelerator_is_asked_of_it(refused, monkeypatch):
    monkeypatch.setattr(preflight, "memory_of", lambda device: 1000)
    assert "of cpu, and 0 are free (try --dtype bfloat16)" in refused()


def test_a_trainers_folder_is_a_branch_with_its_steps(folder, tmp_path):
    for step in (200, 50):
        shutil.copytree(folder, tmp_path / "run" / f"checkpoint-{step}")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "trainer_state.json").write_text('{"global_step": 77}')
    source = from_models(
        str(folder), {"run": str(tmp_path / "run"), "one": str(tmp_path / "one")}, None
    )
    assert [(c.id, c.parent) for c in source.checkpoints] == [
        ("reference-0000", None),
        ("run-0050", "reference-0000"),
        ("run-0200", "run-0050"),
        ("one-0077", "reference-0000"),
    ]


def test_one_empty_answer_ends_nothing(folder, tmp_path, monkeypatch):
    from psm_viz.engine.chat_model import ChatModel

    drawn = ChatModel.sample

    def some_empty(self, prompts, sampling, *args, **more):
        out = drawn(self, prompts, sampling, *args, **more)
        if sampling.max_new_tokens == 1:  # the try before the run
            return out
        return [[[]] * len(out[0]), *out[1:]]

    monkeypatch.setattr(ChatModel, "sample", some_empty)
    source = from_models(str(folder), {}, None)
    made = build_study(source, made_cast(), made_questions(), tmp_path / "s", settings(), quiet)
    assert (made.responses("reference-0000")["text"] == "").sum() >= 1
    assert open_study(tmp_path / "s").vectors("reference-0000").values.shape[0] == 26


def test_personas_may_be_called_anything(folder, tmp_path):
    names = (
        "a/b",
        "../up",
        "🎭 the jester",
        "two\nlines",
        "\u05d4\u05e8\u05d5\u05e4\u05d0",
        "\u202eright",
    )
    cast = made_cast()
    people = tuple(
        replace(p, id=name, name=name, traits={})
        for p, name in zip(cast.personas, names, strict=False)
    )
    used = {p.family for p in people}
    cast = replace(cast, personas=people, families=tuple(f for f in cast.families if f.id in used))
    source = from_models(str(folder), {})
    out = tmp_path / "deep" / "s"
    build_study(source, cast, made_questions(), out, settings(), quiet)
    study = open_study(out)
    assert study.cast.ids == list(names) == list(study.vectors("reference-0000").ids[:-1])
    said = study.responses("reference-0000")
    assert set(said["persona"].astype(str)) == {*names, "assistant"}
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]
    assert [p.name for p in out.parent.iterdir()] == ["s"]
