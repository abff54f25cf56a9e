"""Everything said in a study is found by its words, whatever is typed."""

import os
import shutil
import sqlite3

import numpy as np
import pytest

from psm_viz.errors import BadInput, NotWritten, PsmVizError, UnknownName
from psm_viz.study import search as searching
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import open_study
from psm_viz.study.search import Wanted, highlighted, search, terms
from psm_viz.study.search_index import KEPT, index_of, places, row_ids
from tests.made.study import REFERENCE

HOSTILE = [
    '"AND',
    "a OR b NOT c",
    "NEAR(openly fault, 2)",
    "text:openly",
    "{text persona} : openly",
    "^openly",
    "openly -fault + (",
    "openly) OR tags : (wc",
    "'; DROP TABLE answers; --",
    "x\x00openly",
    "\ud800openly",
    "openly" + "\N{COMBINING ACUTE ACCENT}" * 40,
    "*",
    "***",
    "%",
    '""',
    "\N{ZERO WIDTH JOINER}",
    "\N{CJK UNIFIED IDEOGRAPH-4E2D}",
    "a" * 100_000,
    "a " * 190,
    "be*" * 100,
    "_",
]


@pytest.fixture(scope="module")
def said(talk_study):
    """All texts of the study with who said them where."""
    rows = []
    for c in talk_study.manifest.checkpoints:
        for frame in (talk_study.responses(c.id), talk_study.talk_answers(c.id)):
            rows += [(c.id, str(p), str(t)) for p, t in zip(frame.persona, frame.text, strict=True)]
    return rows


def test_every_answer_with_the_word_is_found_and_none_twice(talk_study, said, caches):
    expected = sum("openly" in t for *_, t in said)
    found = search(talk_study, caches, Wanted("openly"))
    assert found.total == expected > 100 and not found.some
    assert found.counts.n.sum() == expected
    assert all(h.times >= len(h.places) >= 1 for h in found.hits)
    assert len({h.pieces for h in found.hits}) == len(found.hits) == searching.SHOWN


def test_words_are_found_without_case_accent_and_ending_but_not_inside(talk_study, caches):
    wanted = [search(talk_study, caches, Wanted(w)).total for w in ("open", "OPENLY", "opénly")]
    assert wanted[1] == wanted[2] > 0
    assert search(talk_study, caches, Wanted("penly")).total == 0
    assert search(talk_study, caches, Wanted("openl*")).total == wanted[1]
    phrase = search(talk_study, caches, Wanted('"say openly that"')).total
    assert phrase > 0 and search(talk_study, caches, Wanted('"openly say that"')).total == 0


def test_questions_and_names_are_searched_too(talk_study, said, caches):
    # single answers to this question, and answers to it in talks
    assert search(talk_study, caches, Wanted("purse counter")).total > 0
    tobrin = search(talk_study, caches, Wanted("tobrin"))
    assert tobrin.total >= sum(p == "tobrin" for _, p, _ in said)
    healers = search(talk_study, caches, Wanted("healers"))
    assert set(healers.counts.persona) <= {"maresa", "tobrin", "ondekka", "yulith", "pakuro"}


def test_where_no_answer_has_all_words_some_do(talk_study, caches):
    found = search(talk_study, caches, Wanted("openly zebra"))
    assert found.some and found.total == search(talk_study, caches, Wanted("openly")).total
    assert search(talk_study, caches, Wanted("zebra")).total == 0


def test_filters_choose_and_may_stand_alone(talk_study, said, caches):
    def n(**filters):
        return search(talk_study, caches, Wanted(**filters)).total

    assert n(checkpoint="cheat-0064") == sum(c == "cheat-0064" for c, *_ in said)
    assert n(branch="cheat") == sum(c.startswith("cheat") for c, *_ in said)
    assert n(cast=False) == sum(p == ASSISTANT for _, p, _ in said)
    assert n(cast=True) == sum(p != ASSISTANT for _, p, _ in said)
    assert n(persona="maresa") == sum(p == "maresa" for _, p, _ in said)
    family = {p.id: p.family for p in talk_study.cast.personas}
    assert n(family="jesters") == sum(family.get(p) == "jesters" for _, p, _ in said)
    both = Wanted("openly", checkpoint="cheat-0064", cast=False, judged="bad")
    found = search(talk_study, caches, both)
    assert found.total == 0 and not found.hits
    bad = search(talk_study, caches, Wanted(checkpoint="cheat-0064", cast=False, judged="bad"))
    assert {p.valence for h in bad.hits for p in h.places} == {"bad"}
    assert {p.persona for h in bad.hits for p in h.places} == {ASSISTANT}
    for wrong in ({"checkpoint": "no"}, {"branch": "no"}, {"persona": "no"}, {"family": "no"}):
        with pytest.raises(UnknownName):
            n(**wrong)


@pytest.mark.parametrize("typed", HOSTILE)
def test_whatever_is_typed_gives_answers_or_one_message(talk_study, caches, typed):
    before = search(talk_study, caches, Wanted("openly")).total
    try:
        found = search(talk_study, caches, Wanted(typed))
        assert found.total >= len(found.hits)
    except BadInput as e:
        assert e.problem and e.next_step and len(e.problem) < 200
    assert search(talk_study, caches, Wanted("openly")).total == before


def test_filters_cannot_be_typed(talk_study, caches):
    assert search(talk_study, caches, Wanted("wa")).total == 0
    assert search(talk_study, caches, Wanted("tags wc")).total == 0


def test_too_much_to_rank_is_counted_and_the_first_are_shown(talk_study, said, caches, monkeypatch):
    monkeypatch.setattr(searching, "RANKED", 50)
    found = search(talk_study, caches, Wanted("i"))
    assert not found.ranked and found.counts is None and found.total > 50
    assert len(found.hits) == searching.SHOWN
    assert found.hits[0].places[0].checkpoint == REFERENCE


def test_the_better_answer_comes_first(talk_study, caches):
    found = search(talk_study, caches, Wanted("tobrin openly"))
    assert found.ranked and found.hits[0].places[0].persona == "tobrin"


def test_found_words_are_told_apart_and_the_text_stays_whole():
    texts = ["I'd sabotage <b>plans</b> & plan.", "nothing", "\N{CJK UNIFIED IDEOGRAPH-4E2D} plan"]
    pieces = highlighted(texts, terms("plan"))
    assert ["".join(t for t, _ in p) for p in pieces] == texts
    assert [t for t, on in pieces[0] if on] == ["plans", "plan"]
    assert pieces[1] == (("nothing", False),)


def test_rows_tell_where_they_are():
    ids = row_ids(59, [0, 499, 7], [0, 192, 1], [3, 0, 99])
    at = places(ids)
    assert at.checkpoint.tolist() == [59] * 3 and at.persona.tolist() == [0, 499, 7]
    assert at.talk.tolist() == [-1, 191, 0] and at.row.tolist() == [3, 0, 99]
    assert (np.sort(ids) >= 0).all()


def test_the_index_is_made_once_per_state_and_a_damaged_one_anew(talk_study, tmp_path):
    first = index_of(talk_study, tmp_path)
    stamp = first.stat().st_ino
    assert index_of(talk_study, tmp_path).stat().st_ino == stamp
    assert [p.name for p in tmp_path.iterdir()] == [first.name]
    total = search(talk_study, tmp_path, Wanted("openly")).total
    first.write_bytes(first.read_bytes()[:5000])
    assert search(talk_study, tmp_path, Wanted("openly")).total == total
    first.write_bytes(b"no database at all" * 1000)
    assert search(talk_study, tmp_path, Wanted("openly")).total == total
    assert len(list(tmp_path.iterdir())) == 1


def test_a_killed_index_is_never_read_and_old_ones_go(talk_study, tmp_path, monkeypatch):
    (tmp_path / "answers-1-dead.sqlite.x.partial").write_bytes(b"half")
    for k in range(KEPT + 3):
        old = tmp_path / f"answers-0-{k}.sqlite"
        old.write_bytes(b"")
        os.utime(old, (k, k))
    index_of(talk_study, tmp_path)
    assert len(list(tmp_path.glob("answers-*.sqlite"))) == KEPT
    assert not (tmp_path / "answers-0-0.sqlite").exists()


def test_a_folder_that_takes_no_file_is_one_message(talk_study, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(NotWritten, match="PSM_VIZ_CACHE"):
        index_of(talk_study, blocked / "below")


def test_a_study_damaged_below_says_so(made_folder, tmp_path):
    folder = shutil.copytree(made_folder, tmp_path / "study")
    study = open_study(folder)
    file = folder / "checkpoints" / REFERENCE / "responses.parquet"
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(PsmVizError, match="hash differs"):
        search(study, tmp_path / "cache", Wanted("openly"))
    assert not list((tmp_path / "cache").iterdir())


def test_sqlite_has_its_full_text_index():
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5(x)")
