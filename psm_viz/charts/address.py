"""The address of a page: which page, and what a reader chose on it. What a widget writes there is a
label, what a person writes an id: both are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from psm_viz.errors import UnknownName
from psm_viz.study.cast import nearest

MAP, DRIFT, COMPARE, SEARCH, CAST = "map", "drift", "compare", "search", "cast"
METHOD, CLAIMS = "method", "claims"
PAGES = {MAP: "/", **{p: f"/{p}" for p in (DRIFT, COMPARE, SEARCH, CAST, METHOD, CLAIMS)}}
"""The pages that have views, and where a dashboard serves them."""
KEYS = (
    *("study", "checkpoint", "persona", "projection", "unit", "talk", "pooling", "layer", "frame"),
    *("colour", "zoom", "families", "blocks", "fade"),
    *("branches", "step", "branch", "details", "question", "arrow"),
    *("by", "first", "second", "one", "other", "at", "moved", "relative", "leaves", "evidence"),
    *("words", "where", "who", "judged", "planted"),
)
"""What an address may say. Not every page reads all of it."""
FRAMEWORK = ("embed", "embed_options")
"""What Streamlit itself reads of an address."""


@dataclass(frozen=True)
class Address:
    """One address, taken apart."""

    page: str
    given: Mapping[str, Sequence[str]]

    @property
    def study(self) -> str:
        """The study that it names; '' for the default one."""
        return (list(self.given.get("study", ())) or [""])[0]

    def one(self, key: str, options: Mapping[str, str], default: str, what: str = "") -> str:
        """The chosen id among `options` (id -> label). Raises UnknownName."""
        return self.several(key, options, [default], what)[0]

    def several(
        self, key: str, options: Mapping[str, str], default: Sequence[str], what: str = ""
    ) -> list[str]:
        """The chosen ids among `options` (id -> label). Raises UnknownName."""
        ids = {label: i for i, label in options.items()} | {i: i for i in options}
        values = list(self.given.get(key, ()))
        unknown = [v for v in values if v not in ids]
        if unknown:
            raise UnknownName(
                f"The link asks for a {what or key} that this study does not have: "
                f"{unknown[0][:80]!r}.",
                f"The study has: {nearest(unknown[0], options)}",
            )
        return [ids[v] for v in values] or list(default)

    def flag(self, key: str) -> bool:
        """Whether a toggle is on. Raises UnknownName for what is neither true nor false."""
        said = (list(self.given.get(key, ())) or ["false"])[0]
        if said.lower() not in ("true", "false"):
            what = f"The link says {key}={said[:80]!r}."
            raise UnknownName(what, f"{key} is true or false.")
        return said.lower() == "true"


def page_of(link: str) -> str:
    """The page that a link names, whether or not its figures can be brought back (`PAGES`)."""
    return urlsplit(link.strip()).path.strip("/").rsplit("/", 1)[-1] or MAP


def parse_address(link: str) -> Address:
    """Take a link apart: `map?checkpoint=cheat-0064`, or all of what a browser shows.

    Raises UnknownName for a page without views, and for a key that no page reads.
    """
    page, query = page_of(link), urlsplit(link.strip()).query
    if page not in PAGES:
        raise UnknownName(
            f"There is no view {page[:80]!r}.",
            f"Views: {', '.join(PAGES)}, as in map?checkpoint=ID or drift?branches=NAME.",
        )
    given = parse_qs(query, keep_blank_values=True)
    for key in given:
        if key not in KEYS + FRAMEWORK:
            raise UnknownName(
                f"The link says {key[:80]!r}, which no page knows.",
                f"Nearest: {nearest(key, KEYS)}",
            )
    return Address(page, given)


def unless(value: str, plain: str) -> str:
    """A value as an address says it: '' where it is what the page opens with."""
    return "" if value == plain else value


def address_of(page: str, chosen: Mapping[str, str | Sequence[str]]) -> str:
    """The link of a page on which this was chosen; what is '' is not written."""
    said = {k: v for k, v in chosen.items() if v}
    query = urlencode(said, doseq=True, safe=",")
    return PAGES[page] + (f"?{query}" if query else "")
