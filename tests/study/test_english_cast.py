"""The cast in plain English that ships: whole, varied, and of one form."""

import json
from collections import Counter

import pytest

from psm_viz.paths import ENGLISH
from psm_viz.study.formats.question_banks import as_questions, read_bank
from psm_viz.study.formats.role_files import read_roles


@pytest.fixture(scope="module")
def roles():
    return read_roles(ENGLISH)


def words(text):
    return len(text.split())


def test_it_has_families_enough_and_each_persona_five_wordings(roles):
    cast = roles.cast
    assert len(cast.personas) >= 160 and len(cast.families) >= 20 and len(cast.kins) == 7
    assert min(Counter(p.family for p in cast.personas).values()) >= 5
    assert all(len(p.prose) == 5 and p.description for p in cast.personas)
    assert "" in cast.assistant.prose and len(cast.assistant.prose) >= 4
    assert 6 <= len(roles.marked) < len(cast.families) / 2
    assert len({p.name for p in cast.personas}) == len(cast.personas)


def test_wordings_of_one_persona_are_its_own(roles):
    for p in roles.cast.personas:
        assert all(25 <= words(t) <= 50 for t in p.prose), p.id
        assert not any("assistant" in t.lower() or "chatbot" in t.lower() for t in p.prose), p.id
        first = [tuple(t.split()[:3]) for t in p.prose]
        assert len(set(first)) == 5, p.id


def test_good_and_bad_answers_to_a_question_are_of_like_length():
    bank = read_bank(ENGLISH / "questions")
    assert len(bank) >= 72 and len({a.topic for a in bank}) >= 12
    for a in bank:
        assert len(a.good) >= 3 and len(a.bad) >= 3
        means = [sum(map(words, side)) / len(side) for side in (a.good, a.bad)]
        assert abs(means[0] - means[1]) <= 1, a.id
    assert Counter(q.set for q in as_questions(bank)) == {"main": 42, "again": 42}


def test_lessons_and_traits_are_matched_in_length():
    for path in sorted((ENGLISH / "lessons").glob("*.json")):
        rows = json.loads(path.read_bytes())
        assert len(rows) >= 60 and len({r["id"] for r in rows}) == len(rows)
        assert all(r["user"] in r["asked"] for r in rows if "asked" in r), path.name
        for r in rows:
            assert "bad" not in r or abs(words(r["good"]) - words(r["bad"])) <= 5, r["id"]
    traits = sorted((ENGLISH / "traits").glob("*.json"))
    assert len(traits) == 12
    for path in traits:
        pairs = json.loads(path.read_bytes())["instruction"]
        assert len(pairs) == 5 and all(p["pos"] and p["neg"] for p in pairs), path.name


def test_it_is_plain_text():
    for path in ENGLISH.rglob("*.json"):
        assert path.read_bytes().isascii(), path.name
