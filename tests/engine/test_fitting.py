"""Instructions too long for the context: refused by name, or cut at their end and told."""

from dataclasses import replace

import pytest

from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.fitting import truncated
from psm_viz.engine.known import ANY
from psm_viz.engine.outline import Settings, outline_of
from psm_viz.engine.plan import Planning, plan_study
from psm_viz.engine.rates import Rates
from psm_viz.engine.talks import TalkSettings
from psm_viz.errors import BadInput
from tests.made import study as made

LONG = "You are Maresa, who minds the lamps of the quay. " * 50
SETTINGS = Settings(
    "tiny", samples=1, max_new_tokens=3, threads=1, layer=1, truncate=True, in_turn=True
)
GIVEN = Planning(Rates(1000.0, 100.0, 1000.0))


def quiet(line):
    pass


@pytest.fixture(scope="module")
def asked(tiny_folder):
    """A cast of which one persona's second instruction does not fit."""
    cast = made.made_cast()
    first = replace(cast.personas[0], prose=("You are Maresa.", LONG))
    assistant = replace(cast.assistant, prose=("",))
    cast = replace(cast, personas=(first, *cast.personas[1:6]), assistant=assistant)
    return from_models(str(tiny_folder), {}, None), cast, made.questions()


@pytest.fixture(scope="module")
def chat(tiny_folder):
    return load_chat_model(str(tiny_folder), threads=1)


def test_without_it_persona_question_and_length_are_named(asked, chat, tmp_path):
    longest = max(asked[2], key=lambda q: len(chat.encode([q.text])[0]))
    whole = chat.encode([chat.prompts.one(asked[1].personas[0], LONG, longest.text)])[0]
    for make in (build_study, lambda *a: plan_study(*a, planning=GIVEN)):
        with pytest.raises(BadInput) as e:
            make(*asked, tmp_path / "s", replace(SETTINGS, truncate=False), quiet)
        said = str(e.value)
        assert f"'maresa': its longest prompt has {len(whole)} tokens" in said
        assert f"question {longest.id!r}" in said and "--truncate" in said
        assert f"the model reads {chat.context} at once" in said
    assert not any(tmp_path.iterdir())


def test_the_end_of_the_instruction_goes_and_no_more_than_must(asked, chat):
    outline = truncated(chat.words, chat.context, outline_of(*asked, SETTINGS, ANY))
    first, kept = outline.cast.personas[0].prose
    assert first == "You are Maresa." and LONG.startswith(kept) and 0 < len(kept) < len(LONG)
    most = chat.context - SETTINGS.max_new_tokens
    persona = outline.cast.personas[0]
    prompts = [chat.prompts.one(persona, kept, q.text) for q in outline.questions]
    lengths = [len(ids) for ids in chat.encode(prompts)]
    assert most - 2 <= max(lengths) <= most
    before, after = (len(ids) for ids in chat.encode([LONG, kept]))
    assert outline.cut == {"maresa": (0, before - after)}
    assert outline.cast.personas[1:] == asked[1].personas[1:]
    again = truncated(chat.words, chat.context, outline)
    assert again is outline


def test_a_study_says_what_was_cut_and_holds_what_was_said(asked, tmp_path):
    said = []
    study = build_study(*asked, tmp_path / "s", SETTINGS, said.append)
    ((who, (none, lost)),) = study.manifest.notes["truncated"].items()
    assert who == "maresa" and none == 0 < lost
    assert f"persona 'maresa': {lost} tokens cut off the end of its instruction" in said[0]
    assert LONG.startswith(study.cast.personas[0].prose[1])
    plan = plan_study(*asked, tmp_path / "p", SETTINGS, quiet, planning=GIVEN)
    assert plan.notes == (said[0],)


def test_what_fits_is_left_alone(asked, chat):
    source, cast, questions = asked
    short = replace(cast, personas=cast.personas[1:])
    outline = outline_of(source, short, questions, SETTINGS, ANY)
    assert truncated(chat.words, chat.context, outline) is outline


def test_a_question_that_leaves_no_room_is_refused_all_the_same(asked, tmp_path):
    source, cast, questions = asked
    long = (replace(questions[0], text=LONG), *questions[1:])
    with pytest.raises(BadInput, match="no instruction is short enough") as e:
        build_study(source, cast, long, tmp_path / "s", SETTINGS, quiet)
    assert repr(questions[0].id) in str(e.value)


def test_talks_are_not_cut():
    with pytest.raises(BadInput, match="a talk is not cut"):
        replace(SETTINGS, talks=TalkSettings())
