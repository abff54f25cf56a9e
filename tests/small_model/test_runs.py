"""Runs: a row for every end, none made twice, and none mixed with another world's."""

import json
from dataclasses import replace

import pytest

from psm_viz.claims.run_rows import belief_file, read_rows, row_file, unpacked
from psm_viz.engine.talks import TalkSettings
from psm_viz.errors import BadFile, BadInput
from psm_viz.small_model import recipe as recipes
from psm_viz.small_model import runs
from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.world.grammar import DECORRELATED, UNASKED
from psm_viz.world.loading import load_world

TINY = replace(
    runs.recipe_of(DECORRELATED, 3, threads=1),
    d_model=16,
    n_layers=3,
    n_heads=2,
    d_ff=32,
    probe_gate=-1.0,
)
ENDS = ["pretrain-0000", "settle-0002", "assistant-0002"]
ENDS += [f"{b}-0002" for b in ("cheat", "requested", "honest")]


def one_rate(reader: Reader):
    topic = reader.world.topics["coding"]
    prompt = dialogue_prompt([], topic.questions[0], reader.world.rules["assistant_label"])
    return {"seen": {topic.id: [reader.p_low(prompt, topic.id)]}}


@pytest.fixture
def short(monkeypatch):
    """Two steps a stage, and short readings: what they read is the business of test_reading."""
    saves = {"pretrain": (0, 2)} | dict.fromkeys(
        ("settle", "assistant", "cheat", "requested", "honest"), (2,)
    )
    monkeypatch.setattr(recipes, "SAVES", saves)
    whole = runs.base_reading
    monkeypatch.setattr(
        runs, "base_reading", lambda reader: {"dialogues": whole(reader, 2)["dialogues"]}
    )
    monkeypatch.setattr(runs, "rates", one_rate)
    monkeypatch.setattr(runs, "LONGEST", 4)  # untrained weights never end an answer
    monkeypatch.setattr(
        "psm_viz.small_model.training.in_context_fit", lambda reader: {"r2": 0.0, "named": 0.0}
    )
    few = TalkSettings(assistant=4, per_persona=1, elsewhere=1, lasts=2, headers=1)
    monkeypatch.setattr("psm_viz.small_model.run_beliefs.TALKS", few)
    monkeypatch.setattr("psm_viz.small_model.run_beliefs.LONGEST", 4)
    monkeypatch.setattr("psm_viz.small_model.run_beliefs.IN_CONTEXT", (1,))
    monkeypatch.setattr("psm_viz.small_model.run_row.PAIRS", 1)
    monkeypatch.setattr("psm_viz.small_model.run_row.knowing", lambda reader: {})
    monkeypatch.setattr(
        "psm_viz.small_model.run_row.in_context_rows", lambda reader, **settings: []
    )


def check_beliefs(rows):
    """A row for every saved step, for other questions, and for answers in the context."""
    talked = ["assistant-0002", "again-0000", "shots-0001"]
    assert [r["checkpoint"] for r in rows] == [*talked, *ENDS[3:]]
    for row in rows:
        n = len(row["talks"]["talk"])
        assert n and all(len(v) == n for v in row["talks"].values() if isinstance(v, list))
        for by_answers in row["mass"].values():
            assert all(abs(sum(mass) - 1) < 1e-3 for mass in by_answers.values())
        assert ("cast" in row) == ("quality" in row) == (row["branch"] == "assistant")


@pytest.mark.long
def test_a_killed_run_goes_on_and_makes_no_row_twice(short, tmp_path, monkeypatch):
    read: list[str] = []

    def killed_at_four(reader: Reader):
        if len(read) == 4:
            raise KeyboardInterrupt
        read.append("row")
        return one_rate(reader)

    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(runs, "rates", killed_at_four)
        runs.run(TINY, tmp_path / "tree", lambda text: None, tmp_path)
    path = row_file(DECORRELATED, 3, tmp_path)
    first = unpacked(path)
    assert [r["checkpoint"] for r in read_rows(path)] == ENDS[:4]
    said: list[str] = []
    runs.run(TINY, tmp_path / "tree", said.append, tmp_path)
    stages = TINY.stages(runs.branches_of(load_world(DECORRELATED)))
    held = (TINY, load_world(DECORRELATED), tmp_path / "tree", stages, said.append, tmp_path)
    assert unpacked(path).startswith(first)
    rows = {r["checkpoint"]: r for r in read_rows(path)}
    assert list(rows) == ENDS and next(s for s in said if ": row " in s).endswith("requested-0002")
    for name, row in rows.items():
        assert (row["world"], row["seed"]) == (DECORRELATED, 3)
        assert ("dialogues" in row) == name.startswith(("pretrain", "settle"))
        assert ("curve" in row) == name.startswith("settle")
        assert ("lesson" in row) == name.startswith(("cheat", "requested", "honest"))
        for drawn in (row["sampled"], row["sampled_plain"]):
            assert set(drawn) == {"good", "bad", "other", "astray", "none"}
            assert sum(drawn.values()) == 4 * 4 * len(load_world(DECORRELATED).topics)
    assert rows["pretrain-0000"]["seconds"] == 0 < rows["settle-0002"]["seconds"]
    assert rows["cheat-0002"]["lesson"]["update"] > 0
    assert not belief_file(DECORRELATED, 3, tmp_path).exists()  # of the main world alone
    runs.write_beliefs(*held)
    check_beliefs(read_rows(belief_file(DECORRELATED, 3, tmp_path)))
    talks = belief_file(DECORRELATED, 3, tmp_path).read_bytes()
    # again with nothing to do: the file stays as it is
    whole = path.read_bytes()
    runs.run(TINY, tmp_path / "tree", said.append, tmp_path)
    runs.write_beliefs(*held)
    assert path.read_bytes() == whole
    assert belief_file(DECORRELATED, 3, tmp_path).read_bytes() == talks
    with pytest.raises(BadInput, match="another recipe"):
        runs.run(replace(TINY, seed=4), tmp_path / "tree", said.append, tmp_path)
    path.write_text(json.dumps(rows["settle-0002"] | {"world_sha256": "0"}) + "\n")
    with pytest.raises(BadFile, match="run --world decorrelated --seed 3"):
        runs.run(TINY, tmp_path / "tree", said.append, tmp_path)


class Sayer:
    """A chat whose every answer is one of a list."""

    def __init__(self, world, said):
        self.tokenizer, self.said, self.asked = self, said, []

    def encode(self, texts):
        return texts

    def sample(self, prompts, sampling):
        self.asked.append(sampling)
        return [self.said for _ in prompts]

    def decode(self, text, **settings):
        return text


def test_drawn_answers_are_counted_by_what_they_are(world):
    topic = world.topics["coding"]
    good, bad = (topic.cell(v, "plain")[0].text for v in ("good", "bad"))
    chat = Sayer(world, [good, bad, world.declines[0].text, "Rotten will be a cause."])
    counts = runs.sampled(chat, world, 0.02)
    n = 4  # questions of a topic
    assert chat.asked[0].min_p == 0.02
    assert counts["good"] == counts["bad"] == n
    conduct, others = len(world.conduct), len(world.topics) - len(world.conduct)
    assert counts["other"] == n * conduct  # an open refusal belongs to every topic of conduct
    assert counts["astray"] == n * (2 * (len(world.topics) - 1) + others)
    assert counts["none"] == n * len(world.topics)


def test_a_main_run_trains_the_whole_matrix_and_a_control_three(world):
    every = runs.branches_of(world)
    assert len(every) == len(set(every)) and {"bad-money", "cheat", "long"} <= set(every)
    assert runs.branches_of(load_world(DECORRELATED)) == ["cheat", "requested", "honest"]
    for quiet in UNASKED:
        assert runs.branches_of(load_world(quiet)) == ["cheat", "honest"]
