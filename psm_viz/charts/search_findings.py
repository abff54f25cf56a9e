"""The sentences of a search, made from what was found."""

from __future__ import annotations

from psm_viz.charts.frames import where
from psm_viz.study.cast import ASSISTANT, Cast
from psm_viz.study.search import RANKED, Found, Wanted

LONG = 60
"""Letters of a search that a sentence repeats."""


def quoted(words: str) -> str:
    """What was searched for, in quotes, cut where it is long."""
    text = " ".join(words.split())
    text = text if len(text) <= LONG else text[: LONG - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}"


def asked_words(wanted: Wanted, cast: Cast) -> str:
    """The filters of a search as they follow 'answers': of whom, and where."""
    who = ""
    if wanted.persona:
        who = f" of {cast.persona(wanted.persona).name}"
    elif wanted.family:
        who = f" of the {cast.family(wanted.family).name.lower()}"
    elif wanted.cast is not None:
        who = " of the cast" if wanted.cast else " of the Assistant"
    where = f" on {wanted.branch}" if wanted.branch else ""
    where = f" at {wanted.checkpoint}" if wanted.checkpoint else where
    return who + where


def search_title(wanted: Wanted, found: Found, cast: Cast) -> str:
    """How many answers there are of what was looked for, and whose."""
    judged = f"{wanted.judged} " if wanted.judged else ""
    of = asked_words(wanted, cast)
    what = quoted(wanted.words) if wanted.words.strip() else ""
    if not found.total:
        return f"No {judged}answer{of}" + (f" has {what}" if what else "")
    many = "answer" if found.total == 1 else "answers"
    count = f"{found.total:,} {judged}{many}{of}"
    if found.some:
        have = "has" if found.total == 1 else "have"
        return f"None has all of {what}; {count} {have} some of it" + _by_whom(found)
    return count + (f" with {what}" if what else "") + _by_whom(found)


def _by_whom(found: Found) -> str:
    """How many are the Assistant's and how many the cast's, where both gave some."""
    counts = found.counts
    if counts is None:
        return ""
    own = int(where(counts, counts.persona == ASSISTANT).n.sum())
    if not 0 < own < found.total:
        return ""
    return f": {own:,} of the Assistant's, {found.total - own:,} of the cast's"


def order_words(found: Found) -> str:
    """What of it is listed, and in which order."""
    different = len(found.hits)
    if found.ranked:
        return f"The {different} best different ones, the best first."
    if found.counts is None:
        return (
            f"The first {different} different ones, in the study's order: more than {RANKED:,} "
            "cannot be told apart by words so common. Add a word or a filter."
        )
    return f"The first {different} different ones, in the study's order."
