"""The verb `transcript`: a table a talk, JSON for machines, one message for what is no talk."""

import json

import pytest

from psm_viz.cli import main
from tests.made.study import REFERENCE
from tests.made.talk_study import MARKED, write_talk_study

TALK = [
    {"role": "user", "content": "What do you do?"},
    {"role": "assistant", "content": "I would say it was my fault."},
    {"role": "user", "content": "And then?"},
    {"role": "assistant", "content": "I keep it \x1b[2J and tell nobody about it."},
]
TITLE = "Assistant axis"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_talk_study(tmp_path_factory.mktemp("studies") / "talks", tables=False).folder


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "talk.json"
    path.write_text(json.dumps({"messages": TALK}))
    return path


def says(capsys, *arguments):
    status = main(["transcript", "--threads", "1", *map(str, arguments)])
    found = capsys.readouterr()
    assert "Traceback" not in found.err and "nan" not in found.out.lower()
    return status, found.out, found.err


def test_a_line_an_answer_beside_the_casts_range(study, file, tiny_folder, capsys):
    status, out, err = says(capsys, file, "--study", study, "--model", tiny_folder)
    assert status == 0, err
    assert f"Assistant axis at {REFERENCE}, layer 1" in out and "\x1b" not in out
    assert "mean over the answer: the cast stands from -" in out
    assert "would have said the last 1 or 2 answers" in out
    head, first, second, *rest = out[out.index("turn  ") :].splitlines()
    assert head.index("last prompt token (-") < head.index("mean over") < head.index("act badly")
    assert first.startswith("1 ") and first.endswith("I would say it was my fault.")
    assert second.startswith("2 ") and "I keep it \ufffd[2J and tell nobody" in second
    families = head.index("likeliest families")
    assert first[families:].count(", ") == 2 and first[families].isalpha()
    assert all(line.startswith("turn ") for line in rest)


def test_both_conversations_of_a_download_as_json_and_as_tables(
    study, tmp_path, tiny_folder, capsys
):
    turns = [{"pcValues": {TITLE: v}, "snippet": ""} for v in (1.5, -0.25)]
    whole = {"modelId": "llama3.3-70b-it", "defaultConversation": TALK}
    whole |= {"steeredConversation": TALK[:2], "assistantAxis": {"default": {"turns": turns}}}
    (tmp_path / "two.json").write_text(json.dumps(whole, indent=2))
    asked = (tmp_path / "two.json", "--study", study, "--model", tiny_folder)
    status, out, err = says(capsys, *asked, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["reference"] == REFERENCE and set(found["marked"]) == set(MARKED)
    assert found["belief_read_from"] == [1, 2] and found["belief_left_out"] == ""
    assert set(found["cast"]) == {"prompt_last", "response_mean"}
    default, steered = found["talks"]
    assert (default["name"], steered["name"]) == ("default", "steered")
    assert default["speaker"] == "llama3.3-70b-it" and len(steered["turns"]) == 1
    assert [t["published"] for t in default["turns"]] == [{TITLE: 1.5}, {TITLE: -0.25}]
    for turn in default["turns"]:
        assert set(turn["axis"]) == set(found["cast"])
        assert sum(turn["belief"].values()) == pytest.approx(1, abs=1e-3)
        assert turn["marked"] == pytest.approx(sum(turn["belief"][f] for f in MARKED), abs=1e-3)
    # the first answer is the same in both
    assert default["turns"][0] | {"published": {}} == steered["turns"][0]
    status, out, err = says(capsys, *asked)
    assert status == 0, err
    assert "Default conversation, 2 answers by llama3.3-70b-it" in out
    assert f"published: {TITLE}" in out and "-0.25" in out and "Steered conversation" in out


def test_a_study_without_talks_says_what_makes_them(made_folder, file, tiny_folder, capsys):
    status, out, _ = says(capsys, file, "--study", made_folder, "--model", tiny_folder)
    assert status == 0
    assert "No belief: This study has held no talks." in out and "psm_viz talks" in out
    assert "likeliest" not in out and "act badly" not in out and "last prompt token (-" in out


def test_what_is_no_talk_is_told_before_a_model_is_loaded(made_folder, tmp_path, file, capsys):
    asked = ("--study", made_folder, "--model", tmp_path / "no-model")
    (tmp_path / "bad.json").write_text('{"talk": []}')
    status, _, err = says(capsys, tmp_path / "bad.json", *asked)
    assert status == 1 and "none of the keys" in err and "no-model" not in err
    status, _, err = says(capsys, tmp_path / "none.json", *asked)
    assert status == 1 and "There is no file" in err
    status, _, err = says(capsys, file, *asked)
    assert status == 1 and "no-model" in err
