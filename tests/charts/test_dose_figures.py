"""A push dose by dose as a figure: what `steer` wrote, beside random directions."""

import json

import pytest

from psm_viz.charts.dose_figures import dose_rows, doses_figure
from psm_viz.charts.figures import Figure, Missing
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.reads import Reads
from psm_viz.errors import BadFile
from psm_viz.paths import DOSES, STUDY
from psm_viz.study.reader import open_study


@pytest.fixture(scope="module")
def reads():
    return Reads(open_study(STUDY))


def test_the_shipped_doses_are_drawn_beside_random_directions(reads):
    one = doses_figure(reads)
    assert isinstance(one, Figure)
    found = json.loads(DOSES.read_bytes())
    rows, band = dose_rows(one.frame)
    assert list(rows.x) == sorted(rows.x) and 0.0 in set(rows.x) and len(rows) == len(band)
    free = next(r for r in found["rows"] if r["what"] == "free")
    assert rows.set_index("x").value[0.0] == free["value"]
    assert band.set_index("x").low[0.0] == band.set_index("x").high[0.0] == free["value"]
    top = max((r for r in found["rows"] if r["what"] == "pushed"), key=lambda r: r["strength"])
    assert f"{top['value']:.0%}" in one.told.title and f"{top['random_high']:.0%}" in one.told.title
    held = [r for r in found["rows"] if r["what"] == "held"]
    assert [r["who"] for r in held] == ["cheat-0064", "long-0512", "other-role-0064"]
    for r in held:
        assert f"{r['who']} answers badly in {r['value']:.0%} [{r['low']:.0%}" in one.told.words
    assert found["held_layers"] == [0, 1, 2, 3]
    # what README says of them: chosen on the first, tested on the second
    assert all(r["value"] < r["random_low"] for r in held[:2])
    assert one.build(LIGHT, None).to_dict(validate=False)


def test_of_another_study_or_none_the_command_is_named(reads, talk_study, tmp_path):
    for one in (doses_figure(Reads(talk_study)), doses_figure(reads, tmp_path / "none.json")):
        assert isinstance(one, Missing) and "psm_viz steer --out" in one.next_step


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"rows": [{"what": "free"}]}'])
def test_a_broken_file_is_named(reads, tmp_path, text):
    path = tmp_path / "doses.json"
    path.write_text(text)
    with pytest.raises(BadFile, match=r"doses\.json") as e:
        doses_figure(reads, path)
    assert "psm_viz steer" in e.value.next_step
