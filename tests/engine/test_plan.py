"""What a plan says a study will take is what it takes."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from psm_viz.engine import answer_likelihood
from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.counts import Count
from psm_viz.engine.known import Known
from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.outline import Settings
from psm_viz.engine.plan import Planning, plan_study
from psm_viz.engine.rates import Rates
from psm_viz.engine.shards import play_shard
from psm_viz.engine.talks import TalkSettings
from psm_viz.errors import BadInput
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.formats.question_banks import Asked
from tests.made.models import write_tiny_model

TALKS = TalkSettings(assistant=6, per_persona=2, elsewhere=1, lasts=4, headers=1)
SETTINGS = Settings(
    "tiny", samples=2, max_new_tokens=5, threads=1, layer=1, ask="ends", talks=TALKS
)
GIVEN = Planning(Rates(read=1000.0, draw=100.0, weigh=500.0))
CAST, OTHER = "the cast at the reference", "the cast at the reference, other questions"
FURTHER, ALONE = "the cast at further checkpoints", "the Assistant at further checkpoints"
WEIGHED, TALKED = "written answers weighed", "talks at the reference"
ELSEWHERE = "talks at further checkpoints"


def quiet(line):
    pass


@pytest.fixture(scope="module")
def asked(world, tmp_path_factory):
    """A model with a branch of two steps, a cast of two blocks without traits, some questions."""
    out = tmp_path_factory.mktemp("models")
    write_tiny_model(world, out / "start")
    for step in (1, 2):
        write_tiny_model(world, out / "tuned" / f"checkpoint-{step}", step)
    source = from_models(str(out / "start"), {"tuned": str(out / "tuned")}, None)
    cast = world.cast()
    people = tuple(replace(p, traits={}) for p in cast.personas[:12])
    topics = ("coding", "money", "news", "weather", "power", "animals")
    questions = tuple(q for q in world.questions() if q.topic in topics)
    questions = tuple(replace(q, fold=n % 2) for n, q in enumerate(questions))
    used = {p.family for p in people}
    families = tuple(f for f in cast.families if f.id in used)
    return source, replace(cast, personas=people, families=families), questions


@pytest.fixture(scope="module")
def known():
    bank = (Asked("b-0", "money", "How?", ("Well.",), ("So.", "No.")),)
    return Known("instructions", bank=bank)


@pytest.fixture(scope="module")
def plan(asked, known, tmp_path_factory):
    out = tmp_path_factory.mktemp("plan") / "study"
    found = plan_study(*asked, out, SETTINGS, quiet, known, GIVEN)
    assert list(out.parent.iterdir()) == []
    return found


@pytest.fixture(scope="module")
def played(asked, known, tmp_path_factory):
    """The study, and the tokens that went through the model for it."""
    done = {"prompt": 0, "drawn": 0, "read": 0, "weighed": 0}
    sample, pooled = ChatModel.sample, ChatModel.pooled

    def sampled(self, prompts, sampling, **more):
        out = sample(self, prompts, sampling, **more)
        if sampling.max_new_tokens > 1:  # not the try before the run
            done["prompt"] += sum(map(len, prompts))
            done["drawn"] += sum(len(ids) for answers in out for ids in answers)
        return out

    def read(self, prompts, answers=None, *rest, **more):
        done["read"] += sum(map(len, prompts)) + sum(map(len, answers or ()))
        return pooled(self, prompts, answers, *rest, **more)

    def weighed(chat, rows, wanted, **more):
        done["weighed"] += sum(map(len, rows))
        return log_probs(chat, rows, wanted, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChatModel, "sample", sampled)
        patch.setattr(ChatModel, "pooled", read)
        patch.setattr(answer_likelihood, "log_probs", weighed)
        out = tmp_path_factory.mktemp("played") / "study"
        return build_study(*asked, out, SETTINGS, quiet, known), done


def test_every_kind_of_work_is_named_with_its_checkpoints(plan):
    found = {w.what: w.checkpoints for w in plan.works}
    others = {CAST: 1, OTHER: 1, FURTHER: 1, ALONE: 1, WEIGHED: 3, TALKED: 1, ELSEWHERE: 3}
    assert found == others


def test_as_many_answers_are_planned_as_the_study_holds(plan, played):
    study, _ = played
    counts = {w.what: w.count for w in plan.works}
    where = {CAST: "reference-0000", OTHER: "again-0000", FURTHER: "tuned-0002"}
    for what, checkpoint in (where | {ALONE: "tuned-0001"}).items():
        said = study.responses(checkpoint)
        assert counts[what].answers == len(said) > 0
        assert counts[what].drawn == 5 * len(said) >= said.n_tokens.sum()
    assert set(study.responses("tuned-0001").persona) == {ASSISTANT}

    def held(checkpoint):
        talks = study.talks(checkpoint)
        return len(talks.answers) + talks.left_out * study.talk_note.answers

    assert counts[TALKED].answers == held("reference-0000")
    others = ("tuned-0001", "tuned-0002", "again-0000")
    assert counts[ELSEWHERE].answers == sum(map(held, others))


def test_no_more_tokens_go_through_the_model_than_were_planned(plan, played):
    _, done = played
    whole = plan.all.count
    # prompts of single questions are known to the token, those of talks but for what was answered
    single = [w.count for w in plan.works if w.what in (CAST, OTHER, FURTHER, ALONE)]
    known = sum(single, Count()).prompt
    assert known < done["prompt"] <= whole.prompt
    for name in ("drawn", "read", "weighed"):
        assert 0.4 * getattr(whole, name) < done[name] <= getattr(whole, name), name


def test_bytes_are_about_what_lies_on_disk(plan, played):
    study, _ = played
    found = sum(p.stat().st_size for p in study.folder.rglob("*") if p.is_file())
    assert 0.5 < plan.disk / found < 2


def test_hours_are_tokens_by_rates(plan):
    work = next(w for w in plan.works if w.what == CAST)
    c = work.count
    by_hand = (c.prompt + c.read) / 1000 + c.drawn / 100 + c.weighed / 500
    assert work.hours(plan.rates) == pytest.approx(by_hand / 3600)
    told = plan.told()
    assert told["all"]["hours"] == pytest.approx(sum(w["hours"] for w in told["work"]))
    assert not told["tokens_per_second"]["measured_here"] and json.dumps(told)


def test_one_pooling_needs_less(asked, known, plan, tmp_path):
    one = replace(SETTINGS, poolings=("prompt_last",))
    less = plan_study(*asked, tmp_path / "s", one, quiet, known, GIVEN)
    cast, both = less.works[0].count, plan.works[0].count
    assert cast.read == cast.prompt == both.prompt  # a prompt once, and no answer
    assert both.read == 2 * both.prompt + both.drawn
    assert less.disk < plan.disk and less.memory.means < plan.memory.means


def test_shares_are_planned_as_they_are_played(asked, known, tmp_path):
    settings = replace(SETTINGS, ask="all", talks=None)
    found = []
    for i in range(2):
        planning = replace(GIVEN, shard=(i, 2))
        plan = plan_study(*asked, tmp_path / "s", settings, quiet, known, planning)
        assert {w.what for w in plan.works} == {CAST, OTHER, FURTHER}
        found.append(plan.all.count)
    whole = plan_study(*asked, tmp_path / "s", settings, quiet, known, GIVEN)
    each = [w.count for w in whole.works if w.what != WEIGHED]
    assert sum(found, Count()) == sum(each, Count())
    assert found[0].answers != found[1].answers  # two blocks and the Assistant
    with pytest.raises(BadInput, match="from 0 to n - 1"):
        plan_study(*asked, tmp_path / "s", settings, quiet, known, replace(GIVEN, shard=(2, 2)))
    source, cast, questions = asked
    few = (source, cast, tuple(q for q in questions if q.set == "main")[:4])
    planning = replace(GIVEN, shard=(1, 2))
    share = plan_study(*few, tmp_path / "s", settings, quiet, known, planning).all.count
    play_shard(*few, tmp_path / "s", settings, (1, 2), quiet, known)
    blocks = (tmp_path / "s.partial" / "blocks").glob("*/*/answers.parquet")
    assert share.answers == sum(len(pd.read_parquet(b)) for b in blocks)


def test_rates_are_measured_with_the_model(asked, tmp_path):
    settings = replace(SETTINGS, ask="all", talks=None)
    said = []
    plan = plan_study(*asked, tmp_path / "s", settings, said.append)
    assert plan.measured and any("measuring" in line for line in said)
    assert min(plan.rates.read, plan.rates.draw, plan.rates.weigh) > 0
    assert not any(tmp_path.iterdir())


def test_the_headline_chosen_by_traits_is_a_work_of_its_own(world, asked, tmp_path):
    source, _, questions = asked
    cast = replace(world.cast(), personas=world.cast().personas[:12])
    plan = plan_study(source, cast, questions, tmp_path / "s", SETTINGS, quiet, planning=GIVEN)
    assert plan.works[0].what == "the cast at the reference, to choose the headline"
    assert plan.works[0].count == plan.works[1].count
