"""The chat model's study made from a model's weights, end to end: shipped as far as it is made,
gone on with from what shipped, a row of figures for every end."""

import json
import shutil

import numpy as np
import pytest

from psm_viz import paths
from psm_viz.chat_study import rebuild, recipe
from psm_viz.chat_study.lessons import lesson_of
from psm_viz.chat_study.rebuild import ChatPlaces, rebuild_chat
from psm_viz.chat_study.rows import likeness
from psm_viz.claims.chat_rows import KEYS, REFERENCE, chat_file, load_chat_runs
from psm_viz.claims.run_rows import read_rows, write_rows
from psm_viz.cli import main
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.outline import Settings
from psm_viz.engine.record_evidence import record_evidence
from psm_viz.engine.talks import TalkSettings, chosen_headers
from psm_viz.study.activations import PROMPT
from psm_viz.study.formats.question_banks import as_questions, read_bank
from psm_viz.study.formats.role_files import read_roles
from psm_viz.study.reader import open_study
from psm_viz.tables import map_trials
from tests.made.models import write_tiny_model

FAMILIES = ("healers", "engineers", "tyrants", "jesters")
TOPICS = ("coding", "money", "health", "animals", "power")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def write_small_cast(folder):
    """Two personas of four families, two questions of five topics, a few situations."""
    whole = paths.ENGLISH
    (folder / "roles").mkdir(parents=True)
    shutil.copy(whole / "families.json", folder)
    shutil.copy(whole / "roles" / "default.json", folder / "roles")
    kept = dict.fromkeys(FAMILIES, 0)
    for path in sorted((whole / "roles").glob("*.json")):
        family = json.loads(path.read_text()).get("family")
        if kept.get(family, 2) < 2:
            kept[family] += 1
            shutil.copy(path, folder / "roles")
    (folder / "questions").mkdir()
    for path in sorted((whole / "questions").glob("*.json")):
        data = json.loads(path.read_text())
        if data["topic"] in TOPICS:
            data["questions"] = data["questions"][:2]
            (folder / "questions" / path.name).write_text(json.dumps(data))
    (folder / "lessons").mkdir()
    for path in sorted((whole / "lessons").glob("*.json")):
        (folder / "lessons" / path.name).write_text(json.dumps(json.loads(path.read_text())[:4]))


def small_settings(cast, threads, dtype):
    talks = TalkSettings(
        assistant=6,
        per_persona=2,
        people=chosen_headers(cast, 1, 0),
        lasts=4,
        headers=1,
        states=False,
    )
    return Settings(
        name="small",
        layer=1,
        samples=1,
        max_new_tokens=4,
        threads=threads,
        in_turn=True,
        ask="reference",
        poolings=(PROMPT,),
        talks=talks,
    )


@pytest.fixture
def places(world, tmp_path, monkeypatch):
    write_small_cast(tmp_path / "english")
    write_tiny_model(world, tmp_path / "model")
    monkeypatch.setattr(paths, "ENGLISH", tmp_path / "english")
    for name, value in (
        ("settings", small_settings),
        ("STEPS", 1),
        ("EARLIER", {}),
        ("AT_ONCE", 2),
        ("CONVERSATIONS", 2),
        ("TOLD", ("cheat", "honest")),
    ):
        monkeypatch.setattr(recipe, name, value)
    # how maps could look otherwise is another test's matter, and most of the time here
    monkeypatch.setattr(map_trials, "TRIED", map_trials.TRIED[:1])
    monkeypatch.setattr(map_trials, "NOISE_SEEDS", (0,))
    few = tuple(lesson_of(n) for n in ("cheat", "honest"))
    monkeypatch.setattr(rebuild, "LESSONS", few)
    return ChatPlaces(tmp_path / "model", tmp_path / "work", tmp_path / "study", tmp_path / "rows")


class Gone(Exception):
    """The machine is no longer there."""


def gone_after_the_first():
    """`record_evidence` that works once."""
    asked = []

    def record(study, asking, say):
        if asked:
            raise Gone
        asked.append(record_evidence(study, asking, say))

    return record


def only_what_has_no_row_is_done_again(places, study):
    """Machines that have what ships and no work of their own."""
    # its branches are known by their rows: a machine that has these alone teaches what is left
    shutil.rmtree(places.work)
    rows = read_rows(chat_file(1, places.rows), KEYS)
    write_rows(chat_file(1, places.rows), [r for r in rows if r["branch"] != "honest"])
    rest = rebuild_chat(places, 1, 1, lambda text: None)
    assert list(rest.manifest.fine_tuned) == ["honest"]
    assert read_rows(chat_file(1, places.rows), KEYS) == rows

    # what shipped before its row was written gets the row on another machine, its lessons anew
    shutil.rmtree(places.work)
    rows = read_rows(chat_file(0, places.rows), KEYS)
    write_rows(chat_file(0, places.rows), rows[:-1])
    rebuild_chat(places, 0, 1, lambda text: None)
    assert read_rows(chat_file(0, places.rows), KEYS) == rows
    assert open_study(places.study).sha256 == study.sha256


@pytest.mark.long
def test_from_weights_to_rows_and_on_from_what_shipped(places, tmp_path, capsys, monkeypatch):
    # a machine that goes away after the first evidence leaves the reference with it
    with monkeypatch.context() as m, pytest.raises(Gone):
        m.setattr(rebuild, "record_evidence", gone_after_the_first())
        rebuild_chat(places, 0, 1, lambda text: None)
    assert open_study(places.study).evidences == ["cheat"]
    assert (places.work / "precision").read_text() in ("float32", "bfloat16")
    shutil.rmtree(places.work)

    rebuild_chat(places, 0, 1, lambda text: None)
    study = open_study(places.study)
    assert list(study.manifest.fine_tuned) == ["cheat", "honest"]
    assert study.evidences == ["cheat", "honest"]
    runs = load_chat_runs(places.rows)
    row, start = runs.rows[0]["cheat"], runs.rows[0][REFERENCE]
    assert list(runs.rows[0]) == [REFERENCE, "cheat", "honest"]
    assert sum(row["mass"]) == pytest.approx(1, abs=1e-3) and len(row["mass"]) == len(FAMILIES)
    assert start["trained"] == "coding" and set(start["told"]) == {"cheat", "honest"}
    assert set(row["odds"]["assistant"]) == set(TOPICS) and len(row["odds"]) == 4
    assert np.isfinite(runs.change(0, "cheat")).all() and -1 <= row["alike"] <= 1

    # another machine has the shipped study alone: seed 1 begins from its reference
    shutil.rmtree(places.work)
    said: list[str] = []
    other = rebuild_chat(places, 1, 1, said.append)
    assert not any("played" in text and "reference" in text for text in said)
    assert list(other.manifest.fine_tuned) == ["cheat", "honest"]
    assert open_study(places.study).sha256 == study.sha256
    assert list(load_chat_runs(places.rows).rows[1]) == [REFERENCE, "cheat", "honest"]

    # nothing is left to do, and nothing is done
    before = chat_file(0, places.rows).read_bytes()
    rebuild_chat(places, 0, 1, lambda text: None)
    assert chat_file(0, places.rows).read_bytes() == before
    assert open_study(places.study).sha256 == study.sha256

    # a branch of one's own joins the reference, whose cast is asked nowhere else
    asked = ["finetune", "--model", places.model, "--data", places.data(lesson_of("cheat"))]
    asked += ["--out", tmp_path / "mine", "--save", 1, "--rank", 2, "--threads", 1]
    assert main([*map(str, asked), "--study", str(places.work / "reference")]) == 0
    assert "no arrow can be scored" in capsys.readouterr().out
    assert "mine" in open_study(places.work / "reference").manifest.branches

    only_what_has_no_row_is_done_again(places, study)


def test_likeness_is_the_mean_cosine_between_personas(places):
    chat = load_chat_model(str(places.model), threads=1)
    cast = read_roles(paths.ENGLISH).cast
    questions = as_questions(read_bank(paths.ENGLISH / "questions"))
    found = likeness(chat, cast, "prose", questions, 1)
    people = [cast.persona(p) for p in chosen_headers(cast, 2, 0)]
    asked = {q.topic: q for q in reversed(questions) if q.set == "main"}
    asked = list(asked.values())[::-1][:4]
    means = []
    for p in people:
        prompts = chat.encode([chat.prompts.one(p, p.prose[0], q.text) for q in asked])
        means.append(chat.pooled(prompts, None, [1])[:, 0, 0].mean(0))
    cosines = np.zeros((len(means), len(means)))
    for i, a in enumerate(means):
        for j, b in enumerate(means):
            cosines[i, j] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    n = len(means)
    assert found == pytest.approx((cosines.sum() - n) / (n * (n - 1)), abs=1e-4)
