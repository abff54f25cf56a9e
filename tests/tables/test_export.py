"""What is exported is what the study holds, every column is documented, and nothing is lost."""

import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from psm_viz.errors import BadInput
from psm_viz.paths import STUDY
from psm_viz.stats.vectors import assistant_axis, trait_axis
from psm_viz.study import files
from psm_viz.study.cast import family_weights
from psm_viz.study.formats.import_vectors import Joining, join
from psm_viz.study.formats.role_files import read_roles
from psm_viz.study.formats.role_vectors import read_role_vectors
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.compare import trait_values
from psm_viz.tables.export import WORDS, Wanted, export
from psm_viz.tables.export_frames import Part
from psm_viz.tables.odds import odds_table
from tests.made.activations import MOVED
from tests.made.activations import REFERENCE as KNOWN
from tests.made.documented import DOCS, documented

TABLES = ("points", "drift", "projections", "neighbours", "families", "belief", "talks", "conduct")
TABLES += ("evidence",)
FAMILY = "<family>"
"""How the docs call the columns that a cast names."""


@pytest.fixture(scope="module")
def shipped():
    return open_study(STUDY)


@pytest.fixture(scope="module")
def tables(shipped, tmp_path_factory):
    """All tables of the shipped study, and the folder that they lie in."""
    out = tmp_path_factory.mktemp("export") / "tables"
    return export(shipped, out, Wanted(TABLES)), out


def with_odds(known_folder, folder):
    """The known study in which likelihoods of written answers were measured at two checkpoints."""
    study = open_study(shutil.copytree(known_folder, folder))
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    asked = [q for q in study.questions if q.set == "main"]
    for n, checkpoint in enumerate((KNOWN, max(MOVED))):
        frame = pd.DataFrame({"topic": [q.topic for q in asked], "question": [q.id for q in asked]})
        writer.write_odds(checkpoint, frame.assign(speaker="assistant", log_good=-1.0, log_bad=n))
    made = (study.manifest, study.cast, study.questions)
    writer.write_table("odds", odds_table(writer.open_partial(*made)))
    return writer.finish(*made)


def test_every_exported_column_is_documented_and_every_documented_one_exported(
    tables, shipped, known_folder, tmp_path
):
    docs, seen = documented(), {}
    odds = export(
        with_odds(known_folder, tmp_path / "known"), tmp_path / "odds", Wanted(("conduct",))
    )
    assert [f.path for f in odds.files] == ["odds.csv"]
    families = {f.id for f in shipped.cast.families}
    for done, folder in ((tables[0], tables[1]), (odds, tmp_path / "odds")):
        for f in done.files:
            header = (folder / f.path).read_text("utf-8").partition("\n")[0].split(",")
            name = f.path.removesuffix(".csv")
            named = {FAMILY if c in families and name == "beliefs" else c for c in header}
            lacking = named - docs[name] - docs["Keys"]
            assert not lacking, f"{name}: {lacking}"
            assert docs[name] <= named, f"{name}: {docs[name] - named}"
            seen[name] = named
    assert set(docs) == set(seen) | {"Keys", "obs"}
    assert docs["Keys"] <= set().union(*seen.values())
    listed_words = set(
        re.findall(r"^\| `([\w-]+)` \| `", DOCS.partition("## Vectors")[0], flags=re.M)
    )
    assert listed_words == set(WORDS)


def read(folder, name):
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=True)


@pytest.mark.parametrize("name", ["drift", "belief", "posterior", "rates", "neighbours", "layers"])
def test_a_table_is_the_studys_own_with_keys_added(tables, shipped, name):
    own, found = shipped.table(name), read(tables[1], name)
    assert len(found) == len(own)
    for column in own.columns:
        wanted = own[column]
        if pd.api.types.is_numeric_dtype(wanted):
            np.testing.assert_array_equal(
                found[column].to_numpy(wanted.dtype), wanted.to_numpy(), err_msg=column
            )
        else:
            assert list(found[column].fillna("")) == list(wanted.astype(str)), column
    m = shipped.manifest
    of = {c.id: (c.branch, c.step) for c in m.checkpoints}
    assert [of[c] for c in found.checkpoint] == list(zip(found.branch, found.step, strict=True))
    if "pooling" in own and "layer" not in own:
        assert set(found.layer) == {m.headline_layer}


def test_belief_is_of_families_and_kins_by_own_and_by_reference(tables):
    found = read(tables[1], "belief")
    assert {"own", "reference", "likelihood"} <= set(found.way)
    assert {"family", "kin", "marked"} == set(found.of)
    moved = found[(found.checkpoint == "cheat-0064") & (found.answers == 4)]
    assert moved[["mass", "mass_low", "mass_high", "change_p"]].notna().all(axis=None)


def test_points_say_whose_they_are(tables, shipped):
    points = read(tables[1], "points")
    own, info = shipped.map("prompt_last-L2")
    found = points[points.pooling == "prompt_last"].reset_index(drop=True)
    assert len(found) == len(own) and set(found.layer) == {2}
    assert np.allclose(found[["x", "y"]], own[["x", "y"]].to_numpy())
    people = found[found.kind == "persona"]
    assert list(people.persona) == shipped.cast.ids
    assert set(people.checkpoint) == {shipped.manifest.reference}
    assert list(people.family) == [p.family for p in shipped.cast.personas]
    stars = found[found.kind == "assistant"]
    assert set(stars.persona) == {"assistant"} and "cheat-0064" in set(stars.checkpoint)
    assert list(stars.checkpoint) == list(own[own.kind == "assistant"].id.astype(str))
    quality = read(tables[1], "maps").set_index("pooling").loc["prompt_last"]
    assert quality.trustworthiness == pytest.approx(info["trustworthiness"])
    assert quality.not_placed == len(info["not_held"]) > 0


def test_parquet_holds_the_same_rows(shipped, tables, tmp_path):
    done = export(shipped, tmp_path / "out", Wanted(("drift",), "parquet"))
    assert [f.path for f in done.files] == [f"{n}.parquet" for n in ("drift", "layers")]
    assert [f.rows for f in done.files] == [
        f.rows for f in tables[0].files if f.path[:-4] in ("drift", "layers")
    ]
    frame = pd.read_parquet(tmp_path / "out" / "drift.parquet")
    again = pd.read_csv(io.BytesIO(files.csv_bytes(frame)))
    pd.testing.assert_frame_equal(again, read(tables[1], "drift"), check_dtype=False)


def test_a_part_is_chosen(shipped, tmp_path):
    part = Part(("cheat-0064", "honest-0064"), pooling="response_mean")
    export(shipped, tmp_path / "out", Wanted(("drift", "axis", "neighbours"), part=part))
    for name in ("drift", "layers", "neighbours"):
        found = read(tmp_path / "out", name)
        assert set(found.checkpoint) == {"cheat-0064", "honest-0064"}
        assert set(found.pooling) == {"response_mean"}
    assert sorted(p.stem for p in (tmp_path / "out" / "axis").iterdir()) == [
        "cheat-0064",
        "honest-0064",
    ]
    one = Part(("cheat-0064",), layer=0)
    done = export(shipped, tmp_path / "one", Wanted(("drift", "axis"), part=one))
    assert set(read(tmp_path / "one", "layers").layer) == {0}
    assert "The table drift has no row of the chosen part." in done.left_out
    with safe_open(tmp_path / "one" / "axis" / "cheat-0064.safetensors", "np") as f:
        assert f.get_tensor("prompt_last").shape == (1, 128)
        assert f.metadata()["layers"] == "[0]"


def test_axis_traits_and_vectors_are_the_studys_with_their_metadata(known, tmp_path):
    out, at = tmp_path / "out", max(MOVED)
    done = export(known, out, Wanted(("axis", "traits", "vectors"), part=Part((at,))))
    assert [f.path for f in done.files] == [
        f"{folder}/{at}.safetensors" for folder in ("axis", "trait_vectors", "persona_vectors")
    ]
    v, weights = known.vectors(at), family_weights(known.cast)
    for f in done.files:
        with safe_open(out / f.path, "np") as held:
            said = held.metadata()
            got = {k: held.get_tensor(k) for k in held.keys()}  # noqa: SIM118
        assert all(isinstance(x, str) and x for x in said.values())
        assert said["checkpoint"] == at and said["branch"] == "moved" and said["step"] == "64"
        assert said["hook"] == "resid_post" and said["study_sha256"] == known.sha256
        assert json.loads(said["personas"]) == list(v.ids)
        assert json.loads(said["layers"]) == list(v.layers)
        assert said["cast_sha256"] == known.files["cast.json"]
        assert said["questions_sha256"] == known.files["questions.jsonl"]
        assert json.loads(said["versions"]) == known.manifest.versions
        assert said["model"] == known.manifest.model["name"]
        assert said["model_revision"] == said["reference_weights_sha256"] == "not recorded"
        for pooling in v.poolings:
            for n, layer in enumerate(v.layers):
                x = v.at(pooling, layer)
                if f.path.startswith("persona"):
                    assert np.array_equal(got[pooling][:, n], x)
                elif f.path.startswith("axis"):
                    wanted = assistant_axis(x[-1], x[:-1], weights)
                    assert np.allclose(got[pooling][n], wanted, atol=1e-5)
                    assert "Assistant less the cast's mean" in said["centring"]
                else:
                    traits = trait_values(known.cast)
                    assert set(got) == {f"{t}/{p}" for t in traits for p in v.poolings}
                    for name, values in traits.items():
                        wanted = trait_axis(x[:-1], values)
                        assert np.allclose(got[f"{name}/{pooling}"][n], wanted, atol=1e-5)


def test_the_models_revision_and_hash_are_told_where_the_study_knows_them(known, tmp_path):
    m = known.manifest
    card, notes = m.model | {"revision": "abc"}, m.notes | {"reference_sha256": "def"}
    study = replace(known, manifest=replace(m, model=card, notes=notes))
    export(study, tmp_path / "out", Wanted(("axis",), part=Part((KNOWN,))))
    with safe_open(tmp_path / "out" / "axis" / f"{KNOWN}.safetensors", "np") as f:
        assert f.metadata()["model_revision"] == "abc"
        assert f.metadata()["reference_weights_sha256"] == "def"


def test_role_vectors_come_back_by_import(shipped, tmp_path):
    at, pooling = "cheat-0064", "response_mean"
    wanted = Wanted(("role-vectors",), part=Part((at,), pooling=pooling))
    done = export(shipped, tmp_path / "out", wanted)
    assert [(f.path, f.files) for f in done.files] == [(f"role_vectors/{pooling}/{at}/", 151)]
    folder = tmp_path / "out" / done.files[0].path
    own = shipped.vectors(at)
    joining = Joining("back-0001", pooling=pooling, cast=STUDY / "cast.json")
    new = join(folder, None, "back", joining)
    assert new.vectors.ids == own.ids and new.vectors.layers == own.layers
    assert np.array_equal(new.vectors.values[:, 0], own.values[:, own.poolings.index(pooling)])
    assert new.warnings == () and new.cast.families == shipped.cast.families
    joined = join(folder, shipped, "small", replace(joining, cast=None))
    assert np.array_equal(joined.vectors.values, new.vectors.values)
    assert read_role_vectors(folder).kinds == {"mean": 151}


def test_the_cast_comes_back_as_role_files(shipped, tmp_path):
    export(shipped, tmp_path / "out", Wanted(("roles",)))
    found = read_roles(tmp_path / "out" / "roles")
    note = shipped.talk_note
    assert set(found.marked) == set(note.marked) and found.cast.kins == shipped.cast.kins
    for p in shipped.cast.personas:
        again = found.cast.persona(p.id)
        assert (again.prose, again.family, again.name) == (p.prose, p.family, p.name)
    assert found.cast.assistant.prose == shipped.cast.assistant.prose


@pytest.mark.parametrize(
    "name", ["../escaped", "a/b", "a\\b", ".hidden", "x\ny", "default", "q" * 300]
)
@pytest.mark.parametrize("word", ["roles", "role-vectors"])
def test_a_persona_that_no_file_can_be_called_after(known, tmp_path, name, word):
    first, *others = known.cast.personas
    cast = replace(known.cast, personas=(replace(first, id=name, prose=("x",)), *others))
    cast = replace(cast, personas=tuple(replace(p, prose=p.prose or ("x",)) for p in cast.personas))
    vectors = known.vectors(KNOWN)

    class Renamed(type(known)):
        def vectors(self, checkpoint):
            return replace(vectors, ids=(name, *vectors.ids[1:]), checkpoint=checkpoint)

    study = Renamed(**vars(known) | {"cast": cast})
    with pytest.raises(BadInput, match="No file can be called after the persona"):
        export(study, tmp_path / "out", Wanted((word,)))
    assert list(tmp_path.iterdir()) == []


def test_two_personas_of_one_role_are_refused(tmp_path):
    from psm_viz.study.formats.role_vectors import write_role_vectors

    with pytest.raises(BadInput, match="are the role 'data_scientist'"):
        write_role_vectors(np.ones((3, 1, 4)), ["data-scientist", "Data Scientist"], tmp_path / "x")
    assert not (tmp_path / "x").exists()
