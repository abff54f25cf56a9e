"""Blocks of a study played by several, killed and gone on with: the same study comes out."""

from dataclasses import replace

import pytest

from psm_viz.engine import extract
from psm_viz.engine.blocks import blocks_of
from psm_viz.engine.build_study import build_study
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.outline import Settings
from psm_viz.engine.shards import play_shard
from psm_viz.errors import BadFile, BadInput
from psm_viz.study.reader import open_study
from tests.made.models import write_tiny_model

SETTINGS = Settings("tiny", samples=1, max_new_tokens=4, threads=1, layer=1)


def quiet(line):
    pass


@pytest.fixture(scope="module")
def asked(world, tmp_path_factory):
    """A model, a cast of three blocks without traits, and a few questions."""
    out = tmp_path_factory.mktemp("models")
    write_tiny_model(world, out / "start")
    source = from_models(str(out / "start"), {}, None)
    cast = world.cast()
    people = tuple(replace(p, traits={}) for p in cast.personas[:12])
    questions = [q for q in world.questions() if q.topic in ("coding", "money", "news")]
    questions = [q for q in questions if q.set == "main"]
    questions = tuple(replace(q, fold=n % 2) for n, q in enumerate(questions))
    return source, replace(cast, personas=people), questions


@pytest.fixture(scope="module")
def alone(asked, tmp_path_factory):
    return build_study(*asked, tmp_path_factory.mktemp("alone") / "study", SETTINGS, quiet)


def test_two_shares_make_the_study_that_one_makes(asked, alone, tmp_path, monkeypatch):
    out = tmp_path / "study"
    for i in (1, 0):
        assert play_shard(*asked, out, SETTINGS, (i, 2), quiet) == 1
    monkeypatch.setattr(extract, "play_block", None)  # nothing is left to play
    made = build_study(*asked, out, SETTINGS, quiet)
    assert made.files == alone.files
    assert not [f for f in made.files if "blocks" in f]
    assert not (tmp_path / "study.partial").exists()


def test_a_killed_checkpoint_loses_a_block_at_most(asked, alone, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    played, real = [], extract.play_block

    def killed(*args):
        played.append(args[3])
        if len(played) == 2:
            raise Killed
        return real(*args)

    monkeypatch.setattr(extract, "play_block", killed)
    with pytest.raises(Killed):
        build_study(*asked, tmp_path / "study", SETTINGS, quiet)
    made = build_study(*asked, tmp_path / "study", SETTINGS, quiet)
    every = list(blocks_of(asked[1]))
    assert played == [every[0], every[1], *every[1:]]
    assert made.files == alone.files and open_study(made.folder).verify()


def test_a_block_that_cannot_be_read_is_named(asked, tmp_path):
    play_shard(*asked, tmp_path / "study", SETTINGS, (0, 3), quiet)
    (block,) = (tmp_path / "study.partial" / "blocks" / "reference-0000").iterdir()
    (block / "means.safetensors").write_bytes(b"cut")
    with pytest.raises(BadFile, match="block of personas") as e:
        build_study(*asked, tmp_path / "study", SETTINGS, quiet)
    assert str(block) in str(e.value)


def test_a_share_that_there_is_not_is_refused(asked, world, tmp_path):
    source, _, questions = asked
    for shard in ((2, 2), (-1, 2)):
        with pytest.raises(BadInput, match="from 0 to n - 1"):
            play_shard(*asked, tmp_path / "s", SETTINGS, shard, quiet)
    with pytest.raises(BadInput, match="traits"):
        play_shard(source, world.cast(), questions, tmp_path / "s", SETTINGS, (0, 2), quiet)


def test_a_study_below_a_folder_called_blocks_is_whole(asked, alone, tmp_path):
    made = build_study(*asked, tmp_path / "blocks" / "study", SETTINGS, quiet)
    assert made.files == alone.files


def test_a_share_leaves_its_blocks_and_settings_alone(asked, tmp_path):
    out = tmp_path / "study"
    play_shard(*asked, out, SETTINGS, (0, 2), quiet)
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == ["study.partial"]
    assert sorted(p.name for p in (tmp_path / "study.partial").iterdir()) == [
        "blocks",
        "settings.json",
    ]
