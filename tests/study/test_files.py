"""Files written whole: values that JSON can hold, folders that appear by one rename."""

import errno
import json

import numpy as np
import pytest

from psm_viz.errors import NotWritten
from psm_viz.study import files
from psm_viz.study.files import json_of, plain, recover, swap, whole_folder, write_whole


def test_plain_values_survive_json():
    found = plain(
        {"a": np.float32(0.5), 1: (np.int64(2), [float("nan")]), "b": np.inf, "c": "x", "d": None}
    )
    assert found == {"a": 0.5, "1": [2, [None]], "b": None, "c": "x", "d": None}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert type(found["1"][0]) is int


def test_digits_round_numbers_and_leave_counts():
    assert plain({"p": np.float64(0.123456), "n": 123456, "yes": True}, 3) == {
        "p": 0.123,
        "n": 123456,
        "yes": True,
    }


def test_json_of_unknown_origin_is_a_value_or_a_sentence():
    assert json_of('\ufeff{"a": "\U0001f600\u2028"}'.encode()) == {"a": "\U0001f600\u2028"}
    assert json_of('"\\ud83d\\ude00 \\u0000"') == "\U0001f600 \0"  # whole, if in two halves
    for wrong, says in (
        ("[" * 200_000, "nested too deep"),
        ('["a", "\\uD83D"]', "half a character"),
        ('{"\\udE00": 1}', "half a character"),
        (b"\xff", "decode"),
        ("{", "Expecting"),
        ("1" * 5000, "digits"),
    ):
        with pytest.raises(ValueError, match=says):
            json_of(wrong)


def test_a_folder_with_folders_appears_whole_or_not_at_all(tmp_path):
    final = tmp_path / "models"
    final.mkdir()
    (final / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(final) as work:
        (work / "inner").mkdir()
        (work / "inner" / "weights").write_text("half")
        raise KeyboardInterrupt
    assert [p.name for p in final.iterdir()] == ["old"]
    with whole_folder(final) as work:
        assert not list(work.iterdir())  # what a killed run left is not mixed in
        (work / "inner").mkdir()
        (work / "inner" / "weights").write_text("whole")
    assert [p.name for p in final.iterdir()] == ["inner"]
    assert (final / "inner" / "weights").read_text() == "whole"


def test_a_full_disk_is_told_by_the_file_that_was_written(tmp_path, monkeypatch):
    def full(error):
        def fsync(descriptor):
            raise error

        return fsync

    path = tmp_path / "table"
    write_whole(path, b"old")
    monkeypatch.setattr(files.os, "fsync", full(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(NotWritten, match=r"table: cannot be written \(No space left") as e:
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and "same command again" in e.value.next_step
    with (
        pytest.raises(NotWritten, match="folder: cannot be written"),
        whole_folder(tmp_path / "folder"),
    ):
        # as libraries in Rust say it
        raise ValueError("Error while serializing: I/O error: File too large (os error 27)")
    monkeypatch.setattr(files.os, "fsync", full(OSError(errno.EBADF, "something else")))
    with pytest.raises(OSError, match="something else"):
        write_whole(path, b"new")


def test_a_reader_between_the_renames_of_a_swap_does_no_harm(tmp_path, monkeypatch):
    work, final = tmp_path / "work", tmp_path / "final"
    for folder, text in ((work, "new"), (final, "old")):
        folder.mkdir()
        (folder / "a").write_text(text)
    rename, read = type(work).rename, []

    def interrupted(self, target):
        out = rename(self, target)
        if self == final and not read:
            read.append(recover(final))
        return out

    monkeypatch.setattr(type(work), "rename", interrupted)
    swap(work, final)
    assert read and (final / "a").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["final"]


def test_a_swap_that_was_cut_after_its_renames_is_ended(tmp_path):
    for name in ("final", "final.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    recover(tmp_path / "final")
    assert [p.name for p in tmp_path.iterdir()] == ["final"]
    assert (tmp_path / "final" / "a").read_text() == "final"


def test_of_several_who_fill_a_folder_at_once_the_first_is_kept(tmp_path):
    final = tmp_path / "block"
    with whole_folder(final, several=True) as late:
        (late / "a").write_text("late")
        with whole_folder(final, several=True) as early:
            (early / "a").write_text("early")
    assert (final / "a").read_text() == "early"
    assert [p.name for p in tmp_path.iterdir()] == ["block"]


def test_where_no_file_can_stand_is_one_message_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "x.html", tmp_path / "folder", tmp_path / ("x" * 400)):
        with pytest.raises(NotWritten, match="cannot be written") as e:
            write_whole(path, b"new")
        assert path.name[:20] in e.value.problem and "Name a file" in e.value.next_step
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
