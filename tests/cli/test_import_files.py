"""Vectors made elsewhere, from files to a study: matched, left out, placed, and never half done."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from psm_viz.cli import main
from psm_viz.cli.import_files import import_into
from psm_viz.errors import BadInput, UnknownName
from psm_viz.study.cast import ASSISTANT, dump_cast
from psm_viz.study.formats.import_vectors import Joining
from psm_viz.study.reader import open_study
from psm_viz.tables import derive
from tests.made.page import DRIFT, MAP, opened, words
from tests.made.roles import LAYERS, D, made_vectors, write_roles
from tests.made.study import made_cast


def said(capsys, *arguments):
    status = main(["import", "vectors", *map(str, arguments)])
    out = capsys.readouterr()
    assert "Traceback" not in out.err
    return status, out.out, out.err


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of a model before and after; after, every role moves alike and one leaves the cast."""
    root = tmp_path_factory.mktemp("files")
    before = made_vectors()
    after = {name.replace("_", "-").upper(): v + 0.3 for name, v in before.items()}
    after["default"] = after.pop("DEFAULT")
    after["stranger"] = after.pop("ROLE-07") + 1
    write_roles(root / "before", before)
    write_roles(root / "after", after, "bare", torch.bfloat16)
    (root / "role_list.json").write_text(json.dumps({"role_03": "Keeps <b>bees</b>."}))
    return root


@pytest.fixture(scope="module")
def begun(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies") / "given"
    options = Joining("given-0000", model_name="an 8B model")
    return folder, import_into(files / "before", folder, options)[1]


@pytest.fixture
def study(begun, tmp_path):
    import shutil

    return shutil.copytree(begun[0], tmp_path / "given")


def test_a_new_study_is_made_of_the_vectors(begun, files):
    study = open_study(begun[0])
    m = study.manifest
    assert m.reference == "given-0000" and m.checkpoint("given-0000").parent is None
    assert (m.headline_layer, m.headline_pooling, m.layers) == (1, "response_mean", (0, 1, 2))
    assert m.model == {"name": "an 8B model", "d_model": D, "n_layers": LAYERS}
    assert study.questions == () and study.verify() == len(study.files)
    made = made_vectors()
    v = study.vectors("given-0000")
    assert v.ids == (*(n for n in made if n != "default"), ASSISTANT)
    for name, row in zip(v.ids, v.values[:, 0], strict=True):
        wanted = made["default" if name == ASSISTANT else name]
        assert np.array_equal(row, wanted.astype(np.float32))
    assert study.cast.persona("role_03").description == "Keeps <b>bees</b>."
    assert {p.family for p in study.cast.personas} == {"roles"}
    points, info = study.map(study.maps[0])
    assert info["blocks"] == 1 and set(points[points.kind == "assistant"].id) == {"given-0000"}
    assert begun[1][0].startswith("read: 30 roles and the Assistant, 3 layers, d_model 32")


def test_a_second_folder_joins_by_name(study, files, capsys):
    status, out, err = said(capsys, "--study", study, "--checkpoint", "tuned-0100", files / "after")
    assert status == 0, err
    assert "matched: 29 of 30 roles are in the study's cast; 1 left out: stranger" in out
    assert "without vectors: 1 of the study's cast: role_07" in out
    assert f"serve --study {study}" in out
    now = open_study(study)
    c = now.manifest.checkpoint("tuned-0100")
    assert (c.branch, c.step, c.parent) == ("tuned", 100, "given-0000")
    assert now.manifest.fine_tuned == ["tuned"]
    assert len(now.vectors("tuned-0100").ids) == 30
    # everybody moved alike: centred on its own cast the Assistant has not moved
    points, info = now.map(now.maps[0])
    stars = points[(points.kind == "assistant") & (points.frame == "own")].set_index("id")
    near = stars.loc["tuned-0100", ["x", "y"]] - stars.loc["given-0000", ["x", "y"]]
    assert np.linalg.norm(near.to_numpy(float)) < 0.05 * info["width"]


def test_the_tree_grows_along_its_branch(study, files):
    for name in ("tuned-0100", "tuned-0200"):
        done, _ = import_into(files / "after", study, Joining(name))
    tree = {c.id: c.parent for c in done.manifest.checkpoints}
    assert tree == {"given-0000": None, "tuned-0100": "given-0000", "tuned-0200": "tuned-0100"}
    done, _ = import_into(files / "after", study, Joining("other-0001", parent="tuned-0100"))
    assert done.manifest.checkpoint("other-0001").parent == "tuned-0100"


def test_the_same_id_again_is_an_error_that_names_a_free_one(study, files, capsys):
    before = (study / "study.json").read_bytes()
    options = ("--study", study, files / "after", "--checkpoint")
    status, _, err = said(capsys, *options, "given-0000")
    assert status == 1 and "already has a checkpoint given-0000" in err and "given-0001" in err
    assert (study / "study.json").read_bytes() == before


def test_a_kill_leaves_the_old_study(study, files, monkeypatch):
    before = open_study(study).sha256

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(derive, "write_derived", killed)
        with pytest.raises(KeyboardInterrupt):
            import_into(files / "after", study, Joining("tuned-0001"))
    assert open_study(study).sha256 == before
    assert import_into(files / "after", study, Joining("tuned-0001"))[0].verify()


def test_a_refused_file_leaves_the_study_and_no_half_of_a_new_one(study, tmp_path, capsys):
    folder = write_roles(tmp_path / "bad", made_vectors(8))
    (folder / "role_04.pt").write_bytes(b"cos\nsystem\n(Vtrue\ntR.")
    before = open_study(study).sha256
    for target in (study, tmp_path / "new"):
        status, _, err = said(capsys, "--study", target, "--checkpoint", "x-0001", folder)
        assert status == 1 and "role_04.pt: refused" in err
    assert open_study(study).sha256 == before
    assert not (tmp_path / "new").exists() and not (tmp_path / "new.partial").exists()


def test_layers_are_matched_by_number(study, tmp_path):
    made = made_vectors()
    rows = {k: np.concatenate([v[:1] + 9, v]) for k, v in made.items()}  # the embedding first
    shifted = write_roles(tmp_path / "shifted", rows)
    done, _ = import_into(shifted, study, Joining("shifted-0001", offset=1))
    ref = done.vectors("given-0000")
    assert np.array_equal(done.vectors("shifted-0001").values, ref.values)
    one = write_roles(tmp_path / "one", {k: v[2] for k, v in made.items()})
    done, report = import_into(one, study, Joining("one-0001", layer=2))
    v = done.vectors("one-0001")
    assert v.layers == (2,) and np.array_equal(v.values[:, :, 0], ref.values[:, :, 2])
    assert any("not on the map response_mean-L1" in line for line in report)
    assert any("layers: 1 in common" in line for line in report)
    back = write_roles(tmp_path / "back", {k: v[[2, 0]] for k, v in made.items()})
    v = import_into(back, study, Joining("back-0001", layers=(2, 0)))[0].vectors("back-0001")
    assert v.layers == (0, 2) and np.array_equal(v.values, ref.values[:, :, [0, 2]])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"layers": (0, 1)}, "2 are named: 0, 1"),
        ({"layers": (0, 1, 1)}, "3 are named"),
        ({"layers": (0, 1, -1)}, "3 are named"),
        ({"layers": (7, 8, 9)}, "none in common"),
        ({"offset": 3}, "leaves 0 layers"),
        ({"offset": -1}, "--offset -1"),
        ({"layer": 1}, "the files hold layers 0, 1, 2"),
        ({"pooling": "prompt_last"}, "Pooling 'prompt_last' is not in this study"),
        ({"parent": "nowhere"}, "no checkpoint 'nowhere'"),
        ({"cast": Path("cast.json")}, "--cast is for a new study"),
    ],
)
def test_options_that_do_not_fit_the_files(study, files, options, problem):
    with pytest.raises((BadInput, UnknownName), match=problem):
        import_into(files / "before", study, Joining("tuned-0001", **options))
    assert not study.with_name("given.partial").exists()


def test_another_model_and_another_cast_are_refused(study, tmp_path):
    wide = {k: np.tile(v, 2) for k, v in made_vectors(6).items()}
    with pytest.raises(BadInput, match="64 dimensions, the study of 32"):
        import_into(write_roles(tmp_path / "wide", wide), study, Joining("tuned-0001"))
    foreign = {k.replace("role", "person"): v for k, v in made_vectors(6).items()}
    with pytest.raises(BadInput, match="0 of 6 roles are in the study's cast; at least 4"):
        import_into(write_roles(tmp_path / "foreign", foreign), study, Joining("tuned-0001"))


def test_one_layer_that_nobody_named(tmp_path):
    one = write_roles(tmp_path / "one", {k: v[0] for k, v in made_vectors(6).items()})
    with pytest.raises(BadInput, match="one layer and do not say which") as e:
        import_into(one, tmp_path / "new", Joining("given-0000"))
    assert "--layer" in e.value.next_step
    m = import_into(one, tmp_path / "new", Joining("given-0000", layer=16))[0].manifest
    assert m.layers == (16,) and m.headline_layer == 16 and m.model["n_layers"] is None
    # a study of one layer says it
    assert import_into(one, tmp_path / "new", Joining("more-0001"))[0].vectors("more-0001").layers


def test_a_cast_of_ones_own_names_families(tmp_path):
    cast = dump_cast(made_cast())
    (tmp_path / "cast.json").write_text(json.dumps(cast))
    rng = np.random.default_rng(0)
    names = [p["id"] for p in cast["personas"]][:12]  # healers, engineers, two jesters
    made = {n: rng.normal(size=(LAYERS, D)) for n in (*names, "default", "pirate")}
    folder = write_roles(tmp_path / "roles", made)
    options = Joining("given-0000", cast=tmp_path / "cast.json", layer=2)
    study, report = import_into(folder, tmp_path / "new", options)
    assert study.cast.ids == names and study.manifest.headline_layer == 2
    assert [f.id for f in study.cast.families] == ["healers", "engineers", "jesters"]
    assert set(study.cast.kins) == {"carers", "makers", "jesters"}
    assert any("13 without a file" in line for line in report)
    assert any("1 left out: pirate" in line for line in report)


def test_a_name_that_says_no_step_is_a_branchs_next_step(tmp_path, files, capsys, monkeypatch):
    study = tmp_path / "Llama.3"
    named = {"llama-3.1-8b": "llama-3.1-8b-0000", "Qwen/Qwen2.5_7B": "Qwen_Qwen2.5_7B-0001"}
    for name, wanted in named.items():
        folder = files / ("after" if study.exists() else "before")
        status, out, err = said(capsys, "--study", study, "--checkpoint", name, folder)
        assert status == 0, err
        assert f"checkpoint: {wanted}, step {int(wanted[-4:])} of branch {wanted[:-5]}" in out
        assert f"{wanted} {'is its reference' if name[0] == 'l' else 'has joined it'}" in out
    now = open_study(study)
    assert [c.id for c in now.manifest.checkpoints] == list(named.values())
    assert now.verify() == len(now.files)
    for wanted in named.values():
        assert now.vectors(wanted).checkpoint == wanted
        page = words(opened(monkeypatch, study, MAP, checkpoint=wanted))
        assert f"{wanted} was imported as vectors alone" in page and "psm-notice" not in page
    page = words(opened(monkeypatch, study, DRIFT, branches=["Qwen_Qwen2.5_7B"]))
    assert "Qwen_Qwen2.5_7B" in page and "psm-notice" not in page
    status, _, err = said(capsys, "--study", study, files / "after", "--checkpoint", "LLAMA-3.1-8b")
    assert status == 1 and "upper and lower case" in err


def test_all_that_nobody_said_is_asked_for_at_once(tmp_path, study, capsys):
    one = write_roles(tmp_path / "one", {k: v[0] for k, v in made_vectors(6).items()})
    status, _, err = said(capsys, "--study", tmp_path / "new", one)
    assert status == 1 and "has no name, and the files hold one layer and do not say which" in err
    assert "--checkpoint tuned-0001 --layer 16" in err
    status, _, err = said(capsys, "--study", study, one)  # of three layers, 1 its headline
    assert status == 1 and "--checkpoint tuned-0001 --layer 1\n" in err
    (one / "default.pt").unlink()
    status, _, err = said(capsys, "--study", study, one)
    assert status == 1 and "has no default.pt" in err and "name the checkpoint: --checkpoint" in err


def test_what_lies_beside_the_roles_is_told_with_its_cosine(tmp_path, study, capsys):
    made = made_vectors()
    rows = np.stack([made[n] for n in made if n != "default"])
    axis = made["default"] - rows.mean(0)
    folder = write_roles(tmp_path / "roles", made)
    torch.save({"axis": torch.as_tensor(axis), "metadata": {}}, folder / "assistant_axis.pt")
    evil = np.random.default_rng(3).normal(size=(LAYERS + 1, D))
    torch.save(torch.as_tensor(evil), folder / "evil_response_avg_diff.pt")
    cosine = float(evil[2] @ axis[1] / np.linalg.norm(evil[2]) / np.linalg.norm(axis[1]))
    status, out, err = said(capsys, "--study", study, "--checkpoint", "next-0001", folder)
    assert status == 0, err
    assert "read: 30 roles and the Assistant, 3 layers" in out
    assert "assistant_axis.pt: an Assistant axis, no role; cosine +1.000" in out
    line = next(line for line in out.split("\n") if line.startswith("evil_response_avg_diff.pt"))
    assert f"a trait, evil (response avg), no role; cosine {cosine:+.3f} with" in line
    assert "at layer 1, its row 2" in line  # the study's headline layer
    assert "evil" not in str(open_study(study).cast.ids)


def test_words_that_contradict_each_other_and_a_folder_that_is_no_study(tmp_path, files, capsys):
    new = tmp_path / "new"
    status, _, err = said(capsys, "--study", new, files / "before")
    assert status == 1 and "The checkpoint has no name." in err and "--checkpoint tuned" in err
    more = ("--checkpoint", "tuned-0001", "--step", "2")
    status, _, err = said(capsys, "--study", new, files / "before", *more)
    assert status == 1 and "step 1 of branch tuned" in err
    tmp_path.joinpath("empty").mkdir()
    status, _, err = said(
        capsys, "--study", tmp_path / "empty", files / "before", "--branch", "t", "--step", "1"
    )
    assert status == 1 and "is not a study" in err
