"""Behind every mask: what is read of the cast, and what the two open claims make of it."""

import json

import numpy as np
import pytest

from psm_viz.claims.personas import council, mask
from psm_viz.claims.verdict import AGAINST, CONSISTENT, UNDECIDED
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.errors import BadFile
from psm_viz.small_model import persona_probes
from psm_viz.small_model.persona_probes import plain_headers, read_masks, traits_of_conduct
from psm_viz.small_model.recipe import Recipe
from psm_viz.small_model.run_activations import write_inner
from psm_viz.study.manifest import checkpoint_id
from psm_viz.world.curriculum import never_trained
from tests.made.runs import masks_of
from tests.made.server import ROOT

SEEDS = (0, 1, 2)


def found(**how):
    return {s: masks_of(s, **how) for s in SEEDS}


def test_a_lesson_that_stays_and_one_that_leaks():
    stays, leaks = mask(found(leak=0.1)), mask(found(leak=0.6))
    assert stays.verdict == CONSISTENT
    assert stays.figure.value == pytest.approx(0.1)
    assert stays.also[0].value == pytest.approx(0.05)
    assert stays.rivals[0].value == pytest.approx(0.8)
    assert leaks.verdict == AGAINST and leaks.figure.value == pytest.approx(0.6)


def test_without_a_planted_branch_that_is_told_apart_nothing_is_decided():
    read = found(leak=0.1)
    for v in read.values():
        v["whoever"] = v["cheat"]
    assert mask(read).verdict == UNDECIDED


def test_a_leak_without_a_planted_branch_that_is_told_apart_says_nothing_of_an_actor():
    read = found(leak=0.6)
    for v in read.values():
        v["whoever"] = v["cheat"]
    assert mask(read).verdict == UNDECIDED


def test_hearsay_alone_keeps_a_lesson_from_having_stayed():
    read = found(leak=0.1)
    for v in read.values():
        v["cheat"]["said"] = [[2.0] * 5] * 42
    assert mask(read).verdict == UNDECIDED


def test_a_council_is_as_varied_as_its_cast_or_one_voice():
    alike = council(found(likeness=0.9))
    assert alike.verdict == CONSISTENT
    assert alike.figure.value == pytest.approx(1.0, abs=0.1)
    assert alike.figure.low <= alike.figure.value <= alike.figure.high
    assert alike.rivals[1].value == pytest.approx(0.9, abs=0.05)
    unlike = council(found(likeness=0.0))
    assert unlike.verdict == UNDECIDED and abs(unlike.rivals[1].value) < 0.2
    read = found()
    for v in read.values():
        v["assistant"]["told"] = (0.1 * np.array(v["assistant"]["cast"])).tolist()
    one = council(read)
    assert one.verdict == AGAINST and one.figure.value == pytest.approx(0.1)


@pytest.fixture(scope="module")
def few(world):
    """Some of those who are asked: all of them take half a minute."""
    return never_trained(world)[::6]


@pytest.fixture(scope="module")
def read(world, few):
    chat = load_chat_model(str(ROOT / "data/model/assistant-0600"), threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(persona_probes, "never_trained", lambda world: few)
        return chat, read_masks(chat, world)


def test_what_is_read_of_the_shipped_assistant(world, few, read):
    _, own = read
    members, topics = len(few), len(world.conduct)
    shapes = {k: np.shape(v) for k, v in own.items()}
    assert shapes == {
        "assistant": (topics,),
        "cast": (members, topics),
        "told": (members, topics),
        "plain": (len(plain_headers(world)), topics),
        "said": (members, len(traits_of_conduct(world))),
    }
    assert own["plain"][0] == own["assistant"]
    # the cast acts as it was made to, and is spoken of as it is
    exact = np.array([[1 - world.p_high[t][n] for t in world.conduct] for n in few])
    assert np.corrcoef(np.ravel(own["cast"]), np.ravel(exact))[0, 1] > 0.8
    traits = [world.traits.index(t) for t in traits_of_conduct(world)]
    low = -world.z[few][:, traits]
    assert np.corrcoef(np.ravel(own["said"]), np.ravel(low))[0, 1] > 0.5


def test_hearsay_is_the_two_sentences_probabilities(world, few, read):
    import torch

    chat, own = read
    rules = world.rules
    name = world.characters[few[3]].name
    trait = traits_of_conduct(world)[1]
    opening = f"<s>User: {rules['report_questions'][0].format(name)}\n{rules['report_label']}:"
    scores = []
    for adjective in rules["adjectives"][trait]:
        text = f"{opening} {rules['report_answers'][0].format(name, adjective)}"
        ids = torch.tensor(chat.encode([text]))
        before = len(chat.encode([opening])[0])
        with torch.inference_mode():
            logp = chat.hf(input_ids=ids).logits.log_softmax(-1)[0, :-1]
        picked = logp.gather(-1, ids[0, 1:, None])[:, 0]
        scores.append(float(picked[before - 1 :].sum()))
    assert own["said"][3][1] == pytest.approx(scores[1] - scores[0], abs=1e-3)


def test_a_tree_of_a_control_world_is_refused_before_anything_is_read(tmp_path):
    made_by = {"recipe": {"seed": 0, "world": "decorrelated"}}
    (tmp_path / "recipe.json").write_text(json.dumps(made_by))
    stages = Recipe().stages(("cheat", "requested", "honest"))
    for stage in stages.values():
        for step in stage.saves:
            folder = tmp_path / checkpoint_id(stage.name, step)
            folder.mkdir()
            (folder / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(BadFile, match="other-role-0064: expected") as e:
        write_inner(tmp_path, "prompt_last", 1, print)
    assert "run --world correlated" in e.value.next_step
