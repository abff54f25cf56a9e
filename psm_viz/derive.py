"""What is derived from a study's files: its tables and maps, computed again when those change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from psm_viz.atlas import map_of
from psm_viz.store import Study, StudyWriter
from psm_viz.tables import drift_table, positions_table, preservation, rates_table


def write_derived(
    study: Study,
    writer: StudyWriter,
    trained: str | None = None,
    say: Callable[[str], None] = lambda s: None,
) -> None:
    """Compute every derived table and map of a sealed, unfinished study and write them into it.

    `trained` names the topic that the branches train on, where behaviour was measured.
    """
    writer.write_table("drift", drift_table(study, say))
    writer.write_table("positions", positions_table(study))
    geometry = preservation(study)
    writer.write_table("preservation", geometry)
    if trained is not None:
        writer.write_table("rates", rates_table(study, trained))
    for pooling in study.manifest.poolings:
        say(f"map {pooling}")
        points, info = map_of(study, pooling, geometry)
        text = ["kind", "id", "frame", "neighbours", "mixture"]
        points = points.astype({t: "category" for t in text} | {"x": np.float32, "y": np.float32})
        writer.write_map(f"{pooling}-L{study.manifest.headline_layer}", points, info)
