"""Role vectors from files: what was written comes back; what is not vectors is refused unrun."""

import json
import os
import zipfile

import numpy as np
import pytest
import torch

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.formats import role_vectors
from psm_viz.study.formats.role_vectors import read_descriptions, read_role_vectors, role_id
from tests.made.roles import LAYERS, D, made_vectors, write_roles


@pytest.fixture
def folder(tmp_path):
    return write_roles(tmp_path / "roles", made_vectors(6))


@pytest.mark.parametrize("form", ["dict", "bare"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("shape", ["layers", "one layer"])
def test_what_was_written_comes_back(tmp_path, form, dtype, shape):
    made = made_vectors(5)
    if shape == "one layer":
        made = {k: v[1] for k, v in made.items()}
    found = read_role_vectors(write_roles(tmp_path / "roles", made, form, dtype))
    assert found.values.dtype == np.float32
    assert found.values.shape == (6, 1 if shape == "one layer" else LAYERS, D)
    for name, row in zip((*found.roles, "default"), found.values, strict=True):
        wanted = torch.as_tensor(made[name]).to(dtype).float().numpy()
        assert np.array_equal(row, np.atleast_2d(wanted))
    assert found.kinds == ({"pos_3": 6} if form == "dict" else {})
    assert found.ignored == 0 and found.warnings == ()


class Hostile:
    """Unpickled in the usual way it would make a folder."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def _zipped(payload, path):
    torch.save({"vector": torch.zeros(LAYERS, D), "more": payload}, path)


def _bare_pickle(payload, path):
    path.write_bytes(f"cos\nmkdir\n(V{payload.target}\ntR.".encode())  # the same, by hand


def _old_format(payload, path):
    torch.save(payload, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("write", [_zipped, _bare_pickle, _old_format])
def test_a_hostile_file_is_refused_and_nothing_runs(folder, tmp_path, write):
    target = tmp_path / "ran"
    write(Hostile(target), folder / "role_03.pt")
    with pytest.raises(BadFile, match=r"role_03\.pt: refused: it (holds|is not)") as e:
        read_role_vectors(folder)
    assert not target.exists() and "Traceback" not in str(e.value)
    run, arguments = Hostile(target).__reduce__()
    run(*arguments)
    assert target.exists()  # what was looked for is what it would have done


@pytest.mark.parametrize("kept", [0, 40, 900, -100])
def test_a_truncated_file_is_named(folder, kept):
    path = folder / "role_02.pt"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadFile, match=r"role_02\.pt: refused"):
        read_role_vectors(folder)


def test_a_file_with_a_hole_in_it_is_named(folder):
    path = folder / "role_02.pt"
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 80] = b"\xff" * 80
    path.write_bytes(data)
    with pytest.raises(BadFile, match=r"role_02\.pt"):
        read_role_vectors(folder)


@pytest.mark.parametrize(
    ("held", "problem"),
    [
        (
            {"mean": torch.zeros(LAYERS, D), 3: 1},
            'expected a key "vector" or "axis", found: ., mean',
        ),
        ({"axis": "a text"}, "expected a tensor, found str"),
        ({}, "found: none"),
        ([torch.zeros(LAYERS, D)], "expected a tensor, found list"),
        ({"vector": "a text"}, "expected a tensor, found str"),
        (torch.zeros(D, dtype=torch.int64), "tensor of real numbers, found torch.int64"),
        (torch.zeros(LAYERS, D).to_sparse(), "tensor of real numbers"),
        (torch.zeros(LAYERS, D, device="meta"), "tensor of real numbers"),
        (torch.tensor(1.0), "expected shape"),
        (torch.zeros(2, LAYERS, D), "expected shape"),
        (torch.zeros(0), "expected shape"),
        (torch.zeros(1).expand(20_000, 20_000), "too large"),
        (torch.full((LAYERS, D), float("nan")), "96 of 96 values are not finite"),
        (torch.full((LAYERS, D), float("inf")), "not finite"),
        (torch.zeros(LAYERS, D + 1), r"expected shape \(3, 32\), as default.pt has, found"),
        (torch.zeros(D), r"expected shape \(3, 32\)"),
    ],
)
def test_what_is_no_vector_is_named(folder, held, problem):
    torch.save(held, folder / "role_04.pt")
    with pytest.raises(BadFile, match=r"role_04\.pt: .*" + problem):
        read_role_vectors(folder)


def test_axes_and_traits_beside_the_roles_are_known_and_become_no_roles(folder):
    some, tall = torch.ones(LAYERS, D), torch.ones(LAYERS + 1, D)
    for name in ("axis", "gemma_axis", "assistant_axis_v2", "Axis-2"):
        torch.save(some, folder / f"{name}.pt")
    torch.save({"axis": some, "metadata": {"model": "x"}}, folder / "by_content.pt")
    for where in ("response_avg", "prompt_avg", "prompt_last"):
        torch.save(tall, folder / f"very_evil_{where}_diff.pt")
    found = read_role_vectors(folder)
    assert found.roles == tuple(f"role_{n:02d}" for n in range(6))
    assert found.ignored == 0 and found.warnings == ()
    said = {o.file: (o.trait, o.where, o.values.shape) for o in found.others}
    axes = ("Axis-2.pt", "assistant_axis_v2.pt", "axis.pt", "by_content.pt", "gemma_axis.pt")
    assert {f: s for f, s in said.items() if f in axes} == dict.fromkeys(axes, ("", "", (3, 32)))
    assert said["very_evil_prompt_last_diff.pt"] == ("very_evil", "prompt_last", (4, 32))
    assert len(said) == 8


def test_what_a_file_holds_counts_before_its_name(folder):
    for name in ("axis", "evil_response_avg_diff"):
        torch.save({"vector": torch.randn(LAYERS, D), "role": name}, folder / f"{name}.pt")
    found = read_role_vectors(folder)
    assert {"axis", "evil_response_avg_diff"} < set(found.roles) and found.others == ()
    torch.save({"axis": torch.ones(LAYERS, D)}, folder / "default.pt")
    with pytest.raises(BadFile, match=r"default\.pt: is an Assistant axis, and no vector of the"):
        read_role_vectors(folder)


def test_a_folder_of_directions_alone_is_no_cast(tmp_path):
    made = made_vectors(3)
    for name in ("axis", *(f"{t}_response_avg_diff" for t in ("evil", "sycophantic"))):
        made[name] = made["role_00"]
    with pytest.raises(BadInput, match="at least 4 roles, found 3 and 3 axes or trait vectors"):
        read_role_vectors(write_roles(tmp_path / "few", made, "bare"))
    (tmp_path / "few" / "default.pt").unlink()
    with pytest.raises(BadInput, match=r"found 6 other \.pt files, 3 of them axes or trait"):
        read_role_vectors(tmp_path / "few")


def test_large_files_are_refused_before_they_are_read(folder, monkeypatch):
    def never(*_, **__):
        pytest.fail("the file was read")

    with (folder / "default.pt").open("r+b") as f:
        f.truncate(role_vectors.LARGEST_FILE + 1)  # sparse: takes no room
    monkeypatch.setattr(torch, "load", never)
    with pytest.raises(BadFile, match=r"default\.pt: refused: 512 MiB"):
        read_role_vectors(folder)


def test_an_archive_that_unpacks_to_too_much_is_refused(folder, monkeypatch):
    monkeypatch.setattr(role_vectors, "LARGEST_FILE", 2**20)
    with zipfile.ZipFile(folder / "role_01.pt", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("archive/data/0", bytes(2**21))
    assert (folder / "role_01.pt").stat().st_size < 2**13
    with pytest.raises(BadFile, match=r"role_01\.pt: refused: 2 MiB"):
        read_role_vectors(folder)


def test_a_folder_too_large_for_memory_is_refused(folder, monkeypatch):
    monkeypatch.setattr(role_vectors, "LARGEST_FOLDER", 7 * LAYERS * D * 4 - 1)
    with pytest.raises(BadFile, match="7 files of shape"):
        read_role_vectors(folder)


def test_a_link_that_leaves_the_folder_is_refused(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere.pt"
    (folder / "role_05.pt").rename(elsewhere)
    (folder / "role_05.pt").symlink_to(elsewhere)
    with pytest.raises(BadFile, match=r"role_05\.pt: refused: it is a link") as e:
        read_role_vectors(folder)
    assert "cp -rL" in e.value.next_step
    (folder / "role_05.pt").unlink()
    (folder / "role_05.pt").symlink_to(folder / "role_04.pt")  # stays inside
    assert any("role_04, role_05" in w for w in read_role_vectors(folder).warnings)
    (folder / "role_06.pt").symlink_to(folder / "gone.pt")
    with pytest.raises(BadFile, match=r"role_06\.pt: is not a plain file"):
        read_role_vectors(folder)


def test_folders_that_are_no_cast(tmp_path, folder):
    with pytest.raises(UnknownName, match="is not a folder"):
        read_role_vectors(tmp_path / "nowhere")
    made = made_vectors(3)
    with pytest.raises(BadInput, match="at least 4 roles, found 3"):
        read_role_vectors(write_roles(tmp_path / "few", made))
    (folder / "default.pt").unlink()
    with pytest.raises(BadInput, match=r"has no default\.pt \(found 6") as e:
        read_role_vectors(folder)
    assert "Assistant" in e.value.next_step


def test_two_files_of_one_role_are_an_error(folder):
    (folder / "Role-03.pt").write_bytes((folder / "role_03.pt").read_bytes())
    with pytest.raises(BadFile, match=r"Role-03\.pt and role_03\.pt: both are role 'role_03'"):
        read_role_vectors(folder)


def test_nothing_that_steers_a_terminal_is_shown(folder):
    held = {"vector": torch.ones(LAYERS, D), "type": "\x1b[2J", "role": "\x1b[31m"}
    torch.save(held, folder / "role_01.pt")
    found = read_role_vectors(folder)
    assert "\x1b" not in str(found.kinds) + "".join(found.warnings)
    (folder / "role_01.pt").rename(folder / "\x1b[2J.pt")
    with pytest.raises(BadFile, match="cannot be printed") as e:
        read_role_vectors(folder)
    assert "\x1b" not in e.value.problem


def test_names_are_matched_alike_and_a_role_called_assistant_is_not_the_assistant(tmp_path):
    assert role_id("Data Scientist") == role_id("data-scientist") == role_id(" data_scientist ")
    made = made_vectors(4)
    made["assistant"] = made["role_00"] + 1
    found = read_role_vectors(write_roles(tmp_path / "roles", made))
    assert "assistant_role" in found.roles and "assistant" not in found.roles
    assert any("default.pt" in w for w in found.warnings)
    assert np.allclose(found.values[-1], made["default"], atol=1e-6)


def test_what_is_strange_but_readable_is_said(tmp_path):
    made = made_vectors(5)
    made["role_03"] = made["role_01"]
    for v in made.values():
        v[:, [4, 9]] = 0.5
    folder = write_roles(tmp_path / "roles", made)
    torch.save(
        {"vector": torch.as_tensor(made["role_02"]), "role": "pirate"}, folder / "role_02.pt"
    )
    (folder / "config.json").write_text("{}")
    (folder / "._role_01.pt").write_bytes(b"junk that a file system leaves")
    (folder / "more").mkdir()
    found = read_role_vectors(folder)
    assert found.ignored == 3 and len(found.roles) == 5
    said = "\n".join(found.warnings)
    assert "identical vectors, all kept: role_01, role_03" in said
    assert "2 of 32 dimensions are the same in every file" in said
    assert 'role_02.pt: says "role": "pirate"' in said


def test_descriptions_lie_in_the_folder_or_beside_it(folder):
    assert read_descriptions(folder) == {}
    (folder.parent / "role_list.json").write_text(json.dumps({"Role 01": "The first."}))
    assert read_descriptions(folder) == {"role_01": "The first."}
    (folder / "role_list.json").write_text("[1]")
    with pytest.raises(BadFile, match="role: description"):
        read_descriptions(folder)
