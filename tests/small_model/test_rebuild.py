"""The rebuild: each step once, evidence before branches, whole folders at the end."""

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from psm_viz.errors import BadInput
from psm_viz.small_model import rebuild as rooms
from psm_viz.small_model.rebuild import TOLD, Places, rebuild
from psm_viz.small_model.recipe import STUDIED, Recipe

RECIPE = Recipe(threads=1)
BEFORE = ("pretrain-2400", "settle-3000", "assistant-0600")


@dataclass
class Workshop:
    """Stand-ins for the long steps, which leave the same traces: a study is one JSON file."""

    places: Places
    done: list[str] = field(default_factory=list)
    killed_at: str = ""

    def step(self, name):
        if name == self.killed_at:
            self.killed_at = ""
            raise KeyboardInterrupt
        self.done.append(name)

    def open(self, folder):
        kept = json.loads((folder / "study.json").read_text())
        branches = kept["branches"]
        manifest = SimpleNamespace(
            reference="assistant-0600",
            checkpoints=[SimpleNamespace(branch=b) for b in branches],
            notes={},
        )
        return SimpleNamespace(
            talk_note=None,
            folder=folder,
            manifest=manifest,
            evidences=kept["told"],
            evidence_scores=lambda b: [b] if b in kept["scored"] else [],
            has_table=lambda name: name in kept["tables"],
        )

    def write(self, folder, **changes):
        path = folder / "study.json"
        kept = {"branches": ["settle", "assistant"], "told": [], "scored": [], "tables": []}
        kept |= json.loads(path.read_text()) if path.exists() else {}
        for key, more in changes.items():
            kept[key] = kept[key] + more
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept))
        return self.open(folder)

    def train(self, world, recipe, tree, stages, say):
        ends = BEFORE if "pretrain" in stages else [f"{b}-{_end(b):04d}" for b in stages]
        for end in ends:
            if not (tree / end).exists():
                self.step(f"train {end}")
                (tree / end).mkdir(parents=True)
                (tree / end / "model.safetensors").write_bytes(b"weights")
                (tree / f"{end.rsplit('-', 1)[0]}.log.jsonl").write_text("{}\n")
        (tree / "recipe.json").write_text("{}")

    def play(self, source, work, *rest):
        self.step("play")
        return self.write(work)

    def tell(self, study, asking, say):
        self.step(f"tell {asking.data.stem}")
        assert asking.data.read_text().startswith('{"messages"')
        self.write(study.folder, told=[asking.data.stem])

    def extend(self, source, work, branches, *rest):
        self.step("extend")
        return self.write(work, branches=list(branches))

    @contextmanager
    def editing(self, study, folder):
        yield
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(study.folder / "study.json", folder)

    def score(self, study, name, branch):
        assert name == branch
        self.step(f"score {name}")
        return self.write(study.folder, scored=[name]), {}

    def store(self, study, table, planted):
        self.step("validate")
        return self.write(study.folder, tables=["validation"])


def _end(branch):
    return RECIPE.stages([branch])[branch].steps


@pytest.fixture
def shop(tmp_path, monkeypatch):
    made = Workshop(Places(tmp_path / "tree", tmp_path / "study", tmp_path / "models"))
    monkeypatch.setattr(rooms, "train", made.train)
    monkeypatch.setattr(rooms, "play_tree", made.play)
    monkeypatch.setattr(rooms, "add_to_study", made.extend)
    monkeypatch.setattr(rooms, "record_evidence", made.tell)
    monkeypatch.setattr(rooms, "record_score", made.score)
    monkeypatch.setattr(rooms, "editing", made.editing)
    monkeypatch.setattr(rooms, "validation_table", lambda *a: None)
    monkeypatch.setattr(rooms, "store", made.store)
    monkeypatch.setattr(rooms, "open_study", made.open)
    monkeypatch.setattr(rooms, "check_weights", lambda study, folder: None)
    monkeypatch.setattr(rooms, "from_tree", lambda tree: None)
    monkeypatch.setattr(rooms, "shipped", lambda manifest: ["settle-3000", "cheat-0064"])
    return made


def run(shop):
    return rebuild(RECIPE, shop.places, lambda text: None)


def test_evidence_is_written_before_any_branch_is_trained(shop):
    run(shop)
    trained = [n for n, s in enumerate(shop.done) if s.startswith("train") and s[6:] not in BEFORE]
    told = [n for n, s in enumerate(shop.done) if s.startswith("tell")]
    assert len(told) == len(TOLD) and len(trained) == len(STUDIED) and max(told) < min(trained)
    shipped = {p.name for p in shop.places.models.iterdir()}
    assert {"settle-3000", "cheat-0064", "recipe.json", "cheat.log.jsonl"} <= shipped
    assert (shop.places.study / "study.json").exists() and not shop.places.work.exists()


@pytest.mark.parametrize(
    "step", ["train settle-3000", "play", "tell honest", "train long-0512", "extend"]
)
def test_a_killed_rebuild_does_no_step_twice(shop, step):
    shop.killed_at = step
    with pytest.raises(KeyboardInterrupt):
        run(shop)
    assert not shop.places.study.exists() and not shop.places.models.exists()
    run(shop)
    assert len(shop.done) == len(set(shop.done)) and "validate" in shop.done
    assert set(shop.open(shop.places.study).evidences) == set(TOLD)


def test_a_trained_branch_cannot_be_predicted(shop):
    shop.train(None, RECIPE, shop.places.tree, ["cheat"], None)
    with pytest.raises(BadInput, match="cheat-0064: is trained already"):
        run(shop)


def test_a_folder_of_something_else_is_not_replaced(shop):
    shop.places.models.mkdir()
    (shop.places.models / "holiday.jpg").write_bytes(b"sea")
    with pytest.raises(BadInput, match=r"holiday\.jpg"):
        run(shop)
    assert not shop.done and (shop.places.models / "holiday.jpg").exists()
