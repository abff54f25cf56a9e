"""A study without a browser: belief as a table, the map and the drift as charts and files.

Run it from the repository as `PYTHONPATH=. python docs/notebook.py [STUDY] [FOLDER]`, or copy its
lines into a notebook there, where a chart that stands last in a cell is shown.
"""

import sys
from pathlib import Path

import psm_viz

folder = sys.argv[1] if len(sys.argv) > 1 else "data/study"
out = Path(sys.argv[2] if len(sys.argv) > 2 else "build/notebook")
out.mkdir(parents=True, exist_ok=True)

study = psm_viz.open_study(folder)

# Who the Assistant takes itself to be: the belief in those who act badly, with 95 % intervals.
belief = study.belief(of="marked")
columns = ["checkpoint", "mass", "mass_low", "mass_high", "change", "change_p"]
print(belief[columns].to_string(index=False, float_format="%.3f"))

# The checkpoint at which that share is largest, among the branches that start from the reference.
branches = study.study.manifest.fine_tuned
tuned = belief[belief["checkpoint"].astype(str).str.rsplit("-", n=1).str[0].isin(branches)]
worst = str(tuned.sort_values("mass")["checkpoint"].iloc[-1])

# The same figures as the pages', as Altair charts.
map_chart = study.map_chart(worst)
drift_chart = study.drift_chart(branches=[study.study.manifest.checkpoint(worst).branch])
(out / "map.vl.json").write_text(map_chart.to_json(validate=False), encoding="utf-8")
(out / "drift.vl.json").write_text(drift_chart.to_json(validate=False), encoding="utf-8")

# Every figure of a page's address, with the table behind it and its caption.
for figure in study.figures(f"map?checkpoint={worst}"):
    figure.frame.to_csv(out / f"{figure.told.name}.csv", index=False)
    print(f"{figure.told.title}. {figure.told.words}")
