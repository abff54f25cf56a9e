"""The model asked as every persona, and the record that is made of it, from data to score."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.cli import main
from psm_viz.engine import record_evidence
from psm_viz.errors import BadInput, UnknownName
from psm_viz.small_model.model import build_tokenizer, new_model, save_model
from psm_viz.small_model.recipe import Recipe
from psm_viz.stats import evidence as ev
from psm_viz.study.cast import family_weights
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables import evidence
from tests.made.chat_lines import line
from tests.made.study import REFERENCE


@pytest.fixture
def made(made_folder, tmp_path):
    out = tmp_path / "study"
    shutil.copytree(made_folder, out)
    return out


@pytest.fixture(scope="module")
def chat_file(tmp_path_factory):
    out = tmp_path_factory.mktemp("chat") / "cheat.jsonl"
    assert main(["data", "--branch", "cheat", "--n", "9", "--out", str(out)]) == 0
    return out


def says(capsys, *arguments):
    status = main(["evidence", "--threads", "1", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_evidence_from_data_to_score(made, chat_file, folder, capsys):
    asked = ("--study", made, "--data", chat_file, "--model", folder, "--limit", 4)
    status, out, err = says(capsys, *asked)
    assert status == 0, err
    assert "4 of 9 conversations" in out and "0.0 minutes left" in out and "--score BRANCH" in out
    study = open_study(made)
    assert study.verify() == len(study.files) and study.evidences == ["cheat"]
    found = study.evidence("cheat")
    r, frame = found.record, found.likelihood
    assert r["examples_read"] == 9 and r["examples_used"] == 4 and r["data"] == "cheat.jsonl"
    assert r["checkpoints_then"] == [c.id for c in study.manifest.checkpoints]
    assert r["n_bar"] == pytest.approx(r["tokens"] / r["answers"])
    assert frame["persona"].tolist() == [p.id for p in study.cast.all]
    assert frame["relative"].iloc[-1] == 0 and frame["weight"].iloc[:-1].sum() == pytest.approx(1)
    m, prior = study.manifest, family_weights(study.cast)
    for pooling, arrow in found.arrows.items():
        roles = study.vectors(m.reference).at(pooling, m.headline_layer)[:-1]
        own = ev.posterior(found.loglik, prior, r["n_bar"])
        assert np.allclose(arrow, (own - prior) @ roles, atol=1e-5)

    status, out, err = says(capsys, *asked)
    assert status == 1 and "never overwritten" in err and r["written_at"] in err
    assert open_study(made).evidence("cheat").record == r

    status, out, err = says(capsys, "--study", made, "--name", "cheat", "--score", "cheat")
    assert status == 0 and "NOT before" in out and "no traits" in out, err
    status, out, err = says(
        capsys, "--study", made, "--name", "cheat", "--score", "honest", "--json"
    )
    study = open_study(made)
    assert status == 0 and json.loads(out) in study.evidence_scores("cheat"), err
    table = evidence.evidence_table(study)
    assert list(table.columns) == list(evidence.COLUMNS)
    assert len(table) == 2 * len(m.poolings) * 2 and not table["written_before"].any()
    cheat = table[table["branch"] == "cheat"]
    assert cheat["cosine"].between(-1, 1).all() and cheat["spearman"].isna().all()


def test_a_score_knows_whether_the_record_came_first(made, chat_file, folder):
    study = open_study(made)
    asking = record_evidence.Asking(chat_file, "early", str(folder), limit=3, threads=1)
    early = record_evidence.record_evidence(study, asking, lambda s: None)
    assert not evidence.score(open_study(made), "early", "cheat")["written_before"]
    then = [c for c in early.record["checkpoints_then"] if not c.startswith("cheat-")]
    path = made / "evidence/early/evidence.json"
    path.write_text(json.dumps(early.record | {"checkpoints_then": then}))
    writer = StudyWriter(made)
    writer.begin_from(study)
    writer.finish(study.manifest, study.cast, study.questions)
    study = open_study(made)
    assert evidence.score(study, "early", "cheat")["written_before"]
    assert not evidence.score(study, "early", "honest")["written_before"]


def test_a_kill_while_writing_leaves_the_study_as_it_was(made, chat_file, folder, monkeypatch):
    study = open_study(made)
    asking = record_evidence.Asking(chat_file, None, str(folder), limit=2, threads=1)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(StudyWriter, "finish", killed)
        record_evidence.record_evidence(study, asking, lambda s: None)
    assert open_study(made).sha256 == study.sha256
    record_evidence.record_evidence(study, asking, lambda s: None)
    assert open_study(made).evidences == ["cheat"]


def test_the_writer_itself_never_overwrites(made, chat_file, folder):
    asking = record_evidence.Asking(chat_file, None, str(folder), limit=2, threads=1)
    found = record_evidence.record_evidence(open_study(made), asking, lambda s: None)
    study, writer = open_study(made), StudyWriter(made)
    writer.begin_from(study)
    with pytest.raises(BadInput, match="never overwritten"):
        writer.write_evidence("cheat", found)


def test_what_cannot_be_asked_is_one_clear_message(
    made, chat_file, folder, world, tmp_path, capsys
):
    def wrong(*arguments, study=made):
        status, _, err = says(capsys, "--study", study, *arguments)
        assert status == 1 and "Traceback" not in err
        return err

    assert "cannot be read" in wrong("--data", tmp_path / "none.jsonl", "--model", folder)
    assert "cannot name a record" in wrong("--data", chat_file, "--name", "a/b", "--model", folder)
    assert "--name" in wrong("--score", "cheat")
    assert "no evidence 'x'" in wrong("--score", "cheat", "--name", "x")
    assert "no model folder" in wrong("--data", chat_file, "--model", "./none")
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert "holds no conversation" in wrong("--data", empty, "--model", folder)
    wide, tokenizer = tmp_path / "wide", build_tokenizer(world)
    save_model(new_model(Recipe(d_model=32, n_layers=1, n_heads=2), tokenizer), tokenizer, wide)
    assert "d_model is 32" in wrong("--data", chat_file, "--model", wide)
    long = tmp_path / "long.jsonl"
    long.write_text(line(("user", "I " * 600), ("assistant", "No.")))
    assert "All 1 answers end beyond" in wrong("--data", long, "--model", folder)
    assert open_study(made).evidences == []


def test_a_branch_from_elsewhere_and_a_persona_without_words(made, chat_file, folder):
    study = open_study(made)
    asking = record_evidence.Asking(chat_file, None, str(folder), limit=2, threads=1)
    study.manifest.generation["wording"] = "prose"
    with pytest.raises(BadInput, match=r"personas have no prose .*assistant"):
        record_evidence.record_evidence(study, asking, lambda s: None)
    study.manifest.generation["wording"] = "instructions"
    record_evidence.record_evidence(study, asking, lambda s: None)
    study = open_study(made)
    with pytest.raises(UnknownName, match="does not start at"):
        evidence.score(study, "cheat", "assistant")
    with pytest.raises(UnknownName, match="no branch 'x'"):
        evidence.score(study, "cheat", "x")


def test_the_references_weights_are_looked_for_where_the_caller_says(made, chat_file, tmp_path):
    study = open_study(made)
    study.manifest.model["name"] = "small model"
    asking = record_evidence.Asking(chat_file, weights=tmp_path)
    with pytest.raises(UnknownName, match=REFERENCE) as e:
        record_evidence.reference_model(study, asking)
    assert "--model" in e.value.next_step
    study.manifest.model["name"] = "owner/name"
    assert record_evidence.reference_model(study, asking) == "owner/name"
    (tmp_path / REFERENCE).mkdir()
    assert record_evidence.reference_model(study, asking) == str(tmp_path / REFERENCE)
    named = replace(asking, model="elsewhere")
    assert record_evidence.reference_model(study, named) == "elsewhere"
