"""Names of the columns of responses.parquet, behaviour.parquet and odds.parquet."""

from __future__ import annotations

from psm_viz.study.cast import ASSISTANT

# Columns of responses.parquet: one row a response.
PERSONA, QUESTION, VARIANT, SAMPLE, TEXT, TOKENS = (
    "persona",
    "question",
    "variant",
    "sample",
    "text",
    "n_tokens",
)
VALENCE, TONE = "valence", "tone"
# Columns of behaviour.parquet: one row a prompt, masses of probability over the topic's bank.
TOPIC, MASS_GOOD, MASS_BAD, MASS_NONE, SAMPLED_GOOD, SAMPLED_BAD, SAMPLED_NONE = (
    "topic",
    "mass_good",
    "mass_bad",
    "mass_none",
    "sampled_good",
    "sampled_bad",
    "sampled_none",
)
SPEAKER = "speaker"
"""Column of behaviour.parquet: who was asked, the Assistant or somebody without a name; a study
older than the column asked the Assistant alone."""
STRANGER = "stranger"
# Columns of odds.parquet, beside speaker, topic and question: mean log p of the good and of the bad
# answers that were written for a question, nats per token.
LOG_GOOD, LOG_BAD = "log_good", "log_bad"
NEUTRAL = "neutral"
"""Speaker of odds.parquet: the Assistant under a neutral wording, not without any."""
NO_ROLES = (ASSISTANT, NEUTRAL)
"""Speakers of odds.parquet who are no role of the cast."""


def axis_column(pooling: str) -> str:
    """Column of responses.parquet: projection on the reference's Assistant axis, pooled so."""
    return f"axis_{pooling}"


def norm_column(pooling: str) -> str:
    """Column of responses.parquet: Euclidean norm of the activation, pooled so."""
    return f"norm_{pooling}"
