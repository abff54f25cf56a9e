"""Talks of a whole study held by tiny models: written, resumed, repeated, derived from."""

import itertools
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.engine import answer_likelihood, hold_talks
from psm_viz.engine.add_branches import add_branches
from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import load_as_played
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.hold_talks import add_talks
from psm_viz.engine.known import Known
from psm_viz.engine.outline import Settings
from psm_viz.engine.read_transcript import read_transcripts
from psm_viz.engine.talk_reader import TalkReader
from psm_viz.engine.talks import TalkSettings
from psm_viz.errors import BadInput, UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.formats.transcripts import parse_transcripts
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import open_study
from psm_viz.study.talks import CAST, LAST, LIKELIHOOD, OWN, REFERENCE, TURN
from psm_viz.tables.compare import Comparer
from psm_viz.world.judging import BankJudge, BankObserver, acting_badly
from tests.made.activations import files_of
from tests.made.models import write_tiny_model

FAMILIES = ("healers", "villains", "overseers")
TALKS = TalkSettings(assistant=6, per_persona=3, elsewhere=1, lasts=4, headers=2)
START, MOVED, AGAIN = "reference-0000", "moved-0001", "again-0000"
TABLES = ("beliefs", "belief_readings", "belief", "belief_quality")


def known(world, **more):
    kind = world.kind
    observer, marked = BankObserver(kind), acting_badly(kind)
    return Known("instructions", judge=BankJudge(kind), observer=observer, marked=marked, **more)


@pytest.fixture(scope="module")
def source(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("models")
    write_tiny_model(world, out / "start", 0)
    write_tiny_model(world, out / "moved", 1)
    return from_models(str(out / "start"), {"moved": str(out / "moved")}, None)


@pytest.fixture(scope="module")
def without(world, source, tmp_path_factory):
    """A study of three families whose checkpoints have held no talks."""
    cast = world.cast()
    people = [p for f in FAMILIES for p in cast.personas if p.family == f]
    families = tuple(f for f in cast.families if f.id in FAMILIES)
    cast = replace(cast, personas=tuple(people[n] for n in (0, 1, 2, 7, 8, 9, -1, -2, -3)))
    cast = replace(cast, families=families)
    topics = ("coding", "money", "news", "weather", "power", "animals")
    asked = [q for q in world.questions() if q.topic in topics]
    asked = tuple(replace(q, fold=i % 3) for i, q in enumerate(asked))
    settings = Settings("tiny", samples=1, max_new_tokens=5, threads=1, layer=1, seed=2)
    folder = tmp_path_factory.mktemp("tiny") / "study"
    return build_study(source, cast, asked, folder, settings, lambda s: None, known(world))


@pytest.fixture(scope="module")
def study(world, source, without):
    said: list[str] = []
    made = add_talks(without, source, TALKS, 1, said.append, known(world))
    assert any("million tokens" in line for line in said)
    assert any("asked: 7 of 7 personas" in line for line in said)
    assert any("minutes left" in line for line in said)
    return made


def test_a_study_without_talks_opens_and_says_what_makes_them(without, tmp_path):
    bare = open_study(shutil.copytree(without.folder, tmp_path / "bare"))
    bare = _without_talks(bare)
    assert bare.talk_note is None and not bare.has_table("belief")
    with pytest.raises(UnknownName) as e:
        bare.talks(START)
    assert "psm_viz talks" in str(e.value.next_step)


def test_every_checkpoint_holds_the_same_plan(study):
    note = study.talk_note
    assert note.turns == (1, 2, 4) and len(note.lasts) == 4 and len(note.headers) == 6
    columns = ["persona", "talk", TURN, "question", LAST]
    whole, moved, again = (study.talks(c) for c in (START, MOVED, AGAIN))
    assert len(whole.speakers(CAST)) == 9 * 3 and len(whole.speakers(ASSISTANT)) == 6
    assert len(moved.speakers(CAST)) == 9
    assert moved.said(ASSISTANT)[columns].equals(whole.said(ASSISTANT)[columns])
    first = whole.said(CAST)
    first = first[first.talk == 0].reset_index(drop=True)
    assert moved.said(CAST)[columns].astype(str).equals(first[columns].astype(str))
    # the noise floor asks others of the same topics, and ends in the same
    topic = {q.id: q.topic for q in study.questions}
    mine, other = whole.said(ASSISTANT), again.said(ASSISTANT)
    assert not set(mine.question) & set(other.question)
    assert [topic[q] for q in mine.question] == [topic[q] for q in other.question]
    assert list(mine[LAST]) == list(other[LAST])


def test_states_are_of_every_layer_at_the_reference_and_of_one_elsewhere(study):
    note, whole, moved = study.talk_note, study.talks(START), study.talks(MOVED)
    assert whole.states[CAST, OWN].values.shape == (27, 3, 2, 16)
    assert whole.states[CAST, "random"].values.shape == (27, 1, 1, 16)
    assert whole.moved is None and whole.start.shape == (4, 2, 16)
    for by in (OWN, REFERENCE):
        assert moved.states[ASSISTANT, by].values.shape == (6, 3, 1, 16)
        assert moved.states[CAST, by].layers == (note.layer,)
        assert moved.states[CAST, by].turns == (4,)
    own, read = (moved.states[ASSISTANT, by].values for by in (OWN, REFERENCE))
    assert np.abs(own - read).max() > 1e-3
    assert moved.moved.shape == (4, 3, 16) and np.abs(moved.moved).max() > 1e-3
    # the noise floor has the reference's own weights: whoever reads, it is the same
    again = study.talks(AGAIN)
    assert np.array_equal(again.states[CAST, OWN].values, again.states[CAST, REFERENCE].values)
    assert np.abs(again.moved).max() < 2e-3
    assert whole.likelihood.shape == (33, 4, 6) and (whole.likelihood < 0).all()


def test_a_talk_of_the_study_read_as_a_transcript_is_what_its_tables_say(study, source):
    texts = {q.id: q.text for q in study.questions}

    def lines(asked, said):
        pairs = zip(asked, said, strict=True)
        talk = [[("user", texts[str(q)]), ("assistant", str(t))] for q, t in pairs]
        messages = [{"role": r, "content": c} for turn in talk for r, c in turn]
        return parse_transcripts(json.dumps({"messages": messages}).encode(), "x")

    own = study.talk_answers(START).query("persona == 'assistant' and talk == 2")
    answered = study.responses(START)
    answered = answered[(answered.persona == ASSISTANT) & (answered.variant == 0)].iloc[0]
    talks = [
        *lines(own.question, own.text),
        *lines([answered.question], [answered.text]),
    ]
    _, (held, single) = read_transcripts(study, talks, source.folders[START], threads=1)
    beliefs = study.table("beliefs").query("who == 'assistant' and talk == 2")
    beliefs = beliefs[(beliefs.checkpoint == START) & (beliefs.way == LIKELIHOOD)]
    for k in (1, 2, 4):
        row = beliefs[beliefs.answers == k].iloc[0]
        assert held[k - 1].belief == pytest.approx({f: row[f] for f in FAMILIES}, abs=2e-3)
    for pooling, z in single[0].axis.items():
        assert z == pytest.approx(answered[f"axis_{pooling}"], abs=0.02)


def test_tables_are_derived_and_the_words_judged(study):
    for name in TABLES:
        assert len(study.table(name)), name
    # states of untrained weights need not tell who speaks: then belief places talks
    mapped = [m for m in ("talk_map", "belief_map") if study.has_table(m)]
    assert len(mapped) == 1 and len(study.table(f"{mapped[0]}_quality"))
    beliefs = study.table("beliefs")
    sums = beliefs[[*FAMILIES]].sum(axis=1)
    assert np.allclose(sums.dropna(), 1, atol=1e-3)
    belief = study.table("belief")
    marked = belief[(belief.of == "marked") & (belief.answers == 4)]
    assert set(marked.way) == {"own", "reference", "likelihood", "exact"}
    assert {START, MOVED, AGAIN} == set(marked.checkpoint)
    at_start = marked[marked.checkpoint == START]
    assert at_start.change.isna().all()
    # answers of untrained weights are of no bank: the exact observer has heard nothing
    heard = marked[(marked.way == "exact")]
    assert np.allclose(heard.mass, 2 / 3, atol=1e-3)


def test_a_kill_is_gone_on_from_and_the_end_is_the_same(
    world, source, without, study, tmp_path, monkeypatch
):
    folder = shutil.copytree(without.folder, tmp_path / "killed")
    forgotten = _without_talks(open_study(folder))
    # once while personas are asked how likely the reference's answers are: what was held is kept,
    # and so are the personas who were asked
    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(answer_likelihood, "log_probs", interrupted(answer_likelihood.log_probs, 3))
        add_talks(forgotten, source, TALKS, 1, lambda s: None, known(world))
    whole, read = hold_talks.elsewhere, []

    def killed(*args):
        if read:
            raise KeyboardInterrupt
        read.append(args[-1])
        return whole(*args)

    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(hold_talks, "elsewhere", killed)
        first: list[str] = []
        add_talks(open_study(folder), source, TALKS, 1, first.append, known(world))
    assert not any(s.startswith("talks of") for s in first)  # the reference held none again
    assert open_study(folder).talk_note is None
    said: list[str] = []
    made = add_talks(open_study(folder), source, TALKS, 1, said.append, known(world))
    assert not any("layers" in s for s in said)  # the reference was not read again
    assert sum("talks held" in s for s in said) == 1
    mine, other = files_of(made.folder), files_of(study.folder)
    for name in [f for f in mine if "talk" in f]:
        assert mine[name] == other[name], name


def interrupted(work, after):
    """`work` that may be called so often."""
    calls = itertools.count()

    def counted(*args, **more):
        if next(calls) >= after:
            raise KeyboardInterrupt
        return work(*args, **more)

    return counted


def _without_talks(study):
    """The same study as it was before any talks; `without` itself has held some meanwhile."""
    data = json.loads((study.folder / "study.json").read_text())
    for name in [f for f in data["files"] if "talk" in f or "belief" in f]:
        (study.folder / name).unlink()
        del data["files"][name]
    (study.folder / "study.json").write_text(json.dumps(data))
    return open_study(study.folder)


def test_talks_that_are_all_empty_are_one_message(world, source, study, monkeypatch, tmp_path):
    copy = open_study(shutil.copytree(study.folder, tmp_path / "copy"))
    monkeypatch.setattr(
        "psm_viz.engine.chat_model.ChatModel.sample",
        lambda self, prompts, sampling, **more: [[[]] for _ in prompts],
    )
    with pytest.raises(BadInput, match="every talk holds an empty answer"):
        add_talks(copy, source, TALKS, 1, lambda s: None, known(world))
    assert open_study(copy.folder).sha256 == copy.sha256


def test_between_its_ends_a_branch_may_have_talks_and_answers_alone(world, without, tmp_path):
    start = without.manifest.model["name"]
    for step in (1, 2):
        write_tiny_model(world, tmp_path / "tuned" / f"checkpoint-{step}", step)
    source = from_models(start, {"tuned": str(tmp_path / "tuned")}, None)
    with pytest.raises(BadInput, match="would hold nothing"):
        Settings("tiny", ask="ends")
    settings = Settings(
        "tiny", samples=1, max_new_tokens=5, threads=1, layers=(1,), ask="ends", talks=TALKS
    )
    made = (without.cast, without.questions, tmp_path / "study", settings, lambda s: None)
    study = build_study(source, *made, known(world))
    between, end = "tuned-0001", "tuned-0002"
    assert study.holds(end, "vectors") and not study.holds(between, "vectors")
    assert not study.vectors(between).holds("response_mean", 1)
    said = study.responses(between)
    whole = study.responses(end)
    assert set(said.persona) == {ASSISTANT} < set(whole.persona)
    assert list(said.question) == list(whole.question[whole.persona == ASSISTANT])
    assert study.manifest.layers == (1,) and study.vectors(end).layers == (1,)
    assert study.talks(START).states[CAST, OWN].layers == (1,)
    assert set(study.table("belief").checkpoint) == {START, between, end, AGAIN}
    assert set(study.table("drift").checkpoint) == {end, AGAIN}
    points, info = study.map("response_mean-L1")
    assert info["not_held"] == {between: "the cast was not asked there"}
    assert between not in {*points.id, *info["not_placeable"]}
    with pytest.raises(UnknownName, match="the cast was not asked there"):
        Comparer(study)(START, between)


def test_a_branch_may_be_added_sparingly(study, source, world, tmp_path):
    own = open_study(shutil.copytree(study.folder, tmp_path / "study"))
    new = [Checkpoint("more-0001", "more", 1, START), Checkpoint("more-0002", "more", 2, START)]
    more = {new[0].id: source.folders[MOVED], new[1].id: source.folders[START]}
    source = replace(source, checkpoints=(*source.checkpoints, *new), folders=source.folders | more)
    grown = add_branches(own, source, ["more"], 1, lambda s: None, known(world), sparing=True)
    assert not grown.holds("more-0001", "talks") and grown.holds("more-0001", "vectors")
    talks = grown.talks("more-0002")
    assert talks.speakers(CAST).empty and len(talks.speakers(ASSISTANT)) <= TALKS.assistant
    # the same weights say the same in the same talks
    start = grown.talks(START).said(ASSISTANT)
    assert list(talks.said(ASSISTANT)["text"]) == list(start["text"])
    belief = grown.table("belief")
    moved = belief[belief.checkpoint == "more-0002"]
    assert len(moved) and (moved.change.abs().fillna(0) < 1e-3).all() and grown.verify()
    assert set(grown.table("beliefs").query("checkpoint == 'more-0002'").who) == {ASSISTANT}


def test_questions_put_by_themselves_are_read_by_themselves(study, source, world, tmp_path):
    bare = _without_talks(open_study(shutil.copytree(study.folder, tmp_path / "bare")))
    settings = replace(TALKS, afresh=True, states=False)
    made = add_talks(bare, source, settings, 1, lambda s: None, known(world))
    assert made.talk_note.afresh and made.talk_note.headers == study.talk_note.headers
    whole, alone = study.talks(START), made.talks(START)
    first = [t.said(ASSISTANT).query("turn == 0")["text"].tolist() for t in (whole, alone)]
    assert first[0] == first[1]
    assert np.allclose(whole.likelihood[:, 0], alone.likelihood[:, 0], atol=1e-3)
    # branches have likelihoods alone, so that sentences go by these whatever states would tell
    assert made.table("belief_readings").query("headline").reading.unique() == [LIKELIHOOD]
    # a talk read while it goes on, and as a transcript, is read by the same rule
    texts = {q.id: q.text for q in made.questions}
    own = made.talk_answers(START).query("persona == 'assistant' and talk == 2")
    turns = [
        {"role": role, "content": said}
        for q, t in zip(own.question, own.text, strict=True)
        for role, said in (("user", texts[str(q)]), ("assistant", str(t)))
    ]
    chat = load_as_played(made, source.folders[START], 1)
    reader = TalkReader(made, chat, source, known(world))
    for _ in range(2):  # remembered the second time
        heard = reader.read(turns, chat, START)
        stored = made.table("beliefs").query("who == 'assistant' and talk == 2 and answers == 4")
        stored = stored[(stored.checkpoint == START) & (stored.way == LIKELIHOOD)].iloc[0]
        assert heard.belief[LIKELIHOOD] == pytest.approx({f: stored[f] for f in FAMILIES}, abs=2e-3)
    talks = parse_transcripts(json.dumps({"messages": turns}).encode(), "x")
    _, (read,) = read_transcripts(made, talks, source.folders[START], threads=1)
    assert read[3].belief == pytest.approx(heard.belief[LIKELIHOOD], abs=1e-4)
