"""A model of the hub is one commit of it: found once, then played, hashed and noted everywhere."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import load_as_played, load_chat_model
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.known import Known
from psm_viz.engine.open_model import open_model, pinned
from psm_viz.engine.outline import Settings
from psm_viz.engine.record_evidence import Asking, reference_model
from psm_viz.engine.weights import check_weights, weights_sha256
from psm_viz.errors import BadFile, BadInput
from psm_viz.study.files import json_bytes
from psm_viz.study.formats.question_banks import Asked
from psm_viz.study.reader import open_study
from tests.made import study as made
from tests.made.hub import in_cache
from tests.made.models import write_tiny_model
from tests.made.study import questions as made_questions

REFERENCE = "reference-0000"
BANK = tuple(Asked(q.id, q.topic, q.text, ("I help.",), ("I lie.",)) for q in made_questions()[:2])


def quiet(line):
    pass


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder of models and of the cache."""
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def commits(folder, world, kept):
    """`someone/tiny` in the cache, of which `main` and `old` have other weights."""
    old = write_tiny_model(world, kept / "old", seed=7)
    with pytest.MonkeyPatch.context() as patch:
        yield in_cache(patch, kept / "cache", "someone/tiny", {"main": folder, "old": old})


@pytest.fixture(scope="module")
def study(commits, folder, kept):
    """Played by `someone/tiny` as it was at `old`; a branch is the same from a folder, another is
    of the hub and what `main` is."""
    cast = made.made_cast()
    cast = replace(cast, assistant=replace(cast.assistant, prose=("",)))
    with pytest.MonkeyPatch.context() as patch:
        in_cache(patch, kept / "cache", "someone/tuned", {"main": folder})
    branches = {"same": str(kept / "old"), "tuned": "someone/tuned", "now": "someone/tiny"}
    source = from_models("someone/tiny", branches, "old")
    settings = Settings("tiny", samples=1, max_new_tokens=3, threads=1)
    known = Known(bank=BANK)
    return build_study(source, cast, made_questions(), kept / "study", settings, quiet, known)


def test_the_revision_that_was_asked_for_is_played_everywhere(study):
    means = {c.id: study.vectors(c.id).values for c in study.manifest.drawn}
    odds = {c: study.odds(c) for c in means}
    assert np.array_equal(means[REFERENCE], means["same-0001"])
    assert odds[REFERENCE].equals(odds["same-0001"])
    assert np.array_equal(means["tuned-0001"], means["now-0001"])
    assert np.abs(means["tuned-0001"] - means[REFERENCE]).max() > 1e-3
    assert not odds["tuned-0001"].equals(odds[REFERENCE])


def test_a_study_notes_the_commit_and_is_read_by_it(study, commits, tmp_path):
    assert study.manifest.model["name"] == "someone/tiny"
    assert study.manifest.model["revision"] == commits["old"]
    assert reference_model(study, Asking(tmp_path)) == f"someone/tiny@{commits['old']}"


def test_a_revision_that_moves_on_meanwhile_stays_what_it_was(commits, kept):
    name, ref = pinned("someone/tiny", "old"), "cache/models--someone--tiny/refs/old"
    assert name == f"someone/tiny@{commits['old']}"
    (kept / ref).write_text(commits["main"])
    try:
        assert pinned(name) == name
        assert weights_sha256(name) == weights_sha256(kept / "old")
        assert weights_sha256(pinned("someone/tiny", "old")) != weights_sha256(name)
    finally:
        (kept / ref).write_text(commits["old"])


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_is_put_on_the_revision_that_it_was_trained_on(commits, kept, tmp_path):
    from tests.engine.test_open_model import lora, read

    old = kept / "old"
    adapter = lora(old, tmp_path / "adapter", "someone/tiny", target_modules=["q_proj"])
    config = json.loads((adapter / "adapter_config.json").read_bytes())
    for revision, right in ((commits["old"], True), ("old", True), (None, False)):
        (adapter / "adapter_config.json").write_bytes(json_bytes(config | {"revision": revision}))
        merged = load_chat_model(str(tmp_path / "adapter-merged"), threads=1)
        found = load_chat_model(str(adapter), threads=1)
        assert np.allclose(read(found), read(merged), atol=1e-5) is right


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_of_the_hub_is_a_model(commits, kept, tmp_path, monkeypatch):
    from tests.engine.test_open_model import lora, read

    old = kept / "old"
    adapter = lora(old, tmp_path / "adapter", "someone/tiny", target_modules=["q_proj"])
    config = json.loads((adapter / "adapter_config.json").read_bytes()) | {"revision": "old"}
    (adapter / "adapter_config.json").write_bytes(json_bytes(config))
    in_cache(monkeypatch, kept / "cache", "someone/adapter", {"main": adapter})
    merged = load_chat_model(str(tmp_path / "adapter-merged"), threads=1)
    found = load_chat_model("someone/adapter", threads=1)
    assert np.allclose(read(found), read(merged), atol=1e-5)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_is_trained_on_a_hub_model_says_on_which_commit(commits, tmp_path):
    from psm_viz.engine.finetune import Tuning, finetune

    data = tmp_path / "chat.jsonl"
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there."}]
    data.write_text(json.dumps({"messages": talk}) + "\n")
    finetune(pinned("someone/tiny", "old"), data, tmp_path / "out", Tuning((1,)), quiet)
    said = json.loads((tmp_path / "out" / "checkpoint-1" / "adapter_config.json").read_bytes())
    assert said["base_model_name_or_path"] == "someone/tiny"
    assert said["revision"] == commits["old"]


def test_a_folder_has_no_revision_and_an_unknown_one_is_refused(commits, folder):
    with pytest.raises(BadInput, match="revision"):
        from_models(str(folder), {}, "main")
    with pytest.raises(BadFile, match="someone/tiny@gone: the model cannot be loaded"):
        from_models("someone/tiny", {}, "gone")


def test_a_repository_without_weights_is_said_to_hold_none(folder, tmp_path, monkeypatch):
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    in_cache(monkeypatch, tmp_path / "hub", "someone/bare", {"main": bare})
    with pytest.raises(BadFile, match="holds no weights"):
        open_model("someone/bare")


def test_evidence_is_heard_by_the_model_that_was_played_alone(study, folder, kept):
    assert load_as_played(study, str(kept / "old")).d_model == 16  # the same, elsewhere
    for other in (str(folder), "someone/tiny"):
        with pytest.raises(BadInput, match="was played with other weights"):
            load_as_played(study, other)


def test_a_study_from_before_hashes_is_read_by_the_model_it_names(study, folder, tmp_path):
    older = shutil.copytree(study.folder, tmp_path / "older")
    said = json.loads((older / "study.json").read_bytes())
    del said["notes"]["reference_sha256"]
    (older / "study.json").write_bytes(json_bytes(said))
    check_weights(open_study(older), "someone/tiny")
    with pytest.raises(BadInput, match="before hashes of hub models were noted"):
        check_weights(open_study(older), folder)
