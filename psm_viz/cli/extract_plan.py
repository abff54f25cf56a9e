"""The plan of an extraction, printed."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from psm_viz.errors import BadInput

if TYPE_CHECKING:
    from psm_viz.engine.plan import Plan, Planning, Work

COLUMNS = ("answers", "prompt tokens", "drawn", "read", "weighed", "hours")


def check_planned(options: argparse.Namespace) -> None:
    """Raise BadInput for options that say nothing without --plan, or nothing with it."""
    given = [f"--{name}" for name in ("rate", "json") if getattr(options, name)]
    if given and not options.plan:
        raise BadInput(f"{given[0]} needs --plan.", "Add --plan, or leave it out.")
    if options.plan and options.add:
        raise BadInput("--plan tells what a new study takes, not what --add does.")


def planning_of(options: argparse.Namespace) -> Planning:
    """How the plan is made."""
    from psm_viz.engine.plan import Planning
    from psm_viz.engine.rates import Rates

    if options.rate is None:
        return Planning(shard=options.shard)
    read, draw = options.rate
    return Planning(Rates(read, draw, read), options.shard)


def print_plan(plan: Plan, options: argparse.Namespace) -> None:
    """Print a plan: as a table, or as JSON."""
    if options.json:
        print(json.dumps(plan.told(), indent=1))
        return
    rows = [_row(w, plan) for w in (*plan.works, plan.all)]
    rows[-1][0] = "all"
    table = [["", *COLUMNS], *rows]
    widths = [max(len(r[k]) for r in table) for k in range(len(table[0]))]
    for r in table:
        first, *rest = r
        cells = [cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    for line in (*plan.notes, *_rates(plan, options), *_room(plan, options)):
        print(line)


def _row(work: Work, plan: Plan) -> list[str]:
    c, n = work.count, work.checkpoints
    what = work.what if n == 1 else f"{work.what} ({n})"
    tokens = (c.prompt, c.drawn, c.read, c.weighed)
    hours = work.hours(plan.rates)
    return [
        what,
        f"{c.answers:,}",
        *map(_tokens, tokens),
        f"{hours:.2g}" if hours < 10 else f"{hours:,.0f}",
    ]


def _tokens(n: int) -> str:
    """A number of tokens, in millions where there are many."""
    if n >= 10**6:
        return f"{n / 10**6:,.1f} M"
    return f"{n:,}" if n else "-"


def _rates(plan: Plan, options: argparse.Namespace) -> list[str]:
    r = plan.rates
    n = options.threads
    threads = f", {n} thread{'s' if n > 1 else ''}" if options.device == "cpu" else ""
    if plan.measured:
        from psm_viz.engine.precision import chosen

        where = (
            f"measured here ({options.device}, {chosen(options.dtype, options.device)}{threads})"
        )
        said = f"draws {r.draw:,.0f} and weighs answers at {r.weigh:,.0f}"
    else:
        where, said = "as given", f"draws {r.draw:,.0f}"
    return [
        f"Tokens a second, {where}: reads {r.read:,.0f}, {said}.",
        "An upper bound: an answer may end early, and counts here as long as it may get. "
        f"Not counted: {', '.join(plan.left_out)}.",
    ]


def _room(plan: Plan, options: argparse.Namespace) -> list[str]:
    m = plan.memory
    if options.device == "cpu":
        memory = f"{_bytes(m.model + m.means)} of memory at the peak"
    else:
        memory = f"{_bytes(m.model)} on {options.device} and {_bytes(m.means)} of memory beside it"
    return [f"About {_bytes(plan.disk)} on disk, {memory}. Nothing was played, nothing written."]


def _bytes(n: int) -> str:
    """A size in words."""
    return f"{n / 1e9:,.1f} GB" if n >= 10**9 else f"{max(n / 1e6, 0.1):,.1f} MB"
