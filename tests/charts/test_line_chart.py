"""Line charts: a line a series, named at its end."""

from psm_viz.charts import line_chart, method_details
from psm_viz.charts.palette import LIGHT
from tests.charts.drawn import TABLES, texts
from tests.made.tables import KINDS


def test_every_series_is_named_at_the_end_of_its_line():
    rows = method_details.power_rows(TABLES["validation"], KINDS[0])
    own = rows[rows.statistic == "specific_norm"]
    assert {"shift", "mixture", "off-space"} <= texts(line_chart.line_chart(own, LIGHT))
