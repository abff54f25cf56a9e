"""The Claims page's view: the chart of every claim, drawn from rows that runs left and no study."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from psm_viz.charts import claim_words
from psm_viz.charts.address import CLAIMS, Address, address_of
from psm_viz.charts.claim_marks import drawable, picture_rows
from psm_viz.charts.claims import bounds_of, own_groups, picture_chart, spoken
from psm_viz.charts.export import Source
from psm_viz.charts.figures import Facts, Figure, Layout, Missing, Shown, Told
from psm_viz.charts.page_view import PageView
from psm_viz.charts.reads import Reads
from psm_viz.claims.chat_uses import chat_claims
from psm_viz.claims.run_rows import run_files
from psm_viz.claims.verdict import Claim, measures_of
from psm_viz.errors import BadFile
from psm_viz.paths import CHAT_RUNS, RUNS

RUN = "python -m psm_viz run --world correlated --seed 0"
"""What leaves the first rows."""
MADE, CHAT = "rows of the runs", "rows of the chat model's runs"
"""What the charts of the made world's models are drawn from, and those of the chat model."""


@dataclass(frozen=True)
class Judged:
    """The claims about one model, and the hash of the rows that judge them; none without rows."""

    claims: Sequence[Claim]
    stamp: str


@dataclass(frozen=True)
class ClaimsChoice(PageView):
    """What the Claims page shows: there is nothing to choose."""

    made: Judged
    chat: Judged

    def link(self, study: str = "") -> str:
        """The address of the page: claims are of no study."""
        return address_of(CLAIMS, {})

    def link_of(self, one: Shown, study: str = "") -> str:
        """The address of a chart's card."""
        return f"{self.link()}#{one.told.key}" if isinstance(one, Figure) else self.link()

    def figures(self) -> list[Shown]:
        """The charts of the page."""
        every = [*self.made.claims, *self.chat.claims]
        none = Missing("Nothing has been run yet, so no claim is judged.", f"Begin with: {RUN}")
        return [claim_figure(claim) for claim in every] or [none]

    def source_of(self, one: Shown) -> Source:
        """The rows that a claim is judged by, of the made world's models or of the chat model."""
        key = one.told.key if isinstance(one, Figure) else ""
        chat = key in map(claim_words.key_of, self.chat.claims)
        return Source(CHAT, self.chat.stamp, {}) if chat else Source(MADE, self.made.stamp, {})


def claim_figure(claim: Claim) -> Shown:
    """A claim's chart under its title."""
    pic, key = claim.picture, claim_words.key_of(claim)
    if drawable(pic).empty:
        return Missing(f"{pic.title}: nothing was measured for this chart yet.", f"Run: {RUN}")
    bounds = bounds_of(pic, [m for _, m in measures_of(claim)])
    own, rule = own_groups(claim), claim_words.bar_name(claim)
    over = claim_words.over_of(claim)
    verdict = claim_words.VERDICTS[claim.verdict].lower()
    told = Told(
        name=key,
        title=pic.title,
        words=f"{claim_words.caption_of(claim)} {claim.title}: {verdict}.",
        alt=spoken(pic),
        key=key,
        facts=Facts(
            n=claim_words.seeds_of(claim),
            interval=f"95 % of the mean over seeds, over {over}" if over else "",
        ),
    )
    return Figure(
        lambda p, width: picture_chart(pic, p, bounds, own, rule, width),
        picture_rows(pic),
        told,
        Layout(640, small=True),
    )


def runs_folder() -> Path:
    """Where the rows of runs lie: `PSM_VIZ_RUNS`, or those that ship."""
    return Path(os.environ.get("PSM_VIZ_RUNS") or RUNS)


def chat_folder() -> Path:
    """Where the chat model's rows lie: `PSM_VIZ_CHAT_RUNS`, or those that ship."""
    return Path(os.environ.get("PSM_VIZ_CHAT_RUNS") or CHAT_RUNS)


def judged(folder: Path) -> Judged:
    """What the rows in a folder say of the made world's models. Raises PsmVizError."""
    stamp = stamp_of(folder)
    with _judging:
        return Judged(made_claims(folder, stamp) if stamp else (), stamp)


def judged_chat(folder: Path) -> Judged:
    """What the rows in a folder say of the chat model. Raises PsmVizError."""
    stamp = stamp_of(folder)
    with _judging:
        return Judged(claims_of_chat(folder, stamp) if stamp else (), stamp)


_judging = threading.Lock()
"""Of several readers who come at once one has the claims judged, and the others wait."""


@lru_cache(maxsize=4)
def made_claims(folder: Path, stamp: str) -> Sequence[Claim]:
    """The claims judged by the rows in a folder, which takes seconds: once for each `stamp` of what
    they hold. Raises PsmVizError."""
    from psm_viz.claims.registry import claims_of

    return tuple(claims_of(folder))


@lru_cache(maxsize=4)
def claims_of_chat(folder: Path, stamp: str) -> Sequence[Claim]:
    """The claims about the chat model, as `made_claims`."""
    return tuple(chat_claims(folder))


def stamp_of(folder: Path) -> str:
    """A hash of the folder's rows, '' where there are none. Raises BadFile."""
    both = hashlib.sha256()
    try:
        files = run_files(folder)
        for f in files:
            both.update(f.name.encode() + b"\0" + hashlib.sha256(f.read_bytes()).digest())
    except OSError as e:
        raise BadFile(f"{folder}: cannot be read ({e.strerror}).", "Check its permissions.") from e
    return both.hexdigest() if files else ""


def claims_choice(reads: Reads, address: Address) -> ClaimsChoice:
    """The Claims page: its address chooses nothing. Raises PsmVizError."""
    return ClaimsChoice(judged(runs_folder()), judged_chat(chat_folder()))
