"""Texts that grow are read as if each reading were the first."""

import numpy as np
import pytest

from psm_viz.engine.growing_texts import GrowingTexts
from psm_viz.engine.log_probs import log_probs
from psm_viz.errors import BadInput


def texts(parts, several=5, seed=3):
    """So many texts of several parts: what is asked, and what is said, whose tokens are wanted."""
    draw = np.random.default_rng(seed)
    rows: list[list[int]] = [[] for _ in range(several)]
    wanted: list[list[bool]] = [[] for _ in range(several)]
    out = []
    for _ in range(parts):
        for row, want in zip(rows, wanted, strict=True):
            asked, said = int(draw.integers(2, 9)), int(draw.integers(1, 6))
            row += draw.integers(4, 900, asked + said).tolist()
            want += [False] * asked + [True] * said
        out.append(([[*r] for r in rows], [[*w] for w in wanted]))
    return out


def check(chat, found, rows, wanted):
    for own, anew in zip(found, log_probs(chat, rows, wanted), strict=True):
        assert np.allclose(own, anew, atol=1e-4)


def test_texts_that_grow_change_no_figure(architecture):
    growing = GrowingTexts(architecture)
    for rows, wanted in texts(4):
        check(architecture, growing(rows, wanted, batch=2), rows, wanted)


def test_only_what_has_grown_is_read(chat, read):
    growing, (first, second) = GrowingTexts(chat), texts(2)
    growing(*first)
    del read[:]
    growing(*second)
    assert len(read) == 1 and read[0] < sum(map(len, second[0])) - sum(map(len, first[0])) + 40
    del read[:]
    growing(*second)
    assert not read


def test_several_talks_are_kept_and_another_beginning_is_another_talk(chat, read):
    growing = GrowingTexts(chat)
    one, other = texts(2, seed=3), texts(2, seed=4)
    growing(*one[0])
    growing(*other[0])
    del read[:]
    check(chat, growing(*one[1]), *one[1])
    check(chat, growing(*other[1]), *other[1])
    edited = [[7, *row[1:]] for row in one[1][0]]
    check(chat, growing(edited, one[1][1]), edited, one[1][1])
    fewer = [rows[:3] for rows in one[1]]
    check(chat, growing(*fewer), *fewer)
    shorter = one[0]  # an earlier turn was taken back
    check(chat, growing(*shorter), *shorter)


def test_a_token_that_was_not_wanted_before_is_read_anew(chat):
    growing, ((rows, wanted), _) = GrowingTexts(chat), texts(2)
    growing(rows, wanted)
    more = [[False] + [True] * (len(r) - 1) for r in rows]
    check(chat, growing(rows, more), rows, more)
    with pytest.raises(BadInput, match="first token"):
        growing(rows, [[True] * len(r) for r in rows])


def test_too_much_is_not_kept(chat, read):
    growing, (first, second) = GrowingTexts(chat, room=1000), texts(2)
    for rows, wanted in (first, second):
        check(chat, growing(rows, wanted, batch=2), rows, wanted)
    del read[:]
    growing(*second)
    assert sum(read) >= sum(map(len, second[0]))


def test_a_reading_that_ends_in_the_midst_goes_on(chat, read):
    growing, (rows, wanted) = GrowingTexts(chat), texts(1)[0]

    class Waited(Exception):
        pass

    def tick(done, tokens):
        raise Waited

    with pytest.raises(Waited):
        growing(rows, wanted, batch=2, tick=tick)
    half = sum(read)
    check(chat, growing(rows, wanted, batch=2), rows, wanted)
    assert 0 < half < sum(map(len, rows))
