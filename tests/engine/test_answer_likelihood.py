"""A model asked as every persona how likely an answer is, under several chat templates."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.engine import answer_likelihood
from psm_viz.errors import BadInput
from psm_viz.study.formats import chat_data
from psm_viz.world.corpus import messages
from psm_viz.world.curriculum import stream
from tests.made.chat_lines import line
from tests.made.models import reference_log_p

LAST_ONLY = (
    "{{ bos_token }}{% set m = messages[-2:] if not add_generation_prompt else messages[-1:] %}"
    "{{ 'User: ' + m[0]['content'] + '\\nAssistant:' }}"
    "{% if not add_generation_prompt %}{{ ' ' + m[1]['content'] + eos_token + '\\n' }}{% endif %}"
)
NO_END = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ 'User: ' + m['content'] + '\\n' }}"
    "{% else %}{{ 'Assistant: ' + m['content'] + '\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


@pytest.fixture(scope="module")
def talks(world):
    text = chat_data.dump_chat(map(messages, stream(world, "cheat", 0, 12)))
    return chat_data.parse_chat(text.encode(), "x")


def test_what_a_persona_says_of_an_answer_is_its_models_figure(world, chat, talks):
    cast = world.cast()
    personas = [cast.personas[0], cast.assistant]
    found, counts = answer_likelihood.ask(chat, personas, "instructions", talks)
    answer = 0
    for t in talks:
        for k in t.answers:
            for i, p in enumerate(personas):
                parts = [
                    reference_log_p(
                        chat.hf,
                        chat.tokenizer,
                        chat.prompts.talk(p, v, t.messages[:k]),
                        f" {t.messages[k]['content']}</s>",
                    )
                    for v in p.instructions
                ]
                assert found.log_p[i, answer] == pytest.approx(np.mean(parts), abs=1e-3)
            said = chat.encode([f" {t.messages[k]['content']}</s>"])[0]
            assert found.tokens[answer] == len(said)
            answer += 1
    assert answer == found.log_p.shape[1] > len(talks)
    assert counts.unknown == counts.plain == 0


def test_in_turn_each_talk_is_read_under_one_wording(world, chat, talks):
    cast = world.cast()
    who = replace(cast.personas[0], instructions=(*cast.personas[0].instructions, "", "Somebody."))
    some, k = talks[:4], len(who.instructions)
    found, counts = answer_likelihood.ask(chat, [who], "instructions", some, in_turn=True)
    for n in range(len(some)):
        one = replace(who, instructions=who.instructions[n % k : n % k + 1])
        alone, _ = answer_likelihood.ask(chat, [one], "instructions", some[n : n + 1])
        own = found.example == n
        assert found.log_p[0, own] == pytest.approx(alone.log_p[0], abs=1e-4)
    whole, _ = answer_likelihood.ask(chat, [who], "instructions", some)
    assert np.abs(whole.log_p - found.log_p).max() > 2e-3
    assert np.array_equal(whole.tokens, found.tokens) and counts.unknown == 0


@pytest.fixture
def other_template(chat):
    """Set a template on the shared chat; the old one comes back afterwards."""
    old = chat.prompts.template, chat.prompts.system_role

    def use(template, has_system=True):
        chat.prompts.template, chat.prompts.system_role = template, has_system

    yield use
    chat.prompts.template, chat.prompts.system_role = old


def test_a_template_that_rewrites_earlier_turns_gives_every_answer_its_own_text(
    world, chat, talks, other_template
):
    other_template(LAST_ONLY)
    assistant = world.cast().assistant
    talk = next(t for t in talks if len(t.answers) > 1)
    texts = answer_likelihood.rendered(chat.prompts, assistant, "", [talk], None)
    assert len(texts) == len(talk.answers)
    for text, k in zip(texts, talk.answers, strict=True):
        [(_, start, end)] = text.spans
        assert text.text[start:end] == f" {talk.messages[k]['content']}</s>"


def test_no_system_role_no_end_token(world, chat, talks, other_template):
    other_template(NO_END, has_system=False)
    persona = world.cast().personas[0]
    [text] = answer_likelihood.rendered(chat.prompts, persona, "Be Maresa.", talks[:1], None)
    assert text.text.startswith("User: Be Maresa.\n\n" + talks[0].messages[0]["content"])
    for (_, start, end), k in zip(text.spans, talks[0].answers, strict=True):
        assert text.text[start:end] == " " + talks[0].messages[k]["content"]


def test_a_template_that_does_not_continue_is_counted(world, chat, talks, other_template):
    other_template(NO_END.replace("{{ 'Assistant:' }}", "{{ 'Now the Assistant:' }}"))
    found, counts = answer_likelihood.ask(chat, [world.cast().assistant], "prose", talks[:3])
    assert counts.plain == found.log_p.shape[1] and np.isfinite(found.log_p).all()


def test_a_template_that_refuses_names_the_line(world, chat, talks, other_template):
    other_template("{{ raise_exception('only one turn') }}")
    with pytest.raises(BadInput, match=r"Line 1 .*only one turn"):
        answer_likelihood.ask(chat, [world.cast().assistant], "prose", talks)
    whole = json.dumps([{"messages": list(t.messages)} for t in talks])
    entries = chat_data.parse_chat(whole.encode(), "x")
    with pytest.raises(BadInput, match=r"Entry 1 of the data: .*only one turn"):
        answer_likelihood.ask(chat, [world.cast().assistant], "prose", entries)


def test_unknown_words_are_counted_and_long_answers_left_out(world, chat):
    long = " ".join(["I"] * 600) + "."
    text = "\n".join(
        [
            line(
                ("user", "Who zzyzx?"),
                ("assistant", "I zzyzx."),
                ("user", "x"),
                ("assistant", long),
            ),
            line(("user", long), ("assistant", "No.")),
        ]
    )
    found, counts = answer_likelihood.ask(
        chat, [world.cast().assistant], "prose", chat_data.parse_chat(text.encode(), "x")
    )
    assert np.isfinite(found.log_p[0]).tolist() == [True, False, False]
    assert counts.unknown > counts.unknown_answers > 0
    kept = found.usable()
    assert kept.skipped == 2 and len(kept.tokens) == 1
