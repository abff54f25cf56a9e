"""The verb `live`: where the weights of a study are looked for."""

import shutil

from psm_viz import paths
from psm_viz.cli.live import weights_of
from psm_viz.engine.keep_branch import weights_beside
from psm_viz.study.reader import open_study
from tests.made.study import REFERENCE


def weights(folder):
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"")


def test_what_was_kept_beside_a_study_joins_the_references_weights(
    made_folder, tmp_path, monkeypatch
):
    folder = tmp_path / "mine"
    shutil.copytree(made_folder, folder)
    study = open_study(folder)
    monkeypatch.setattr(paths, "MODELS", tmp_path / "models")
    for name in (REFERENCE, "cheat-0008"):
        weights(tmp_path / "models" / name)
    weights(weights_beside(folder) / "cheat-0064")
    weights(weights_beside(folder) / "nobody-0001")
    found = weights_of(study, None, {})
    order = [c.id for c in study.manifest.checkpoints]
    assert [c.id for c in found.checkpoints] == sorted(found.folders, key=order.index)
    assert found.folders == {
        REFERENCE: str(tmp_path / "models" / REFERENCE),
        "cheat-0008": str(tmp_path / "models" / "cheat-0008"),
        "cheat-0064": str(weights_beside(folder) / "cheat-0064"),
    }

    # the reference of a chat model lies elsewhere again
    shutil.rmtree(tmp_path / "models")
    weights(tmp_path / "chat")
    monkeypatch.setattr(paths, "CHAT_MODEL", tmp_path / "chat")
    found = weights_of(study, None, {})
    assert found.folders == {
        REFERENCE: str(tmp_path / "chat"),
        "cheat-0064": str(weights_beside(folder) / "cheat-0064"),
    }
