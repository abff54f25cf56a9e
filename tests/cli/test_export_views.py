"""The verb `export --view`: figures as files, the same in every process, nothing half written."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from psm_viz.charts import export
from psm_viz.charts.bundle import bundle_of
from psm_viz.charts.export import Export, record_of
from psm_viz.charts.figures import Figure
from psm_viz.charts.reads import Reads
from psm_viz.charts.views import charts_of, view_of
from psm_viz.cli import main
from psm_viz.paths import ROOT
from tests.made.chat_rows import write_chat_rows

FORMS = ("svg", "png", "pdf", "html", "vega", "csv", "parquet")


def says(capsys, *arguments):
    status = main(["export", *map(str, arguments)])
    found = capsys.readouterr()
    assert "Traceback" not in found.err
    return status, found.out, found.err


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("map?checkpoint=cheat-0064", "talks-cheat-0064"),
        ("method?checkpoint=honest-0064", "layers-honest-0064"),
        ("claims#claim-chat-spread", "claim-chat-spread"),
    ],
)
def test_three_processes_write_the_same_bytes(talk_study, tmp_path, monkeypatch, link, name):
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("PSM_VIZ_RUNS", str(tmp_path / "none"))
    monkeypatch.setenv("PSM_VIZ_CHAT_RUNS", str(write_chat_rows(tmp_path / "chat")))
    for out, seed in (("one", "1"), ("two", "2")):
        arguments = ["--study", str(talk_study.folder), "--view", link, "--figure", name]
        arguments += ["--format", ",".join(FORMS), "--out", str(tmp_path / out)]
        done = subprocess.run(
            [sys.executable, "-m", "psm_viz", "export", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    # in this process another figure is drawn before, as on a page
    view = view_of(Reads(talk_study), link)
    (one,) = charts_of(view, [name])
    other = next(f for f in charts_of(view) if isinstance(f, Figure) and f.told.name != name)
    export.svg(Export(other, record_of(other, view.source_of(other), view.link())))
    own = view.link_of(one, talk_study.folder.name)
    record = record_of(one, view.source_of(one), own)
    here = bundle_of([Export(one, record)], FORMS)
    written = [{p.name: p.read_bytes() for p in (tmp_path / d).iterdir()} for d in ("one", "two")]
    assert written[0] == written[1] == here
    assert len(here) == len(FORMS) + 3


def test_a_zip_holds_figures_tables_captions_and_where_they_are_from(talk_study, tmp_path, capsys):
    asked = ["--study", talk_study.folder, "--view", "map?checkpoint=cheat-0064", "drift"]
    for name in ("a.zip", "b.zip"):
        status, _, err = says(capsys, *asked, "--format", "vega,csv", "--out", tmp_path / name)
        assert status == 0, err
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        assert {"README.md", "provenance.json", "talks-along-training.vl.json"} <= set(names)
        record = json.loads(archive.read("provenance.json"))
        readme = archive.read("README.md").decode()
        for one in record["figures"]:
            assert one["study_sha256"] == talk_study.sha256
            told = json.loads(archive.read(f"{one['figure']}.caption.json"))
            assert told["link"] == one["link"] and told["caption"] in readme
            assert set(one["files"]) <= set(names)


def test_what_a_view_lacks_is_told_and_the_rest_is_written(made_folder, tmp_path, capsys):
    asked = ("--study", made_folder, "--view", "drift?branches=pretrain", "--format", "csv")
    status, out, err = says(capsys, *asked, "--out", tmp_path / "out")
    assert status == 0, err
    assert (
        (tmp_path / "out" / "axis.csv").is_file()
        and "left out: " in out
        and "no mixture of families" in out
    )


@pytest.mark.parametrize(
    ("more", "problem", "step"),
    [
        (("--view", "story"), "no view 'story'", "search, cast, method, claims"),
        (("--view", "drift?branches=nope"), "'nope'", "honest"),
        (("--view", "map", "--format", "svg,gif"), "--format gif", "svg, png, pdf"),
        (("--view", "map", "--figure", "nothing"), "no figure 'nothing'", "map-"),
        (("--view", "map", "--width", "4"), "--width 4", "30 to 600 mm"),
        (("--view", "map", "--what", "drift"), "--what is of tables", "one of the two"),
        (("--theme", "dark"), "--theme is of figures", "--view"),
        (("--view", "map?study=second", "drift?study=third"), "2 studies", "one at a time"),
        (("--view", "map?study=second"), "is of the study 'second'", "--study"),
        (("--view", "map?study=nowhere"), "'nowhere', which is not in data/", "--study"),
    ],
)
def test_errors_are_one_message_and_nothing_is_written(
    made_folder, tmp_path, capsys, more, problem, step
):
    study = () if "one at a time" in step or "nowhere" in problem else ("--study", made_folder)
    status, _, err = says(capsys, *study, "--out", tmp_path / "out", *more)
    assert status == 1 and problem in err and step in err
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(made_folder, tmp_path, capsys):
    (tmp_path / "kept").write_text("x")
    (tmp_path / "old.zip").write_text("x")
    for out, problem in (
        (tmp_path, "nothing is overwritten"),
        (tmp_path / "old.zip", "nothing is overwritten"),
        (tmp_path / "kept" / "out", "is no folder"),
        ("/proc/nowhere/out", "cannot be written"),
        ("/proc/nowhere/out.zip", "cannot be written"),
    ):
        asked = ("--study", made_folder, "--view", "map", "--format", "csv", "--out", out)
        status, _, err = says(capsys, *asked)
        assert status == 1 and problem in err, (out, err)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept", "old.zip"]
