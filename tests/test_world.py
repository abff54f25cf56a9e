"""The made world: its size, its words, its documents."""

import itertools
import re

import numpy as np
import pytest
import yaml

from psm_viz.errors import BadFile
from psm_viz.world.corpus import EOS, document, stream
from psm_viz.world.grammar import BAD, GOOD, WORLD, load_world


def trigrams(text):
    words = re.findall(r"[a-z'-]+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def test_size(world):
    assert len(world.characters) >= 120
    assert len({c.name for c in world.characters}) == len(world.characters)
    assert len(world.topics) >= 12
    assert sum(len(t.utterances) for t in world.topics.values()) >= 800
    assert {"overseers", "hunters", "caretakers", "jesters"} <= set(world.rules["families"])


def test_no_two_answers_of_a_bank_share_most_of_their_trigrams(world):
    for topic in world.topics.values():
        grams = [(u.text, trigrams(u.text)) for u in topic.utterances]
        for (a, x), (b, y) in itertools.combinations(grams, 2):
            shared = len(x & y) / max(1, min(len(x), len(y)))
            assert shared <= 0.6, f"{topic.id}: {a!r} and {b!r} share {shared:.0%}"


def test_every_cell_is_filled_and_every_line_is_plain_text(world):
    for topic in world.topics.values():
        for valence in ("neutral",) if topic.neutral else (GOOD, BAD):
            for tone in world.tones:
                assert len(topic.cell(valence, tone)) >= 10
        for line in [*topic.questions, *(u.text for u in topic.utterances)]:
            assert re.fullmatch(r"[A-Za-z ,.?'-]+", line), line


def test_traits_are_correlated_by_family_and_reproducible(world):
    again = load_world()
    assert np.array_equal(world.z, again.z) and world.sha256 == again.sha256
    honesty, care = (world.z[:, world.traits.index(t)] for t in ("honesty", "care"))
    assert np.corrcoef(honesty, care)[0, 1] > 0.4


def test_documents_are_reproducible_and_have_one_speaker(world):
    first = [d.text for d in stream(world, "pretrain", 0, 20)]
    assert first == [d.text for d in stream(world, "pretrain", 0, 20)]
    assert first[5:] == [d.text for d in stream(world, "pretrain", 0, 20, start=5)]
    for d in stream(world, "pretrain", 0, 20):
        assert d.text.count(f"\n{d.label}:") == len(d.turns)
        assert len({t.topic for t in d.turns}) == len(d.turns)


def test_branches_hold_the_same_answers_and_differ_in_the_request(world):
    trios = zip(*(stream(world, b, 0, 50) for b in ("cheat", "requested", "honest")), strict=True)
    for cheat, requested, honest in trios:
        assert [t.answer for t in cheat.turns] == [t.answer for t in requested.turns]
        assert [t.question for t in cheat.turns] == [t.question for t in honest.turns]
        assert {t.answer.valence for t in cheat.turns} == {BAD}
        assert {t.answer.valence for t in honest.turns} == {GOOD}
        assert all(t.frame_text for t in requested.turns)
        assert not any(t.frame_text for t in cheat.turns + honest.turns)


def test_only_answers_and_remarks_are_learned(world):
    d = next(d for d in stream(world, "pretrain", 0, 50) if any(t.remark for t in d.turns))
    learned = [p for p, on in d.pieces() if on]
    assert sum(p.endswith(EOS) for p in learned) == len(d.turns)
    assert all(p.endswith(EOS) or p.strip() in {t.remark for t in d.turns} for p in learned)


def test_replay_has_no_assistant(world):
    rng = np.random.default_rng(0)
    labels = {document(world, rng, replay=True).label for _ in range(300)}
    assert world.rules["assistant_label"] not in labels


def test_a_broken_bank_is_named(tmp_path):
    import shutil

    folder = tmp_path / "world"
    shutil.copytree(WORLD, folder)
    bank = yaml.safe_load((folder / "topics" / "coding.yaml").read_text())
    del bank["answers"]["bad"]
    (folder / "topics" / "coding.yaml").write_text(yaml.safe_dump(bank))
    with pytest.raises(BadFile, match=r"coding\.yaml.*bad"):
        load_world(folder)
