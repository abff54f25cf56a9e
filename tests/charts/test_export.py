"""Files to download: what they hold, and where it is from."""

from psm_viz.charts import dot_chart, export
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import PRINT
from psm_viz.charts.persona_map import cast_map
from tests.charts.drawn import CAST, POINTS, ends
from tests.made.study import REFERENCE


def test_downloads_are_real_files_with_their_provenance():
    chart = cast_map(POINTS, CAST, REFERENCE, MapView(), PRINT, (600, 400))
    stamp = ("What it shows.", "study made, 0123", 400)
    drawn = export.svg(export.stamped(chart, "A finding", *stamp))
    assert drawn.startswith(b"<svg") and b"A finding" in drawn and b"study made, 0123" in drawn
    long = export.svg(export.stamped(chart, "a long finding " * 9, "What.", "", 400)).decode()
    assert long.count("a long finding") > 1 and "\N{HORIZONTAL ELLIPSIS}" not in long
    assert b"Maresa" in drawn
    rows = ends()
    assert export.png(dot_chart.dot_chart(rows, PRINT, size=(500, 160))).startswith(b"\x89PNG")
    assert export.csv(rows).decode("utf-8-sig").startswith("label,value")
