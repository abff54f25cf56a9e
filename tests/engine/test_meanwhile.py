"""An answer that is read while it is drawn is read as if it had been read when it was whole."""

import numpy as np
import pytest

from psm_viz.engine import meanwhile
from psm_viz.engine.growing_texts import GrowingTexts
from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.meanwhile import Meanwhile, begun

ANSWER = [17, 250, 31, 400, 8, 99, 12]


def openings(several=4, seed=5):
    """Texts that differ in how they begin, with one question at their end."""
    draw = np.random.default_rng(seed)
    heads = [draw.integers(4, 900, int(draw.integers(3, 9))).tolist() for _ in range(several)]
    return heads, [[*head, 5, 6, 7] for head in heads]


def expected(chat, rows, answer):
    whole = [[*row, *answer] for row in rows]
    wanted = [[False] * len(row) + [True] * len(answer) for row in rows]
    return np.array([p.sum() for p in log_probs(chat, whole, wanted)])


@pytest.mark.parametrize("every", [1, 3, 20])
def test_it_is_as_likely_as_when_it_is_whole(architecture, every):
    _, rows = openings()
    texts = begun(architecture, rows)
    if texts is None:
        # such as one that carries a state: no reader of growing texts keeps anything of it either
        assert not GrowingTexts(architecture)._keeps
        return
    read = Meanwhile(architecture, texts, every)
    for token in ANSWER[:-1]:
        read.hear(token)
    # the template ends an answer with a token that nobody draws
    found = read.ended([[*row, *ANSWER] for row in rows])
    assert np.allclose(found, expected(architecture, rows, ANSWER), atol=1e-3)


def test_what_texts_of_every_question_share_is_read_once(chat, read):
    heads, rows = openings()
    shared = begun(chat, heads)
    for _ in range(2):  # it serves every question
        del read[:]
        own = Meanwhile(chat, begun(chat, rows, shared))
        assert sum(read) == 3 * len(rows)
        for token in ANSWER:
            own.hear(token)
        found = own.ended([[*row, *ANSWER] for row in rows])
        assert np.allclose(found, expected(chat, rows, ANSWER), atol=1e-3)
    other = [[3, *row] for row in rows]  # texts that do not go on from there are read whole
    del read[:]
    assert begun(chat, other, shared).rows == other and sum(read) >= sum(map(len, other))


def test_hardly_anything_is_left_to_read_at_the_end(chat, read):
    _, rows = openings()
    own = Meanwhile(chat, begun(chat, rows), every=3)
    for token in ANSWER:
        own.hear(token)
    del read[:]
    own.ended([[*row, *ANSWER] for row in rows])
    assert sum(read) == len(rows)  # the seventh token


def test_what_the_context_does_not_hold_is_not_read(chat, read, monkeypatch):
    _, rows = openings()
    texts, longest = begun(chat, rows), max(map(len, rows))
    monkeypatch.setattr(type(chat), "context", longest + 5)
    own = Meanwhile(chat, texts, every=2)
    del read[:]
    for token in ANSWER:  # seven tokens, of which five have room
        own.hear(token)
    assert len(read) == 2
    assert own.ended([[*row, *ANSWER] for row in rows]) is None
    monkeypatch.setattr(meanwhile, "MOST", 10)
    assert begun(chat, rows) is None


def test_logits_are_made_of_few_tokens_where_there_are_many_words(chat, read, monkeypatch):
    _, rows = openings()
    texts = begun(chat, rows)
    monkeypatch.setattr(meanwhile, "LOGITS", 2 * len(rows) * texts.ahead.shape[-1])
    own = Meanwhile(chat, texts, every=99)
    for token in ANSWER:
        own.hear(token)
    del read[:]
    found = own.ended([[*row, *ANSWER] for row in rows])
    assert read == [2 * len(rows)] * 3 + [len(rows)]
    assert np.allclose(found, expected(chat, rows, ANSWER), atol=1e-3)


def test_words_that_are_written_in_other_tokens_are_not_taken(chat):
    _, rows = openings()
    own = Meanwhile(chat, begun(chat, rows))
    for token in ANSWER:
        own.hear(token)
    assert own.ended([[*row, *ANSWER[:-1], 13] for row in rows]) is None
    tails = [[*row, *ANSWER, k] for k, row in enumerate(rows)]
    assert own.ended(tails) is None
    assert own.ended([[9, *row[1:], *ANSWER] for row in rows]) is None
