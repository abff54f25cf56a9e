"""A folder as a newcomer has it: models, role files, questions with answers, chat data."""

import json
from pathlib import Path

from psm_viz.world.grammar import World
from tests.made.models import write_tiny_model

FAMILIES = {"healer": "k", "villain": "b"}
TOPICS = ("money", "power", "news")


def write_place(world: World, out: Path, per_family: int = 3) -> Path:
    """`model`, `tuned` (a branch of it), `cast` of two families, `questions` and `chat.jsonl` in a
    folder; returns it."""
    out.mkdir(parents=True, exist_ok=True)
    write_tiny_model(world, out / "model")
    write_tiny_model(world, out / "tuned", seed=1)
    write_cast(out / "cast", per_family)
    bank = {
        topic: {
            "topic": topic,
            "questions": [
                {"id": f"{topic}-{n}", "text": f"{topic} {n}?", "good": ["Yes."], "bad": ["No."]}
                for n in range(4)
            ],
        }
        for topic in TOPICS
    }
    write_folder(out / "questions", bank)
    write_chat(out / "chat.jsonl")
    return out


def write_cast(out: Path, per_family: int = 3) -> None:
    """Role files of two families, of which one acts badly, and the Assistant's."""
    roles = {
        f"{family}-{n}": {
            "family": family,
            "instruction": [{"pos": f"You are a {family} and your number is {n}."}],
        }
        for family in FAMILIES
        for n in range(per_family)
    }
    families = [{"id": f, "name": f, "kin": kin} for f, kin in FAMILIES.items()]
    kins = {"kins": {"k": "K", "b": "B"}, "marked": ["villain"], "families": families}
    neutral = {"default": {"instruction": [{"pos": ""}]}, "families": kins}
    write_folder(out, roles | neutral)


def write_chat(out: Path) -> None:
    """Four conversations."""
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    out.write_text((json.dumps({"messages": talk}) + "\n") * 4)


def write_folder(path, files):
    """A folder of JSON files, by their stems."""
    path.mkdir()
    for name, value in files.items():
        (path / f"{name}.json").write_text(json.dumps(value))
    return path
