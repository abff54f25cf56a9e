"""Rows of dots: the words of a row stay on the drawing."""

from psm_viz.charts import dot_chart
from psm_viz.charts.label_placement import LETTER
from psm_viz.charts.palette import LIGHT
from tests.charts.drawn import ends, spec


def test_words_of_a_row_stay_on_the_drawing():
    rows = ends()
    for width in (300, 520, 900):
        chart = spec(dot_chart.dot_chart(rows, LIGHT, size=(width, 160)))
        x = next(
            layer["encoding"]["x"]["scale"]["domain"]
            for layer in chart["layer"]
            if layer["mark"]["type"] == "text"
        )
        label = 10 + LETTER * len("benign (playful)")
        per_unit = (width - label) / (x[1] - x[0])
        for _, r in rows.iterrows():
            edge = max(r.high, r.null_high)
            if width > 300:
                assert (edge - x[0]) * per_unit + LETTER * len(r.note) <= width - label
