"""Line charts: a line a series, named at its end."""

from psm_viz.charts import line_chart, method_details
from psm_viz.charts.dot_chart import Rule
from psm_viz.charts.palette import LIGHT
from tests.charts.drawn import TABLES, texts
from tests.made.tables import KINDS


def test_every_series_is_named_at_the_end_of_its_line():
    rows = method_details.power_rows(TABLES["validation"], KINDS[0])
    own = rows[rows.statistic == "specific_norm"]
    assert {"shift", "mixture", "off-space"} <= texts(line_chart.line_chart(own, LIGHT))


def test_panels_are_one_form_and_each_names_its_own_series():
    rows = method_details.power_rows(TABLES["validation"], KINDS[0])
    panels = {str(n): own for n, own in rows.groupby("statistic", sort=False)}
    look = line_chart.LineLook(rule=Rule(0.05), ratios=True, domain=(0.0, 1.0))
    chart = line_chart.line_panels(panels, LIGHT, look, (610, 128), 2)
    spec = chart.to_dict()
    assert spec["facet"]["sort"] == list(panels)
    assert len(spec["spec"]["layer"]) == 6  # however many panels there are
    table = next(t for t in spec["datasets"].values() if "panel" in t[0])
    named = {(r["panel"], r["text"]) for r in table if r.get("text")}
    assert named == {(n, str(s)) for n, own in panels.items() for s in own.series}
