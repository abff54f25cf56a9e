"""What `export --view` does: the figures of some views as files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from psm_viz import paths
from psm_viz.errors import BadInput, UnknownName

FORMS = "svg, png, pdf, html, csv, parquet, vega"
THEMES = ("print", "light", "dark")
INSIDE = ("--what", "--checkpoint", "--layer", "--pooling")
"""What a view says itself, or has not."""


def add_options(verb: Any) -> None:
    """The options of figures."""
    group = verb.add_argument_group(
        "figures",
        "With --view the figures of pages are written instead of the study's tables, the same that "
        f"the pages' menus give (docs/exports.md). --format: of {FORMS}; default svg,csv. --out: a "
        "new folder, or a file whose name ends with .zip.",
    )
    group.add_argument(
        "--view",
        nargs="+",
        action="extend",
        default=[],
        metavar="LINK",
        help="the address of a page, as in map?checkpoint=ID or drift?branches=NAME, or all of "
        "what the browser shows",
    )
    group.add_argument(
        "--figure",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="only these of the view's figures",
    )
    group.add_argument("--width", type=float, metavar="MM", help="89 and 183: a journal's columns")
    group.add_argument("--theme", choices=THEMES, help="default: print, on white")
    group.add_argument(
        "--font-size", type=float, metavar="PT", help="of ordinary words (default: 7)"
    )
    group.add_argument(
        "--caption", action="store_true", help="draw finding and caption above each figure"
    )


def asked_for_figures(options: argparse.Namespace) -> bool:
    """Whether figures are to be written. Raises BadInput where both they and tables are asked for,
    or what only figures have without a view."""
    given = {f"--{k.replace('_', '-')}": v for k, v in vars(options).items()}
    if options.view:
        other = [name for name in INSIDE if given[name] not in (None, [])]
        if other:
            raise BadInput(f"{other[0]} is of tables, not of --view.", "Give one of the two.")
        return True
    alone = ("--figure", "--width", "--theme", "--font-size", "--caption")
    left = [name for name in alone if given[name] not in (None, [], False)]
    if left:
        raise BadInput(f"{left[0]} is of figures.", "Name their page with --view.")
    return False


def write_figures(options: argparse.Namespace) -> None:
    """Write the figures of the views, and print what was written and what was left out."""
    from psm_viz.charts.bundle import USUAL, bundle_of, check_out, forms_of, write_bundle
    from psm_viz.charts.export import Export, Setting, record_of
    from psm_viz.charts.figures import Missing
    from psm_viz.charts.reads import Reads
    from psm_viz.charts.views import charts_of, view_of
    from psm_viz.study.reader import open_study

    plain = Setting()
    setting = Setting(
        options.theme or plain.theme,
        options.width,
        options.font_size or plain.font_size,
        options.caption,
    )
    setting.check()
    words = [w.strip() for w in (options.format or "").split(",") if w.strip()]
    forms = forms_of(words or USUAL)
    check_out(options.out)
    study = open_study(_study(options.study, options.view))
    reads = Reads(study)
    exports, missing = [], []
    for link in options.view:
        view, named = view_of(reads, link), _named(link) or _own_name(study.folder)
        for one in charts_of(view, options.figure):
            if isinstance(one, Missing):
                missing.append(f"  left out: {one.what} {one.next_step}")
            else:
                record = record_of(one, view.source_of(one), view.link_of(one, named))
                exports.append(Export(one, record, setting))
    files = bundle_of(exports, forms)
    write_bundle(options.out, files)
    for name, data in files.items():
        print(f"  {name:<44}  {len(data) / 1000:>9,.1f} kB")
    for line in dict.fromkeys(missing):
        print(line)
    print(f"{options.out}: {len(exports)} figures, {len(files)} files.")


def _named(link: str) -> str:
    from psm_viz.charts.address import parse_address

    return parse_address(link).study


def _own_name(folder: Path) -> str:
    """What links call a study that no link named: '' for the one that a dashboard opens with."""
    folder = folder.resolve()
    return "" if folder == paths.STUDY.resolve() else folder.name


def _with_parent(folder: Path) -> str:
    """What links call a study of two that are called alike."""
    return f"{folder.resolve().parent.name}-{folder.resolve().name}"


def _study(given: Path | None, links: Sequence[str]) -> Path:
    """The study's folder: the one given, else that which the links name, else the shipped one.

    Raises UnknownName where they name one that is not in data/, BadInput where they name several or
    another than the one given.
    """
    named = sorted({n for n in map(_named, links) if n})
    if len(named) > 1:
        raise BadInput(f"The links are of {len(named)} studies.", "Export one at a time.")
    if given is not None:
        if named and named[0] not in (given.resolve().name, _with_parent(given)):
            raise BadInput(
                f"The link is of the study {named[0][:80]!r}, --study names {given}.",
                "Give the folder of that study with --study, or leave study= out of the link.",
            )
        return given
    if not named:
        return paths.from_here(paths.STUDY)
    found = {p.parent.name: p.parent for p in paths.DATA.glob("*/study.json")}
    if named[0] not in found:
        raise UnknownName(
            f"The link names the study {named[0][:80]!r}, which is not in data/.",
            "Give its folder with --study.",
        )
    return found[named[0]]
