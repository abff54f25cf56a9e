"""Every mark that can be pointed at has a sentence for its name, on every page."""

from types import SimpleNamespace

import pytest

from psm_viz.charts import sentences, views
from psm_viz.charts.figures import Figure
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.reads import Reads
from tests.made.chat_rows import write_chat_rows

LINKS = (
    "map?checkpoint=cheat-0064&persona=maresa",
    "map?unit=means&persona=maresa&checkpoint=cheat-0064",
    "drift?details=true",
    "compare?moved=personas",
    "search?words=hide&where=cheat-0064",
    "cast",
    "method",
    "claims",
)


def marks(spec, channels=(), rows=None):
    """(kind of mark, the field of its name, its rows) of each layer that is not hidden from those
    who listen."""
    channels = {**dict(channels), **spec.get("encoding", {})}
    rows = spec.get("data", {}).get("name", rows)
    for kind in ("layer", "hconcat", "vconcat"):
        for part in spec.get(kind, ()):
            yield from marks(part, channels, rows)
    if "spec" in spec:  # a form that is drawn for every part of its rows
        yield from marks(spec["spec"], channels, rows)
    mark = spec.get("mark", {})
    mark = mark if isinstance(mark, dict) else {"type": mark}
    if mark and mark.get("aria") is not False:
        read = mark.get("description", {}).get("expr", "").removeprefix("datum.")
        named = channels.get("description", {}).get("field", read)
        yield mark["type"], named, rows


@pytest.mark.parametrize("link", LINKS)
def test_each_mark_has_a_sentence(talk_study, caches, tmp_path, monkeypatch, link):
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("PSM_VIZ_RUNS", str(tmp_path / "none"))
    monkeypatch.setenv("PSM_VIZ_CHAT_RUNS", str(write_chat_rows(tmp_path / "chat")))
    for one in views.charts_of(views.view_of(Reads(talk_study), link)):
        if not isinstance(one, Figure):
            continue
        spec = one.build(LIGHT, None).to_dict()
        own = list(marks(spec))
        assert own, one.told.name
        for kind, named, rows in own:
            assert named == "said", (one.told.name, kind)
            for row in spec["datasets"].get(rows, ()):
                said = row["said"]
                if row.get("text"):
                    continue  # a word at the end of a line: the layer leaves it out
                assert said.endswith(".") and not said[0].islower() and len(said) > 8, said
                assert "nan" not in said.lower().replace("finance", "").split(), said
                assert "_" not in said, said


def test_sentences():
    row = SimpleNamespace(value=0.12, low=0.08, high=0.17)
    assert sentences.measure(row, percent=True) == "12 %, interval 8 % to 17 %"
    assert sentences.measure(row, unit="cosine") == "0.12, interval 0.08 to 0.17 (cosine)"
    assert sentences.measure(SimpleNamespace(value=0.5, low=float("nan"), high=1.0)) == "0.5"
    assert sentences.amount(float("nan")) == "not measured"
    assert sentences.sentence("healers", "12 %", "", "p = .02") == "Healers: 12 %; p = .02."
    anna = {"label": "Anna", "family": "Healers", "kin": "Carers and sages", "note": "none found"}
    said = "Anna, one of the healers, of the carers and sages: none found."
    assert sentences.place(anna) == said
    talk = {"label": "Talk 7 of the Assistant", "family": "at cheat-0064", "kin": "", "note": ""}
    assert sentences.place(talk) == "Talk 7 of the Assistant at cheat-0064."
