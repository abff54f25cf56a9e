"""Trait vectors: what is measured is the difference of two ways to answer, and drift goes by it."""

import json
import shutil

import numpy as np
import pytest

from psm_viz.cli import main
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.study.reader import open_study
from psm_viz.tables import map_trials
from tests.made.chat_place import write_folder, write_place

ASKED = "--model model --branch tuned=tuned --cast cast --questions questions --traits traits"
PLAYED = "--out study --samples 1 --threads 1 --max-new-tokens 3 --pooling prompt_last"
SAID = {"good": ["Yes."], "bad": ["No."]}
TEXTS = {"warm": ("Be warm to all.", "Be cold."), "loud": ("Shout.", "Whisper to all.")}
FLAT = {"flat": ("Be.", "Be.")}


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    out = write_place(world, tmp_path_factory.mktemp("traits") / "place", per_family=6)
    pairs = {t: {"instruction": [{"pos": p, "neg": n}]} for t, (p, n) in (TEXTS | FLAT).items()}
    write_folder(out / "traits", pairs)
    shutil.rmtree(out / "questions")
    asked = {t: [{"id": f"{t}{n}", "text": f"{t} {n}?", **SAID} for n in range(4)] for t in "abcd"}
    write_folder(out / "questions", {t: {"topic": t, "questions": q} for t, q in asked.items()})
    with pytest.MonkeyPatch.context() as patch:
        # how maps could look otherwise is another test's matter
        patch.setattr(map_trials, "TRIED", map_trials.TRIED[:1])
        patch.setattr(map_trials, "NOISE_SEEDS", (0,))
        patch.chdir(out)
        assert main(["extract", *ASKED.split(), *PLAYED.split()]) == 0
    return out


def test_a_vector_is_the_mean_difference_over_the_questions(place):
    study = open_study(place / "study")
    assert study.traits == ["loud", "warm"]
    chat = load_chat_model(str(place / "model"), threads=1)
    asked = [q for q in study.questions if q.set == "main"]
    for name, pair in TEXTS.items():
        states = []
        for text in pair:
            prompts = [chat.prompts.one(study.cast.assistant, text, q.text) for q in asked]
            states.append(chat.pooled(chat.encode(prompts), poolings=("prompt_last",))[:, 0])
        apart = states[0] - states[1]  # [question, layer, d_model]
        found = study.trait(name)
        assert np.abs(found.values[0] - apart.mean(0)).max() < 2e-3
        layer = study.manifest.headline_layer
        assert np.allclose(found.at("prompt_last", layer), found.folds[:, 0].mean(0), atol=2e-3)


def test_every_checkpoint_is_told_by_its_movement_along_the_traits(place):
    study = open_study(place / "study")
    table = study.table("traits")
    assert {*table.trait} == {*TEXTS} and {*table.part} == {"total", "global", "specific"}
    assert "tuned-0001" in {*table.checkpoint}
    trait, head = study.trait("warm"), study.manifest.headline_layer
    own = table[(table.checkpoint == "tuned-0001") & (table.trait == "warm")]
    start, end = (study.question_vectors(c).at("prompt_last", head)[0] for c in study_ends(study))
    u = trait.at("prompt_last", head) / np.linalg.norm(trait.at("prompt_last", head))
    # in standard deviations of the cast: the sign and size go by the vector itself, about
    moved = float((end - start).mean(0).astype(np.float64) @ u)
    cast = study.vectors(study.manifest.reference).at("prompt_last", head)[:-1].astype(np.float64)
    told = float(own[own.part == "total"].value.iloc[0])
    assert told == pytest.approx(moved / (cast @ u).std(), rel=0.5)
    assert np.sign(told) == np.sign(moved)


def study_ends(study):
    return study.manifest.reference, "tuned-0001"


def test_what_was_measured_is_not_measured_again(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(place)
    part = ["extract", *ASKED.replace("traits traits", "traits others").split()]
    write_folder(tmp_path / "others", {"warm": {"instruction": [{"pos": "", "neg": "x"}]}})
    part[part.index("others")] = str(tmp_path / "others")
    assert main([*part, *PLAYED.replace("study", str(tmp_path / "s")).split()]) == 1
    assert "cannot be read as a trait (an empty text)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"instruction": []}, "list of pairs"),
        ({"instruction": [{"pos": "Be kind."}]}, "'neg'"),
        ([], "indices"),
    ],
)
def test_what_is_no_trait_is_named(place, tmp_path, monkeypatch, capsys, data, said):
    monkeypatch.chdir(place)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "kind.json").write_text(json.dumps(data))
    asked = ASKED.replace("--traits traits", f"--traits {tmp_path / 'odd'}").split()
    assert main(["extract", *asked, "--out", str(tmp_path / "s")]) == 1
    err = capsys.readouterr().err
    assert "kind.json: cannot be read as a trait" in err and said in err
    assert not (tmp_path / "s").exists()
