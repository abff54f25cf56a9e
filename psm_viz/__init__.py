"""Persona Space: a map of the characters a language model plays, and how fine-tuning moves one."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`psm_viz.open_study`, for notebooks: what it needs is imported when it is first asked for."""
    if name == "open_study":
        return import_module("psm_viz.charts.notebook").open_study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
