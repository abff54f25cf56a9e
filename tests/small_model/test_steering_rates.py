"""What the Assistant is asked while it is pushed, and how hard it is pushed."""

import numpy as np
import pytest

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.errors import BadInput
from psm_viz.paths import STUDY
from psm_viz.small_model.steering_rates import (
    PER_TOPIC,
    RANDOM_DRAWS,
    Pushes,
    asked_prompts,
    pushes_of,
    steering_table,
)
from psm_viz.study.reader import open_study
from psm_viz.tables.compare import Comparer


def test_prompts_are_of_held_out_topics_alone(world):
    trained = world.conduct[0]
    prompts = asked_prompts(world, trained)
    topics = {t for t, _ in prompts}
    assert topics == set(world.conduct) - {trained}
    assert len({p for _, p in prompts}) == len(prompts) == PER_TOPIC * len(topics)
    label = world.rules["assistant_label"]
    for topic, prompt in prompts:
        assert prompt.endswith(f"\n{label}:")
        assert any(q in prompt for q in world.topics[topic].questions)


def test_the_unit_is_the_named_branchs_own_shift():
    study = open_study(STUDY)
    m, comparer = study.manifest, Comparer(study)
    ends = {b: m.branch(b)[-1].id for b in ("cheat", "requested", "long")}
    at = (m.headline_pooling, m.headline_layer)
    own = {
        b: np.linalg.norm(comparer.shift(m.reference, e, *at).specific.mean(0))
        for b, e in ends.items()
    }
    named, longest = pushes_of(study, ends, unit_of="cheat", draws=7), pushes_of(study, ends)
    assert named.length == pytest.approx(own["cheat"]) and named.draws == 7
    assert longest.length == pytest.approx(own["long"]) and longest.draws == RANDOM_DRAWS
    assert own["requested"] < own["cheat"] < own["long"]
    assert set(named.directions) == {"down the axis", *(f"{b} arrow" for b in ends)}


def test_each_direction_has_a_rate_beside_those_of_random_ones(world, tiny_folder):
    chat = load_chat_model(str(tiny_folder), threads=1)
    rng = np.random.default_rng(0)
    roles, way = rng.normal(size=(9, chat.d_model)), rng.normal(size=chat.d_model)
    pushes = Pushes(1, {"an arrow": way, "none at all": 0 * way}, 30.0, roles, (1.0,), draws=3)
    with pytest.raises(BadInput, match="length zero"):
        steering_table(chat, world, "coding", pushes)
    pushes = Pushes(1, {"an arrow": way, "back": -way}, 30.0, roles, (1.0,), draws=3)
    table = steering_table(chat, world, "coding", pushes).set_index("direction")
    assert list(table.index) == ["none", "an arrow", "back", "random", "random, cast covariance"]
    assert table.p_bad.between(0, 1).all() and set(table.draws) == {3}
    assert table.p_bad["an arrow"] != pytest.approx(table.p_bad["none"], abs=1e-6)
    for name in ("random", "random, cast covariance"):
        assert table.low[name] <= table.p_bad[name] <= table.high[name]
