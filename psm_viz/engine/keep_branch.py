"""A finished lesson kept as a branch of a study of one's own, its weights beside that study.

The study that the lesson started in stays as it is. One's own begins with its reference, with its
noise floor and with the end of the branch that moves nobody, so that what is kept has something to
be compared with. Its weights lie in `<study>-weights`, a folder a checkpoint, where `talks
--weights` looks for them; a study's own folder holds nothing that is not listed and hashed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from psm_viz.engine.adapters import carry
from psm_viz.engine.add_branches import add_branches
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.weights import check_weights, weights_sha256
from psm_viz.errors import BadInput
from psm_viz.study.begun import read_begun
from psm_viz.study.evidence import check_name
from psm_viz.study.files import json_bytes, swap, write_whole
from psm_viz.study.layout import HELD, OF_MODEL, SETTINGS
from psm_viz.study.manifest import ROLES, Checkpoint, Manifest, checkpoint_id
from psm_viz.study.reader import Study, open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import carry_over

NAMED = "Name the branch otherwise."
OTHER = "Name another folder for the study of your own."


def keep_branch(
    study: Study,
    out: Path,
    reference: str,
    saves: Mapping[int, str],
    name: str,
    threads: int,
    say: Callable[[str], None],
    known: Known = ANY,
) -> Study:
    """Play the saves (step -> folder) of a model that was taught, starting from the reference of
    `study`, whose weights are in `reference`, and add them as the branch `name` to the study of
    one's own at `out`, which is begun where there is none. Returns it. Of talks, the last
    save alone holds some (`add_branches`, `sparing`).

    A kill or an error leaves what was at `out`; the same call again goes on after the last finished
    checkpoint. Raises BadInput, before any model is loaded, for a name that is taken or can be no
    folder's, for a study at `out` with another reference, cast or questions, and for other weights
    than the reference's.
    """
    own = _own(study, out)
    base = own or study
    _check(base, name, saves)
    check_weights(base, reference)
    new, beside = _checkpoints(name, sorted(saves), base.manifest.reference), weights_beside(out)
    for c in new:
        carry(Path(saves[c.step]), beside / c.id, reference)
    work = out.with_name(f"{out.name}.keeping")
    place = work / "study"
    weights = {c.id: weights_sha256(beside / c.id, reference) for c in new}
    begun = json_bytes({"from": base.sha256, "weights": weights})
    if read_begun(work / SETTINGS) != begun:
        shutil.rmtree(work, ignore_errors=True)
        write_whole(work / SETTINGS, begun)
    if not (place / "study.json").exists():
        _begin(base, place, out.name, whole=own is not None)
    kept = open_study(place)
    if name not in kept.manifest.branches:
        folders = {c.id: str(beside / c.id) for c in new} | {kept.manifest.reference: reference}
        source = Source((*kept.manifest.drawn, *new), folders, kept.manifest.reference)
        add_branches(kept, source, [name], threads, say, known, sparing=True)
    if own is not None and open_study(out).sha256 != own.sha256:
        raise BadInput(f"{out}: was changed while the branch was played.", "Keep it again.")
    swap(place, out)
    shutil.rmtree(work)
    return open_study(out)


def weights_beside(out: Path) -> Path:
    """Where the weights of what is kept in a study of one's own lie, a folder a checkpoint."""
    return out.with_name(f"{out.name}-weights")


def _own(study: Study, out: Path) -> Study | None:
    """The study of one's own, where it is begun. Raises BadInput for one that compares with another
    reference and for what is no study."""
    if not (out / "study.json").exists():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise BadInput(f"{out}: is no study and would be replaced.", OTHER)
        return None
    own, reference = open_study(out), study.manifest.reference
    same = ("cast.json", "questions.jsonl", f"checkpoints/{reference}/{HELD['vectors']}")
    other = [f for f in same if own.files.get(f) != study.files.get(f)]
    if own.manifest.reference != reference or other:
        raise BadInput(
            f"{out}: is a study of another reference, cast or questions than {study.folder}.", OTHER
        )
    return own


def _check(base: Study, name: str, saves: Mapping[int, str]) -> None:
    check_name(name, "branch", NAMED)
    taken = sorted({c.branch for c in base.manifest.checkpoints})
    if name in taken:
        raise BadInput(f"{name!r} is taken: this study has the branches {', '.join(taken)}.", NAMED)
    if not saves or min(saves) < 1:
        raise BadInput(f"Saves of the steps {sorted(saves)}: expected some, from step 1 on.")


def _checkpoints(name: str, steps: list[int], reference: str) -> list[Checkpoint]:
    """A branch's checkpoints, the first of them from the reference."""
    out, parent = [], reference
    for step in steps:
        out.append(Checkpoint(checkpoint_id(name, step), name, step, parent))
        parent = out[-1].id
    return out


def _begin(base: Study, folder: Path, name: str, *, whole: bool) -> None:
    """Put what a branch is added to at a folder: all of a study, or its reference with what gives
    nulls. What is derived of it is made when the branch is there."""
    writer, m = StudyWriter(folder), base.manifest
    writer.begin_from(base)
    if not whole:
        m = _alone(m, name)
        writer.keep_checkpoints({c.id for c in m.checkpoints})
        # evidence is about the data of a branch: one of that name here has others
        writer.keep_evidence({c.branch for c in m.checkpoints})
        for table in OF_MODEL:  # they tell of branches that are not there
            writer.remove_table(table)
        carry_over(base, writer.open_partial(m, base.cast, base.questions), writer)
    writer.finish(m, base.cast, base.questions)


def _alone(m: Manifest, name: str) -> Manifest:
    """A study's reference, its noise floor and the end of its benign branch, both from there."""
    benign = m.notes.get("benign")
    ends = [m.branch(benign)[-1].id] if benign in m.fine_tuned else []
    kept = [m.reference, *ends, *([m.noise_floor] if m.noise_floor else [])]
    checkpoints = tuple(
        replace(c, parent=None if c.id == m.reference else m.reference)
        for c in (m.checkpoint(k) for k in kept)
    )
    there = {c.branch for c in checkpoints}
    notes = {k: v for k, v in m.notes.items() if k not in ROLES or v in there}
    return replace(m, name=name, checkpoints=checkpoints, notes=notes)
