"""How a record of evidence fared against a branch, stored in its study."""

from __future__ import annotations

from typing import Any

from psm_viz.study.reader import Study
from psm_viz.tables.derive import editing
from psm_viz.tables.evidence import score


def record_score(study: Study, name: str, branch: str) -> tuple[Study, dict[str, Any]]:
    """Score a record against a branch, in place of an earlier score: the study then, and the score.

    Raises what `score` raises.
    """
    found = score(study, name, branch)
    with editing(study) as edit:
        edit.writer.write_score(name, found)
    return edit.done, found
