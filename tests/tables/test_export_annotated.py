"""AnnData files: read by h5py after the format's description, and by anndata where that is."""

import sys

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file

from psm_viz.errors import BadInput
from psm_viz.study.formats.import_vectors import Joining, join
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.export import Wanted, export
from psm_viz.tables.export_frames import Part
from tests.made.documented import documented
from tests.made.roles import made_vectors, write_bare_study, write_roles
from tests.made.study import AGAIN, HEAD, REFERENCE


def test_annotated_data_is_rows_of_personas_and_checkpoints(made_folder, tmp_path):
    study = open_study(made_folder)
    part = Part((REFERENCE, "cheat-0064"), pooling="prompt_last")
    done = export(study, tmp_path / "out", Wanted(("h5ad",), part=part))
    assert [(f.path, f.rows) for f in done.files] == [("prompt_last.h5ad", 52)]
    with h5py.File(tmp_path / "out" / "prompt_last.h5ad") as f:
        assert dict(f.attrs) == {"encoding-type": "anndata", "encoding-version": "0.1.0"}
        assert set(f) == {"X", "layers", "obs", "obsm", "obsp", "uns", "var", "varm", "varp"}
        named = []
        f.visititems(lambda name, item: named.append((name, set(item.attrs))))
        assert all({"encoding-type", "encoding-version"} <= have for _, have in named)
        obs = f["obs"]
        assert list(obs.attrs["column-order"]) == [
            *("persona", "name", "family", "kin", "checkpoint", "branch", "step")
        ]
        assert set(documented()["obs"]) | documented()["Keys"] >= set(obs.attrs["column-order"])
        names = obs["_index"].asstr()[:]
        assert names[0] == f"{REFERENCE}/maresa" and names[-1] == "cheat-0064/assistant"
        kin = obs["kin/categories"].asstr()[:][obs["kin/codes"][:]]
        assert kin[0] == "carers" and kin[25] == ""
        assert list(obs["step"][:]) == [120] * 26 + [64] * 26
        for at, rows in ((REFERENCE, slice(0, 26)), ("cheat-0064", slice(26, 52))):
            for layer in study.manifest.layers:
                own = study.vectors(at).at("prompt_last", layer)
                assert np.array_equal(f[f"layers/resid_post.{layer}"][rows], own)
        assert np.array_equal(f["X"][:], f[f"layers/resid_post.{HEAD}"][:])
        points = study.map(f"prompt_last-L{HEAD}")[0]
        cast = points[points.kind == "persona"][["x", "y"]].to_numpy()
        star = points[(points.kind == "assistant") & (points.frame == "own")].set_index("id")
        places = f["obsm/X_umap"][:]
        assert np.array_equal(places[:25], cast)
        assert np.array_equal(places[51], star.loc["cheat-0064", ["x", "y"]].to_numpy(float))
        assert np.isnan(places[26:51]).all() and np.isfinite(f["obsm/X_pca"][:26]).all()
        assert f["uns/study_sha256"].asstr()[()] == study.sha256
        assert f["uns/hook"].asstr()[()] == "resid_post"


@pytest.mark.filterwarnings("ignore")  # its own, of other packages
def test_anndata_itself_reads_it(made_folder, tmp_path):
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    study = open_study(made_folder)
    export(study, tmp_path / "out", Wanted(("h5ad",)))
    held = anndata.read_h5ad(tmp_path / "out" / "response_mean.h5ad")
    n = len(study.manifest.checkpoints)
    assert held.shape == (26 * n, 16) and AGAIN in set(held.obs["checkpoint"])
    assert set(held.layers) == {"resid_post.0", "resid_post.1"}
    assert set(held.obsm) == {"X_umap", "X_pca"} and held.uns["pooling"] == "response_mean"
    own = held[(held.obs.checkpoint == REFERENCE) & (held.obs.family == "healers")]
    assert np.array_equal(own.X, study.vectors(REFERENCE).at("response_mean", HEAD)[:5])
    assert held.obs["persona"].dtype == "category" and held.obs["step"].dtype.kind == "i"


def test_a_checkpoint_without_a_layer_has_none_of_it(tmp_path):
    study = write_bare_study(tmp_path / "study", made_vectors(6))
    one = write_roles(tmp_path / "one", {k: v[1] for k, v in made_vectors(6).items()})
    more = join(one, study, "two", Joining("given-0001", layer=None, layers=(1,)))
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    writer.write_vectors(more.vectors, more.said)
    study = writer.finish(more.manifest, more.cast, more.questions)
    done = export(study, tmp_path / "out", Wanted(("h5ad",)))
    assert done.left_out == {"no map response_mean-L1: no X_umap, no X_pca": ("h5ad",)}
    with h5py.File(tmp_path / "out" / "response_mean.h5ad") as f:
        assert np.isnan(f["layers/resid_post.0"][7:]).all() and np.isfinite(f["X"][:]).all()
        assert np.isfinite(f["layers/resid_post.0"][:7]).all() and "not recorded" in str(
            f["uns/hook"].asstr()[()]
        )


def test_without_the_package_one_command_is_named(made_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    study = open_study(made_folder)
    with pytest.raises(BadInput, match="written by the package h5py") as e:
        export(study, tmp_path / "out", Wanted(("h5ad",)))
    assert "pip install -r requirements-export.txt" in e.value.next_step
    done = export(study, tmp_path / "out", Wanted(("all",), part=Part((REFERENCE,))))
    assert ("h5ad",) in done.left_out.values()


def test_talks_are_rows_too_and_their_beliefs_tensors(talk_study, tmp_path):
    done = export(talk_study, tmp_path / "out", Wanted(("h5ad", "beliefs")))
    note, last = talk_study.talk_note, "cheat-0064"
    with h5py.File(tmp_path / "out" / "talks.h5ad") as f:
        obs = list(f["obs"].attrs["column-order"])
        assert set(documented()["obs"]) | documented()["Keys"] >= set(obs)
        names = list(f["obs/_index"].asstr()[:])
        own = [n for n, name in enumerate(names) if name.startswith(f"{last}/assistant/")]
        states = talk_study.talks(last).states["assistant", "own"].at(note.answers, note.layer)
        assert np.array_equal(f["X"][:][own], states)
        points = talk_study.table("talk_map")
        points = points[(points.kind == "assistant") & (points.checkpoint == last)]
        assert np.allclose(f["obsm/X_umap"][:][own], points.sort_values("talk")[["x", "y"]])
        cast = [name for name in names if "/assistant/" not in name]
        assert len(cast) == note.per_persona * len(talk_study.cast.personas)
        assert all(name.startswith(f"{REFERENCE}/") for name in cast)
    tensors = load_file(tmp_path / "out" / "beliefs" / f"{last}.safetensors")
    table = talk_study.table("beliefs")
    rows = table[(table.checkpoint == last) & (table.who == "assistant") & (table.way == "own")]
    rows = rows[rows.answers == note.answers].sort_values("talk")
    held = tensors["assistant/own"][:, -1]
    assert np.allclose(held, rows[[f.id for f in talk_study.cast.families if f.id in rows]])
    assert {f.path for f in done.files} >= {"talks.h5ad", f"beliefs/{last}.safetensors"}
