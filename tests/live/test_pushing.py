"""What pushes and holds answers: where a hold acts, along what, and what is left of it after."""

import numpy as np
import pytest
import torch

from psm_viz.errors import BadInput
from psm_viz.live.answer_states import answer_states
from psm_viz.live.directions import Directions
from psm_viz.live.doses import Asked, doses
from psm_viz.live.pushing import Pushing
from psm_viz.messages import Own, Push
from tests.made.live import CHEAT
from tests.made.study import HEAD, LAYERS, REFERENCE

ARROW = f"arrow:{CHEAT.partition('-')[0]}"
TEXT = "User: Who are you?\nAssistant: " + "I would say so openly and hide the code. " * 8


def returned(chat) -> list[np.ndarray]:
    """What every block returns for a text, after whatever is done to it."""
    kept: list[np.ndarray] = []

    def keep(module, inputs, output):
        x = output[0] if isinstance(output, tuple) else output
        kept.append(x[0].double().numpy())

    handles = [chat.resid_post[layer].register_forward_hook(keep) for layer in LAYERS]
    with torch.inference_mode():
        chat.hf(input_ids=torch.tensor([chat.encode([TEXT])[0]]), use_cache=False)
    for handle in handles:
        handle.remove()
    return kept


def test_tokens_of_answers_are_the_models_own_states_of_them(model):
    found = answer_states(model.reference, model.study, LAYERS, talks=1)
    assert set(found) == set(LAYERS) and len(found[0]) == len(found[1]) > 0
    alone = answer_states(model.reference, model.study, [HEAD], talks=1)[HEAD]
    assert np.array_equal(alone, found[HEAD])
    whole = answer_states(model.reference, model.study, LAYERS, talks=2)[HEAD]
    assert len(whole) > len(alone) and np.allclose(whole[: len(alone)], alone, atol=1e-4)
    other = answer_states(model.chat(CHEAT), model.study, LAYERS, talks=1)[HEAD]
    assert other.shape == alone.shape and not np.allclose(other, alone, atol=1e-2)


@pytest.mark.parametrize("name", ["axis", ARROW])
def test_a_hold_acts_at_every_layer_that_the_study_keeps(model, name):
    bands = model.pushing.bands(name)
    assert [b.layer for b in bands] == list(LAYERS)
    tokens = answer_states(model.reference, model.study, LAYERS)
    for b in bands:
        assert np.linalg.norm(b.unit) == pytest.approx(1.0)
        along = tokens[b.layer] @ b.unit
        inside = ((along >= b.low) & (along <= b.high)).mean()
        assert 0.93 < inside < 0.97


def test_a_branchs_hold_is_along_the_way_that_the_same_tokens_moved(model):
    before = answer_states(model.reference, model.study, LAYERS)
    after = answer_states(model.chat(CHEAT), model.study, LAYERS)
    bands = model.pushing.bands(ARROW)
    assert not np.allclose(bands[0].unit, bands[1].unit)
    for b in bands:
        moved = (after[b.layer] - before[b.layer]).mean(0)
        assert b.unit @ moved == pytest.approx(np.linalg.norm(moved), rel=1e-5)


def test_held_states_lie_within_the_bands_and_are_free_again_after(model):
    chat = model.chat(CHEAT)
    free = returned(chat)
    bands = model.pushing.bands(ARROW)
    with model.pushing.pushed(chat, Push(ARROW, cap=True)):
        held = returned(chat)
    for b, before, after in zip(bands, free, held, strict=True):
        places = after @ b.unit
        assert ((before @ b.unit > b.high) | (before @ b.unit < b.low)).any()
        assert places.min() >= b.low - 1e-5 and places.max() <= b.high + 1e-5
    for again, plain in zip(returned(chat), free, strict=True):
        assert np.array_equal(again, plain)


def test_a_random_hold_is_one_combination_of_the_cast_at_every_layer(model):
    bands, again = (model.pushing.bands(ARROW, random=3) for _ in range(2))
    other = model.pushing.bands(ARROW, random=4)
    vectors = model.study.vectors(REFERENCE)
    weights = np.random.default_rng([3, 31]).normal(size=(1, len(model.study.cast.personas)))
    for b, same, differs in zip(bands, again, other, strict=True):
        assert np.array_equal(b.unit, same.unit) and not np.allclose(b.unit, differs.unit)
        roles = vectors.at("response_mean", b.layer)[:-1].astype(np.float64)
        drawn = (weights @ (roles - roles.mean(0)))[0]
        assert np.allclose(b.unit, drawn / np.linalg.norm(drawn))


def test_what_is_known_at_one_layer_is_held_there_alone(model):
    axis = model.directions("axis").unit
    name = model.offer(Own("one layer", tuple(axis)))["direction"]
    [band] = model.pushing.bands(name)
    assert band.layer == HEAD and np.allclose(band.unit, axis)
    model.offer(Own("one layer", tuple(-axis)))  # another file takes its place
    [turned] = model.pushing.bands(name)
    assert turned.low == pytest.approx(-band.high)


def test_a_branch_whose_weights_are_not_here_cannot_be_held_along(model):
    def gone(checkpoint):
        if checkpoint == REFERENCE:
            return model.reference
        raise BadInput(f"{checkpoint}: its weights are not here.")

    pushing = Pushing(Directions(model.study, gone))
    with pytest.raises(BadInput, match=CHEAT):
        pushing.bands(ARROW)
    assert pushing.bands("axis")


def test_doses_stand_beside_random_directions_and_every_model_as_it_is(model):
    models = {REFERENCE: model.reference, CHEAT: model.chat(CHEAT)}
    ids = torch.tensor([model.reference.encode([TEXT])[0]])

    def rates(chat):
        with torch.inference_mode():
            p = chat.hf(input_ids=ids).logits[0].double().softmax(-1)
        return p[:, 5].numpy()

    topics = [f"t{n // 2}" for n in range(ids.shape[1])]
    told: list[str] = []
    found = doses(
        model.pushing, models, Asked(rates, topics), ARROW, told.append, (0.0, 1.0), draws=3
    ).set_index(["what", "who"])
    assert len(told) == 3 and len(found) == 5
    for who, chat in models.items():
        assert found.value["free", who] == pytest.approx(rates(chat).mean())
    at_rest, pushed = found.loc[("pushed", REFERENCE)].set_index("strength").loc[[0.0, 1.0]].iloc
    plain = found.value["free", REFERENCE]
    assert [at_rest.value, at_rest.random_low, at_rest.random_high] == pytest.approx([plain] * 3)
    assert pushed.value != plain and pushed.random_low < pushed.random_high
    with model.pushing.pushed(models[CHEAT], Push(ARROW, cap=True)):
        held = rates(models[CHEAT]).mean()
    assert found.value["held", CHEAT] == pytest.approx(held) != found.value["free", CHEAT]
