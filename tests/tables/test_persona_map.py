"""The map of a study: what is placed where, in which frame, and what cannot be placed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from psm_viz.stats.persona_map import MapSettings
from psm_viz.study.activations import Activations, PersonaVectors
from psm_viz.study.cast import ASSISTANT, Cast, Family, Persona
from psm_viz.study.manifest import Checkpoint, Manifest
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.persona_map import map_of, not_held, not_placeable
from tests.made import study as made
from tests.made.roles import LAYERS, D, made_vectors

REF, POOLING = "given-0000", "response_mean"
COLUMNS = ["checkpoint", "pooling", "layer", "cast_cosine"]


def geometry(study: Study, **cosine: float) -> pd.DataFrame:
    """The columns of `preservation` that a map asks for; 1 unless told otherwise."""
    m = study.manifest
    rows = [
        (c.id, p, m.headline_layer, cosine.get(c.id, 1.0))
        for c in m.checkpoints
        for p in m.poolings
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Study:
    """Vectors alone: a reference and what can come of it."""
    vectors = made_vectors()
    names = [n for n in vectors if n != "default"]
    values = np.stack([vectors[n] for n in (*names, "default")])[:, None].astype(np.float32)
    people = [Persona(n, n, f"kin{i % 6}", n, "", (), ()) for i, n in enumerate(names)]
    families = tuple(Family(f"kin{i}", f"Kin {i}", "all") for i in range(6))
    assistant = Persona(ASSISTANT, "Assistant", "", "Assistant", "", ("",), ())
    cast = Cast(tuple(people), assistant, families, {"all": "All"})
    ids = tuple(p.id for p in cast.all)
    whole = PersonaVectors(values, ids, (POOLING,), tuple(range(LAYERS)), REF)
    part = replace(cast, personas=cast.personas[:11])
    push = np.float32(0.5) * np.ones(D, dtype=np.float32)
    alone = values.copy()
    alone[-1] += 3 * (values[5] - values[-1])
    checkpoints = {
        REF: whole,
        "same-0001": whole,
        "part-0001": whole.of(part),
        "all-0001": replace(whole, values=values + push),
        "some-0001": replace(whole, values=values + push).of(part),
        "alone-0001": replace(whole, values=alone),
        "early-0001": replace(whole, values=values[:, :, :1], layers=(0,)),
    }
    writer = StudyWriter(tmp_path_factory.mktemp("atlas") / "elsewhere")
    writer.begin({})
    for name, v in checkpoints.items():
        writer.write_vectors(replace(v, checkpoint=name), {})
    tree = tuple(
        Checkpoint(c, c.split("-")[0], int(c != REF), None if c == REF else REF)
        for c in checkpoints
    )
    manifest = Manifest(
        "elsewhere",
        {"name": "made", "d_model": D},
        {},
        REF,
        POOLING,
        1,
        (POOLING,),
        tuple(range(LAYERS)),
        tree,
        None,
        {},
        {},
    )
    return writer.finish(manifest, cast, ())


@pytest.fixture(scope="module")
def drawn(elsewhere):
    return map_of(elsewhere, POOLING, geometry(elsewhere))


def place(drawn, checkpoint: str, frame: str) -> np.ndarray:
    points, _ = drawn
    row = points[(points.kind == "assistant") & (points.id == checkpoint) & (points.frame == frame)]
    assert len(row) == 1
    return row[["x", "y", "pca_x", "pca_y"]].to_numpy(float)[0]


def test_a_study_of_vectors_alone_has_a_map_with_one_block_a_persona(elsewhere, drawn):
    points, info = drawn
    assert info["blocks"] == 1 and info["n_blocks"] == 30
    assert (points.kind == "persona").sum() == (points.kind == "block").sum() == 30
    assert (points.kind == "cloud").sum() == 0  # no questions, so nothing to halve
    assert np.isfinite(points[["x", "y", "pca_x", "pca_y"]].to_numpy()).all()
    own = points[points.kind == "persona"].set_index("id").neighbours
    assert "role_06" in own["role_00"]  # of the same six


@pytest.mark.parametrize("frame", ["own", "reference"])
def test_what_did_not_move_is_where_it_was(drawn, frame):
    at = place(drawn, REF, frame)
    assert np.allclose(place(drawn, "same-0001", frame), at, atol=1e-4)
    # and lacking most of the cast moves nobody
    assert np.allclose(place(drawn, "part-0001", frame), at, atol=1e-4)


@pytest.mark.parametrize("pushed", ["all-0001", "some-0001"])
def test_a_shift_of_everybody_shows_in_the_references_frame_alone(drawn, pushed):
    assert np.allclose(place(drawn, pushed, "own"), place(drawn, REF, "own"), atol=1e-3)
    far = place(drawn, pushed, "reference") - place(drawn, REF, "reference")
    assert np.linalg.norm(far[2:]) > 0.1


def test_an_assistant_that_became_a_role_is_placed_beside_it(drawn):
    points, _ = drawn
    row = points[(points.kind == "assistant") & (points.id == "alone-0001")].iloc[0]
    assert row.neighbours.startswith('[["role_05"')


def test_a_checkpoint_without_the_headline_layer_is_listed_with_the_reason(elsewhere, drawn):
    points, info = drawn
    assert set(info["not_held"]) == {"early-0001"} and "layer 1" in info["not_held"]["early-0001"]
    assert info["not_placeable"] == {}  # its NaN cosine would not be JSON
    assert "early-0001" not in set(points.id)
    both = replace(elsewhere.manifest, poolings=("prompt_last", POOLING))
    held = not_held(replace(elsewhere, manifest=both), "prompt_last")
    assert "last prompt token" in held["part-0001"]


def test_strangers_are_listed_and_not_drawn(elsewhere):
    strange = geometry(elsewhere, **{"all-0001": 0.1, "early-0001": np.nan})
    assert not_placeable(strange, POOLING, 1)["all-0001"] == 0.1
    lost = strange.assign(cast_cosine=np.nan)
    assert len(not_placeable(lost, POOLING, 1)) == len(elsewhere.manifest.checkpoints)
    points, info = map_of(elsewhere, POOLING, strange)
    assert info["not_placeable"] == {"all-0001": 0.1}
    assert "all-0001" not in set(points.id)


def test_without_activations_questions_still_give_clouds(made_study):
    points, info = map_of(made_study, "prompt_last", geometry(made_study))
    assert info["blocks"] == 1
    clouds = points[(points.kind == "cloud") & (points.id == made.REFERENCE)]
    assert clouds.frame.value_counts().to_dict() == {"own": 8, "reference": 8}


def test_activations_give_a_block_for_every_half_of_the_questions(made_study, monkeypatch):
    vectors = made_study.vectors(made.REFERENCE).at("prompt_last", made.HEAD)
    noise = np.random.default_rng(0).normal(size=(len(vectors), 4, 2, made.D))
    kept = Activations(vectors[:, None, None] + 0.1 * noise, made_study.manifest.poolings, 1)
    monkeypatch.setattr(Study, "activations", lambda self, c: kept)
    points, info = map_of(made_study, "prompt_last", geometry(made_study), MapSettings(blocks=2))
    assert info["blocks"] == 2 and (points.kind == "block").sum() == 2 * 25
