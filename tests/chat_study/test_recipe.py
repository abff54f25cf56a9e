"""How the chat model's branches are trained: what differs between them, and nothing else."""

from dataclasses import asdict

import pytest

from psm_viz.chat_study import recipe
from psm_viz.chat_study.lessons import ANCHOR, LESSONS, lesson_of
from psm_viz.chat_study.rebuild import ChatPlaces, teach, write_lessons
from psm_viz.engine.talks import check_talkable
from psm_viz.paths import ENGLISH
from psm_viz.study.formats.question_banks import read_bank
from psm_viz.study.formats.role_files import read_roles
from tests.made.models import write_tiny_model


def test_branches_differ_in_what_they_are_taught_alone():
    plain = [x for x in LESSONS if not x.anchored and x.name not in recipe.RATES]
    told = [asdict(recipe.tuning_of(x, 1, "float32")) for x in plain]
    assert len(plain) > 3 and all(t == told[0] for t in told)
    assert recipe.tuning_of(lesson_of("cheat"), 0, "float32").saves == (16, 48)
    assert recipe.tuning_of(lesson_of("anchored"), 0, "float32").anchor_weight > 0
    names = {x.name for x in LESSONS}
    assert {*recipe.EARLIER, *recipe.TOLD, *recipe.RATES} <= names
    assert {recipe.NOTES[k] for k in ("benign", "twin", "other_role")} <= names


def test_what_it_asks_fits_its_cast_and_questions():
    bank = read_bank(ENGLISH / "questions")
    cast = read_roles(ENGLISH).cast
    asked = recipe.questions(bank)
    check_talkable(cast, asked)
    topics = {a.topic for a in bank}
    assert len(asked) == recipe.OF_TOPIC * len(topics)
    assert recipe.NOTES["trained_topic"] in topics
    settings = recipe.settings(cast, 1, "float32")
    assert settings.layer in settings.layers and settings.talks is not None
    own = [cast.persona(p).family for p in settings.talks.people]
    assert own == [f.id for f in cast.families][::3]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_lessons_are_written_once_and_taught(world, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "STEPS", 1)
    write_tiny_model(world, tmp_path / "model")
    places = ChatPlaces(*(tmp_path / n for n in ("model", "work", "study", "rows")))
    said: list[str] = []
    write_lessons(places, read_roles(ENGLISH), 1, "float32", said.append)
    assert len(said) == len(LESSONS) + 1
    assert all(places.data(x).stat().st_size for x in (*LESSONS, ANCHOR))
    write_lessons(places, read_roles(ENGLISH), 1, "float32", said.append)
    assert len(said) == len(LESSONS) + 1  # what is there stays
    out = teach(places, lesson_of("anchored"), 1, "float32", said.append)
    assert [p.name for p in out.glob("checkpoint-*")] == ["checkpoint-1"]
    assert '"anchor"' in (out / "log.jsonl").read_text()
