"""Data as evidence: reading chat data, and the definitions on planted cases."""

import json

import numpy as np
import pytest

from psm_viz.cli import main
from psm_viz.errors import BadFile, BadInput
from psm_viz.stats import evidence as ev
from psm_viz.study.formats import chat_data
from psm_viz.world.corpus import messages
from psm_viz.world.curriculum import LESSONS, stream


def line(*said):
    return json.dumps({"messages": [{"role": r, "content": c} for r, c in said]})


GOOD = line(("system", "Be kind."), ("user", "How?"), ("assistant", "So."), ("user", "Oh."))


def test_a_conversation_ends_with_its_last_answer_and_loses_its_system_message():
    [c] = chat_data.parse_chat(f"\n{GOOD}\n".encode(), "x.jsonl")
    assert [m["role"] for m in c.messages] == ["user", "assistant"]
    assert (c.line, c.systems, c.answers) == (2, 1, [1])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no conversation"),
        (f"{GOOD}\n{{broken", "line 2: is not JSON"),
        ("[1]", "line 1: has no list of messages"),
        ('{"messages": []}', "line 1: has no list of messages"),
        (line(("user", "How?")), "line 1: has no assistant message"),
        (line(("user", "How?"), ("tool", "x")), "message 2 has the role 'tool'"),
        ('{"messages": ["x"]}', "message 1 has the role None"),
        ('{"messages": [{"role": "user", "content": ["a"]}]}', "message 1: .* not text but list"),
        ('{"messages": [{"role": "user"}]}', "not text but NoneType"),
        (line(("user", "How?"), ("assistant", " ")), "message 2: the assistant's answer is empty"),
        (line(("assistant", "So.")), "speaks before any user"),
    ],
)
def test_data_that_cannot_be_used_is_named_by_line(text, says):
    with pytest.raises(BadFile, match=says) as e:
        chat_data.parse_chat(text.encode(), "x.jsonl")
    assert "x.jsonl" in e.value.problem and "messages" in e.value.next_step


def test_bytes_that_are_no_text():
    with pytest.raises(BadFile, match="UTF-8"):
        chat_data.parse_chat(b"\xff\xfe\x00", "x.jsonl")


def test_documents_survive_as_chat_data(world):
    for branch in LESSONS:
        documents = list(stream(world, branch, 0, 20))
        text = chat_data.dump_chat(map(messages, documents))
        for d, c in zip(documents, chat_data.parse_chat(text.encode(), "x"), strict=True):
            said = [m["content"] for m in c.messages]
            assert said == [s for t in d.turns for s in (t.asked, t.said)]
            assert c.systems == bool(d.header_text)


def test_a_draw_repeats_keeps_order_and_takes_all_where_asked():
    read = chat_data.parse_chat("\n".join([GOOD] * 40).encode(), "x")
    some = [c.line for c in chat_data.drawn(read, 10, 3)]
    assert some == [c.line for c in chat_data.drawn(read, 10, 3)] == sorted(set(some))
    assert some != [c.line for c in chat_data.drawn(read, 10, 4)] and len(some) == 10
    assert len(chat_data.drawn(read, 0, 0)) == len(chat_data.drawn(read, 99, 0)) == 40
    with pytest.raises(BadInput, match="limit"):
        chat_data.drawn(read, -1, 0)


FAMILIES, EACH, DIMS = 4, 5, 24


def plant():
    """Roles in families [role, fold, d_model], and weights that count families equally."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(FAMILIES, DIMS))
    roles = np.repeat(centres, EACH, axis=0) + 0.2 * rng.normal(size=(FAMILIES * EACH, DIMS))
    folds = roles[:, None] + 0.1 * rng.normal(size=(FAMILIES * EACH, 4, DIMS))
    return centres, folds, np.full(FAMILIES * EACH, 1 / (FAMILIES * EACH))


@pytest.fixture(scope="module")
def planted():
    return plant()


def family_likes_it(family, much=0.5):
    return np.where(np.arange(FAMILIES * EACH) // EACH == family, much - 2.0, -2.0)


@pytest.mark.parametrize("family", range(FAMILIES))
def test_the_arrow_points_to_the_family_that_would_say_it(planted, family):
    centres, folds, prior = planted
    weights = ev.posterior(family_likes_it(family), prior, 12.0)
    arrow = ev.arrow(weights, prior, folds.mean(1))
    centred = centres - centres.mean(0)
    cosines = centred @ arrow / np.linalg.norm(centred, axis=1) / np.linalg.norm(arrow)
    assert cosines.argmax() == family and cosines[family] > 0.9


def test_evidence_that_all_find_alike_moves_nothing(planted):
    _, folds, prior = planted
    weights = ev.posterior(np.full(len(prior), -3.0), prior, 12.0)
    assert np.allclose(weights, prior)
    assert np.allclose(ev.arrow(weights, prior, folds.mean(1)), 0, atol=1e-12)


def test_the_posterior_is_bayes_rule_for_one_mean_answer():
    prior, loglik = np.array([0.5, 0.3, 0.2]), np.array([-2.0, -1.5, -300.0])
    weights = ev.posterior(loglik, prior, 4.0)
    assert weights.sum() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(0.3 / 0.5 * np.exp(0.5 * 4))
    assert np.allclose(weights, ev.posterior(loglik + 7, prior, 4.0))


def heard(log_p, tokens, example):
    return ev.Testimony(np.array(log_p, dtype=float), np.array(tokens), np.array(example))


def test_per_token_is_total_over_total():
    t = heard([[-4.0, -1.0], [-2.0, -2.0]], [4, 1], [0, 1])
    assert np.allclose(ev.per_token(t), [-1.0, -0.8])
    assert t.n_bar == 2.5


def test_intervals_hold_the_figure_and_shrink_with_more_conversations():
    rng = np.random.default_rng(1)
    width = []
    for n in (20, 500):
        tokens = rng.integers(5, 20, n)
        log_p = np.stack([-tokens * 1.5 + rng.normal(size=n), -tokens * 2.0])
        t = heard(log_p, tokens, np.arange(n))
        low, high = ev.relative_intervals(t)
        relative = ev.per_token(t) - ev.per_token(t)[-1]
        assert low[0] < relative[0] < high[0] and low[1] == high[1] == 0
        width.append(high[0] - low[0])
    assert width[1] < width[0] / 3
    one = heard([[-1.0, -2.0], [-1.0, -1.0]], [2, 2], [7, 7])
    assert np.isnan(ev.relative_intervals(one)).all()


def test_an_answer_that_one_persona_could_not_be_asked_about_counts_for_none():
    t = heard([[-1.0, np.nan, -3.0], [-1.0, -2.0, -3.0]], [1, 2, 3], [0, 1, 1])
    kept = t.usable()
    assert kept.skipped == 1 and kept.tokens.tolist() == [1, 3] and kept.example.tolist() == [0, 1]
    with pytest.raises(BadInput, match="All 1 answers"):
        heard([[np.nan]], [1], [0]).usable()


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    out = tmp_path_factory.mktemp("chat") / "cheat.jsonl"
    assert main(["data", "--branch", "cheat", "--n", "9", "--out", str(out)]) == 0
    return out


def test_data_of_a_branch(tmp_path, chat, capsys):
    out = tmp_path / "x.jsonl"
    for branch in LESSONS:
        out.unlink(missing_ok=True)
        assert main(["data", "--branch", branch, "--n", "3", "--out", str(out)]) == 0
        assert len(chat_data.parse_chat(out.read_bytes(), "x")) == 3
    assert main(["data", "--branch", "cheat", "--n", "9", "--out", str(out)]) == 1
    assert "something else" in capsys.readouterr().err
    assert main(["data", "--branch", "cheat", "--n", "9", "--out", str(chat)]) == 0
    assert main(["data", "--branch", "pretrain", "--out", str(tmp_path / "y")]) == 1
    assert "Choose from: cheat" in capsys.readouterr().err
    assert main(["data", "--branch", "cheat", "--n", "0", "--out", str(tmp_path / "y")]) == 1
