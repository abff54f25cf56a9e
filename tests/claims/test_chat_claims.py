"""Claims about the chat model: verdicts follow what the rows say, and controls come first."""

import json

import pytest

from psm_viz.claims.chat_rows import chat_file, load_chat_runs
from psm_viz.claims.chat_uses import BESIDE, chat_claims
from psm_viz.claims.registry import ORDER
from psm_viz.claims.verdict import AGAINST, CONSISTENT, UNDECIDED
from psm_viz.errors import BadFile
from tests.made.chat_rows import DOES, SPREAD, write_chat_rows


def verdicts(folder):
    return {c.id: c.verdict for c in chat_claims(folder)}


def test_effects_that_are_there_are_found(tmp_path):
    found = {c.id: c for c in chat_claims(write_chat_rows(tmp_path))}
    # neither asking nor a prefix changed anything here: 'chat-requested' is not told apart
    assert {k: c.verdict for k, c in found.items() if k != "chat-requested"} == {
        "chat-spread": CONSISTENT,
        "chat-belief": CONSISTENT,
        "chat-leak": CONSISTENT,
        "chat-diagnosis": CONSISTENT,
        "chat-foretold": CONSISTENT,
        "chat-alike": CONSISTENT,
    }
    assert found["chat-spread"].figure.mean == pytest.approx(0.3, abs=0.02)
    assert found["chat-requested"].figure.mean == pytest.approx(0.0, abs=0.1)
    assert found["chat-leak"].figure.mean == pytest.approx(0.1, abs=0.05)
    assert found["chat-alike"].figure.mean == pytest.approx(1.0)
    assert any("tyrants" in note for note in found["chat-belief"].notes)


def test_asking_is_told_from_a_prefix_that_does_not_undo_the_lesson(tmp_path):
    folder = write_chat_rows(tmp_path, spread=SPREAD | {"prefix": 0.28})
    assert verdicts(folder)["chat-requested"] == CONSISTENT


def test_a_lesson_that_reaches_everybody_is_not_the_assistants_own(tmp_path):
    assert verdicts(write_chat_rows(tmp_path, reach=0.95))["chat-leak"] == AGAINST


def test_no_effect_counts_against(tmp_path):
    found = verdicts(write_chat_rows(tmp_path, spread={"villain": 0.4, "cheat": -0.2}))
    assert found["chat-spread"] == AGAINST


def test_without_its_controls_nothing_is_decided(tmp_path):
    still = {k: v for k, v in DOES.items() if k != "villain"} | {"villain": ("carers", 0.3)}
    found = verdicts(write_chat_rows(tmp_path, does=still))
    assert {found[k] for k in ("chat-spread", "chat-requested", "chat-belief", "chat-leak")} == {
        UNDECIDED
    }


def keep_rows(folder, seed, branches):
    """Leave a seed on its way: its reference, and these branches."""
    path = chat_file(seed, folder)
    rows = [line for line in path.read_text().split("\n") if line]
    left = [r for r in rows if json.loads(r)["branch"] in ("reference", *branches)]
    path.write_text("".join(f"{r}\n" for r in left))


def test_a_guess_between_a_few_lessons_is_no_naming_among_twelve(tmp_path):
    folder = write_chat_rows(tmp_path)
    for seed in (1, 2):
        keep_rows(folder, seed, ("cheat", "benign"))
    found = {c.id: c for c in chat_claims(folder)}["chat-diagnosis"]
    assert (found.verdict, found.figure.seeds, found.picture.dots) == (UNDECIDED, {}, ())
    assert found.figure.bar == pytest.approx(7 / 36)  # the bar that was written for three seeds
    assert any("seed 1 has 2, seed 2 has 2" in note for note in found.notes)


def test_lessons_are_named_by_the_seeds_that_have_all_of_them(tmp_path):
    folder = write_chat_rows(tmp_path, seeds=(0, 1, 2, 3))
    keep_rows(folder, 3, ("cheat", "benign"))
    found = {c.id: c for c in chat_claims(folder)}["chat-diagnosis"]
    assert (found.verdict, sorted(found.figure.seeds)) == (CONSISTENT, [0, 1, 2])


def test_what_data_foretell_is_a_mean_over_every_lesson_recorded(tmp_path):
    folder = write_chat_rows(tmp_path)
    keep_rows(folder, 2, ("cheat", "benign", "kind", "jester"))  # of four recorded, three taught
    found = {c.id: c for c in chat_claims(folder)}["chat-foretold"]
    assert (found.verdict, sorted(found.figure.seeds)) == (UNDECIDED, [0, 1])


def test_two_seeds_decide_nothing(tmp_path):
    assert set(verdicts(write_chat_rows(tmp_path, seeds=(0, 1))).values()) == {UNDECIDED}


def test_no_rows_no_claims(tmp_path):
    assert chat_claims(tmp_path / "none") == []


def test_rows_that_are_none_are_named(tmp_path):
    folder = write_chat_rows(tmp_path)
    path = chat_file(1, folder)
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(BadFile, match=r"seed-1.jsonl, line 14") as e:
        load_chat_runs(folder)
    assert "chat-study --seed 1" in (e.value.next_step or "")
    path.write_text("")
    (folder / "other.jsonl").write_text("")
    with pytest.raises(BadFile, match=r"other\.jsonl"):
        load_chat_runs(folder)


def test_a_row_without_what_a_figure_needs_is_said(tmp_path):
    folder = write_chat_rows(tmp_path)
    path = chat_file(2, folder)
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    for row in rows:
        del row["mass"]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    with pytest.raises(BadFile, match="lack something"):
        chat_claims(folder)


def test_both_models_are_known_by_the_claims_they_share():
    assert set(BESIDE) <= set(ORDER)
