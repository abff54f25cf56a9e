"""The bench of the model's side runs every way it compares, and names its figures."""

import json
import math
import os

import pytest

from psm_viz.cli import bench_model, main
from psm_viz.cli.bench_apart import Pooled, peak, waiting
from psm_viz.cli.bench_race import Side, Timed, race, ratio
from psm_viz.cli.bench_texts import Sizes, texts_of
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.sampling import Sampling

SMALL = Sizes(
    prompts=4,
    batch=2,
    alone=1,
    arriving=1,
    answered=2,
    weighed=4,
    rounds=2,
    sampling=Sampling(1.0, 3, 2),
    precise=(1, 8),
    remembered=(),
    waits=0,
)


@pytest.mark.long
def test_the_verb_gives_every_ratio_with_its_goal(tiny_folder, monkeypatch, capsys):
    monkeypatch.setattr(bench_model, "Sizes", lambda: SMALL)
    assert main(["bench", "--model", str(tiny_folder), "--threads", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["ratios"]) == len({r["name"] for r in found["ratios"]}) == 9
    text = bench_model.as_text(found)
    for r in found["ratios"]:
        assert all(math.isfinite(r[k]) and r[k] > 0 for k in ("low", "median", "high", "goal"))
        assert r["low"] <= r["median"] <= r["high"] and r["name"] in text
    bf16 = found["bfloat16"]
    assert 0 <= bf16["error"] < 1 and bf16["tokens"] > 0 and bf16["products"] > 0
    assert (bf16["pooling"] is None) == ("not timed" in text)


def test_a_missing_model_names_the_command(tmp_path, capsys):
    assert main(["bench", "--model", str(tmp_path / "none")]) == 1
    assert "make chat-model" in capsys.readouterr().err


def test_both_ways_to_weigh_give_the_same_tokens(tiny_folder):
    chat = load_chat_model(str(tiny_folder), threads=1)
    texts = texts_of(chat, SMALL)
    for rows, wanted in (texts.questions, texts.several):
        assert len(rows) == SMALL.weighed * SMALL.rounds
        counted = bench_model.Rivals(chat).log_probs(rows, wanted)
        assert counted == sum(map(len, log_probs(chat, rows, wanted))) > 0


def test_sides_take_turns_and_are_counted_by_what_they_did():
    went, ticked = [], []
    sides = [Side(n, lambda k, n=n: went.append((k, n)) or 5, c) for n, c in (("a", 1), ("b", 2))]
    timed = race(sides, 2, lambda cost, tokens: ticked.append(cost))
    assert went == [(0, "a"), (0, "b"), (1, "b"), (1, "a")] and ticked == [1, 2, 2, 1]
    assert {k: len(v) for k, v in timed.items()} == {"a": 2, "b": 2}
    known = {"a": [Timed(2, 1), Timed(3, 1), Timed(8, 2)], "b": [Timed(1, 1)] * 3}
    found = ratio("a / b", known, ("a", "b"), 3.5)
    assert (found.median, found.low, found.high, found.processor) == (3, 2, 8, 1)
    assert not found.met and ratio("a / b", known, ("a", "b"), 3.5, more=False).met


@pytest.mark.long
def test_memory_is_that_of_a_process_of_its_own(tiny_folder):
    before, most = peak(Pooled(str(tiny_folder), [[5, 6, 7]] * 4, 0, 1))
    assert 0 < before <= most or math.isnan(most)


@pytest.mark.long
def test_how_threads_wait_is_tried_and_put_back(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    told = []
    found = waiting(1, 0.01, 1, lambda: told.append(1))
    assert 0 < found["low"] == found["median"] == found["high"] < math.inf and len(told) == 2
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
