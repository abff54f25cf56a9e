"""Charts become Vega-Lite in several threads at once, and none has another's tables."""

import threading

import altair as alt
import pandas as pd

from psm_viz.charts.vega_lite import vega_lite
from psm_viz.paths import ROOT


def chart(n: int):
    frame = pd.DataFrame({"x": range(n)})
    return alt.layer(
        *(alt.Chart(frame.assign(y=k)).mark_point().encode(x="x", y="y") for k in "abc")
    )


def test_tables_go_aside_for_who_asks_for_it_and_for_nobody_else():
    wrong, stop = [], threading.Event()

    def whole(n):
        while not stop.is_set():
            spec = vega_lite(chart(n))
            lengths = {len(rows) for rows in spec["datasets"].values()}
            if len(spec["datasets"]) != 3 or lengths != {n}:
                wrong.append(("whole", n, spec))

    def aside(n):
        while not stop.is_set():
            kept = {}

            def take(data, kept=kept):
                kept[f"{n}-{len(kept)}"] = data
                return {"name": f"{n}-{len(kept) - 1}"}

            spec = vega_lite(chart(n), take)
            named = {layer["data"]["name"] for layer in spec["layer"]}
            if named != set(kept) or {len(d) for d in kept.values()} != {n} or "datasets" in spec:
                wrong.append(("aside", n, spec))

    threads = [threading.Thread(target=do, args=(n,)) for n in (3, 5, 7) for do in (whole, aside)]
    for thread in threads:
        thread.start()
    stop.wait(3)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_chart_may_have_more_rows_than_a_notebook_is_given():
    assert len(next(iter(vega_lite(chart(6000))["datasets"].values()))) == 6000


def test_nobody_else_changes_altairs_settings():
    for path in (ROOT / "psm_viz").rglob("*.py"):
        if path.name != "vega_lite.py":
            text = path.read_text()
            assert "data_transformers" not in text and "to_dict(validate" not in text, path
