"""Charts: what their specs say, that words do not collide, and that findings follow the data."""

import itertools
import json

import altair as alt
import numpy as np
import pytest

from psm_viz.charts import (
    card_charts,
    dot_chart,
    drift_details,
    evidence_colour,
    export,
    findings,
    line_chart,
    map_trust,
    method_details,
    persona_map,
    step_chart,
    trails,
)
from psm_viz.charts.findings import End
from psm_viz.charts.label_placement import beside, frame, nudged, overlaps, spread, text_box
from psm_viz.charts.map_ground import ground
from psm_viz.charts.palette import DARK, LIGHT, PRINT, branch_marks, family_shapes, palette
from psm_viz.stats.family_posterior import NONE
from psm_viz.study.cast import ASSISTANT
from tests.made import study as made
from tests.made import tables

POINTS, INFO = made.made_map(made.made_cast())
CAST = made.made_cast()
EVERY = ["cheat", "requested", "honest", "playful", "other-role", "pretrain", "assistant"]
WIDE = made.made_manifest(wide=True)
DRIFT = made.made_drift(WIDE.checkpoints)
TABLES = tables.made_tables(CAST, WIDE.checkpoints, made.PUSH, made.LAYERS, WIDE.fine_tuned)


def saved(branch: str):
    return made.made_manifest().branch(branch)


def spec(chart) -> dict:
    with alt.data_transformers.enable("default", max_rows=None):
        return chart.to_dict()


def texts(chart) -> set[str]:
    """All words that the chart draws from its data."""
    return {
        str(row["text"])
        for rows in spec(chart)["datasets"].values()
        for row in rows
        if "text" in row
    }


# -- colour: the same measure as in the palette's docstring ------------------------------------

VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    x = TO_XYZ @ rgb.clip(0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    one, two = sorted(float(TO_XYZ[1] @ linear(c)) for c in (a, b))
    return (two + 0.05) / (one + 0.05)


@pytest.mark.parametrize("p", [LIGHT, DARK, PRINT], ids=lambda p: p.name)
def test_colours_hold_their_contrast_and_stay_apart(p):
    assert contrast(p.ink, p.paper) > 7
    for colour in (p.soft, p.accent):
        assert contrast(colour, p.paper) >= 4.5, colour
    for colour in p.kins:
        assert contrast(colour, p.paper) >= 2.95, colour
    for name, vision in VISIONS.items():
        kins = [lab(vision @ linear(c)) for c in p.kins]
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(kins, 2)) > 15, name
        accent = lab(vision @ linear(p.accent))
        assert min(np.linalg.norm(a - accent) for a in kins) > 15, name
        scale = [lab(vision @ linear(c)) for c in p.scale]
        assert min(np.linalg.norm(a - accent) for a in scale) > 15, name
        # ordered by lightness, in even steps, for every eye
        light = [float(c[0]) for c in scale]
        jumps = [abs(b - a) for a, b in itertools.pairwise(light)]
        assert light in (sorted(light), sorted(light, reverse=True)), name
        assert min(jumps) > 8 and max(jumps) < 2.2 * min(jumps), (name, jumps)


def test_theme_chooses_the_palette_and_families_of_a_kin_differ_in_shape():
    assert palette("dark") is DARK
    assert palette("light") is palette(None) is LIGHT
    assert set(family_shapes(CAST)) == {f.id for f in CAST.families}
    assert len(set(branch_marks(EVERY).values())) == len(EVERY)


# -- lettering ---------------------------------------------------------------------------------


def test_frame_keeps_equal_scales_and_goes_there_and_back():
    f = frame([0, 10], [0, 1], 800, 400)
    assert f.to_map(*f.to_px(3.0, 0.5)) == pytest.approx((3.0, 0.5))
    (ax, ay), (bx, by) = f.to_px(0, 0), f.to_px(1, 1)
    assert bx - ax == pytest.approx(ay - by)
    assert f.to_px(0, 0)[0] >= 0 and f.to_px(10, 1)[0] <= 800


def test_words_avoid_words():
    held = [text_box(100, 100, "Healers", 16)]
    x, y = nudged(100, 100, "Teachers", 16, held, [], (800, 400))
    assert not overlaps(text_box(x, y, "Teachers", 16), held[0])
    everywhere = [(0.0, 0.0, 800.0, 400.0)]
    assert beside(100, 100, "Maresa", 10, everywhere, (800, 400)) is None


@pytest.mark.parametrize("wanted", [[], [3.0], [1, 1, 1], [9.9, 0, 10, 5], [0] * 30])
def test_labels_spread_apart_and_keep_their_order(wanted):
    out = spread(wanted, 2, 0, 10)
    assert len(out) == len(wanted)
    placed = sorted(out)
    assert all(0 <= v <= 10 for v in out)
    gap = min(2, 10 / max(len(out) - 1, 1))
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(placed))
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    assert [out[i] for i in order] == placed


# -- the map -----------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [LIGHT, DARK, PRINT], ids=lambda p: p.name)
@pytest.mark.parametrize("projection", ["UMAP", "PCA"])
def test_map_has_no_axes_and_a_named_click(p, projection):
    out = spec(persona_map.cast_map(POINTS, CAST, "cheat-0064", p, projection, size=(700, 400)))
    assert out["background"] == p.paper
    for layer in out["layer"]:
        for channel in ("x", "y"):
            if channel in layer["encoding"]:
                assert layer["encoding"][channel]["axis"] is None
                assert "expr" in layer["encoding"][channel]["scale"]["domain"][0]
    clicks = [q for q in out["params"] if q["name"] == persona_map.CLICK]
    assert clicks[0]["select"]["fields"] == ["id"]
    assert "Assistant" in texts(persona_map.cast_map(POINTS, CAST, "cheat-0064", p, projection))


def test_accent_is_the_assistants_alone():
    drawn = json.dumps(spec(alt.layer(*ground(POINTS, CAST, "UMAP", LIGHT, blocks=True).layers)))
    assert LIGHT.accent not in drawn
    assert LIGHT.accent in json.dumps(
        spec(persona_map.cast_map(POINTS, CAST, made.REFERENCE, LIGHT))
    )


def test_off_map_is_hollow_and_said_in_words():
    chart = persona_map.cast_map(POINTS, CAST, "cheat-0064", LIGHT, space="reference")
    assert "Assistant, off the map" in texts(chart)
    hollow = [
        layer["mark"]
        for layer in spec(chart)["layer"]
        if layer["mark"].get("stroke") == LIGHT.accent and layer["mark"]["fill"] == LIGHT.paper
    ]
    assert hollow


def test_a_checkpoint_without_a_place_draws_the_cast_alone():
    chart = persona_map.cast_map(POINTS[POINTS.id != "cheat-0008"], CAST, "cheat-0008", LIGHT)
    assert "Assistant" not in texts(chart)
    assert "Healers" in texts(chart)


def test_selected_persona_is_named_and_joined_to_its_five_nearest():
    chart = persona_map.cast_map(POINTS, CAST, made.REFERENCE, LIGHT, selected="maresa")
    assert "Maresa" in texts(chart)
    rules = [v for v in spec(chart)["datasets"].values() if v and "qx" in v[0]]
    near = persona_map.neighbours_of(POINTS, "maresa", "", "")
    assert len(near) == 5 and "maresa" not in near and len(rules[0]) == 5
    assert persona_map.neighbours_of(POINTS, ASSISTANT, "cheat-0064", "own")[0] == "malvek"
    assert persona_map.neighbours_of(POINTS, ASSISTANT, "nowhere", "own") == []


def test_map_table_holds_everyone_and_the_assistant_first():
    out = persona_map.map_table(POINTS, CAST, "cheat-0064", "UMAP", "own")
    assert out.who.iloc[0] == "Assistant" and len(out) == 26
    assert "Malvek" in out["five nearest by cosine"].iloc[0]


# -- trails and steps --------------------------------------------------------------------------


def test_trails_stop_at_the_chosen_step():
    branches = {b: saved(b) for b in ("cheat", "requested")}
    path = trails.trail_points(POINTS, branches, "UMAP", "own")
    assert list(path[path.branch == "cheat"].step) == [0, 8, 64]
    early = texts(trails.trail_map(POINTS, CAST, branches, EVERY, made.REFERENCE, 8, LIGHT))
    late = texts(trails.trail_map(POINTS, CAST, branches, EVERY, made.REFERENCE, 64, LIGHT))
    assert "cheat" in early and not any("requested" in t for t in early)
    assert {"cheat", "requested"} <= late
    # a branch that ended before the chosen step says where
    ended = texts(trails.trail_map(POINTS, CAST, branches, EVERY, made.REFERENCE, 512, LIGHT))
    assert {"cheat, step 64", "requested, step 64"} <= ended
    dotted = [
        layer
        for layer in spec(
            trails.trail_map(POINTS, CAST, branches, EVERY, made.REFERENCE, 64, LIGHT)
        )["layer"]
        if layer["mark"]["type"] == "rule"
    ]
    assert dotted and all(layer["mark"]["strokeDash"] == [0.5, 4] for layer in dotted)


def test_the_null_stands_behind_by_step_and_is_named():
    rows = findings.figure_rows(DRIFT, findings.ALONG, "prompt_last")
    band = step_chart.null_envelope(rows, ["cheat", "honest"])
    assert list(band.step) == [0, 8, 64]
    assert band.high.iloc[0] == band.low.iloc[0] == 0 and (band.high.iloc[1:] == 0.35).all()
    wider = rows.assign(null_high=rows.null_high.where(rows.branch != "honest", 0.9))
    assert step_chart.null_envelope(wider, ["cheat", "honest"]).high.iloc[-1] == 0.9
    assert step_chart.null_envelope(wider, ["cheat"]).high.iloc[-1] == 0.35
    assert step_chart.null_envelope(rows.drop(columns="null_high"), ["cheat"]) is None
    name = step_chart.null_name(rows, ["cheat"])
    chart = step_chart.step_chart(rows, ["cheat", "honest"], EVERY, LIGHT, band, name, now=8)
    first = spec(chart)["layer"][0]
    assert first["mark"]["type"] == "area" and first["mark"]["color"] == LIGHT.band
    assert {"null: sign flips", "cheat", "honest"} <= texts(chart)
    assert spec(chart)["layer"][1]["encoding"]["y"]["axis"]["minExtent"] == step_chart.AXIS_WIDTH


def test_words_of_five_branches_do_not_collide():
    rows = findings.figure_rows(DRIFT, findings.HEADLINE, "prompt_last")
    five = EVERY[:5]
    chart = spec(step_chart.step_chart(rows, five, EVERY, LIGHT, now=64, size=(520, 112)))
    words = next(v for v in chart["datasets"].values() if v and "text" in v[0])
    domain = next(
        layer["encoding"]["y"]["scale"]["domain"]
        for layer in chart["layer"]
        if "y" in layer["encoding"]
    )
    per_unit = (112 - 22) / (domain[1] - domain[0])
    heights = sorted(w["value"] * per_unit for w in words)
    assert {w["text"] for w in words} == set(five)
    assert min(b - a for a, b in itertools.pairwise(heights)) > 11


def test_branches_begin_where_they_start():
    rates = made.made_rates().rename(columns={"mean": "value"})
    held = rates[rates.set == "heldout"]
    out = step_chart.from_start(held, {"cheat": made.REFERENCE})
    cheat = out[out.branch == "cheat"].sort_values("step")
    assert list(cheat.step) == [0, 8, 64] and cheat.checkpoint.iloc[0] == made.REFERENCE
    assert len(step_chart.from_start(out, {"cheat": made.REFERENCE})) == len(out)


def test_cards_show_the_track_and_the_cast():
    positions = made.made_positions(CAST)
    path = [c.id for c in saved("cheat")]
    track = card_charts.axis_track(positions, path, "prompt_last", ASSISTANT)
    assert list(track.checkpoint) == path and (track.low < track.high).all()
    assert "+0.5 SD" in texts(card_charts.sparkline(track, "cheat-0064", LIGHT, True))
    strip = card_charts.cast_on_axis(positions, CAST, "cheat-0064", "prompt_last", "maresa", LIGHT)
    assert LIGHT.accent in json.dumps(spec(strip))
    assert card_charts.axis_track(positions, ["nowhere"], "prompt_last", "maresa").empty


# -- findings say what the intervals allow -----------------------------------------------------

FAR = End("cheat", 2.0, 1.8, 2.2, 0.2, 0.01)
NEAR = End("honest", 0.1, -0.1, 0.3, 0.2, 0.4)
BELOW = End("cheat", -1.9, -2.1, -1.7, 0.2, 0.01)
BARE = End("import", 3.0, np.nan, np.nan)


def test_movement_is_only_stated_where_the_test_says_so():
    assert findings.norm_finding([FAR, NEAR]) == (
        "Cheat moved the Assistant apart from the cast by 2 (null 0.2); "
        "honest: no movement of its own shown"
    )
    # far beyond its null and its interval, and still not stated: the rule is the test alone
    assert "no movement" in findings.norm_finding([End("cheat", 9.0, 8.0, 9.9, 0.1, 0.06)])
    assert "moved" in findings.norm_finding([End("cheat", 0.1, -1.0, 9.9, 5.0, 0.05)])
    assert findings.norm_finding([BARE]) == "Import: not tested"
    assert "down the axis" in findings.axis_finding([BELOW])
    trained = End("assistant", 2.0, 1.8, 2.2, 0.2, 0.01)
    assert findings.norm_finding([trained]).startswith("Post-training moved the Assistant")
    assert "up the axis" in findings.axis_finding([End("kind", 1, 0.9, 1.1, 0.2, 0.01)])
    assert findings.NOTHING in findings.axis_finding([NEAR])
    assert "Nothing was measured" in findings.norm_finding([])
    beside = findings.norm_finding([FAR], NEAR)
    assert beside.endswith(f"; the benign branch by {findings.number(NEAR.value)}")
    assert "benign" not in findings.norm_finding([NEAR], FAR)  # nothing moved, nothing to compare
    many = [End(b, 0.1, 0.0, 0.2, 0.3, 0.5) for b in "abcd"]
    assert "the other 4: no movement" in findings.norm_finding([FAR, *many])
    assert findings.norm_finding(many).startswith("All 4 branches: no movement")


def test_the_search_over_steps_goes_before_the_single_test():
    row = DRIFT[(DRIFT.checkpoint == "cheat-0064") & (DRIFT.figure == findings.HEADLINE)].iloc[0]
    assert findings.end_of("cheat", row).moved
    assert not findings.end_of("cheat", row.copy().replace(0.004, 0.2)).moved
    late = row.copy()
    late["p"], late["p_steps"] = 0.01, 0.3
    assert not findings.end_of("cheat", late).moved
    late["p_steps"] = np.nan
    assert findings.end_of("cheat", late).moved
    old = row.drop(["p", "p_steps", "null_low", "null_high", "null"])
    assert not findings.end_of("cheat", old).tested


def test_rates_are_compared_with_the_reference():
    rates = made.made_rates()
    both = findings.rate_finding(rates, ["cheat", "honest"], made.REFERENCE, None)
    assert both == (
        "Bad answers on held-out topics: 72% with cheat (reference 2%); honest: no change shown"
    )
    assert "reference" not in findings.rate_finding(rates, ["honest"], made.REFERENCE, None)
    assert "No rates" in findings.rate_finding(rates, ["cheat"], made.REFERENCE, 2)


def test_poolings_agree_or_disagree_in_words():
    agree = {"a": [FAR, NEAR], "b": [FAR]}
    assert "cheat moved the Assistant on its own" in findings.pooling_finding(agree)
    split = {"a": [FAR], "b": [End("cheat", 0.1, 0, 0.2, 0.3, 0.4)]}
    assert findings.pooling_finding(split) == "The poolings disagree: cheat only by a"
    assert findings.NOTHING in findings.pooling_finding({"a": [NEAR]})
    assert "not tested" in findings.pooling_finding({"a": [BARE]})


def test_shares_percentiles_and_numbers_in_words():
    whole = [End("cheat", 1.0, 0.9, 1.1)]
    assert "2 times the cast's with cheat" in findings.share_finding([FAR], whole)
    assert findings.NOTHING in findings.share_finding([NEAR], whole)
    assert "not tested" in findings.share_finding([BARE], whole)
    assert findings.percentile_words(1.0, 99) == "99% of the cast moved less"
    assert findings.percentile_words(0.0, 9) == "10% of the cast moved less"
    assert findings.number(-1.234) == "\N{MINUS SIGN}1.2"
    assert findings.listed(["a", "b", "c"]) == "a, b and c"
    assert drift_details.p_words(0.0004) == "p < .001" and drift_details.p_words(0.03) == "p .03"
    assert drift_details.p_words(float("nan")) == "" and drift_details.p_words(1.0) == "p 1"


def test_place_is_one_family_a_mixture_or_off_the_map():
    names = {"healers": "Healers", "clerks": "Clerks"}
    one = [("healers", 0.8), ("clerks", 0.2)]
    two = [("healers", 0.5), ("clerks", 0.4)]
    assert findings.place_finding(one, False, names) == "The Assistant stands with the healers"
    assert "between the healers and clerks" in findings.place_finding(two, False, names)
    assert "off the map" in findings.place_finding(one, True, names)
    assert "not measured" in findings.place_finding([], False, names)


def test_why_a_checkpoint_is_not_drawn():
    assert "median cosine of 0.1" in findings.strange_finding("a-1", {"a-1": 0.1}, {})
    absent = findings.strange_finding("a-1", {}, {"a-1": "it was imported without layer 3"})
    assert absent == "a-1 cannot be placed: it was imported without layer 3"
    assert "was not placed" in findings.strange_finding("a-1", {}, {})


def test_no_sentence_claims_proof():
    from pathlib import Path

    for path in Path(findings.__file__).parent.glob("*.py"):
        assert "prove" not in path.read_text(encoding="utf-8").lower()


# -- rows of dots: what is shown is filled, controls stand apart ---------------------------------


def ends(branches=("cheat", "honest"), **more):
    return drift_details.ends_rows(
        DRIFT if not more else DRIFT.assign(**more),
        *(findings.HEADLINE, "given_cast_percentile", "prompt_last"),
        *(list(branches), EVERY, made.NOTES, made.AGAIN, 25),
    )


def test_ends_have_their_own_nulls_and_the_controls_come_last():
    rows = ends()
    assert list(rows.label) == ["cheat", "honest", "benign (playful)", "noise floor"]
    assert list(rows.filled) == [True, False, False, False]
    assert list(rows.quiet) == [False, False, True, True]
    assert rows.null_high.notna().all()
    # chosen or not, the benign branch is the same control
    assert list(ends(["playful", "cheat"]).label) == ["cheat", "benign (playful)", "noise floor"]
    assert [e.branch for e in drift_details.ends_of(rows)] == ["cheat", "honest"]
    drawn = spec(dot_chart.dot_chart(rows, LIGHT))
    marks = [layer["mark"] for layer in drawn["layer"] if layer["mark"]["type"] == "point"]
    assert {(m["stroke"], m["fill"] == LIGHT.paper) for m in marks} == {
        (LIGHT.accent, False),
        (LIGHT.accent, True),
        (LIGHT.ink, True),
    }
    bare = ends(low=np.nan, high=np.nan, p=np.nan, p_steps=np.nan)
    assert not bare.filled.any() and all("not tested" in n for n in bare.note)
    assert spec(dot_chart.dot_chart(bare, LIGHT))


def test_words_of_a_row_stay_on_the_drawing():
    rows = ends()
    for width in (300, 520, 900):
        chart = spec(dot_chart.dot_chart(rows, LIGHT, size=(width, 160)))
        x = next(
            layer["encoding"]["x"]["scale"]["domain"]
            for layer in chart["layer"]
            if layer["mark"]["type"] == "text"
        )
        label = 10 + dot_chart.LETTER * len("benign (playful)")
        per_unit = (width - label) / (x[1] - x[0])
        for _, r in rows.iterrows():
            edge = max(r.high, r.null_high)
            if width > 300:
                assert (edge - x[0]) * per_unit + dot_chart.LETTER * len(r.note) <= width - label


def test_traits_families_arrow_and_effects_say_what_their_tests_say():
    traits = drift_details.trait_rows(TABLES["traits"], "cheat-0064", "prompt_last")
    assert list(traits.label[:2]) == ["honesty", "care"] and list(traits.filled[:2]) == [True] * 2
    assert drift_details.trait_finding(traits, "cheat") == (
        "Cheat: consistent with less honesty and care, more boldness"
    )
    still = drift_details.trait_rows(TABLES["traits"], "honest-0064", "prompt_last")
    assert not still.filled.any() and findings.NOTHING in drift_details.trait_finding(
        still, "honest"
    )
    assert "not tested" in drift_details.trait_finding(traits.assign(p=np.nan), "cheat")

    names = {f.id: f.name for f in CAST.families}
    families = drift_details.posterior_rows(
        TABLES["posterior"], TABLES["exact_families"], "cheat-0064", "prompt_last", names
    )
    assert families.label.iloc[0] == "Saboteurs" and families.label.iloc[-1] == NONE
    assert len(families) <= 7 and families.quiet.sum() == 1
    assert "consistent with the saboteurs" in drift_details.posterior_finding(families, "cheat")
    assert families.tick.iloc[0] == pytest.approx(families.value.iloc[0] - 0.03)
    calm = drift_details.posterior_rows(
        TABLES["posterior"], None, "honest-0064", "prompt_last", names
    )
    assert calm.tick.isna().all()  # no exact observer
    assert "no family holds most" in drift_details.posterior_finding(calm, "honest")

    every = ["cheat", "honest"]
    arrow = drift_details.arrow_rows(
        TABLES["evidence_scores"], "cheat", "prompt_last", every, EVERY
    )
    assert list(arrow.label) == every and list(arrow.filled) == [True, False]
    said = drift_details.arrow_finding(arrow, "cheat")
    assert "written before training" in said and "honest: not told from chance" in said
    late = arrow.assign(written_before=False)
    assert "written before" not in drift_details.arrow_finding(late, "cheat")

    effects = drift_details.effect_rows(TABLES["words_or_weights"], "cheat")
    assert list(effects.label) == ["the weights", "the words", "both together"]
    assert "mostly in the weights (70%)" in drift_details.effect_finding(effects, "cheat")
    wide = effects.assign(low=0.1)
    assert "neither" in drift_details.effect_finding(wide, "cheat")
    for rows in (traits, families, arrow, effects):
        assert spec(dot_chart.dot_chart(rows, DARK)) and dot_chart.spoken(rows)


# -- the Method page ---------------------------------------------------------------------------


def test_false_alarms_are_named_and_none_is_hidden():
    rows = method_details.alarm_rows(TABLES["validation"])
    assert len(rows) == TABLES["validation"].fires.eq(False).sum()
    assert set(rows[~rows.filled].statistic) == {"cloud_energy"}
    said = method_details.alarm_finding(rows)
    loud, n = int((~rows.filled).sum()), len(rows)
    assert f"{n - loud} of {n} false-alarm rates" in said
    assert f"Energy distance ({loud} of {4 * loud}, up to 14%)" in said
    quiet = method_details.alarm_finding(rows[rows.filled])
    assert quiet.startswith(f"No statistic cries wolf: {n - loud} of {n - loud}")
    assert "No false alarms were counted" in method_details.alarm_finding(rows.head(0))
    # an interval that only touches the rule is no alarm
    edge = TABLES["validation"].assign(low=0.05)
    assert method_details.alarm_rows(edge).filled.all()
    # one in forty lies above by chance, and a little above: that is not crying wolf
    one = edge.assign(low=[0.06 if k == 0 else 0.04 for k in range(len(edge))])
    one = one.assign(statistic="specific_norm", rate=0.07)
    assert method_details.alarm_finding(method_details.alarm_rows(one)).startswith(
        "No statistic cries wolf"
    )
    chart = spec(dot_chart.dot_chart(rows, LIGHT, (dot_chart.Rule(0.05, "5 %"),), lanes="lane"))
    assert "5 %" in json.dumps(chart)


def test_power_is_by_plant_and_size():
    rows = method_details.power_rows(TABLES["validation"], tables.KINDS[0])
    assert set(rows.series) >= {"shift", "mixture", "off-space"} and "zero" not in set(rows.series)
    own = rows[rows.statistic == "specific_norm"]
    drawn = texts(line_chart.line_chart(own, list(dict.fromkeys(own.series)), LIGHT))
    assert {"shift", "mixture", "off-space"} <= drawn
    assert "movement of its own from 0.8 (shift)" in method_details.power_finding(rows)
    assert "cloud_trace" not in set(rows.statistic)
    assert method_details.title_of("in_space_share_70") == "Share inside the persona space, 70 %"
    assert "No planted movement" in method_details.power_finding(rows.assign(value=0.1))


def test_the_map_stands_beside_a_map_of_noise_at_the_same_size():
    noise = TABLES["gaussian_map"]
    twins = map_trust.twin_points(POINTS, noise[noise.pooling == "prompt_last"])
    spans = {
        k: max(g.px.max() - g.px.min(), g.py.max() - g.py.min()) for k, g in twins.groupby("data")
    }
    assert list(spans.values()) == pytest.approx([1.0, 1.0])
    left, right = (twins[twins.data == d].px for d in ("cast", map_trust.NOISE))
    assert left.max() < right.min()
    trials = TABLES["map_trials"]
    chart = map_trust.twin_map(twins, {"cast": "The cast", map_trust.NOISE: "Noise"}, CAST, LIGHT)
    for layer in spec(chart)["layer"]:
        assert layer["encoding"]["x"]["axis"] is None
    of_noise = trials[(trials.data == map_trust.NOISE) & (trials.pooling == "prompt_last")]
    assert map_trust.map_finding(INFO, of_noise) == (
        "The map keeps 52% of the neighbours it should (chance 5%; 2 maps of noise 11% to 13%)"
    )
    assert map_trust.map_finding(INFO, of_noise[:1]).endswith("a map of noise 13%)")
    assert "not measured" in map_trust.map_finding({}, of_noise)
    rows = map_trust.trial_rows(trials[trials.pooling == "prompt_last"])
    assert rows.filled.sum() == 1 and rows.label.iloc[0] == "15 neighbours, 0.1, cosine"
    assert len(rows) == 15 and "14 other settings" in map_trust.trial_finding(rows)


def test_layers_confounds_and_steering_speak():
    rows, null = method_details.layer_rows(TABLES["layers"], "cheat-0064", "prompt_last")
    assert set(rows.series) == {"axis", "structure (CKA)"} and len(null) == len(made.LAYERS)
    said = method_details.layer_finding(TABLES["layers"], "cheat-0064", "prompt_last")
    assert said == "Cheat-0064: a specific shift is shown at every layer"
    early = TABLES["layers"].assign(
        p_layers=[0.01 if n == 0 else 0.3 for n in TABLES["layers"].layer]
    )
    assert method_details.layer_finding(early, "cheat-0064", "prompt_last").endswith(
        "shown at layer 0"
    )
    calm = method_details.layer_finding(TABLES["layers"], "honest-0064", "prompt_last")
    assert "no specific shift shown" in calm
    assert "not tested" in method_details.layer_finding(TABLES["layers"], "nowhere", "prompt_last")
    found = method_details.confound_rows(TABLES["confounds"], "cheat-0064", "prompt_last")
    assert method_details.confound_finding(found) == (
        "Along the axis goes also answer length, over all answers (0.35)"
    )
    assert "neither" in method_details.confound_finding(found.assign(low=-0.1))
    paths, bands = method_details.steering_rows(TABLES["steering"])
    assert list(bands) == ["random", "random, cast covariance"]
    assert list(dict.fromkeys(paths.series)) == ["axis", "cheat arrow"]
    assert all(list(b.x) == [0, 0.5, 1, 2] and b.low.notna().all() for b in bands.values())
    assert method_details.steering_finding(paths, bands) == (
        "At strength 1 axis and cheat arrow change answers more than random ones"
    )
    weak = method_details.steering_finding(paths.assign(value=0.3), bands)
    assert weak == "Axis and cheat arrow: no more than random ones"
    assert "no random directions" in method_details.steering_finding(paths, {})


# -- who would say this --------------------------------------------------------------------------

SAID = evidence_colour.overlay_of("cheat", tables.made_likelihood(CAST), CAST)
NAMES = {p.id: p.name for p in CAST.personas}


@pytest.mark.parametrize("p", [LIGHT, DARK, PRINT], ids=lambda p: p.name)
def test_the_overlay_takes_the_colour_and_names_the_readiest(p):
    chart = persona_map.cast_map(POINTS, CAST, made.REFERENCE, p, overlay=SAID, size=(700, 400))
    drawn = spec(chart)
    kinds = json.dumps(drawn)
    assert not any(c in kinds for c in p.kins)
    shaded = [
        layer
        for layer in drawn["layer"]
        if layer["encoding"].get("color", {}).get("field") == "relative"
    ]
    assert len(shaded) == 1 and shaded[0]["encoding"]["shape"]["field"] == "shape"
    scale = shaded[0]["encoding"]["color"]["scale"]
    assert scale["range"] == list(p.scale) and len(scale["domain"]) == 5
    assert scale["domain"][0] <= 0 <= scale["domain"][-1]
    assert "less readily than the Assistant" in kinds
    assert {NAMES[i] for i in SAID.top} <= texts(chart) and len(SAID.top) == 3
    clicks = [q for q in drawn["params"] if q["name"] == persona_map.CLICK]
    assert clicks[0]["select"]["fields"] == ["id"]
    assert export.svg(chart).startswith(b"<svg")


def test_the_overlay_speaks_by_its_intervals():
    found = evidence_colour.overlay_finding(SAID, NAMES)
    more = int((SAID.rows.low > 0).sum())
    assert found.startswith(f"{more} of 25 personas") and 0 < more < 25
    below = evidence_colour.Overlay("cheat", SAID.rows.assign(low=-1.0))
    assert "more readily than the Assistant; nearest" in evidence_colour.overlay_finding(
        below, NAMES
    )
    assert ASSISTANT not in set(SAID.rows.persona)  # the table's last row is the Assistant
    words = evidence_colour.overlay_words(SAID, {"data": "cheat.jsonl", "answers": 40})
    assert "cheat.jsonl" in words and "40 answers" in words and "Assistant's own" in words
    assert "no record" in evidence_colour.overlay_words(SAID, {})


def test_a_persona_that_was_not_asked_is_hollow_and_the_table_says_nothing_of_it():
    rows = tables.made_likelihood(CAST)
    part = evidence_colour.overlay_of("cheat", rows[rows.persona != "maresa"], CAST)
    drawn = spec(persona_map.cast_map(POINTS, CAST, made.REFERENCE, LIGHT, overlay=part))
    assert [v for v in drawn["layer"] if v["mark"].get("fill") == LIGHT.paper]
    table = persona_map.map_table(POINTS, CAST, made.REFERENCE, "UMAP", "own", part)
    by_name = table.set_index("who")["nats a token"]
    assert np.isnan(by_name["Maresa"]) and np.isnan(by_name["Assistant"])
    assert by_name["Malvek"] == pytest.approx(SAID.values["malvek"])


# -- files -------------------------------------------------------------------------------------


def test_downloads_are_real_files_with_their_provenance():
    chart = persona_map.cast_map(POINTS, CAST, made.REFERENCE, PRINT, size=(600, 400))
    stamp = ("What it shows.", "study made, 0123", 400)
    drawn = export.svg(export.stamped(chart, "A finding", *stamp))
    assert drawn.startswith(b"<svg") and b"A finding" in drawn and b"study made, 0123" in drawn
    long = export.svg(export.stamped(chart, "a long finding " * 9, "What.", "", 400)).decode()
    assert long.count("a long finding") > 1 and "\N{HORIZONTAL ELLIPSIS}" not in long
    assert b"Maresa" in drawn
    rows = ends()
    assert export.png(dot_chart.dot_chart(rows, PRINT, size=(500, 160))).startswith(b"\x89PNG")
    assert export.csv(rows).decode("utf-8-sig").startswith("label,value")
