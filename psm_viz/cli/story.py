"""The verb `story`: a story for a room as one file, for the screen, for paper or for slides."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz import paths
from psm_viz.errors import BadInput

if TYPE_CHECKING:
    from psm_viz.charts.story import Told

FORMS = (".html", ".pdf", ".webp", ".gif")
"""What can be written, by the ending of the file."""


def add_verbs(verbs: Any) -> None:
    """Add `story`."""
    s = verbs.add_parser(
        "story",
        help="a story for a room: one offline page, a handout, or a moving picture",
        description="Write a story (docs/formats.md, 'Stories') as one file, by the ending of its "
        "name: .html, the whole presentation, which needs no network; .pdf, a handout, a page a "
        "step; .webp or .gif, its talks along training for slides.",
    )
    s.add_argument(
        "--file",
        type=Path,
        default=paths.from_here(paths.STORIES / "cheating.yaml"),
        metavar="FILE",
        help="the story (default: the shipped one)",
    )
    s.add_argument("--study", type=Path, metavar="DIR", help="default: the story's own, in data/")
    s.add_argument("--out", type=Path, required=True, metavar="FILE", help=", ".join(FORMS))
    s.set_defaults(run=story)


def story(options: argparse.Namespace) -> None:
    """Look up everything that the story shows, then write the file whole."""
    from psm_viz.charts.reads import Reads
    from psm_viz.charts.story import tell
    from psm_viz.study.files import write_whole
    from psm_viz.study.formats.stories import read_story
    from psm_viz.study.reader import open_study
    from psm_viz.study.stories import study_folder

    ending = options.out.suffix.lower()
    if ending not in FORMS:
        raise BadInput(
            f"--out {options.out}: does not say what to write.",
            f"End the name in one of: {', '.join(FORMS)}.",
        )
    found = read_story(options.file)
    told = tell(found, Reads(open_study(options.study or study_folder(found))))
    data = _maker(ending)(told)
    write_whole(options.out, data)
    print(f"{options.out}: {len(told.steps)} steps, {len(data) / 1e6:.1f} MB.")


def _maker(ending: str) -> Callable[[Told], bytes]:
    """What makes the bytes of a file with such an ending."""
    from psm_viz.charts.story_clip import clip
    from psm_viz.charts.story_handout import handout
    from psm_viz.charts.story_player import player_html

    return {
        ".html": lambda told: player_html(told).encode(),
        ".pdf": handout,
        ".webp": lambda told: clip(told, "webp"),
        ".gif": lambda told: clip(told, "gif"),
    }[ending]
