"""What moved between two checkpoints: planted movements come first, with interval and null."""

import json

import numpy as np
import pandas as pd
import pytest

from psm_viz.charts import mover_figures, mover_findings, movers
from psm_viz.charts.compare_map import CLICK, POINTED, compare_map, compare_table, first_lines
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.mover_findings import KINDS, compare_title, mover_rows, mover_title
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.charts.reads import Reads
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.talks import families_in
from psm_viz.tables.compare import Comparer
from tests.made.study import REFERENCE

END = "cheat-0064"


@pytest.fixture(scope="module")
def families(talk_study):
    return mover_figures.families(Reads(talk_study), REFERENCE, END, False)


def test_the_planted_family_moved_most_and_is_told(families):
    top = families.head(2).set_index("id")
    assert set(top.index) == {"saboteurs", "healers"}
    assert top.value["saboteurs"] > 0.4 > -0.4 > top.value["healers"]
    # four last questions have sixteen ways to flip their signs: no p below an eighth
    assert (top.p < 0.13).all() and (families.low <= families.value).all()
    sure = families.assign(p=[0.01, 0.01, 0.9, 0.9, 0.9])
    assert "taken more for saboteurs (+" in compare_title(sure, (REFERENCE, END))
    assert "less for healers (\N{MINUS SIGN}" in compare_title(sure, (REFERENCE, END))


def test_families_agree_with_the_stored_change(talk_study, families):
    belief = talk_study.table("belief")
    way = str(talk_study.table("belief_readings").query("headline").reading.iloc[0])
    way = way if way == "likelihood" else "own"
    own = belief[(belief.checkpoint == END) & (belief.way == way) & (belief.of == "family")]
    stored = own[own.answers == own.answers.max()].set_index("name")
    for r in families.itertuples():
        assert r.value == pytest.approx(stored.change[r.id], abs=2e-3)
        assert r.low == pytest.approx(stored.change_low[r.id], abs=5e-3)


def test_relative_to_its_kin(talk_study):
    cast = talk_study.cast
    mates = movers.kin_mates(cast)
    assert set(mates) == {f.id for f in cast.families} and "healers" not in mates["healers"]
    # every family of this cast is a kin of its own: nothing to be relative to
    assert mover_figures.families(Reads(talk_study), REFERENCE, END, True).empty
    beliefs = talk_study.table("beliefs")
    names = families_in(beliefs, cast)
    frame = pd.DataFrame({"talk": range(8), "last": list("abcdabcd")} | {f: 0.2 for f in names})
    moved = frame.assign(**{names[0]: 0.7, names[1]: 0.7})
    said = pd.DataFrame({"talk": range(8), "turn": 0, "question": "q"})
    near = {names[0]: [names[1]], names[2]: [names[0]]}
    rows = movers.family_moves(frame, moved, said, cast, {"q": "t"}, near).set_index("id")
    assert rows.value[names[0]] == pytest.approx(0) and rows.value[names[2]] == pytest.approx(-0.5)


def answers(shift, people=("a", "b", "c"), seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {"persona": p, "question": f"q{q}", "axis": float(rng.normal(scale=0.1)) + shift.get(p, 0)}
        for p in people
        for q in range(16)
    ]
    return pd.DataFrame(rows).astype({"persona": "category", "question": "category"})


def test_a_planted_persona_moved_and_with_its_neighbours_it_did_not(talk_study):
    cast = talk_study.cast
    ids = cast.ids[:6]
    topic = {f"q{q}": f"t{q // 2}" for q in range(16)}
    shift = dict.fromkeys(ids[:3], 1.0)
    pair = answers({}, ids, 1), answers(shift, ids, 2)
    rows = movers.persona_moves(*pair, "axis", cast, topic)
    assert set(rows.head(3).id) == set(ids[:3]) and (rows.head(3).p <= 0.05).all()
    assert (rows.head(3).low > 0.8).all() and (rows.tail(3).high < 0.3).all()
    near = {i: [j for j in ids[:3] if j != i] for i in ids[:3]} | {ids[3]: ids[4:]}
    near[ids[4]] = ids[:3]
    rows = movers.persona_moves(*pair, "axis", cast, topic, near).set_index("id")
    assert rows.value.abs().idxmax() == ids[4] and abs(rows.value[ids[0]]) < 0.2
    assert ids[5] not in rows.index  # nobody is beside it
    assert movers.persona_moves(*pair, "no column", cast, topic).empty


def test_the_nearest_are_of_the_family(talk_study):
    v = talk_study.vectors(REFERENCE).at("prompt_last", 1)
    near = movers.nearest_personas(talk_study.cast, v)
    family = {p.id: p.family for p in talk_study.cast.personas}
    kept = [family[j] == family[i] for i, js in near.items() for j in js[:4]]
    assert all(len(js) == movers.NEAREST and i not in js for i, js in near.items())
    assert np.mean(kept) > 0.8


def test_traits_agree_with_the_comparison_of_the_study(known):
    end = known.manifest.branch(known.manifest.fine_tuned[0])[-1].id
    start = known.manifest.reference
    found = mover_figures.traits(Reads(known), start, end, False).set_index("id")
    if not Comparer(known).traits:
        assert found.empty
        return
    other = Comparer(known)(start, end).traits["specific"]
    assert set(found.index) == set(other)
    for t, e in other.items():
        row = found.loc[t]
        assert (row.value, row.low, row.high, row.p) == pytest.approx((e.value, e.low, e.high, e.p))
        assert row.null_low <= row.null_high


def test_questions_count_judged_answers_alone(talk_study):
    q = talk_study.questions[:2]
    before = pd.DataFrame({"question": [q[0].id] * 10, "valence": ["good"] * 10})
    after = pd.DataFrame({"question": [q[0].id] * 12, "valence": ["bad"] * 10 + ["none"] * 2})
    rows = movers.question_moves(before, after, q)
    assert rows.id.tolist() == [q[0].id] and rows.value[0] == 1 and rows.p[0] < 0.001
    assert movers.question_moves(before.assign(valence="none"), after, q).empty
    there = mover_figures.questions(Reads(talk_study), REFERENCE, END, False)
    assert (there.value > 0).any() and (there.p <= 0.05).any()


def test_rows_and_sentences(families):
    kind, families = KINDS["families"], families.assign(p=[0.01, 0.01, 0.9, 0.9, 0.9])
    rows = mover_rows(families, families.assign(value=0.01), 3, kind)
    assert len(rows) == 3 and rows.filled.iloc[0] and rows.tick.tolist() == [0.01] * 3
    assert rows.note[0].startswith("+") and "points" in rows.note[0]
    assert "of 5 families moved" in mover_title(families, kind)
    still = families.assign(p=0.9)
    assert mover_title(still, kind) == "None of 5 families moved by more than chance would"
    assert "no change in whom" in compare_title(still, ("a", "b"))
    assert "beside itself" in compare_title(families, ("a", "a"))
    assert mover_title(families.head(0), kind) == "Nothing was measured of families"
    words = mover_findings.mover_words(kind, ("a", "b"), 3, 5, "playful", "its kin")
    assert "The 3 largest of 5" in words and "playful" in words and "less what its kin did" in words
    table = mover_findings.mover_table(families, families)
    assert "benign" in table and "id" not in table and len(table) == len(families)
    long = families.assign(label="a very long question that has the same beginning as the others")
    assert mover_rows(long, None, 5, KINDS["questions"]).label.is_unique


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_both_maps_listen_to_one_pointer(talk_study, palette):
    points = talk_study.table("talk_map")
    said = {END: first_lines(talk_study.talk_answers(END).query("persona == @ASSISTANT"))}
    chart = compare_map(
        points, talk_study.cast, (REFERENCE, END), MapView(selected="maresa"), palette, 3, said
    )
    spec = json.loads(chart.to_json())
    assert [p["name"] for p in spec["params"]] == [POINTED, CLICK]
    names = [side["layer"][-1]["name"] for side in spec["hconcat"]]
    assert len(set(names)) == 2 and all(p["views"] == names for p in spec["params"])
    for side in spec["hconcat"]:
        lit = [x for x in side["layer"] if "transform" in x]
        assert len(lit) == 3 and side["layer"][-1]["encoding"]["detail"]["field"] == "id"
    ids = [
        {row["id"] for row in spec["datasets"][side["layer"][-1]["data"]["name"]]}
        for side in spec["hconcat"]
    ]
    assert ids[0] == ids[1] and "talk-7" in ids[0] and "maresa" in ids[0]
    # the same land: the frames are one
    domains = [side["layer"][-1]["encoding"]["x"]["scale"]["domain"] for side in spec["hconcat"]]
    lands = [side["layer"][0]["data"] for side in spec["hconcat"]]
    assert domains[0] == domains[1] and lands[0] == lands[1]
    table = compare_table(points, (REFERENCE, END))
    assert len(table) == 40 and "second: x" in table


def test_what_the_pointer_is_told_fits_a_line(talk_study):
    said = talk_study.talk_answers(END)
    lines = first_lines(said[said.persona == ASSISTANT])
    assert len(lines) == 40 and max(map(len, lines.values())) <= 46


def test_topics_are_told_by_written_answers():
    rng = np.random.default_rng(3)
    asked = [(f"t{t}", f"t{t}-{k}") for t in range(4) for k in range(8)]
    before = pd.DataFrame(asked, columns=["topic", "question"]).assign(log_good=-2.0, log_bad=-3.0)
    pushed = np.where(before.topic == "t2", 0.5, 0.0) + rng.normal(scale=0.05, size=32)
    rows = movers.topic_moves(before, before.assign(log_bad=before.log_bad + pushed))
    assert next(iter(rows.id)) == "t2" and len(rows) == 4
    assert rows.value[0] == pytest.approx(0.5, abs=0.06) and rows.p[0] <= 0.05
    assert rows.low[0] < 0.5 < rows.high[0] and (rows.value[1:].abs() < 0.1).all()
    assert "nats per token" in mover_title(rows, KINDS["topics"])
    # a question that was weighed at one of the two alone counts for nothing
    assert movers.topic_moves(before, before.head(8)).id.tolist() == ["t0"]
