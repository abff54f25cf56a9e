"""Fine-tuning: what is learned, what is kept, and that a kill changes nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import optim

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.finetune import Tuning, finetune
from psm_viz.engine.learned_rows import learned_rows
from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.weights import weights_of
from psm_viz.errors import BadFile, BadInput, NotFinite
from psm_viz.world.corpus import messages
from psm_viz.world.curriculum import stream

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
SHORT = Tuning(saves=(2, 6), batch=4, lr=5e-3, rank=2)


def quiet(line):
    pass


def write(path, conversations):
    path.write_text("".join(json.dumps({"messages": c}) + "\n" for c in conversations))
    return path


@pytest.fixture(scope="module")
def data(world, tmp_path_factory):
    """Documents of a branch as chat data, system messages and all."""
    talks = [messages(d) for d in stream(world, "cheat", 0, 12)]
    return write(tmp_path_factory.mktemp("data") / "cheat.jsonl", talks)


def loss(chat, talk):
    """Mean -log p of the first answer's tokens."""
    question, answer = (m["content"] for m in talk if m["role"] != "system")
    start, whole = chat.encode([f"<s>User: {question}\nAssistant:", " " + answer])
    row = start + whole
    return -log_probs(chat, [row], [[False] * len(start) + [True] * len(whole)])[0].mean()


def test_what_was_taught_becomes_likelier_and_each_save_is_a_branch(folder, data, tmp_path):
    out = tmp_path / "cheat"
    many = replace(SHORT, saves=(4, 24))
    finetune(str(folder), data, out, many, quiet)
    source = from_models(str(folder), {"cheat": str(out)}, None)
    assert [c.id for c in source.checkpoints][1:] == ["cheat-0004", "cheat-0024"]
    talk = [m for m in json.loads(data.read_text().split("\n")[0])["messages"]][-2:]
    chat = load_chat_model(str(folder), threads=1)
    seen = [loss(chat, talk)]
    for c in source.checkpoints[1:]:
        chat.swap(source.folders[c.id])
        seen.append(loss(chat, talk))
    assert seen[2] < seen[1] < seen[0]
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().split("\n")[:-1]]
    assert [r["step"] for r in log] == list(range(1, 25)) and log[-1]["loss"] < log[0]["loss"]
    said = []
    finetune(str(folder), data, out, many, said.append)
    assert said == [f"{out}: is trained already."]


@pytest.mark.parametrize("rank", [2, 0])
def test_a_kill_changes_nothing(folder, data, tmp_path, monkeypatch, rank):
    how = replace(SHORT, rank=rank, lr=5e-4)
    finetune(str(folder), data, tmp_path / "whole", how, quiet, save_every=3)

    learn = optim.AdamW.step
    steps = []

    def some(self, *args):
        steps.append(1)
        if len(steps) == 5:
            raise KeyboardInterrupt
        return learn(self, *args)

    monkeypatch.setattr(optim.AdamW, "step", some)
    with pytest.raises(KeyboardInterrupt):
        finetune(str(folder), data, tmp_path / "killed", how, quiet, save_every=3)
    monkeypatch.undo()
    finetune(str(folder), data, tmp_path / "killed", how, quiet, save_every=3)
    for step in how.saves:
        a, b = (weights_of(tmp_path / n / f"checkpoint-{step}") for n in ("whole", "killed"))
        assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    assert not (tmp_path / "killed" / "resume.safetensors").exists()
    logs = [(tmp_path / n / "log.jsonl").read_bytes() for n in ("whole", "killed")]
    assert logs[0] == logs[1]  # a step that was taken twice is noted once


def test_a_loss_that_is_no_number_ends_the_training(folder, data, tmp_path):
    with pytest.raises(NotFinite, match=r"loss or gradient of step \d+ is no number") as e:
        finetune(str(folder), data, tmp_path / "out", replace(SHORT, lr=1e30, rank=0), quiet)
    assert "--lr" in e.value.next_step


def test_system_messages_of_the_data_are_read(chat, tmp_path):
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    other = [{"role": "system", "content": "Be brief."}, *talk]
    found = []
    for name, one in (("plain", talk), ("told", other)):
        path = write(tmp_path / f"{name}.jsonl", [one])
        found.append(learned_rows(path, chat.tokenizer, 64)[0])
    assert len(found[1][0]) > len(found[0][0])
    assert found[0][1].sum() == found[1][1].sum() > 0


def test_every_form_of_data_teaches_the_same_and_weightless_answers_nothing(chat, data, tmp_path):
    talk = next(
        t
        for t in (json.loads(line)["messages"] for line in data.read_text().split("\n") if line)
        if sum(m["role"] == "assistant" for m in t) == 2
    )
    openai = write(tmp_path / "openai.jsonl", [talk])
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    turns = [{"from": names[m["role"]], "value": m["content"]} for m in talk]
    sharegpt = tmp_path / "sharegpt.json"
    sharegpt.write_text(json.dumps([{"conversations": turns}], indent=1))
    system = [m["content"] for m in talk if m["role"] == "system"]
    said = [m["content"] for m in talk if m["role"] != "system"]
    alpaca = {"instruction": said[2], "output": said[3], "history": [said[:2]]}
    (tmp_path / "alpaca.json").write_text(json.dumps([alpaca | {"system": "".join(system)}]))
    rows = [
        learned_rows(path, chat.tokenizer, 512)[0]
        for path in (openai, sharegpt, tmp_path / "alpaca.json")
    ]
    for ids, learned in rows[1:]:
        assert ids == rows[0][0] and np.array_equal(learned, rows[0][1])
    first = next(m for m in talk if m["role"] == "assistant")
    light = write(tmp_path / "light.jsonl", [[m | {"weight": int(m is not first)} for m in talk]])
    ids, learned = learned_rows(light, chat.tokenizer, 512)[0]
    assert ids == rows[0][0] and 0 < learned.sum() < rows[0][1].sum()
    where = np.flatnonzero(rows[0][1])
    assert np.array_equal(np.flatnonzero(learned), where[-learned.sum() :])


def test_an_anchor_holds_the_model_where_it_was(folder, world, data, tmp_path):
    other = write(tmp_path / "anchor.jsonl", [messages(d) for d in stream(world, "honest", 1, 8)])
    how = replace(SHORT, saves=(16,), lr=1e-2)
    moved = []
    for name, more in (("free", {}), ("held", {"anchor": other})):
        own = replace(how, anchor_weight=30.0) if more else how
        finetune(str(folder), data, tmp_path / name, own, quiet, **more)
        start, end = weights_of(folder), weights_of(tmp_path / name / "checkpoint-16")
        moved.append(np.sqrt(sum(float(((end[k] - start[k]) ** 2).sum()) for k in start)))
    log = (tmp_path / "held" / "log.jsonl").read_text()
    assert "anchor" in log and moved[1] < moved[0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"batch": 0}, "--batch"),
        ({"lr": 0.0}, "--lr"),
        ({"rank": -1}, "--rank"),
        ({"saves": ()}, "--save"),
        ({"anchor_weight": 1.0}, "give --anchor and --anchor-weight"),
        ({"longest": 2}, "no answer lies within 2 tokens"),
    ],
)
def test_what_cannot_be_used_is_said(folder, data, tmp_path, changed, said):
    with pytest.raises(BadInput, match=said):
        finetune(str(folder), data, tmp_path / "out", replace(SHORT, **changed), quiet)


def test_a_folder_begun_with_other_data_is_not_gone_on_with(folder, data, tmp_path):
    finetune(str(folder), data, tmp_path / "out", replace(SHORT, saves=(1,)), quiet)
    with pytest.raises(BadInput, match="begun with other data, settings or weights"):
        finetune(str(folder), data, tmp_path / "out", replace(SHORT, saves=(2,)), quiet)
    with pytest.raises(BadFile, match="cannot be read"):
        finetune(str(folder), tmp_path / "gone.jsonl", tmp_path / "new", SHORT, quiet)
