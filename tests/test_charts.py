"""Charts: what their specs say, that words do not collide, and that findings follow the data."""

import itertools
import json

import altair as alt
import numpy as np
import pandas as pd
import pytest

from psm_viz.cast import ASSISTANT
from psm_viz.charts import cards, cast_map, findings, prints, steps, trails
from psm_viz.charts.findings import Band, End
from psm_viz.charts.ground import ground
from psm_viz.charts.lettering import beside, frame, nudged, overlaps, spread, text_box
from psm_viz.charts.palette import DARK, LIGHT, PRINT, branch_marks, family_shapes, palette
from tests import made_study as made

POINTS, INFO = made.made_map(made.made_cast())
CAST = made.made_cast()
EVERY = ["cheat", "requested", "honest", "pretrain", "assistant"]


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
    out = spec(cast_map.cast_map(POINTS, CAST, "cheat-0064", p, projection, size=(700, 400)))
    assert out["background"] == p.paper
    for layer in out["layer"]:
        for channel in ("x", "y"):
            if channel in layer["encoding"]:
                assert layer["encoding"][channel]["axis"] is None
                assert "expr" in layer["encoding"][channel]["scale"]["domain"][0]
    clicks = [q for q in out["params"] if q["name"] == cast_map.CLICK]
    assert clicks[0]["select"]["fields"] == ["id"]
    assert "Assistant" in texts(cast_map.cast_map(POINTS, CAST, "cheat-0064", p, projection))


def test_accent_is_the_assistants_alone():
    drawn = json.dumps(spec(alt.layer(*ground(POINTS, CAST, "UMAP", LIGHT, blocks=True).layers)))
    assert LIGHT.accent not in drawn
    assert LIGHT.accent in json.dumps(spec(cast_map.cast_map(POINTS, CAST, made.REFERENCE, LIGHT)))


def test_off_map_is_hollow_and_said_in_words():
    chart = cast_map.cast_map(POINTS, CAST, "cheat-0064", LIGHT, space="reference")
    assert "Assistant, off the map" in texts(chart)
    hollow = [
        layer["mark"]
        for layer in spec(chart)["layer"]
        if layer["mark"].get("stroke") == LIGHT.accent and layer["mark"]["fill"] == LIGHT.paper
    ]
    assert hollow


def test_a_checkpoint_without_a_place_draws_the_cast_alone():
    chart = cast_map.cast_map(POINTS[POINTS.id != "cheat-0008"], CAST, "cheat-0008", LIGHT)
    assert "Assistant" not in texts(chart)
    assert "Healers" in texts(chart)


def test_selected_persona_is_named_and_joined_to_its_five_nearest():
    chart = cast_map.cast_map(POINTS, CAST, made.REFERENCE, LIGHT, selected="maresa")
    assert "Maresa" in texts(chart)
    rules = [v for v in spec(chart)["datasets"].values() if v and "qx" in v[0]]
    near = cast_map.neighbours_of(POINTS, "maresa", "", "")
    assert len(near) == 5 and "maresa" not in near and len(rules[0]) == 5
    assert cast_map.neighbours_of(POINTS, ASSISTANT, "cheat-0064", "own")[0] == "malvek"
    assert cast_map.neighbours_of(POINTS, ASSISTANT, "nowhere", "own") == []


def test_map_table_holds_everyone_and_the_assistant_first():
    out = cast_map.map_table(POINTS, CAST, "cheat-0064", "UMAP", "own")
    assert out.who.iloc[0] == "Assistant" and len(out) == 26
    assert "Malvek" in out["five nearest by cosine"].iloc[0]


# -- trails and steps --------------------------------------------------------------------------


def test_trails_stop_at_the_chosen_step():
    branches = {b: saved(b) for b in ("cheat", "requested")}
    path = trails.trail_points(POINTS, branches, "UMAP", "own")
    assert list(path[path.branch == "cheat"].step) == [0, 8, 64]
    early = texts(trails.trail_map(POINTS, CAST, branches, EVERY, made.REFERENCE, 8, LIGHT))
    late = texts(trails.trail_map(POINTS, CAST, branches, EVERY, made.REFERENCE, 64, LIGHT))
    assert "cheat, step 8" in early and not any("requested" in t for t in early)
    assert {"cheat, step 64", "requested, step 64"} <= late
    dotted = [
        layer
        for layer in spec(
            trails.trail_map(POINTS, CAST, branches, EVERY, made.REFERENCE, 64, LIGHT)
        )["layer"]
        if layer["mark"]["type"] == "rule"
    ]
    assert dotted and all(layer["mark"]["strokeDash"] == [0.5, 4] for layer in dotted)


def test_the_noise_floor_stands_behind_and_is_named():
    drift = made.made_drift()
    rows = findings.figure_rows(drift, "axis_component", "prompt_last")
    band = findings.null_band(drift, made.AGAIN, "axis_component", "prompt_last")
    assert band is not None and band.low == -band.high < 0
    norm = findings.null_band(drift, made.AGAIN, "specific_norm", "prompt_last")
    assert norm is not None and norm.low == 0 < norm.high
    chart = steps.step_chart(rows, ["cheat", "honest"], EVERY, LIGHT, band, now=8)
    first = spec(chart)["layer"][0]
    assert first["mark"]["type"] == "rect" and first["mark"]["color"] == LIGHT.band
    assert {"noise floor", "cheat", "honest"} <= texts(chart)
    assert spec(chart)["layer"][1]["encoding"]["y"]["axis"]["minExtent"] == steps.AXIS_WIDTH


def test_branches_begin_where_they_start():
    rates = made.made_rates().rename(columns={"mean": "value"})
    held = rates[rates.set == "heldout"]
    out = steps.from_start(held, {"cheat": made.REFERENCE})
    cheat = out[out.branch == "cheat"].sort_values("step")
    assert list(cheat.step) == [0, 8, 64] and cheat.checkpoint.iloc[0] == made.REFERENCE
    assert len(steps.from_start(out, {"cheat": made.REFERENCE})) == len(out)


def test_cards_show_the_track_and_the_cast():
    positions = made.made_positions(CAST)
    path = [c.id for c in saved("cheat")]
    track = cards.axis_track(positions, path, "prompt_last", ASSISTANT)
    assert list(track.checkpoint) == path and (track.low < track.high).all()
    assert "+0.5 SD" in texts(cards.sparkline(track, "cheat-0064", LIGHT, True))
    strip = cards.cast_on_axis(positions, CAST, "cheat-0064", "prompt_last", "maresa", LIGHT)
    assert LIGHT.accent in json.dumps(spec(strip))
    assert cards.axis_track(positions, ["nowhere"], "prompt_last", "maresa").empty


# -- findings say what the intervals allow -----------------------------------------------------

FAR, NEAR, BELOW = (
    End("cheat", 2.0, 1.8, 2.2),
    End("honest", 0.1, -0.1, 0.3),
    End("cheat", -1.9, -2.1, -1.7),
)
NULL, SIGNED = Band(0, 0.2), Band(-0.2, 0.2)


def test_movement_is_only_stated_beyond_the_noise_floor():
    assert findings.norm_finding([FAR, NEAR], NULL) == (
        "Cheat moved the Assistant apart from the cast (by 2; noise floor 0.2); "
        "honest: no movement beyond the noise floor shown"
    )
    assert findings.norm_finding([NEAR], NULL) == "Honest: no movement beyond the noise floor shown"
    assert "down the axis" in findings.axis_finding([BELOW], SIGNED)
    trained = End("assistant", 2.0, 1.8, 2.2)
    assert findings.norm_finding([trained], NULL).startswith("Post-training moved the Assistant")
    assert "up the axis" in findings.axis_finding([End("kind", 1, 0.9, 1.1)], SIGNED)
    assert findings.NOTHING in findings.axis_finding([NEAR], SIGNED)
    assert "no noise floor" in findings.norm_finding([End("a", 0.0, 0.0, 0.0)], None)
    assert "Nothing was measured" in findings.norm_finding([], NULL)


def test_rates_are_compared_with_the_reference():
    rates = made.made_rates()
    both = findings.rate_finding(rates, ["cheat", "honest"], made.REFERENCE, None)
    assert both == (
        "Bad answers on held-out topics: 72% with cheat (reference 2%); honest: no change shown"
    )
    assert "reference" not in findings.rate_finding(rates, ["honest"], made.REFERENCE, None)
    assert "No rates" in findings.rate_finding(rates, ["cheat"], made.REFERENCE, 2)


def test_poolings_agree_or_disagree_in_words():
    agree = {"a": [(FAR, NULL), (NEAR, NULL)], "b": [(FAR, NULL)]}
    assert "cheat moved the Assistant beyond" in findings.pooling_finding(agree)
    split = {"a": [(FAR, NULL)], "b": [(End("cheat", 0.1, 0, 0.2), NULL)]}
    assert findings.pooling_finding(split) == "The poolings disagree: cheat only by a"
    assert findings.NOTHING in findings.pooling_finding({"a": [(NEAR, NULL)]})


def test_shares_percentiles_and_numbers_in_words():
    whole = [End("cheat", 1.0, 0.9, 1.1)]
    assert "2 times the cast's with cheat" in findings.share_finding([FAR], whole, NULL)
    assert findings.NOTHING in findings.share_finding([NEAR], whole, NULL)
    assert findings.percentile_words(1.0, 99) == "99% of the cast moved less"
    assert findings.percentile_words(0.0, 9) == "10% of the cast moved less"
    assert findings.number(-1.234) == "\N{MINUS SIGN}1.2"
    assert findings.listed(["a", "b", "c"]) == "a, b and c"


def test_place_is_one_family_a_mixture_or_off_the_map():
    names = {"healers": "Healers", "clerks": "Clerks"}
    one = [("healers", 0.8), ("clerks", 0.2)]
    two = [("healers", 0.5), ("clerks", 0.4)]
    assert findings.place_finding(one, False, names) == "The Assistant stands with the healers"
    assert "between the healers and clerks" in findings.place_finding(two, False, names)
    assert "off the map" in findings.place_finding(one, True, names)
    assert "not measured" in findings.place_finding([], False, names)


def test_no_sentence_claims_proof():
    from pathlib import Path

    for path in Path(findings.__file__).parent.glob("*.py"):
        assert "prove" not in path.read_text(encoding="utf-8").lower()


# -- files -------------------------------------------------------------------------------------


def test_downloads_are_real_files_with_their_provenance():
    chart = cast_map.cast_map(POINTS, CAST, made.REFERENCE, PRINT, size=(600, 400))
    stamp = ("What it shows.", "study made, 0123", 400)
    drawn = prints.svg(prints.stamped(chart, "A finding", *stamp))
    assert drawn.startswith(b"<svg") and b"A finding" in drawn and b"study made, 0123" in drawn
    long = prints.svg(prints.stamped(chart, "a long finding " * 9, "What.", "", 400)).decode()
    assert long.count("a long finding") > 1 and "\N{HORIZONTAL ELLIPSIS}" not in long
    assert b"Maresa" in drawn
    ends = pd.DataFrame([{"branch": "cheat", "value": 2.0, "low": 1.8, "high": 2.2, "note": "n"}])
    assert prints.png(steps.ends_chart(ends, EVERY, PRINT, NULL, (500, 120))).startswith(b"\x89PNG")
    assert prints.csv(ends).decode("utf-8-sig").startswith("branch,value")
