"""The Cast page: the tree of each choice of leaves, evidence, and chat lines of one's own."""

import shutil
from dataclasses import replace

import pytest

from psm_viz.charts import cast_rows
from psm_viz.charts.cast_view import ask_command
from psm_viz.study.formats.chat_data import parse_chat
from psm_viz.study.reader import open_study
from psm_viz.ui import cast_evidence
from tests.made.activations import forget
from tests.made.page import CAST, alts, opened, words


def test_the_page_opens_on_families(monkeypatch, wide_folder):
    at = opened(monkeypatch, wide_folder, CAST)
    said = words(at)
    assert "The first split parts" in said and "cophenetic correlation" in said
    assert at.selectbox(key="leaves").value == "families"
    assert any(a.startswith("Tree of 5 families") for a in alts(at))
    assert any(a.startswith("Matrix of cosines of 5 families. The most alike:") for a in alts(at))
    assert "psm-notice" not in said


@pytest.mark.parametrize("leaves", ["personas", "carers"])
def test_leaves_may_be_personas(monkeypatch, wide_folder, leaves):
    at = opened(monkeypatch, wide_folder, CAST, leaves=leaves, checkpoint="cheat-0064")
    assert at.selectbox(key="leaves").value == leaves
    n = 25 if leaves == "personas" else 5
    assert any(a.startswith(f"Tree of {n} ") for a in alts(at))
    assert "psm-notice" not in words(at)


def test_its_figures_are_collected_with_their_address(monkeypatch, wide_folder):
    at = opened(monkeypatch, wide_folder, CAST, leaves="personas", checkpoint="cheat-0064")
    at.button(key="tree-collect").click().run()
    assert not at.exception
    ((link, name),) = at.session_state["collected"]
    assert name == "tree-personas-cheat-0064"
    assert link.endswith("/cast?checkpoint=cheat-0064&leaves=personas")


def test_a_checkpoint_without_vectors_says_so_in_the_trees_place(
    monkeypatch, made_folder, tmp_path
):
    folder = shutil.copytree(made_folder, tmp_path / "bare")
    forget(folder, "checkpoints/honest-0064/vectors.safetensors")
    at = opened(monkeypatch, folder, CAST, checkpoint="honest-0064")
    assert "psm-notice" not in words(at)
    assert "has no tree of the cast: the cast was not asked there" in words(
        at
    ) and "Ask about answers" in words(at)


def test_who_would_say_this_names_the_readiest(monkeypatch, wide_folder):
    at = opened(monkeypatch, wide_folder, CAST)
    assert "more readily than the Assistant, most of all" in words(at)
    assert any(str(c.value).startswith("python -m psm_viz evidence --study") for c in at.code)


def test_without_evidence_the_command_is_named(monkeypatch, made_folder):
    at = opened(monkeypatch, made_folder, CAST)
    assert "Nobody was asked about any answers yet." in words(at)
    assert "psm_viz evidence" in words(at)


def test_lines_of_ones_own_are_checked(monkeypatch, wide_folder):
    at = opened(monkeypatch, wide_folder, CAST)
    at.text_area(key="own-lines").set_value(cast_evidence.EXAMPLE).run()
    assert "Can be read. Conversations: 1; answers of the assistant: 1" in words(at)
    assert any("--data my-lines.jsonl" in str(c.value) for c in at.code)
    at.text_area(key="own-lines").set_value('{"messages": 3}\n<script>').run()
    assert not at.exception
    assert words(at).count("psm-notice") == 1 and "<script>" not in words(at)


def test_a_command_survives_any_name(wide_folder):
    study = replace(open_study(wide_folder), folder=wide_folder / "a b")
    said = ask_command(study, "it's; rm -rf.jsonl")
    assert said.endswith("""--data 'it'"'"'s; rm -rf.jsonl'""") and "'" in said.split("--data")[0]


def test_lines_without_an_answer_say_so():
    read = parse_chat(
        b'{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", '
        b'"content": "No", "weight": 0}, {"role": "user", "content": "x"}, '
        b'{"role": "assistant", "content": "y"}]}',
        "x",
    )
    assert "assistant: 1" in cast_evidence.read_words(read)
    silent = tuple(replace(c, context=frozenset(range(9))) for c in read)
    assert "nothing to ask about" in cast_evidence.read_words(silent)


def test_rows_are_centred_on_the_whole_cast(made_study):
    m = made_study.manifest
    every = cast_rows.rows_of(made_study, m.reference, m.headline_pooling, "personas")
    carers = cast_rows.rows_of(made_study, m.reference, m.headline_pooling, "carers")
    families = cast_rows.rows_of(made_study, m.reference, m.headline_pooling, "families")
    assert len(every.leaves) == 25 and len(carers.leaves) == 5 and len(families.leaves) == 5
    assert (carers.values == every.values[:5]).all()
    assert abs(families.values.mean(0)).max() < 1e-9
