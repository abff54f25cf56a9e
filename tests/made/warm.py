"""Imported by a process of which others are copied: what takes long to load or to compile."""

import numpy as np

import psm_viz.engine.add_branches
import psm_viz.engine.build_study
import psm_viz.engine.chat_model
import psm_viz.engine.finetune
import psm_viz.engine.record_evidence  # noqa: F401
from psm_viz.stats.persona_map import MapSettings, fit_rows

for metric in ("cosine", "euclidean"):
    made = np.random.default_rng(0).normal(size=(48, 4)).astype(np.float32)
    fit_rows(made, np.repeat(np.arange(12), 4), MapSettings(metric=metric))
