"""A study may keep one pooling alone: all that is made of it is made of that one."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.cli import main
from psm_viz.engine.add_branches import add_branches
from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.extract import play_cast
from psm_viz.engine.known import Known
from psm_viz.engine.outline import Settings
from psm_viz.engine.playing import Playing
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadInput
from psm_viz.paths import ROOT
from psm_viz.study.activations import POOLINGS
from psm_viz.study.reader import open_study
from tests.made.models import write_tiny_model
from tests.made.page import PAGES, opened, words

NAMES = {"prompt_last": "last prompt token", "response_mean": "mean over the answer"}


def quiet(line):
    pass


@pytest.fixture(scope="module")
def asked(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("start", "tuned", "more")):
        write_tiny_model(world, out / name, seed)
    cast = world.cast()
    people = tuple(replace(p, traits={}) for p in cast.personas[:8])
    used = {p.family for p in people}
    cast = replace(cast, personas=people, families=tuple(f for f in cast.families if f.id in used))
    questions = [q for q in world.questions() if q.topic in ("coding", "money", "news")]
    return out, cast, tuple(replace(q, fold=n % 3) for n, q in enumerate(questions))


@pytest.fixture(scope="module", params=POOLINGS)
def study(request, asked, tmp_path_factory):
    folder, cast, questions = asked
    settings = Settings(
        "one", samples=1, max_new_tokens=4, threads=1, layer=1, poolings=(request.param,)
    )
    source = from_models(str(folder / "start"), {"tuned": str(folder / "tuned")}, None)
    out = tmp_path_factory.mktemp(request.param) / "study"
    return build_study(source, cast, questions, out, settings, quiet, Known("instructions"))


def test_each_pooling_is_read_as_it_is_with_the_other(asked):
    folder, cast, questions = asked
    main = [q for q in questions if q.set == "main"][:4]
    chat = load_chat_model(str(folder / "start"), threads=1)
    both = Playing(cast, Sampling(1.0, 4, 3, 0), "instructions")
    whole = play_cast(chat, both, main, "x", 1)
    for pooling in POOLINGS:
        one = play_cast(chat, replace(both, poolings=(pooling,)), main, "x", 1)
        assert one.vectors.poolings == (pooling,) and one.single.shape[1] == 1
        assert list(one.responses.text) == list(whole.responses.text)
        assert np.allclose(one.vectors.at(pooling, 0), whole.vectors.at(pooling, 0), atol=1e-5)
        single = whole.single[:, [POOLINGS.index(pooling)]]
        assert np.allclose(one.single, single, atol=1e-5, equal_nan=True)


def test_the_one_pooling_is_the_headline_and_the_other_is_nowhere(study):
    m = open_study(study.folder).manifest
    (kept,) = m.poolings
    assert m.headline_pooling == kept and m.notes["headline_rule"] == f"{kept}, middle layer"
    (other,) = set(POOLINGS) - {kept}
    assert not [f for f in study.files if other in f]
    said = study.responses("tuned-0001")
    assert f"axis_{kept}" in said and f"axis_{other}" not in said
    for name in ("drift", "layers", "confounds", "neighbours", "positions"):
        assert set(study.table(name).pooling) == {kept}, name


def test_figures_and_pages_speak_of_the_one_pooling(study, monkeypatch, capsys):
    (kept,) = study.manifest.poolings
    (other,) = set(POOLINGS) - {kept}
    at = ["--study", str(study.folder)]
    between = ["--from", "reference-0000", "--to", "tuned-0001"]
    assert main(["results", *at]) == 0 and main(["drift", *at, *between]) == 0
    assert NAMES[other] not in capsys.readouterr().out
    assert main(["drift", *at, *between, "--pooling", other]) == 1
    assert f"It holds {kept}" in capsys.readouterr().err
    for script in PAGES:
        said = words(opened(monkeypatch, study.folder, script))
        assert "psm-notice" not in said, (script, said)
        if "pick_pooling" not in (ROOT / script).read_text("utf-8"):
            continue  # it shows nothing of one pooling, and its links carry the name on
        link = words(opened(monkeypatch, study.folder, script, pooling=other))
        assert "asks for a pooling that this study does not have" in link, (script, link)


def test_a_branch_that_is_added_keeps_the_same(study, asked, tmp_path):
    folder, _, _ = asked
    branches = {name: str(folder / name) for name in ("tuned", "more")}
    source = from_models(str(folder / "start"), branches, None)
    grown = add_branches(study, source, ["more"], 1, quiet, Known("instructions"))
    assert grown.vectors("more-0001").poolings == study.manifest.poolings


def test_poolings_that_there_are_not_are_named(tmp_path, capsys):
    for poolings in ((), ("mean",), ("response_mean", "prompt_last")):
        with pytest.raises(BadInput, match="prompt_last, response_mean"):
            Settings("x", poolings=poolings)
    asked = ["extract", "--model", "nowhere", "--out", str(tmp_path / "s")]
    assert main([*asked, "--pooling", "mean"]) == 1
    assert "--pooling mean: unknown" in capsys.readouterr().err
