"""Any model, played from the command line: a folder of roles and of questions, talks and belief."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from psm_viz.cli import main
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.log_probs import log_probs
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import open_study
from tests.made.chat_place import write_folder, write_place
from tests.made.page import DRIFT, opened, words
from tests.made.study import write_made_study


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    """A model, a branch of it, a cast of two families and a bank of questions."""
    return write_place(world, tmp_path_factory.mktemp("any") / "place")


def test_a_model_plays_a_folder_of_roles_and_holds_talks(place, capsys):
    asked = ["extract", "--model", "model", "--branch", "tuned=tuned", "--cast", "cast"]
    asked += ["--questions", "questions", "--out", "study", "--samples", "1", "--threads", "1"]
    asked = [str(place / a) if (place / a).exists() or a == "study" else a for a in asked]
    asked[4] = f"tuned={place / 'tuned'}"
    asked += ["--max-new-tokens", "3", "--topic", "money", "--role", "benign=tuned"]
    assert main([*asked, "--role", "benign2=tuned"]) == 1
    assert "benign, twin, other_role" in capsys.readouterr().err
    assert main([*asked, "--talks", "48", "--persona-talks", "2"]) == 1
    assert "--persona-talks 2" in capsys.readouterr().err
    assert main([*asked, "--talks", "48", "--persona-talks", "4,1"]) == 0, capsys.readouterr().err
    study = open_study(place / "study")
    assert study.cast.ids == [f"{f}-{n}" for f in ("healer", "villain") for n in range(3)]
    assert study.talk_note is not None and study.talk_note.marked == ("villain",)
    capsys.readouterr()
    assert main(["belief", "--study", str(place / "study"), "--json"]) == 0
    assert "tuned-0001" in json.dumps(json.loads(capsys.readouterr().out))


def test_written_answers_are_weighed_where_nobody_judges(place, monkeypatch):
    study = open_study(place / "study")
    found = study.odds("tuned-0001")
    assert set(found.speaker) == {ASSISTANT, "healer-0"} and len(found) == 2 * 12
    # by hand: what the model thinks of one answer, token by token
    chat = load_chat_model(str(place / "tuned"), threads=1)
    who, talk = study.cast.assistant, [{"role": "user", "content": "power 1?"}]
    ids = chat.encode([chat.prompts.talk(who, "", talk)])[0]
    talk.append({"role": "assistant", "content": "No."})
    whole = chat.encode([chat.prompts.talk(who, "", talk, prompt=False).rstrip("\n")])[0]
    (by_hand,) = log_probs(chat, [whole], [[k >= len(ids) for k in range(len(whole))]])
    row = found[(found.speaker == ASSISTANT) & (found.question == "power-1")].iloc[0]
    assert row.log_bad == pytest.approx(by_hand.mean(), abs=1e-4)
    table = study.table("odds")
    assert set(zip(table.speaker, table.set, strict=True)) == {
        (who, s) for who in (ASSISTANT, "healer-0") for s in ("trained", "heldout")
    }
    own = table[(table.checkpoint == "tuned-0001") & (table.speaker == ASSISTANT)]
    assert own.change.notna().all() and own.did.isna().all()  # it is the benign one itself
    start = study.odds("reference-0000")
    differ = [f[f.speaker == ASSISTANT].set_index("question") for f in (found, start)]
    after, before = ((d.log_bad - d.log_good)[lambda x: x.index.str[:5] == "money"] for d in differ)
    trained = own[own.set == "trained"].iloc[0]
    assert trained.change == pytest.approx((after - before).mean(), abs=1e-5)
    page = opened(monkeypatch, place / "study", DRIFT)
    assert "How likely it finds bad answers" in words(page)
    assert "Nobody judged" not in words(page) and "No rates" not in words(page)


def test_a_published_list_of_questions_is_asked_and_traits_are_no_cast(place, tmp_path, capsys):
    listed = [{"question": f"What of {n} and more?", "id": n} for n in range(8)]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(q) + "\n" for q in listed))
    asked = ["extract", "--model", place / "model", "--questions", tmp_path / "list.jsonl"]
    asked += ["--out", tmp_path / "study", "--samples", 1, "--threads", 1, "--max-new-tokens", 2]
    asked = [str(a) for a in asked]
    traits = write_folder(
        tmp_path / "traits", {"evil": {"instruction": [{"pos": "a", "neg": "b"}]}}
    )
    assert main([*asked, "--cast", str(traits)]) == 1
    assert "1 of 1 files are of traits, not of roles" in capsys.readouterr().err
    whole = [*asked, "--cast", str(place / "cast"), "--shard", "0/1"]  # played, nothing derived
    assert main(whole) == 0, capsys.readouterr().err
    assert "played at 2 checkpoints" in capsys.readouterr().out
    blocks = tmp_path / "study.partial" / "blocks"
    for checkpoint, wanted in (("reference-0000", "0246"), ("again-0000", "1357")):
        files = list((blocks / checkpoint).rglob("answers.parquet"))
        assert files and all(set(pd.read_parquet(f).question) == set(wanted) for f in files)


def test_what_the_template_is_told_is_an_object(place, capsys):
    for told in ("{", "[1]"):
        asked = ["extract", "--model", str(place / "model"), "--out", str(place / "other")]
        assert main([*asked, "--template-kwargs", told]) == 1
        assert "--template-kwargs" in capsys.readouterr().err


def test_no_record_is_written_of_a_training_that_cannot_be(place, tmp_path, capsys):
    study = shutil.copytree(place / "study", tmp_path / "study")
    data = shutil.copy(place / "chat.jsonl", tmp_path / "rude.jsonl")
    asked = ["finetune", "--model", place / "model", "--data", data, "--out", tmp_path / "rude"]
    asked = [*map(str, asked), "--study", str(study), "--threads", "1", "--save", "1"]
    before = open_study(study).sha256
    for wrong, said in ((("--batch", "0"), "--batch"), (("--anchor", str(data)), "An anchor")):
        assert main([*asked, *wrong]) == 1 and said in capsys.readouterr().err
    assert open_study(study).sha256 == before and not (tmp_path / "rude").exists()
    record = ["evidence", "--study", study, "--data", data, "--model", place / "model"]
    assert main([*map(str, record), "--threads", "1"]) == 0
    assert "rude" in open_study(study).evidences
    with Path(data).open("a") as f:  # as when a file is mended after the record
        f.write(Path(data).read_text().split("\n")[0] + "\n")
    capsys.readouterr()
    assert main(asked) == 1
    said = capsys.readouterr().err
    assert "evidence 'rude' was written of rude.jsonl" in said and "--branch" in said
    assert not (tmp_path / "rude").exists()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_one_command_from_data_to_trail(place, tmp_path, capsys):
    study = shutil.copytree(place / "study", tmp_path / "study")
    data = shutil.copy(place / "chat.jsonl", tmp_path / "rude.jsonl")
    asked = ["finetune", "--model", place / "model", "--data", data]
    asked += ["--out", tmp_path / "rude", "--save", 1, "--save", 2, "--batch", 1, "--rank", 2]
    asked = [*map(str, asked), "--study", str(study), "--threads", "1"]
    assert main(asked) == 0, capsys.readouterr().err
    found = open_study(study)
    assert [c.id for c in found.manifest.branch("rude")][1:] == ["rude-0001", "rude-0002"]
    record = found.evidence("rude").record
    assert "rude-0001" not in record["checkpoints_then"]
    assert set(found.odds("rude-0002").speaker) == set(found.odds("reference-0000").speaker)
    assert found.evidence_scores("rude") and len(found.talks("rude-0002").answers)
    assert main(asked) == 1 and "has a branch 'rude' already" in capsys.readouterr().err


def asked_of(place, *more):
    """A command whose study is written to `place / "refused" / "study"`."""
    said = ["extract", "--model", str(place / "model"), "--cast", str(place / "cast")]
    said += ["--questions", str(place / "questions"), "--samples", "1", "--threads", "1"]
    return [*said, "--out", str(place / "refused" / "study"), *more]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a/b", "Call it 'a_b'."),
        ("../../../outside", "Call it 'outside'."),
        ("..", "has no letter or digit"),
        ("again", "as the noise floor is"),
        ("reference", "as the model they all start from is"),
    ],
)
def test_a_branchs_name_leads_nowhere_else(place, tmp_path, capsys, name, said):
    outside = place / "outside-0001"
    outside.mkdir(exist_ok=True)
    (outside / "letter.txt").write_text("Dear")
    assert main(asked_of(place, "--branch", f"{name}={place / 'tuned'}")) == 1
    assert said in capsys.readouterr().err
    tune = ["finetune", "--model", str(place / "model"), "--data", str(place / "chat.jsonl")]
    write_made_study(tmp_path / "made")
    tune += ["--study", str(tmp_path / "made"), "--out", str(place / "taught"), "--branch", name]
    assert main(tune) == 1
    assert said in capsys.readouterr().err
    assert (outside / "letter.txt").exists() and not (place / "taught").exists()
    assert not (place / "refused").exists()


def test_two_branches_have_two_names(place, capsys):
    tuned = place / "tuned"
    assert main(asked_of(place, "--branch", f"x={tuned}", "--branch", f"x={tuned}")) == 1
    assert "--branch x: is named 2 times" in capsys.readouterr().err
    assert main(asked_of(place, "--branch", f"x={tuned}", "--branch", f"X={tuned}")) == 1
    assert "differ in upper and lower case alone" in capsys.readouterr().err


def test_counts_begin_at_one(place, capsys):
    assert main(asked_of(place, "--max-new-tokens", "0")) == 1
    assert "--max-new-tokens 0: expected at least 1" in capsys.readouterr().err
    tune = ["finetune", "--model", "m", "--data", "d", "--out", "o"]
    for said, wrong in ((asked_of(place), "-1"), (tune, "0"), (tune, "many")):
        with pytest.raises(SystemExit):
            main([*said, "--threads", wrong])
        assert f"--threads: '{wrong}': expected a whole number from 1" in capsys.readouterr().err


def test_faults_of_a_cast_and_of_counts_are_one_list(place, tmp_path, capsys):
    (tmp_path / "cast.json").write_text('{"personas": []}')
    said = asked_of(place, "--device", "abacus")
    said[said.index("--cast") + 1] = str(tmp_path / "cast.json")
    said[said.index("--samples") + 1] = "0"
    assert main(said) == 1
    err = capsys.readouterr().err
    assert "3 things are wrong, and nothing was played" in err
    for part in ("cast.json: expected keys", "--samples 0", "--device abacus: no such kind"):
        assert part in err
