"""A folder of checkpoints says how it was trained, and which of them are missing."""

import json
from dataclasses import asdict

import pytest

from psm_viz.errors import BadFile
from psm_viz.small_model import trained_tree
from psm_viz.small_model.recipe import Recipe


def test_a_tree_with_missing_checkpoints_names_them(tmp_path):
    with pytest.raises(BadFile, match=r"recipe\.json") as e:
        trained_tree.from_tree(tmp_path)
    assert "psm_viz train" in e.value.next_step
    note = {"recipe": asdict(Recipe()), "world": ""}
    (tmp_path / "recipe.json").write_text(json.dumps(note))
    with pytest.raises(BadFile, match="pretrain-0000"):
        trained_tree.from_tree(tmp_path)
