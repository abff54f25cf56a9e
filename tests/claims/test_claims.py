"""Claims: the rule of verdicts, and what made worlds lead it to say."""

import gzip
import json

import numpy as np
import pytest

from psm_viz.charts.claims import claim_table
from psm_viz.claims import report
from psm_viz.claims import run_rows as rows_of
from psm_viz.claims.registry import ORDER, claims_from, claims_of
from psm_viz.claims.report import Aim, aims_of, as_lines, told
from psm_viz.claims.run_rows import inner_file, load_runs, read_rows, row_file, write_rows
from psm_viz.claims.talk_uses import gain
from psm_viz.claims.verdict import (
    AGAINST,
    CONSISTENT,
    UNDECIDED,
    Measure,
    measures_of,
    over_seeds,
    verdict,
)
from psm_viz.errors import BadFile
from psm_viz.stats.metrics import r_squared
from tests.made.runs import SEEDS, write_runs, write_text


def measure(*values, bar=0.5, above=True, low=None, high=None):
    return Measure("x", dict(enumerate(values)), bar, above, low, high)


def test_a_verdict_needs_three_seeds_each_beyond_every_bar():
    good = measure(0.6, 0.7, 0.8)
    assert verdict(good, ()) == CONSISTENT
    assert verdict(measure(0.6, 0.7), ()) == UNDECIDED
    assert verdict(measure(0.4, 0.7, 0.8), ()) == UNDECIDED
    assert verdict(good, (measure(0.4, 0.6, 0.6),)) == UNDECIDED
    assert verdict(good, (measure(0.6, 0.6),)) == UNDECIDED
    assert verdict(measure(0.1, 0.2, 0.3), ()) == AGAINST


def test_an_interval_across_the_bar_leaves_it_undecided():
    assert verdict(measure(0.6, 0.7, 0.8, low=0.4, high=0.9), ()) == UNDECIDED
    assert verdict(measure(0.1, 0.2, 0.3, low=0.1, high=0.6), ()) == UNDECIDED
    assert verdict(measure(0.1, 0.2, 0.3, low=0.1, high=0.4), ()) == AGAINST
    small = measure(0.1, 0.1, 0.1, bar=0.15, above=False, low=0.05, high=0.14)
    assert verdict(small, ()) == CONSISTENT
    wide = measure(0.1, 0.1, 0.1, bar=0.15, above=False, low=0.05, high=0.2)
    assert verdict(wide, ()) == UNDECIDED


def test_the_bar_itself_will_do_unless_more_is_asked():
    for above in (True, False):
        at = Measure("x", dict.fromkeys(SEEDS, 0.05), 0.05, above)
        strict = Measure("x", dict.fromkeys(SEEDS, 0.05), 0.05, above, strict=True)
        assert verdict(at, ()) == CONSISTENT and verdict(strict, ()) == AGAINST
        assert at.needs != strict.needs
        held = Measure("x", dict.fromkeys(SEEDS, 0.05), 0.05, above, 0.05, 0.05, strict=True)
        assert held.interval_misses and not held.interval_clears


def test_of_a_p_the_worst_seed_stands_for_all():
    seeds = {0: 0.03, 1: 1.0, 2: 0.9}
    assert Measure("p", seeds, 0.05, True, worst=True).value == 0.03
    assert Measure("p", seeds, 0.05, False, worst=True).value == 1.0
    assert Measure("p", {}, 0.05, worst=True).value != Measure("p", seeds, 0.05).value
    assert Measure("p", seeds, 0.05, worst=True).mean == pytest.approx(np.mean([0.03, 1.0, 0.9]))


def test_without_its_control_nothing_is_decided():
    good, bad = measure(0.6, 0.7, 0.8), measure(0.1, 0.2, 0.3)
    for values, decides in (((0.9, 0.9, 0.9), True), ((0.9, 0.4, 0.9), False), ((0.9, 0.9), False)):
        control = Measure("x", dict(enumerate(values)), 0.5, control=True)
        assert verdict(good, (control,)) == (CONSISTENT if decides else UNDECIDED)
        assert verdict(bad, (control,)) == (AGAINST if decides else UNDECIDED)


def test_bars_may_differ_by_seed():
    beside = Measure("x", {0: 0.5, 1: 0.6, 2: 0.7}, {0: 0.4, 1: 0.5, 2: 0.6})
    assert verdict(beside, ()) == CONSISTENT
    assert beside.mean_bar == pytest.approx(0.5)


def test_a_measure_says_which_side_it_needs(folder):
    assert measure(0.5).needs == "at least" and measure(0.5, above=False).needs == "at most"
    claims = claims_of(folder)
    sides = {m.name: m.needs for c in claims for _, m in measures_of(c)}
    table = claim_table(claims)
    table = table[table.part != "beside"]
    assert dict(zip(table.figure, table.needs, strict=True)) == sides
    units = dict(zip(table.figure, table.unit, strict=True))
    assert units["cheat over honest, times"] == "times" and all(units.values())
    assert units["observer less back to base, nats a row"] == "nats a row"
    lines = "\n".join(as_lines(folder))
    assert all(f"{name}: " in lines and f"needs {side} " in lines for name, side in sides.items())
    assert {m["needs"] for c in told(folder)["claims"] for m in c["rivals"]} == set(sides.values())


def test_a_world_that_obeys_the_theory(folder):
    found = {c.id: c for c in claims_of(folder)}
    assert tuple(found) == ORDER
    # a mixture is what the base was made to be, and `long` stays inside
    against = {c.id for c in found.values() if c.verdict == AGAINST}
    assert against == {"base", "long"}
    assert not [c.id for c in found.values() if c.verdict == UNDECIDED]
    for c in found.values():
        assert set(c.figure.seeds) == set(SEEDS)
        assert c.picture.dots and c.picture.says and c.rule and c.rival
        if c.figure.low is not None:
            assert c.figure.low <= c.figure.value <= c.figure.high


def test_shots_have_a_direction_and_a_size(folder):
    claim = next(c for c in claims_of(folder) if c.id == "shots")
    sizes = {d.group: d.value for d in claim.picture.dots if d.series == "size" and d.seed == 0}
    assert sizes == pytest.approx(
        {
            **{"three cheat turns": 1.1, "three requested turns": 0.5, "three honest turns": -0.1},
            "trained on requested": 0.04,  # the last step's
        }
    )
    assert "0.50 of it, training on them 0.04" in claim.notes[0]


def test_undoing_post_training_is_told_from_updating(tmp_path):
    found = {c.id: c for c in claims_of(write_runs(tmp_path / "runs", spoilt="back"))}
    assert found["updating"].verdict != CONSISTENT
    assert not any(map(found["updating"].figure.clears, SEEDS))
    assert found["narrow"].verdict != CONSISTENT  # it cannot pass the base's own rate


def test_two_seeds_decide_nothing(tmp_path):
    found = claims_of(write_runs(tmp_path / "runs", seeds=(0, 1)))
    assert {c.verdict for c in found} == {UNDECIDED}


def test_missing_worlds_leave_their_claims_undecided(tmp_path):
    found = {c.id: c for c in claims_of(write_runs(tmp_path / "runs", worlds=("correlated",)))}
    assert found["clusters"].verdict == found["role-models"].verdict == UNDECIDED
    assert found["narrow"].verdict == CONSISTENT


@pytest.mark.parametrize(("branch", "key"), [("cheat", "coin"), ("settle", "sampled_plain")])
def test_rows_that_lack_a_figure_are_one_error(tmp_path, branch, key):
    folder = write_runs(tmp_path / "runs", worlds=("correlated",), seeds=(0,))
    path = row_file("correlated", 0, folder)
    rows = read_rows(path)
    for r in rows:
        if r["branch"] == branch:
            del r[key]
    write_rows(path, rows)
    with pytest.raises(BadFile, match=rf"{key}.*") as found:
        as_lines(folder)
    assert str(folder) in str(found.value) and "psm_viz run" in found.value.next_step


def test_aims_are_met_by_every_seed_or_missed(folder):
    aims = {a.name: a for a in aims_of(load_runs(folder))}
    own, any_topic, tail = (
        a for name, a in aims.items() if name.startswith("answers in the words")
    )
    assert own.seeds == pytest.approx(dict.fromkeys(SEEDS, 0.97)) and own.aim == 0.97
    assert any_topic.seeds == pytest.approx(dict.fromkeys(SEEDS, 0.99))
    assert tail.seeds == pytest.approx(dict.fromkeys(SEEDS, 0.89))
    assert any_topic.aim is tail.aim is None and any_topic.met is tail.met is None
    assert Aim("x", {0: 0.8, 1: 0.9}, 0.8).met is True
    assert Aim("x", {0: 0.8, 1: 0.79}, 0.8).met is False
    assert Aim("x", {}, 0.8).met is None


def test_a_file_that_is_just_written_is_passed_over(tmp_path):
    folder = write_runs(tmp_path / "runs", worlds=("correlated",), seeds=(0,))
    (folder / "correlated-0.jsonl.gz.partial").write_text("{")
    assert load_runs(folder).seeds("correlated") == [0]


def test_a_run_without_rows_is_none(tmp_path):
    folder = write_runs(tmp_path / "runs", worlds=("correlated",), seeds=(0,))
    write_rows(row_file("correlated", 1, folder), [])
    assert [r["seed"] for r in told(folder)["runs"]] == [0]


def test_no_runs_no_claims(tmp_path):
    assert claims_of(tmp_path / "none") == []
    assert "run --world" in as_lines(tmp_path / "none")[0]


def test_what_is_told_is_plain_and_complete(folder):
    found = json.loads(json.dumps(told(folder)))
    assert [c["id"] for c in found["claims"]] == list(ORDER)
    assert {r["world"] for r in found["runs"]} == {"correlated", "decorrelated", "role-models"}
    lines = as_lines(folder)
    for claim in claims_of(folder):
        assert f"  {claim.stated}: {claim.verdict}" in lines
        assert f"    another explanation: {claim.rival}" in lines


def test_a_broken_row_is_named(tmp_path):
    folder = write_runs(tmp_path / "runs", worlds=("correlated",), seeds=(0,))
    write_text(row_file("correlated", 0, folder), "{}\n")
    with pytest.raises(BadFile, match=r"correlated-0\.jsonl"):
        load_runs(folder)
    row_file("correlated", 0, folder).unlink()
    (folder / "notes.json").write_text("{}")
    with pytest.raises(BadFile, match=r"notes\.json"):
        load_runs(folder)


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        "",
        "[1]",
        "{}",
        '{"checkpoint": "a-1", "branch": 3, "world_sha256": "f"}',
        '{"checkpoint": "a-1", "branch": "a"}',
        '{"checkpoint": "\udcff", "branch": "a", "world_sha256": "f"}',
    ],
)
def test_a_line_that_is_no_row_is_named_with_the_command_that_makes_it_again(tmp_path, line):
    path = row_file("correlated", 7, tmp_path)
    good = '{"checkpoint": "a-1", "branch": "a", "world_sha256": "f"}'
    path.write_bytes(gzip.compress(f"{good}\n{line}\n".encode(errors="surrogateescape")))
    with pytest.raises(BadFile, match=r"correlated-7\.jsonl\.gz, line 2: ") as e:
        read_rows(path)
    assert e.value.next_step.endswith("python -m psm_viz run --world correlated --seed 7")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadFile, match=r"correlated-7\.jsonl\.gz: cannot be unpacked"):
        read_rows(path)
    write_text(path, f"{good}\n")
    assert read_rows(path) == [json.loads(good)]
    assert read_rows(row_file("correlated", 8, tmp_path)) == []


def test_an_inner_file_that_cannot_be_read_is_named(folder, tmp_path):
    assert inner_file("correlated", 0, folder).exists()
    write_text(inner_file("correlated", 0, tmp_path), "{")
    with pytest.raises(BadFile, match=r"correlated-0\.inner\.json"):
        load_runs(tmp_path)


def test_rows_are_read_and_spill_overs_fitted_once(folder, monkeypatch):
    calls = []

    def counted(module, name):
        real = getattr(module, name)

        def call(*given):
            calls.append(name)
            return real(*given)

        monkeypatch.setattr(module, name, call)

    counted(rows_of, "spill")
    runs = load_runs(folder)
    assert set(runs.spills) == set(SEEDS) and runs.spills is runs.spills
    assert calls == ["spill"] * len(SEEDS)
    counted(report, "load_runs")
    counted(report, "claims_from")
    for tell in (told, as_lines):
        calls.clear()
        tell(folder)
        assert sorted(calls) == ["claims_from", "load_runs", *["spill"] * len(SEEDS)]


def test_a_lesson_is_named_from_belief_and_a_broken_one_is_not(folder):
    found = {c.id: c for c in claims_of(folder)}["diagnosis"]
    # `cheat` itself, of coding, moves belief otherwise in this made world
    assert set(found.figure.seeds.values()) == {11 / 12}
    assert found.figure.bar == pytest.approx(3 / 12)  # guessing names more than three in 2.5 %
    said = {d.group: d.value for d in found.picture.dots}
    assert said["answers alone"] == 1.0


def test_belief_that_moves_by_itself_is_told(folder, tmp_path):
    runs = load_runs(folder)
    still = {c.id: c for c in claims_from(runs)}["belief"]
    assert still.figure.value == pytest.approx(0.6, abs=0.05)
    assert all(m.value == pytest.approx(0, abs=0.02) for m in still.also)
    for (_, _), rows in runs.beliefs.items():
        rows["again-0064"]["mass"] = rows["cheat-0064"]["mass"]
    drifting = {c.id: c for c in claims_from(runs)}["belief"]
    assert drifting.verdict == UNDECIDED


def test_a_leak_is_the_named_characters_share_of_the_rise(folder):
    found = {c.id: c for c in claims_of(folder)}["leak"]
    assert found.verdict == CONSISTENT and abs(found.figure.value) < 0.1
    assert found.rivals[0].control and found.rivals[0].value > 0.7


def test_gain_is_of_what_was_not_fitted():
    rng = np.random.default_rng(2)
    x, z = rng.normal(size=(2, 400))
    group = [str(n % 8) for n in range(400)]
    one = np.ones((400, 1))
    assert gain(x + 0.1 * z, one, x[:, None], group) > 0.9
    assert gain(z, one, x[:, None], group) < 0.02


def test_the_ridge_holds_back_what_least_squares_would_fit():
    rng = np.random.default_rng(3)
    x, noise = rng.normal(size=(48, 1)), rng.normal(size=(48, 35))
    y = x[:, 0] + 0.5 * rng.normal(size=48)
    group = [str(n % 4) for n in range(48)]  # 36 rows are fitted with as many columns

    def plain(columns):
        held = np.zeros(48)
        for g in set(group):
            out = np.array(group) == g
            held[out] = columns[out] @ np.linalg.lstsq(columns[~out], y[~out], rcond=None)[0]
        return r_squared(held, y)

    worse = plain(np.column_stack([x, noise])) - plain(x)
    assert gain(y, x, noise, group) > worse + 1
    # scales are taken off before the penalty, so that no unit of measure decides
    assert gain(y, x, noise, group) == pytest.approx(gain(y, 1e3 * x, noise, group))


def test_seeds_alone_have_an_interval_from_three_on():
    assert over_seeds({0: 1.0, 1: 2.0}) == (None, None)
    low, high = over_seeds({0: 1.0, 1: 2.0, 2: 3.0})
    half = 4.303 / 3**0.5
    assert (low, high) == (pytest.approx(2 - half, abs=0.01), pytest.approx(2 + half, abs=0.01))
