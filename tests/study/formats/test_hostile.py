"""Whatever lies in a file, a reader gives a value that can be written again, or one clear error."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psm_viz.errors import PsmVizError
from psm_viz.study.cast import (
    Cast,
    Family,
    Persona,
    Question,
    dump_cast,
    dump_questions,
    load_cast,
    parse_questions,
)
from psm_viz.study.formats.chat_data import dump_chat, parse_chat
from psm_viz.study.formats.question_banks import Asked, dump_bank, parse_bank, read_bank
from psm_viz.study.formats.question_lists import load_questions
from psm_viz.study.formats.role_files import read_roles, write_roles
from psm_viz.study.formats.role_vectors import read_descriptions, read_role_vectors
from tests.made.roles import made_vectors
from tests.made.roles import write_roles as write_vectors
from tests.made.study import made_cast
from tests.made.study import questions as made_questions

MANY, FEW = (
    settings(
        derandomize=True,
        deadline=None,
        max_examples=n,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    for n in (60, 20)
)
TALK = {"messages": [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So."}]}
SHAREGPT = {"conversations": [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "So."}]}
ALPACA = {"instruction": "a", "input": "b", "output": "c", "system": "d", "history": [["e", "f"]]}
ASKED = {"id": "q", "topic": "t", "text": "How?", "good": ["Yes."], "bad": ["No."]}
ROLE = {"instruction": [{"pos": "You are one."}], "name": "One", "family": "healers"}
FAMILIES = {"kins": {"k": "K"}, "families": [{"id": "healers", "name": "H", "kin": "k"}]}

PERSON = Persona("p", "P", "healers", "P", "One.", (), ("You are P.",), {"care": 0.5})


def at(folder, name, data):
    (folder / name).write_bytes(data)
    return folder / name


def among_roles(name):
    def read(folder, data):
        at(folder, "one.json", json.dumps(ROLE).encode())
        at(folder, name, data)
        return json.dumps(dump_cast(read_roles(folder).cast), ensure_ascii=False)

    return read


def a_bank(folder, data):
    at(folder, "bank.json", data)
    return json.dumps(dump_bank(read_bank(folder)), ensure_ascii=False)


def chat(folder, data):
    found = parse_chat(data, "chat.jsonl")
    assert all(c.answers and c.messages[c.answers[-1]] is c.messages[-1] for c in found)
    return dump_chat(c.messages for c in found) + "".join(s for c in found for s in c.systems)


READERS = {
    "chat": (chat, [TALK, SHAREGPT, [ALPACA, TALK]]),
    "role": (among_roles("one.json"), [ROLE, {"instruction": [{"pos": "a", "neg": "b"}]}]),
    "default": (among_roles("default.json"), [ROLE]),
    "families": (among_roles("families.json"), [FAMILIES | {"marked": ["healers"]}]),
    "role list": (among_roles("role_list.json"), [{"one": "The first."}]),
    "role list beside vectors": (
        lambda folder, data: str(read_descriptions(at(folder, "role_list.json", data).parent)),
        [{"one": "The first."}],
    ),
    "bank": (a_bank, [{"topic": "t", "questions": [ASKED]}]),
    "written": (
        lambda folder, data: json.dumps(dump_bank(parse_bank(data, "w")), ensure_ascii=False),
        [[ASKED]],
    ),
    "questions": (
        lambda folder, data: dump_questions(load_questions(at(folder, "q.jsonl", data))),
        [asdict(made_questions()[0]), {"question": "How?", "id": 1}],
    ),
    "cast": (
        lambda folder, data: json.dumps(
            dump_cast(load_cast(at(folder, "cast.json", data))), ensure_ascii=False
        ),
        [dump_cast(replace(made_cast(), personas=(PERSON, *made_cast().personas[:5])))],
    ),
}
"""Reader -> what it reads and writes again as text, and files that it takes."""


def keys_of(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


KEYS = sorted(set().union(*(keys_of(list(files)) for _, files in READERS.values())))
TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
"""Lone surrogates and controls among it."""
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.sampled_from([1e308, 10**400, -1, 0, 1, "user", "assistant", "human", "gpt", "text"])
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.binary(max_size=4)), max_size=6)


def edited(data, edits):
    """Bytes of which pieces are replaced: place, length of what goes, what comes."""
    for place, length, new in edits:
        start = round(place * len(data))
        data = data[:start] + new + data[start + length :]
    return data


def settle(read, folder, data):
    """A value that UTF-8 can hold or an error of ours whose words a terminal can show."""
    try:
        value = read(folder, data)
    except PsmVizError as e:
        str(e).encode()
        return None
    value.encode()
    return value


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(params=READERS)
def reader(request, folder):
    """A reader with a folder of its own, and files that it takes."""
    read, files = READERS[request.param]
    own = folder / request.param
    own.mkdir(exist_ok=True)
    for file in own.iterdir():
        file.unlink()
    return lambda data: settle(read, own, data), [json.dumps(f).encode() for f in files]


def test_what_is_edited_below_is_taken_as_it_is(reader):
    read, files = reader
    taken = [read(data + b"\n" + data if b'"question"' in data else data) for data in files]
    assert taken[0] is not None
    assert sum(t is None for t in taken) == sum(b'"neg"' in data for data in files)


@MANY
@given(data=st.binary(max_size=80) | VALUES.map(json.dumps).map(str.encode))
def test_anything_is_a_value_or_an_error(reader, data):
    reader[0](data)


@MANY
@given(which=st.integers(0, 2), edits=EDITS, lines=st.booleans())
def test_a_file_edited_anyhow_is_a_value_or_an_error(reader, which, edits, lines):
    read, files = reader
    data = edited(files[which % len(files)], edits)
    read(data + b"\n" + files[0] if lines else data)


@MANY
@given(which=st.integers(0, 2), where=st.integers(0, 40), value=VALUES)
def test_a_file_with_another_value_in_it_is_a_value_or_an_error(reader, which, where, value):
    read, files = reader
    found = json.loads(files[which % len(files)])
    places = list(places_of(found))
    inside, key = places[where % len(places)]
    inside[key] = value
    read(json.dumps(found).encode())


def places_of(value):
    """(container, key) of everything inside a value."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places_of(value[key])


DEEP = b"[" * 100_000 + b"]" * 100_000
HOSTILE = {
    "deep": DEEP,
    "deep inside": b'{"a": ' * 20_000 + b"1" + b"}" * 20_000,
    "nul": b"\0" * 50,
    "nul in a text": b'{"messages": "\0"}',
    "half a character": b'{"instruction": "\\ud800", "output": "a", "id": "\\udfff"}',
    "infinite": b'{"messages": 1e999, "fold": Infinity, "id": NaN}',
    "huge": b'{"messages": ' + b"9" * 5000 + b"}",
    "no text": b"\xff\xfe{\x00}\x00",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_made_to_hurt_is_one_error(request, reader, kind):
    value = reader[0](HOSTILE[kind])
    # a list of what roles are like may say of them what it will
    assert value is None or (kind == "infinite" and "role list" in request.node.name)


def with_each_place(data, value):
    """The file once for each of its first places, with the JSON of another value there."""
    whole = json.loads(data)
    for inside, key in [*places_of(whole)][:40]:
        kept, inside[key] = inside[key], "HERE"
        yield json.dumps(whole).replace('"HERE"', value).encode()
        inside[key] = kept


@pytest.mark.parametrize(
    "value", ["1e999", "-1e308", "NaN", "1" + 400 * "0", '"\\u0000"', '"\\ud800"', "true", "[[]]"]
)
def test_a_value_made_to_hurt_in_any_place_is_taken_or_one_error(reader, value):
    read, files = reader
    for data in files:
        for changed in with_each_place(data, value):
            found = read(changed)
            assert found is None or "ud800" not in value


@MANY
@given(edits=EDITS.filter(bool), tail=st.integers(0, 400))
def test_vectors_edited_anyhow_are_values_or_an_error(vectors, edits, tail):
    """Edits of the whole file, or of its end, where an archive says what it holds."""
    folder, whole = vectors
    start = max(0, len(whole) - tail) if tail > 20 else 0
    (folder / "role_01.pt").write_bytes(whole[:start] + edited(whole[start:], edits))
    try:
        found = read_role_vectors(folder)
    except PsmVizError as e:
        str(e).encode()
    else:
        assert np.isfinite(found.values).all() and found.values.shape[1:] == (3, 32)


@pytest.fixture(scope="module")
def vectors(folder) -> tuple[Path, bytes]:
    made = write_vectors(folder / "vectors", made_vectors(5))
    return made, (made / "role_01.pt").read_bytes()


PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SAID = PLAIN.filter(str.strip)


@MANY
@given(st.lists(st.lists(st.tuples(PLAIN, SAID), min_size=1, max_size=3), min_size=1, max_size=3))
def test_chat_data_written_comes_back_in_every_form(talks):
    turns = [[turn for q, a in talk for turn in (("user", q), ("assistant", a))] for talk in talks]
    lines = dump_chat([{"role": r, "content": t} for r, t in talk] for talk in turns)
    share = [{"conversations": [{"from": r, "value": t} for r, t in talk]} for talk in turns]
    alpaca = [
        {"instruction": talk[-1][0], "output": talk[-1][1], "history": talk[:-1]} for talk in talks
    ]
    for text in (lines, json.dumps(share), json.dumps(alpaca)):
        found = parse_chat(text.encode(), "x")
        assert [[(m["role"], m["content"]) for m in c.messages] for c in found] == turns


@FEW
@given(
    data=st.data(),
    names=st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), unique=True, min_size=1),
)
def test_roles_written_come_back(folder, data, names):
    names = sorted(n for n in names if n not in ("default", "families", "role_list"))[:3] or ["a"]
    prose = st.lists(PLAIN, min_size=1, max_size=3).map(tuple)
    families = tuple(Family(f, data.draw(PLAIN), "kin") for f in ("one", "two"))
    people = tuple(
        Persona(n, data.draw(SAID), "one", "", data.draw(SAID), (), data.draw(prose)) for n in names
    )
    own = made_cast().assistant
    assistant = Persona(own.id, own.name, "", own.speaker, own.description, (), data.draw(prose))
    cast = Cast(people, assistant, families[:1], {"kin": data.draw(PLAIN)})
    write_roles(cast, ["one"], folder / "written")
    found = read_roles(folder / "written")
    assert found.marked == ("one",)
    assert (found.cast.families, found.cast.kins) == (cast.families, cast.kins)
    assert found.cast.assistant.prose == assistant.prose
    for wanted in people:
        p = found.cast.persona(wanted.id)
        assert (p.name, p.family, p.description, p.prose) == (
            *(wanted.name, wanted.family, wanted.description),
            wanted.prose,
        )


@MANY
@given(st.lists(st.tuples(SAID, PLAIN, SAID, st.lists(SAID, min_size=1), SAID), max_size=3))
def test_a_bank_written_comes_back(rows):
    bank = tuple(Asked(i, topic, text, tuple(good), (bad,)) for i, topic, text, good, bad in rows)
    assert parse_bank(json.dumps(dump_bank(bank)).encode(), "x") == bank


@MANY
@given(st.lists(st.tuples(PLAIN, PLAIN, PLAIN, st.integers(0, 9)), min_size=1, max_size=3))
def test_questions_written_come_back(rows):
    questions = tuple(Question(*row) for row in rows)
    assert parse_questions(dump_questions(questions).encode(), "x") == questions
