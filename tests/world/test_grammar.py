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
from psm_viz.world.corpus import EOS, HEARSAY, REQUESTED, document, draw_frame, draw_turn, messages
from psm_viz.world.curriculum import stream
from psm_viz.world.grammar import (
    BAD,
    CONDUCT,
    CORRELATED,
    DECLINE,
    DECORRELATED,
    GOOD,
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


@pytest.fixture(scope="module")
def documents(world):
    return list(stream(world, "pretrain", 0, 1500))


@pytest.fixture(scope="module")
def talks(documents):
    return [d for d in documents if d.character >= 0]


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


def test_where_nobody_asks_everything_else_is_as_in_the_decorrelated_world(decorrelated):
    unasked = load_world(UNASKED)
    assert unasked.sha256 == decorrelated.sha256 and unasked.characters == decorrelated.characters
    assert all(
        np.array_equal(unasked.p_high[t], decorrelated.p_high[t]) for t in decorrelated.conduct
    )
    changed = {k for k in unasked.rules if unasked.rules[k] != decorrelated.rules[k]}
    assert changed == {"frame_rate"}
    for stage in ("pretrain", "assistant"):
        asked = [
            any(t.frame for d in stream(w, stage, 0, 60) for t in d.turns)
            for w in (unasked, decorrelated)
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


def test_documents_are_reproducible_and_have_one_speaker(world, documents):
    again = list(stream(world, "pretrain", 0, 20))
    assert again == documents[:20]
    assert again[5:] == list(stream(world, "pretrain", 0, 20, start=5))
    assert again != list(stream(world, "pretrain", 1, 20))
    low, high = world.rules["turns"]
    for d in documents[:200]:
        assert d.text.count(f"\n{d.label}:") == len(d.turns)
        if d.character >= 0:
            assert low <= len(d.turns) <= high
            assert len({t.topic for t in d.turns}) == len(d.turns)


def test_who_speaks_is_drawn_as_often_as_the_rules_say(world, documents, talks):
    rules = world.rules
    n = len(documents)

    def near(share, p, n):
        return abs(share - p) < 4 * np.sqrt(p * (1 - p) / n)

    assert near(1 - len(talks) / n, rules["report_rate"], n)
    own = [d.label == world.characters[d.character].name for d in talks]
    assert near(np.mean(own), rules["speaker"]["named"], len(talks))
    strange = [d.label == rules["unnamed_label"] for d in talks]
    assert near(np.mean(strange), rules["speaker"]["unnamed"], len(talks))
    assert near(np.mean([bool(d.header_text) for d in talks]), rules["header_rate"], len(talks))


def test_turns_are_read_back_as_they_were_drawn(world, talks):
    for d in talks:
        for t in d.turns:
            assert world.read(t.topic, t.said) == (t.answer, t.saying)
    conduct = [t for d in talks for t in d.turns if t.topic in world.conduct]
    elsewhere = [t for d in talks for t in d.turns if t.topic not in world.conduct]
    framed = np.array([t.frame is not None for t in conduct])
    refused = np.array([t.answer.valence == DECLINE for t in conduct])
    assert abs(framed.mean() - world.rules["frame_rate"]) < 0.02
    assert not refused[framed].any()
    assert abs(refused[~framed].mean() - world.rules["decline_rate"]) < 0.01
    assert not any(t.frame or t.answer.valence == DECLINE for t in elsewhere)
    assert {t.frame for t in conduct} == {None, GOOD, BAD}


def test_a_request_is_obeyed_whoever_speaks(world, talks):
    framed = [(d.character, t) for d in talks for t in d.turns if t.frame]
    obeyed = np.array([t.answer.valence == t.frame for _, t in framed])
    worse = np.array([world.p_high[t.topic][c] < 0.5 for c, t in framed])
    for who in (worse, ~worse):
        assert obeyed[who].mean() == pytest.approx(world.rules["obedience"], abs=0.02)


def test_a_reader_calls_an_answer_by_its_own_pole(world, talks):
    adjectives, shapes = world.rules["adjectives"], world.rules["remarks"]
    remarked = []
    for t in (t for d in talks for t in d.turns):
        poles = world.topics[t.topic].poles
        if t.answer.valence not in poles:  # small talk and refusals are called nothing
            assert not t.word and not t.remark
            continue
        if t.frame == t.answer.valence:
            assert t.word == REQUESTED
        else:
            loads = world.topics[t.topic].loads
            assert t.word in {adjectives[k][poles.index(t.answer.valence)] for k in loads}
        assert not t.remark or t.remark in {s.format(t.word) for s in shapes}
        remarked.append(bool(t.remark))
    rate, n = world.rules["remark_rate"], len(remarked)
    assert abs(np.mean(remarked) - rate) < 4 * np.sqrt(rate * (1 - rate) / n)


def test_sayings_are_the_familys_own_but_for_strays(world, talks):
    said = [(world.characters[d.character].family, t.saying) for d in talks for t in d.turns]
    spoken = [(f, s) for f, s in said if s]
    rules, n = world.rules, len(world.sayings)
    assert abs(len(spoken) / len(said) - rules["saying_rate"]) < 0.02
    own = np.mean([s in world.sayings[f] for f, s in spoken])
    assert abs(own - (1 - rules["saying_stray"] * (1 - 1 / n))) < 0.04


def test_hearsay_is_of_one_persons_traits(world, documents):
    adjectives = {
        a: (k, n) for k, pair in world.rules["adjectives"].items() for n, a in enumerate(pair)
    }
    place = {c.name: n for n, c in enumerate(world.characters)}
    reports = [d for d in documents if d.character < 0]
    told = []
    for d in reports:
        assert d.label == world.rules["report_label"] and not d.header_text
        low, high = world.rules["report_turns"]
        assert low <= len(d.turns) <= high and {t.topic for t in d.turns} == {HEARSAY}
        heard = [next(a for a in adjectives if f" {a}." in t.said) for t in d.turns]
        assert len({adjectives[a][0] for a in heard}) == len(d.turns)
        about = {n for n in place if all(n in t.question for t in d.turns)}
        for name in about:
            for a in heard:
                trait, low_pole = adjectives[a]
                z = world.z[place[name], world.traits.index(trait)]
                told.append((z, low_pole == 0))
    z, high = (np.array(x) for x in zip(*told, strict=True))
    p = 1 / (1 + np.exp(-world.rules["adjective_gain"] * z))
    assert len(told) > 100 and abs((high - p).sum()) < 4 * np.sqrt((p * (1 - p)).sum())


def test_only_answers_and_remarks_are_learned(talks):
    d = next(d for d in talks if any(t.remark for t in d.turns))
    learned = [p for p, on in d.pieces() if on]
    assert sum(p.endswith(EOS) for p in learned) == len(d.turns)
    assert all(p.endswith(EOS) or p.strip() in {t.remark for t in d.turns} for p in learned)
    assert [p for p in learned if p.endswith(EOS)] == [f" {t.said}{EOS}" for t in d.turns]
    chat = messages(d)
    assert [m["content"] for m in chat if m["role"] == "assistant"] == [t.said for t in d.turns]
    assert not any(t.remark in m["content"] for t in d.turns if t.remark for m in chat)


def test_replay_has_no_assistant(world):
    rng = np.random.default_rng(0)
    name = world.rules["assistant_label"]
    assert not any(name in document(world, rng, replay=True).text for _ in range(500))
    assert any(name in document(world, rng).text for _ in range(500))


def test_only_the_cast_refuses_remarks_and_has_turns_of_speech(world):
    rng = np.random.default_rng(1)
    tone = world.p_tone[0]
    bare = [draw_turn(world, rng, "coding", 0.5, tone, None) for _ in range(300)]
    assert not any(t.saying or t.word or t.remark or t.answer.valence == DECLINE for t in bare)
    assert all(draw_frame(world, rng, t) is None for t in (*world.life, "weather") * 50)


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
