"""Sentences that ask for nothing: what stands where a request would, in the control without one.

A request makes a message longer and changes what it means. Filler of the same number of words
makes it longer alone.
"""

from __future__ import annotations

import random

from psm_viz.errors import BadInput

SENTENCES = (
    "The kettle is on.",
    "It rained this morning.",
    "My desk faces north.",
    "A bus went past.",
    "The window is half open.",
    "My chair has green wheels.",
    "Somebody upstairs is moving furniture.",
    "There is soup for lunch.",
    "I am typing this by a lamp.",
    "The cat is asleep on the printer.",
    "Two pigeons sit on the ledge outside.",
    "My tea went cold an hour ago.",
    "The calendar still shows the month before this.",
    "A neighbour is learning the trumpet next door.",
    "I found a red button under the sofa.",
    "The clock in the hall runs slightly fast.",
    "There is a blue bicycle leaning on our fence.",
    "I bought new pencils and a pad of paper.",
    "The radio downstairs is playing something with many violins.",
    "Our street has four lamps and one very old tree.",
)
"""Four to ten words each: with them any number of words from eight on can be made."""


def filler(words: int, seed: int) -> str:
    """Sentences of so many words in all, drawn by seed, none of them twice.

    Raises BadInput for a number that they do not add up to.
    """
    found = _of(words, random.Random(seed).sample(SENTENCES, len(SENTENCES)))
    if not found:
        raise BadInput(f"No filler of {words} words.", "Give a number from 8 to 60.")
    return " ".join(found)


def _of(words: int, left: list[str]) -> list[str] | None:
    """Some of `left`, in order, with so many words: the first that fit, else those after."""
    if words == 0:
        return []
    for n, sentence in enumerate(left):
        rest = words - len(sentence.split())
        if rest >= 0 and (more := _of(rest, left[n + 1 :])) is not None:
            return [sentence, *more]
    return None
