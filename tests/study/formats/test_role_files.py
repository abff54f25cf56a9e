"""Role files become a cast and a cast becomes role files; what is no role file is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.paths import ENGLISH
from psm_viz.study.formats.role_files import read_roles, write_roles
from tests.made.study import made_cast


def role(folder, stem, **keys):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.json").write_text(json.dumps(keys))


def pos(*texts):
    return [{"pos": t} for t in texts]


def test_a_folder_as_published_is_a_cast(tmp_path):
    for name in ("pirate", "data_scientist", "ghost"):
        role(
            tmp_path, name, instruction=pos(f"You are a {name}.", f"Be a {name}."), questions=["?"]
        )
    role(tmp_path, "default", instruction=pos("", "You are a large language model."))
    (tmp_path / "role_list.json").write_text(json.dumps({"pirate": "Sails and steals."}))
    cast = read_roles(tmp_path).cast
    assert cast.ids == ["data_scientist", "ghost", "pirate"]
    assert cast.persona("data_scientist").name == "Data scientist"
    assert cast.persona("pirate").prose == ("You are a pirate.", "Be a pirate.")
    assert cast.persona("pirate").description == "Sails and steals."
    assert cast.assistant.prose == ("", "You are a large language model.")
    assert [(f.id, f.kin) for f in cast.families] == [("roles", "roles")]


def test_a_file_may_call_the_model_by_its_name(tmp_path):
    role(tmp_path, "ghost", instruction=pos("You are no longer {model_name}, {who}."))
    role(tmp_path, "default", instruction=pos("You are {model_name}."))
    cast = read_roles(tmp_path, "Llama-3.1-8B").cast
    assert cast.persona("ghost").prose == ("You are no longer Llama-3.1-8B, {who}.",)
    assert cast.assistant.prose == ("You are Llama-3.1-8B.",)
    assert read_roles(tmp_path).cast.assistant.prose == ("You are {model_name}.",)


def test_a_cast_written_and_read_again_is_the_same_cast(tmp_path):
    cast = made_cast()
    write_roles(cast, ["saboteurs"], tmp_path / "out")
    found = read_roles(tmp_path / "out")
    assert found.marked == ("saboteurs",) and found.cast.kins == cast.kins
    assert set(found.cast.families) == set(cast.families)
    for p in cast.personas:
        own = found.cast.persona(p.id)
        assert (own.name, own.family, own.description, own.prose) == (
            p.name,
            p.family,
            p.description,
            p.prose,
        )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "instruction is no list"),
        ({"instruction": "You are."}, "instruction is no list"),
        ({"instruction": []}, "instruction is no list"),
        ({"instruction": ["You are."]}, r"instruction\[0\] has no text under 'pos'"),
        ({"instruction": [{"pos": "a"}, {"neg": "b"}]}, r"instruction\[1\] has no text"),
        ({"instruction": [{"pos": "a"}], "name": 3}, "name is 3, expected a text"),
        ({"instruction": [{"pos": "a"}], "family": " "}, "family is ' ', expected a text"),
    ],
)
def test_a_file_that_is_no_role_is_named(tmp_path, keys, said):
    role(tmp_path, "pirate", **keys)
    with pytest.raises(BadFile, match=said) as e:
        read_roles(tmp_path)
    assert "pirate.json" in e.value.problem


def test_traits_are_no_roles_and_are_known_for_what_they_are(tmp_path):
    role(tmp_path, "pirate", instruction=pos("You are a pirate."))
    role(tmp_path, "evil", instruction=[{"pos": "Be evil.", "neg": "Be good."}], questions=["?"])
    role(tmp_path, "kind", instruction=[{"pos": "Be kind."}, {"pos": "Be kind.", "neg": "Be not."}])
    with pytest.raises(BadInput, match=r"2 of 3 files are of traits, .*'neg'.*evil\.json, kind\."):
        read_roles(tmp_path)
    with pytest.raises(BadInput, match="12 of 12 files are of traits"):
        read_roles(ENGLISH / "traits")


def test_a_name_that_cannot_be_printed_is_refused(tmp_path):
    role(tmp_path, "a\x1b[2J", instruction=pos("You are nobody."))
    with pytest.raises(BadFile, match="cannot be printed") as e:
        read_roles(tmp_path)
    assert "\x1b" not in e.value.problem


def test_no_folder_no_role_and_a_family_of_no_kin(tmp_path):
    with pytest.raises(UnknownName, match="no folder"):
        read_roles(tmp_path / "gone")
    with pytest.raises(BadInput, match="holds no role file"):
        read_roles(tmp_path)
    role(tmp_path, "pirate", instruction=pos("You are a pirate."))
    (tmp_path / "families.json").write_text(
        json.dumps({"kins": {}, "families": [{"id": "a", "name": "A", "kin": "lost"}]})
    )
    with pytest.raises(BadFile, match="a kin 'lost'"):
        read_roles(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["instruction", "pos", "name", "family", "x"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_anything_else_is_one_clear_error(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("roles")
    (folder / "one.json").write_text(json.dumps(value))
    try:
        cast = read_roles(folder).cast
    except BadFile as e:
        assert "one.json" in e.problem
    else:
        assert cast.ids == ["one"] and all(isinstance(t, str) for t in cast.personas[0].prose)
