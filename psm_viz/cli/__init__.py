"""The command line, one module a group of verbs. Heavy imports live inside the verbs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from psm_viz import __version__
from psm_viz.cli import (
    bench,
    build,
    enlarge,
    evidence,
    export,
    extract,
    finetune,
    import_files,
    live,
    measure,
    report,
    run,
    serve,
    steer,
    story,
    talks,
    transcript,
)
from psm_viz.errors import PsmVizError


def parser() -> argparse.ArgumentParser:
    """The whole command line, for `--help` and the tests."""
    out = argparse.ArgumentParser(
        prog="python -m psm_viz",
        description="Persona Space: build a study, look at it, read its figures.",
    )
    out.add_argument("--version", action="version", version=__version__)
    verbs = out.add_subparsers(dest="verb", required=True, metavar="VERB")
    modules = (serve, extract, finetune, talks, transcript, import_files, measure, evidence, report)
    modules += (export, story, build, run, live, steer, enlarge, bench)
    for module in modules:
        module.add_verbs(verbs)
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Errors meant for users end in one message and exit status 1."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # `results | head`; what is still buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("psm_viz: stopped, since nobody reads on.", file=sys.stderr)
        return 1
    except PsmVizError as e:
        print(f"psm_viz: {e.problem}", file=sys.stderr)
        if e.next_step:
            print(f"  {e.next_step}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("psm_viz: stopped; finished steps are kept.", file=sys.stderr)
        return 130
    return 0
