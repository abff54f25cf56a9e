"""What room a machine has is what its system says, and what a control group leaves of it."""

from psm_viz.engine import room


def test_free_memory_is_what_the_system_calls_available(tmp_path, monkeypatch):
    said = tmp_path / "meminfo"
    said.write_text("MemTotal:  8000 kB\nMemFree:  100 kB\nMemAvailable:  3000 kB\n")
    monkeypatch.setattr(room, "MEMORY", said)
    monkeypatch.setattr(room, "GROUP", tmp_path)
    assert room.memory_free() == 3000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("500\n")
    assert room.memory_free() == 3000 * 1024
    (tmp_path / "memory.max").write_text("2000\n")
    assert room.memory_free() == 1500
    (tmp_path / "memory.stat").write_text("anon 100\ninactive_file 300\n")
    assert room.memory_free() == 1800  # what was read from files is let go of
    (tmp_path / "memory.current").write_text("9000\n")
    assert room.memory_free() == 0
    (tmp_path / "memory.max").unlink()
    said.write_text("nothing of the kind\n")
    assert room.memory_free() == room.memory_here() > 0


def test_disk_is_that_of_the_folder_which_is_there(tmp_path):
    above, free = room.disk_here(tmp_path / "not" / "yet")
    assert above == tmp_path and free > 0
