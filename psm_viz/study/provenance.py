"""Where what is exported of a study comes from, every value a text."""

from __future__ import annotations

import json

from psm_viz import __version__
from psm_viz.study.manifest import REFERENCE_SHA256
from psm_viz.study.reader import Study

UNKNOWN = "not recorded"


def provenance(study: Study) -> dict[str, str]:
    """Study, model, cast, questions, seed and versions."""
    m = study.manifest
    return {
        "study": m.name,
        "study_sha256": study.sha256,
        "model": str(m.model.get("name", UNKNOWN)),
        "model_revision": str(m.model.get("revision") or UNKNOWN),
        "reference": m.reference,
        "reference_weights_sha256": str(m.notes.get(REFERENCE_SHA256, UNKNOWN)),
        "cast_sha256": study.files["cast.json"],
        "questions_sha256": study.files["questions.jsonl"],
        "seed": str(m.generation.get("seed", UNKNOWN)),
        "units": "residual stream, not normalised",
        "versions": json.dumps(m.versions, sort_keys=True),
        "written_by": f"psm_viz {__version__}",
    }
