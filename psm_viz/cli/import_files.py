"""Verbs that read files of the field: import vectors."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz.cli.pairs import numbers
from psm_viz.cli.progress import say
from psm_viz.study.activations import POOLINGS

if TYPE_CHECKING:
    from psm_viz.study.formats.import_vectors import Joining
    from psm_viz.study.reader import Study


def add_verbs(verbs: Any) -> None:
    """Add `import vectors`."""
    i = verbs.add_parser("import", help="bring in what was made elsewhere")
    kinds = i.add_subparsers(dest="kind", required=True, metavar="KIND")
    v = kinds.add_parser(
        "vectors",
        help="role vectors (.pt) as a checkpoint of a study, or a new study",
        description="Read one .pt per role and default.pt, the Assistant, as a checkpoint of a "
        "study. Where the study does not exist yet it is made, with this checkpoint as its "
        "reference.",
    )
    v.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the .pt files")
    v.add_argument("--study", type=Path, required=True, metavar="DIR", help="folder of the study")
    v.add_argument(
        "--checkpoint",
        metavar="NAME",
        help="its name: <branch>-<step> (tuned-0001), or a branch alone (llama-3.1-8b), whose "
        "next step it becomes",
    )
    v.add_argument("--branch", metavar="NAME", help="instead of --checkpoint, with --step or not")
    v.add_argument("--step", type=int, metavar="N", help="optimizer steps since the branch point")
    v.add_argument("--parent", metavar="ID", help="default: the branch's last, or the reference")
    v.add_argument("--layer", type=int, metavar="N", help="layer of files that hold only one")
    v.add_argument("--layers", type=numbers, metavar="0,1,...", help="layers of the files' rows")
    v.add_argument(
        "--offset", type=int, default=0, metavar="N", help="1 where row 0 is the embedding's output"
    )
    v.add_argument("--pooling", choices=POOLINGS, default="response_mean")
    v.add_argument("--cast", type=Path, metavar="FILE", help="cast.json of a new study: families")
    v.add_argument("--model-name", metavar="NAME", help="the model of a new study, in words")
    v.set_defaults(run=vectors)


def vectors(options: argparse.Namespace) -> None:
    """Read the vectors into the study and say what was matched and what was left out."""
    from psm_viz.study.formats.import_vectors import Joining

    named = {"model_name": options.model_name} if options.model_name else {}
    joining = Joining(
        checkpoint=options.checkpoint,
        branch=options.branch,
        step=options.step,
        pooling=options.pooling,
        layers=options.layers,
        layer=options.layer,
        offset=options.offset,
        parent=options.parent,
        cast=options.cast,
        **named,
    )
    done, report = import_into(options.folder, options.study, joining, say)
    for line in report:
        print(line)
    m = done.manifest
    new = m.checkpoints[-1].id
    what = "is its reference" if m.reference == new else "has joined it"
    print(f"{options.study}: {new} {what}; {len(m.checkpoints)} checkpoints.")
    print(f"Look at it: python -m psm_viz serve --study {options.study}")


def import_into(
    folder: Path, into: Path, joining: Joining, say: Callable[[str], None] = print
) -> tuple[Study, list[str]]:
    """Read role vectors into a study as one checkpoint; where there is none, make it.

    Returns the finished study and what there is to say of the files. A kill leaves the study as it
    was. Raises BadInput and BadFile, naming what does not fit.
    """
    from psm_viz.study.files import recover
    from psm_viz.study.formats.import_vectors import join, unplaced
    from psm_viz.study.reader import open_study
    from psm_viz.study.writer import StudyWriter
    from psm_viz.tables.beside_roles import beside_roles
    from psm_viz.tables.derive import editing, finish

    recover(into)
    old = open_study(into) if into.exists() else None
    joined = join(folder, old, into.name, joining)
    m, own = joined.manifest, joined.vectors
    layer = m.headline_layer if m.headline_layer in own.layers else own.layers[0]
    others = beside_roles(joined.found, joined.rows, layer, m.model.get("n_layers"))
    if old is None:
        writer = StudyWriter(into)
        writer.begin({"vectors": str(folder), "joining": repr(joining)})
        writer.write_vectors(joined.vectors, joined.said)
        done = finish(writer, joined.manifest, joined.cast, joined.questions, say)
    else:
        with editing(old, say) as edit:
            edit.writer.write_vectors(joined.vectors, joined.said)
            edit.manifest = joined.manifest
        done = edit.done
    notes = [*joined.warnings, *unplaced(done, own.checkpoint)]
    return done, [*joined.report, *others, *(f"note: {w}" for w in notes)]
