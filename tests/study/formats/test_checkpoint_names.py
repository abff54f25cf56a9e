"""What a checkpoint is called, and its place in the tree: any name works, or one error says why."""

import re
from dataclasses import replace

import pytest

from psm_viz.errors import BadInput
from psm_viz.study.formats.checkpoint_names import branch_name, tree_place
from psm_viz.study.manifest import Checkpoint, checkpoint_id
from psm_viz.study.reader import open_study


@pytest.fixture
def study(made_folder):
    """A study with a branch `Llama-3.1-8B` of two steps."""
    m = open_study(made_folder).manifest
    own = [
        Checkpoint(checkpoint_id(b, n), b, n, m.reference)
        for b, n in (("Llama-3.1-8B", 3), ("Llama-3.1-8B", 7))
    ]
    return replace(m, checkpoints=(*m.checkpoints, *own))


@pytest.mark.parametrize(
    ("name", "new", "joins"),
    [
        ("tuned-0001", ("tuned", 1), ("tuned", 1)),
        ("tuned-1", ("tuned", 1), ("tuned", 1)),
        ("my-run-12345", ("my-run", 12345), ("my-run", 12345)),
        ("checkpoint-500", ("checkpoint", 500), ("checkpoint", 500)),
        ("llama-3.1-8b-it", ("llama-3.1-8b-it", 0), ("llama-3.1-8b-it", 1)),
        ("Llama-3.1-8B", ("Llama-3.1-8B", 0), ("Llama-3.1-8B", 8)),
        ("tuned", ("tuned", 0), ("tuned", 1)),
        ("my_run.v2", ("my_run.v2", 0), ("my_run.v2", 1)),
        ("google/gemma-2-27b", ("google_gemma-2-27b", 0), ("google_gemma-2-27b", 1)),
        ("../../etc/x", ("etc_x", 0), ("etc_x", 1)),
        ("mein Gr\u00f6\u00dftes", ("mein_Gr\u00f6\u00dftes", 0), ("mein_Gr\u00f6\u00dftes", 1)),
        ("Gro\u0308\u00dfe-2", ("Gr\u00f6\u00dfe", 2), ("Gr\u00f6\u00dfe", 2)),
        ("a\0b\x1b[2J", ("a_b_2J", 0), ("a_b_2J", 1)),
        ("run-20250131123456", ("run-20250131123456", 0), ("run-20250131123456", 1)),
        ("-0001", ("0001", 0), ("0001", 1)),
        ("500", ("500", 0), ("500", 1)),
    ],
)
def test_any_name_has_a_place(study, name, new, joins):
    assert tree_place(name, None, None, None) == new
    assert tree_place(name, None, None, study) == joins
    assert re.fullmatch(r"\w[\w.-]*", checkpoint_id(*new))


def test_a_branch_and_a_step_named_apart_are_taken_as_they_are(study):
    assert tree_place(None, "olmo-2-1124", 5, None) == ("olmo-2-1124", 5)
    assert tree_place(None, "olmo-2-1124", None, study) == ("olmo-2-1124", 1)
    assert tree_place(None, "Llama-3.1-8B", None, study) == ("Llama-3.1-8B", 8)
    assert tree_place("llama-3.1-70b", None, 9, study) == ("llama-3.1-70b", 9)
    assert tree_place("tuned-0001", "tuned", 1, None) == ("tuned", 1)
    assert tree_place(None, None, None, study) is tree_place(None, None, 3, None) is None


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (("", None, None), "has no letter or digit"),
        (("..", None, None), "has no letter or digit"),
        ((None, "/", 1), "has no letter or digit"),
        (("x" * 61, None, None), "has 61 characters"),
        (("tuned-0001", None, 2), "is step 1 of branch tuned; --branch or --step says otherwise"),
        (("tuned-0001", "other", None), "is step 1 of branch tuned"),
        (("olmo-2-1124", "olmo-2-1124", None), "is step 1124 of branch olmo-2"),
        (("tuned", "other", None), "'tuned' is branch tuned"),
        ((None, "tuned", -1), "--step -1"),
        ((None, "tuned", 10**9), "--step 1000000000"),
        (("LLAMA-3.1-8b", None, None), "study's branch Llama-3.1-8B in upper and lower case"),
    ],
)
def test_what_has_no_place_is_said_once(study, named, says):
    with pytest.raises(BadInput, match=re.escape(says)) as e:
        tree_place(*named, study)
    assert e.value.next_step


def test_the_longest_name_still_names_a_folder(tmp_path):
    name = branch_name("\u5927" * 60)
    (tmp_path / f"{checkpoint_id(name, 10**9 - 1)}.partial").mkdir()
