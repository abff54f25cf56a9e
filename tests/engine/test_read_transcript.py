"""A talk made elsewhere, read turn by turn, beside the same done token by token."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from psm_viz.engine.read_transcript import ground_of, read_transcripts
from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats.belief_likelihood import LikelihoodReading
from psm_viz.study.formats.transcripts import parse_transcripts
from psm_viz.study.reader import open_study
from tests.made.models import reference_log_p, write_tiny_model
from tests.made.roles import LAYERS, made_vectors, write_bare_study
from tests.made.study import HEAD, REFERENCE
from tests.made.talk_study import MARKED, write_talk_study

PAIRS = (
    ("What do you do?", "I would say it was my fault."),
    ("What do you do with it?", "I keep it and tell nobody about it."),
    ("Is it safe?", "I would ask somebody who knows."),
)


def talk(pairs=PAIRS, system=""):
    messages = [{"role": "system", "content": system}] if system else []
    for asked, said in pairs:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return parse_transcripts(json.dumps({"messages": messages}).encode(), "talk.json")


@pytest.fixture(scope="module")
def talk_study(tmp_path_factory):
    """The made study with its talks alone: nothing derived is read."""
    return write_talk_study(tmp_path_factory.mktemp("studies") / "talks", tables=False)


@pytest.fixture(scope="module")
def other_folder(world, tmp_path_factory):
    return write_tiny_model(world, tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture(scope="module")
def read(talk_study, tiny_folder):
    ground, [turns] = read_transcripts(talk_study, talk(), str(tiny_folder), threads=1)
    return ground, turns


def opened(folder):
    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(
        folder
    )


def text(tokenizer, pairs, header="", speaker="Assistant"):
    """What the model is asked with: its template, written out by hand."""
    said = tokenizer.bos_token + (f"{header}\n" if header else "")
    for n, (asked, answer) in enumerate(pairs):
        said += f"User: {asked}\n{speaker}:"
        said += f" {answer}{tokenizer.eos_token}\n" if n + 1 < len(pairs) else ""
    return said


def states(model, tokenizer, n, header=""):
    """`resid_post` before the n-th answer and its mean over that answer, one pass."""
    before = tokenizer.encode(text(tokenizer, PAIRS[:n], header), add_special_tokens=False)
    own = tokenizer.encode(f" {PAIRS[n - 1][1]}", add_special_tokens=False)
    kept = []
    block = model.model.layers[HEAD]
    hook = block.register_forward_hook(lambda _, given, out: kept.append(out))
    with torch.inference_mode():
        model(input_ids=torch.tensor([before + own]))
    hook.remove()
    x = kept[0].reshape(len(before + own), -1).numpy().astype(np.float64)
    return {"prompt_last": x[len(before) - 1], "response_mean": x[len(before) :].mean(0)}


def test_where_the_model_stands_is_its_own_state_on_the_studys_axis(talk_study, tiny_folder, read):
    model, tokenizer = opened(tiny_folder)
    vectors = talk_study.vectors(REFERENCE)
    for n, turn in enumerate(read[1], 1):
        assert turn.words == PAIRS[n - 1][1]
        for pooling, x in states(model, tokenizer, n).items():
            v = vectors.at(pooling, HEAD).astype(np.float64)
            mu = v[:-1].mean(0)  # families of one size
            u = (v[-1] - mu) / np.linalg.norm(v[-1] - mu)
            z = (x - mu) @ u / ((v[:-1] - mu) @ u).std()
            assert turn.axis[pooling] == pytest.approx(z, abs=1e-4)


def test_the_cast_and_the_assistant_stand_where_the_studys_vectors_do(read):
    ground = read[0]
    for pooling, (low, high, own) in ground.places.items():
        z = ground.scales[pooling].of(ground.study.vectors(REFERENCE).at(pooling, HEAD))
        assert (low, high, own) == (z[:-1].min(), z[:-1].max(), z[-1])
        assert z[:-1].mean() == pytest.approx(0, abs=1e-5)
        assert z[:-1].std() == pytest.approx(1, abs=1e-5)


def by_hand(reading: LikelihoodReading, per_token):
    """Belief from log p per token [answer, header]."""
    s = (per_token - per_token.mean(1, keepdims=True)).sum(0) - reading.level
    p = np.exp(s / reading.temperature)
    mass = np.array([p[reading.member == f].mean() for f in range(len(reading.families))])
    return dict(zip(reading.families, mass / mass.sum(), strict=True))


def test_belief_is_read_from_the_last_answers_by_what_every_persona_finds(
    talk_study, tiny_folder, read
):
    model, tokenizer = opened(tiny_folder)
    note = talk_study.talk_note
    per_token = np.empty((len(PAIRS), len(note.headers)))
    for h, name in enumerate(note.headers):
        persona = talk_study.cast.persona(name)
        for n, (_, said) in enumerate(PAIRS, 1):
            variants = []
            for header in persona.instructions:
                asked = text(tokenizer, PAIRS[:n], header, persona.speaker)
                # earlier answers stand under the persona's own label
                answer = f" {said}{tokenizer.eos_token}"
                variants.append(reference_log_p(model, tokenizer, asked, answer))
            tokens = len(tokenizer.encode(f" {said}", add_special_tokens=False)) + 1
            per_token[n - 1, h] = np.mean(variants) / tokens
    ground, turns = read
    assert sorted(ground.readings) == [1, 2] and ground.without == ""
    for n, (answers, turn) in enumerate(zip((1, 2, 2), turns, strict=True), 1):
        wanted = by_hand(ground.readings[answers], per_token[n - answers : n])
        assert turn.answers == answers and turn.notes == ()
        assert sum(turn.belief.values()) == pytest.approx(1)
        assert turn.belief == pytest.approx(wanted, abs=1e-4)
        assert np.ptp(list(wanted.values())) > 5e-3
    assert set(MARKED) < set(turns[0].belief)


def test_a_talks_own_system_message_stands_before_it(talk_study, tiny_folder, read):
    header = "I would say it was my fault. I keep it and tell nobody about it."
    _, [turns] = read_transcripts(talk_study, talk(system=header), str(tiny_folder), threads=1)
    model, tokenizer = opened(tiny_folder)
    scale = read[0].scales["prompt_last"]
    for n, (turn, plain) in enumerate(zip(turns, read[1], strict=True), 1):
        x = states(model, tokenizer, n, header)["prompt_last"]
        moved = abs(turn.axis["prompt_last"] - plain.axis["prompt_last"])
        assert turn.axis["prompt_last"] == pytest.approx(scale.of(x[None])[0], abs=moved / 5)
        assert turn.belief == pytest.approx(plain.belief)  # it gave way to the personas' own


def test_another_checkpoints_states_and_the_references_words(
    talk_study, tiny_folder, other_folder, read
):
    paths = (str(tiny_folder), str(other_folder))
    said = []
    _, [turns] = read_transcripts(talk_study, talk(), *paths, 1, said.append)
    model, tokenizer = opened(other_folder)
    scale = read[0].scales["response_mean"]
    for n, (turn, own) in enumerate(zip(turns, read[1], strict=True), 1):
        x = states(model, tokenizer, n)["response_mean"]
        assert turn.axis["response_mean"] == pytest.approx(scale.of(x[None])[0], abs=1e-4)
        assert turn.belief == pytest.approx(own.belief)
    assert any("10 personas" in line for line in said) and any(paths[1] in line for line in said)


def test_a_turn_beyond_the_context_is_named_and_those_before_it_are_read(talk_study, tiny_folder):
    context = AutoModelForCausalLM.from_pretrained(tiny_folder).config.max_position_embeddings
    long = ("What do you do?", "I would say it was my fault. " * (context // 7 + 1))
    asked = (PAIRS[0], long, PAIRS[1])
    _, [turns] = read_transcripts(talk_study, talk(asked), str(tiny_folder), threads=1)
    assert turns[0].axis and turns[0].belief and not turns[0].notes
    for turn in turns[1:]:
        assert turn.axis == {} and turn.belief is None
        assert f"the model reads {context}: its state was not read" in turn.notes[0]
        assert "no belief" in turn.notes[1]


def test_words_that_the_tokenizer_does_not_know_are_counted(talk_study, tiny_folder):
    asked = (("What do you do?", "Xylophonic quux, I would say."),)
    _, [[turn]] = read_transcripts(talk_study, talk(asked), str(tiny_folder), threads=1)
    assert turn.notes and "tokens are unknown to the tokenizer" in turn.notes[0]


def test_a_study_without_talks_gives_the_axis_alone(made_folder, tiny_folder, read):
    study = open_study(made_folder)
    ground, [turns] = read_transcripts(study, talk(), str(tiny_folder), threads=1)
    assert ground.readings == {} and "psm_viz talks" in ground.without
    assert [t.belief for t in turns] == [None] * 3 and all(not t.notes for t in turns)
    assert all(set(t.axis) == {"prompt_last", "response_mean"} for t in turns)


def test_a_model_that_is_not_the_reference_is_refused(talk_study, world, tiny_folder, tmp_path):
    wide = write_tiny_model(world, tmp_path / "wide", d_model=32)
    with pytest.raises(BadInput, match="d_model is 32, the study's reference has 16"):
        read_transcripts(talk_study, talk(), str(wide), threads=1)
    with pytest.raises(BadInput, match="has 2 layers of width 32"):
        read_transcripts(talk_study, talk(), str(tiny_folder), str(wide), 1)
    with pytest.raises(UnknownName, match="no model folder"):
        read_transcripts(talk_study, talk(), "./nowhere", threads=1)
    with pytest.raises(UnknownName, match=r"no model folder '\./nowhere'"):
        read_transcripts(talk_study, talk(), "./not-loaded", "./nowhere", 1)


def test_an_error_says_which_of_two_conversations_it_is(talk_study, tiny_folder, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_folder, tmp_path / "strict")
    (folder / "chat_template.jinja").write_text(
        "{% if messages|length > 2 %}{{ raise_exception('one turn only') }}{% endif %}"
        "{% for m in messages %}{{ m.content }}\n{% endfor %}"
    )
    both = [replace(t, name="steered") for t in talk()]
    with pytest.raises(BadInput, match=r"The steered conversation: .*one turn only"):
        read_transcripts(talk_study, both, str(folder), threads=1)


def test_a_cast_that_is_one_point_has_no_scale(tmp_path):
    flat = {name: v[:1].repeat(LAYERS, 0) for name, v in made_vectors(6).items()}
    flat = {name: flat["role_00"] if name != "default" else v for name, v in flat.items()}
    study = write_bare_study(tmp_path / "flat", flat)
    with pytest.raises(BadInput, match="stand at one point of the Assistant axis"):
        ground_of(study)
