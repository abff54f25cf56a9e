"""`extract --responses`: answers made elsewhere are read and looked into, and none are drawn."""

import json
from collections import Counter

import numpy as np
import pytest

from psm_viz.cli import main
from psm_viz.engine.chat_model import ChatModel, load_chat_model
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from tests.made.models import write_tiny_model
from tests.made.page import PAGES, opened, words

ROLES = ("ghost", "healer", "pirate", "villain", "wizard")
ANSWERS = ("I would look for the fault first.", "The bridge is not done yet.", "What do you do?")
QUESTIONS = [f"What happens to the purse, number {n}?" for n in range(8)]


def told(role, prompt):
    return "" if role == "default" and prompt == 0 else f"You are a {role}, number {prompt}."


def said(role, prompt, question):
    return ANSWERS[(len(role) + prompt + question) % 3] + f" {role} {question}"


def row(role, prompt, question, **more):
    return {
        "system_prompt": told(role, prompt),
        "prompt_index": prompt,
        "question_index": question,
        "question": QUESTIONS[question],
        "label": "pos",
        "conversation": [
            {"role": "user", "content": QUESTIONS[question]},
            {"role": "assistant", "content": said(role, prompt, question)},
        ],
    } | more


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    """A model, a branch of it, and answers of both as they are published."""
    out = tmp_path_factory.mktemp("elsewhere")
    write_tiny_model(world, out / "model")
    write_tiny_model(world, out / "tuned", seed=1)
    for role in (*ROLES, "default"):
        rows = [row(role, p, q) for p in range(2) for q in range(len(QUESTIONS))]
        rows += [r | {"checkpoint": "tuned-0001"} for r in rows]
        write(out / "answers" / f"{role}.jsonl", rows)
    return out


def asked(place, out, *more, responses="answers"):
    branch = f"tuned={place / 'tuned'}"
    base = ["extract", "--model", place / "model", "--branch", branch, "--out", out]
    base += ["--responses", place / responses, "--threads", 1, "--wordings", "turn"]
    return [str(x) for x in (*base, *more)]


@pytest.fixture(scope="module")
def study(place):
    def drawn(*args, **more):
        raise AssertionError("an answer was drawn")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChatModel, "sample", drawn)
        assert main(asked(place, place / "study")) == 0
    return open_study(place / "study")


def test_roles_questions_and_instructions_come_from_the_files(study, place):
    assert study.cast.ids == list(ROLES)
    assert study.cast.persona("ghost").prose == (told("ghost", 0), told("ghost", 1))
    assert study.cast.assistant.prose == ("", told("default", 1))
    assert [q.text for q in study.questions] == QUESTIONS
    assert [q.fold for q in study.questions] == [0, 1, 2, 3] * 2
    assert {q.topic for q in study.questions} == {"questions"}
    m = study.manifest
    assert [c.id for c in m.checkpoints] == ["reference-0000", "tuned-0001"]
    made = m.generation["made_elsewhere"]
    assert made["from"] == "answers" and len(made["sha256"]) == 64 and made["answers"] == 192
    assert "max_new_tokens" not in m.generation and not m.generation["in_turn"]


def test_the_given_answers_are_what_is_looked_into(study, place):
    frame = study.responses("tuned-0001")
    found = Counter(zip(frame.persona, frame.question, frame.variant, frame.text, strict=True))
    every = [
        (ASSISTANT if role == "default" else role, f"q{q}", p, said(role, p, q))
        for role in (*ROLES, "default")
        for p in range(2)
        for q in range(8)
    ]
    assert found == Counter(every)
    chat = load_chat_model(str(place / "tuned"), threads=1)
    pirate = study.cast.persona("pirate")
    pairs = [(p, q) for q in range(8) for p in range(2)]
    prompts = [chat.prompts.one(pirate, told("pirate", p), QUESTIONS[q]) for p, q in pairs]
    talks = [
        [
            {"role": "user", "content": QUESTIONS[q]},
            {"role": "assistant", "content": said("pirate", p, q)},
        ]
        for p, q in pairs
    ]
    wholes = [
        chat.prompts.talk(pirate, told("pirate", p), t, prompt=False)
        for (p, _), t in zip(pairs, talks, strict=True)
    ]
    tails = [
        whole[len(prompt) :].partition(t[1]["content"])
        for whole, prompt, t in zip(wholes, prompts, talks, strict=True)
    ]
    ids = chat.encode([lead + text for lead, text, _ in tails])
    by_hand = chat.pooled(chat.encode(prompts), ids).mean(0)
    own = study.vectors("tuned-0001").values[study.cast.ids.index("pirate")]
    assert np.allclose(own, by_hand, atol=2e-3)  # half precision


def test_pages_show_it_and_nothing_more_is_drawn_like_them(study, place, monkeypatch, capsys):
    for script in PAGES:
        assert "psm-notice" not in words(opened(monkeypatch, study.folder, script)), script
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    write(place / "rude.jsonl", [{"messages": talk}])
    tune = ["finetune", "--model", place / "model", "--data", place / "rude.jsonl"]
    tune += ["--out", place / "rude", "--study", study.folder, "--threads", 1]
    assert main([str(x) for x in tune]) == 1
    assert "made elsewhere" in capsys.readouterr().err and not (place / "rude").exists()


def test_a_plan_counts_the_given_answers(study, place, tmp_path, capsys):
    plan = asked(place, tmp_path / "s", "--plan", "--json", "--rate", "1000,100")
    assert main(plan) == 0
    found = json.loads(capsys.readouterr().out)
    rows = [len(study.responses(c.id)) for c in study.manifest.checkpoints]
    assert [w["answers"] for w in found["work"]] == rows
    assert all(w["drawn"] == w["prompt"] == 0 < w["read"] for w in found["work"])
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def ours(place):
    """A cast and questions of files, and answers that name them by id."""
    roles = place / "cast"
    roles.mkdir()
    for role in (*ROLES, "default"):
        texts = [{"pos": told(role, p)} for p in range(2)]
        (roles / f"{role}.json").write_text(json.dumps({"instruction": texts}))
    questions = [
        {"id": f"m{n}", "text": text, "topic": "t", "fold": n % 2, "set": "main"}
        for n, text in enumerate(QUESTIONS)
    ]
    questions += [q | {"id": f"a{q['id']}", "set": "again"} for q in questions]
    write(place / "questions.jsonl", questions)
    return [
        {"persona": "assistant" if role == "default" else role, "question": f"m{q}"}
        | {"text": said(role, 0, q)}
        for role in (*ROLES, "default")
        for q in range(8)
    ]


def plain(place, out, rows, name, *more):
    write(place / f"{name}.jsonl", rows)
    base = ["extract", "--model", place / "model", "--out", out, "--cast", place / "cast"]
    base += ["--questions", place / "questions.jsonl", "--responses", place / f"{name}.jsonl"]
    return [str(x) for x in (*base, "--threads", 1, *more)]


def test_what_does_not_fit_is_counted_and_said(place, ours, tmp_path, capsys):
    rows = [r for r in ours if r["persona"] != "wizard" or r["question"] == "m0"]
    rows = [r for r in rows if (r["persona"], r["question"]) != ("ghost", "m3")]
    rows += [
        {"persona": "nobody", "question": "m0", "text": "x"},
        {"persona": "ghost", "question": "m99", "text": "x"},
        {"persona": "ghost", "question": "m1", "text": "x", "checkpoint": "lost-0001"},
        {"persona": "ghost", "question": "m1", "text": "x", "instruction": 7},
        {"persona": "ghost", "question": "m1", "text": " "},
        {"persona": "ghost", "question": "m1", "text": "The bridge. " * 300},
        rows[0],
    ]
    out = tmp_path / "study"
    plan = plain(place, out, rows, "some", "--plan", "--rate", "1000,100")
    assert main(plan) == 0
    text = capsys.readouterr().out
    assert main(plain(place, out, rows, "some")) == 0
    for shown in (text, capsys.readouterr().out):
        for part in (
            f"some.jsonl: {len(rows)} answers read",
            "left out: 1 empty",
            "left out: 1 of unknown personas",
            "unknown personas: 'nobody'",
            "left out: 1 of unknown questions",
            "unknown questions: 'm99'",
            "unknown checkpoints: 'lost-0001'",
            "unknown instructions: 'ghost, number 7'",
            "left out: 1 there twice, word for word",
            "left out, persona 'wizard': answered 1 of 8 questions",
            "no noise floor: not all questions of both sets have answers",
            "left out: 1 too long for the",
            "reference-0000: 39 answers of 4 personas and the Assistant; 1 of 40 pairs",
        ):
            assert part in shown, part
    study = open_study(out)
    assert study.cast.ids == ["ghost", "healer", "pirate", "villain"]
    assert len(study.responses("reference-0000")) == 8 * 5 - 1
    assert study.manifest.noise_floor is None and len(study.questions) == 8


def test_answers_to_the_other_questions_make_the_noise_floor(place, ours, tmp_path, capsys):
    rows = [*ours, *(r | {"question": "a" + r["question"]} for r in ours)]
    out = tmp_path / "study"
    plan = plain(place, out, rows, "all", "--plan", "--json", "--rate", "1000,100")
    assert main(plan) == 0
    found = json.loads(capsys.readouterr().out)
    assert [w["answers"] for w in found["work"]] == [48, 48]
    assert found["work"][1]["what"] == "the cast at the reference, other questions"


def test_a_kill_is_gone_on_with_and_other_answers_are_not_mixed_in(place, ours, tmp_path):
    class Killed(BaseException):
        pass

    def killed(self, *args, **more):
        raise Killed

    out = tmp_path / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StudyWriter, "write_checkpoint", killed)
        with pytest.raises(Killed):
            main(plain(place, out, ours, "first"))
    begun = tmp_path / "study.partial"
    assert len(list((begun / "blocks" / "reference-0000").iterdir())) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChatModel, "pooled", killed)
        patch.setattr(StudyWriter, "write_checkpoint", killed)
        with pytest.raises(Killed):
            main(plain(place, out, ours, "first"))  # its blocks are read, not played
        assert len(list((begun / "blocks" / "reference-0000").iterdir())) == 2
        other = [r | {"text": r["text"] + " So."} for r in ours]
        with pytest.raises(Killed):
            main(plain(place, out, other, "first"))
    assert not (begun / "blocks").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--talks"], "no talks are held with them"),
        (["--truncate"], "which are not cut"),
        (["--min-score", "2"], "has no scores beside it"),
    ],
)
def test_what_does_not_go_with_given_answers_is_refused(
    place, ours, tmp_path, more, message, capsys
):
    assert main(plain(place, tmp_path / "s", ours, "whole", *more)) == 1
    assert message in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_wanting_answers_are_refused_by_name(place, ours, tmp_path, capsys):
    both = asked(place, tmp_path / "s", "--cast", place / "cast", responses="whole.jsonl")
    assert main(both) == 1
    assert "no answers of the checkpoint" in capsys.readouterr().err
    silent = [r for r in ours if r["persona"] != "assistant"]
    assert main(plain(place, tmp_path / "s", silent, "silent")) == 1
    assert "the Assistant answered 0 of 8 questions" in capsys.readouterr().err
    mixed = place / "mixed"
    write(mixed / "ghost.jsonl", [row("ghost", 0, 0), ours[0], *ours[8:]])
    assert main(plain(place, tmp_path / "s", [], "none", "--responses", mixed)) == 1
    assert "some its number alone" in capsys.readouterr().err
    assert main(["extract", "--tree", "x", "--out", "y", "--responses", "z"]) == 1
    assert "--responses is for --model" in capsys.readouterr().err
    assert main(["extract", "--model", "x", "--out", "y", "--min-score", "1"]) == 1
    assert "--min-score needs --responses" in capsys.readouterr().err
