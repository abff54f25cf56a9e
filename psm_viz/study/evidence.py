"""A record of evidence: who would say some data, and where training on it would lead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput


@dataclass(frozen=True)
class Evidence:
    """A stored record: what was asked and when, l per persona, and the predicted arrows.

    `likelihood`: persona, loglik (l), relative (to the Assistant's, which is the last row), low and
    high (its 95 % interval), weight (w; none for the Assistant). `arrows`: pooling -> [d_model].
    """

    record: dict[str, Any]
    likelihood: pd.DataFrame
    arrows: dict[str, np.ndarray]

    @property
    def loglik(self) -> np.ndarray:
        """l of the cast, the Assistant left out: [role]."""
        return self.likelihood["loglik"].to_numpy(dtype=np.float64)[:-1]


def check_name(
    name: str, what: str = "record", next_step: str = "Name it with --name NAME."
) -> str:
    """Return a name, of a record or of what else, if it can be a folder's. Raises BadInput."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise BadInput(
            f"{name!r} cannot name a {what}: use letters, digits, '.', '_' and '-', and at most "
            "100 of them.",
            next_step,
        )
    return name
