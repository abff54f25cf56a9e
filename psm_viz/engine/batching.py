"""Which rows of tokens are read together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

AT_ONCE = 256
"""Prompts or texts in a batch at most."""
ON_CPU = 4096
"""Tokens of a batch that a processor reads at most, padding included: more go no faster, and what
a block makes of them would fill the memory."""
SLACK = 1.25
"""How much longer than the shortest of its batch a prompt may be that is answered."""


def of_one_length(rows: Sequence[Sequence[int]], batch: int) -> Iterator[list[int]]:
    """Indices of `rows` in batches whose rows are equally long: nothing needs padding."""
    groups: dict[int, list[int]] = {}
    for i, r in enumerate(rows):
        groups.setdefault(len(r), []).append(i)
    for length in sorted(groups):
        own = groups[length]
        for start in range(0, len(own), batch):
            yield own[start : start + batch]


def of_like_length(rows: Sequence[Sequence[int]], batch: int) -> Iterator[list[int]]:
    """Indices of `rows` in batches of like length, the shorter ones to be padded: of natural text
    hardly two are equally long."""
    own: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if own and (len(own) == batch or len(rows[i]) > SLACK * len(rows[own[0]])):
            yield own
            own = []
        own.append(i)
    if own:
        yield own


def by_length(
    rows: Sequence[Sequence[int]], batch: int, tokens: int | None = None
) -> Iterator[list[int]]:
    """Indices of `rows` in batches of like length: arrival order would cost twice the time. Of
    `tokens` at most, as many as the longest of a batch makes of all."""
    own: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        full = tokens is not None and (len(own) + 1) * len(rows[i]) > tokens
        if own and (len(own) == batch or full):
            yield own
            own = []
        own.append(i)
    if own:
        yield own
