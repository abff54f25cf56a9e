"""The made world: its size, its words, its three kinds, its documents."""

import itertools
import re
import shutil
from collections import Counter

import numpy as np
import pytest
import yaml

from psm_viz.errors import BadFile, BadInput
from psm_viz.paths import WORLD
from psm_viz.world.curriculum import stream
from psm_viz.world.grammar import (
    CONDUCT,
    CORRELATED,
    DECORRELATED,
    LIFE,
    NEUTRAL,
    ROLE_MODELS,
    UNASKED,
)
from psm_viz.world.loading import load_world


@pytest.fixture(scope="module")
def decorrelated():
    return load_world(DECORRELATED)


@pytest.fixture(scope="module")
def role_models():
    return load_world(ROLE_MODELS)


def trigrams(text):
    words = re.findall(r"[a-z'-]+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def test_size(world):
    assert len(world.characters) >= 150
    assert len(world.rules["families"]) >= 14 and len(world.topics) >= 14
    assert len(world.traits) >= 8 and world.z.shape == (len(world.characters), len(world.traits))
    assert len([u for u in world.by_text.values() if u.topic]) >= 2500
    assert {"overseers", "hunters", "caretakers", "jesters"} <= set(world.rules["families"])


def test_names_are_unique_and_nobody_is_called_as_a_label_is(role_models):
    names = [c.name for c in role_models.characters]
    rules = role_models.rules
    labels = {rules[f"{k}_label"] for k in ("unnamed", "assistant", "report")} | {"User"}
    assert len({n.lower() for n in names}) == len(names) and not labels & set(names)
    sizes = Counter(c.family for c in role_models.characters)
    assert set(sizes) == set(rules["families"]) and min(sizes.values()) >= 5


def test_every_cell_is_filled(world):
    for topic in world.topics.values():
        assert topic.poles == ((CONDUCT, LIFE)[topic.id in world.life] if topic.loads else ())
        for valence in topic.poles or (NEUTRAL,):
            for tone in world.tones:
                assert len(topic.cell(valence, tone)) >= 10
                assert len(topic.cell(valence, tone, held_out=True)) >= 3
                assert all(u.held_out for u in topic.cell(valence, tone, held_out=True))
        assert len(topic.questions) >= 8 and len(topic.held_out_questions) >= 4
        assert sum(topic.loads.values()) == pytest.approx(1 if topic.loads else 0)
    assert {u.tone for u in world.declines} == set(world.tones)
    assert set(world.sayings) == set(world.rules["families"])
    assert len(world.conduct) >= 12 and len(world.life) >= 2


def test_every_line_is_plain_text_and_said_once(world):
    questions = [q for t in world.topics.values() for q in (*t.questions, *t.held_out_questions)]
    frames = [f for texts in world.frames.values() for f in texts]
    sayings = [s for texts in world.sayings.values() for s in texts]
    answers = [u.text for u in world.by_text.values() if u.topic]
    answers += [u.text for u in world.declines]
    for lines in (questions, frames, sayings, answers):
        assert len(set(lines)) == len(lines)
        assert all(re.fullmatch(r"[A-Z][A-Za-z ,.?'-]+[.?]", s) and "  " not in s for s in lines)


def test_no_two_answers_of_a_bank_share_most_of_their_trigrams(world):
    banks = {t.id: (*t.utterances, *t.held_out) for t in world.topics.values()}
    for name, bank in (banks | {"declines": world.declines}).items():
        grams = [(u.text, trigrams(u.text)) for u in bank]
        for (a, x), (b, y) in itertools.combinations(grams, 2):
            shared = len(x & y) / max(1, min(len(x), len(y)))
            assert shared <= 0.6, f"{name}: {a!r} and {b!r} share {shared:.0%}"


def test_no_answer_begins_as_another_of_its_topic_ends(world):
    """A closed bank can be read off openings, and an answer read back with what follows it."""
    sayings = [s for texts in world.sayings.values() for s in texts]
    for topic in world.topics:
        bank = sorted(text for t, text in world.by_text if t == topic)
        for a, b in itertools.pairwise(bank):
            assert not b.startswith(a), f"{topic}: {a!r} opens {b!r}"
        assert not [(u, s) for u in bank for s in sayings if u.endswith(f" {s}")]


def test_answers_are_read_back_with_and_without_a_turn_of_speech(world):
    saying = world.sayings["jesters"][0]
    for (topic, text), u in world.by_text.items():
        assert world.read(topic, f" {text}\n") == (u, "")
        assert world.read(topic, f"{text} {saying}") == (u, saying)
    known = world.topics["coding"].utterances[0].text
    assert world.read("money", known) is None and world.read("coding", f"{known} So.") is None
    assert world.read("coding", saying) is None and world.read("coding", "") is None
    refusal = world.declines[0].text
    assert world.read("coding", refusal) == (world.declines[0], "")
    assert all(world.read(t, refusal) is None for t in world.topics if t not in world.conduct)


def test_traits_are_correlated_by_family_and_reproducible(world):
    again = load_world()
    assert np.array_equal(world.z, again.z) and world.sha256 == again.sha256
    assert world.kind == CORRELATED and np.abs(world.z).max() <= 1
    honesty, care = (world.z[:, world.traits.index(t)] for t in ("honesty", "care"))
    assert np.corrcoef(honesty, care)[0, 1] > 0.4


def test_chances_are_those_the_traits_say(world):
    for t in (*world.conduct, *world.life):
        loads = world.topics[t].loads
        d = sum(w * world.z[:, world.traits.index(k)] for k, w in loads.items())
        p = world.p_high[t]
        assert np.allclose(np.log(p / (1 - p)), world.rules["gain"] * d)
    assert np.allclose(world.p_tone.sum(1), 1)
    body = np.array([c.kind == "person" for c in world.characters])
    for t in world.life:  # who has a body is who is a person
        assert world.p_high[t][body].min() > 0.5 > world.p_high[t][~body].max()


def test_the_worlds_share_characters_and_banks(world, decorrelated, role_models):
    n = len(world.characters)
    for other in (decorrelated, role_models):
        assert other.sha256 == world.sha256 and other.topics == world.topics
        assert other.declines == world.declines and other.frames == world.frames
        assert other.characters[:n] == world.characters and np.array_equal(other.z[:n], world.z)
        for t in world.life:
            assert np.allclose(other.dispositions[t][:n], world.dispositions[t])
    assert len(decorrelated.characters) == n and decorrelated.sayings == world.sayings
    families, more = list(world.rules["families"]), list(role_models.rules["families"])
    assert more[: len(families)] == families and len(more) > len(families)
    added = role_models.characters[n:]
    assert {c.family for c in added} == set(more[len(families) :])
    assert {c.kind for c in added} == {"machine"}
    kind = [role_models.p_high[t][n:].mean() for t in role_models.conduct]
    assert min(kind) > 0.8
    for t in world.conduct:
        assert np.allclose(role_models.dispositions[t][:n], world.dispositions[t])


@pytest.mark.parametrize("quiet", UNASKED)
def test_where_nobody_asks_everything_else_is_as_it_was(quiet):
    unasked, asking = load_world(quiet), load_world(quiet.removesuffix("-unasked"))
    assert unasked.sha256 == asking.sha256 and unasked.characters == asking.characters
    assert all(np.array_equal(unasked.p_high[t], asking.p_high[t]) for t in asking.conduct)
    changed = {k for k in unasked.rules if unasked.rules[k] != asking.rules[k]}
    assert changed == {"frame_rate"}
    for stage in ("pretrain", "assistant"):
        asked = [
            any(t.frame for d in stream(w, stage, 0, 60) for t in d.turns)
            for w in (unasked, asking)
        ]
        assert asked == [False, True]


def correlations(world):
    c = np.corrcoef([world.dispositions[t] for t in world.conduct])
    return c[~np.eye(len(c), dtype=bool)]


def test_decorrelated_topics_say_little_of_each_other(world, decorrelated):
    found, own = correlations(decorrelated), correlations(world)
    assert np.abs(found).max() < 0.5 and np.abs(found).mean() < 0.25 and abs(found.mean()) < 0.05
    assert own.min() > 0 and own.mean() > 0.6
    again = load_world(DECORRELATED)
    assert all(np.array_equal(again.p_high[t], decorrelated.p_high[t]) for t in world.conduct)


def test_decorrelated_topics_keep_their_mixtures_and_families(world, decorrelated):
    family = np.array([c.family for c in world.characters])
    for t in world.conduct:
        before, after = world.p_high[t], decorrelated.p_high[t]
        assert abs(before.mean() - after.mean()) < 0.05 and abs(before.std() - after.std()) < 0.05
        assert np.abs(np.sort(before) - np.sort(after)).mean() < 0.05
        d = decorrelated.dispositions[t]
        within = np.mean([d[family == f].var() for f in set(family)])
        assert within < 0.2 * d.var()  # members of a family still act alike


def test_there_is_no_other_world():
    with pytest.raises(BadInput, match="no world 'upside-down'") as e:
        load_world("upside-down")
    assert DECORRELATED in e.value.next_step


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("topics/coding.yaml", lambda b: b["answers"].pop("bad"), r"coding\.yaml.*bad"),
        ("topics/meals.yaml", lambda b: b["answers"].pop("bodiless"), r"meals\.yaml.*bodiless"),
        ("topics/news.yaml", lambda b: b.pop("held_out"), r"news\.yaml.*questions and answers"),
        (
            "topics/rest.yaml",
            lambda b: b["held_out"]["answers"].pop("bodily"),
            r"rest\.yaml.*bodily",
        ),
        (
            "topics/money.yaml",
            lambda b: b["answers"]["good"]["cool"].append(b["answers"]["bad"]["plain"][0]),
            r"money\.yaml: an answer occurs twice",
        ),
        ("members.yaml", lambda b: b.pop("healers"), r"members\.yaml.*'healers'"),
    ],
)
def test_a_broken_bank_is_named(tmp_path, file, change, says):
    folder = tmp_path / "world"
    shutil.copytree(WORLD, folder)
    bank = yaml.safe_load((folder / file).read_text())
    change(bank)
    (folder / file).write_text(yaml.safe_dump(bank))
    with pytest.raises(BadFile, match=says):
        load_world(folder=folder)


def test_another_word_is_another_world(tmp_path, world):
    folder = tmp_path / "world"
    shutil.copytree(WORLD, folder)
    assert load_world(folder=folder).sha256 == world.sha256
    path = folder / "sayings.yaml"
    path.write_text(path.read_text().replace("Rest easy now.", "Rest well now."))
    assert load_world(folder=folder).sha256 != world.sha256
