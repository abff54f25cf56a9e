"""A study given in the field's forms: tables, safetensors, role vectors and files, AnnData.

Everything is read from the finished study and written into one new folder, which appears by one
rename; `export.json` in it says where all came from (columns and forms: docs/formats.md).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from psm_viz.errors import BadInput, UnknownName
from psm_viz.study.files import (
    check_free,
    csv_bytes,
    json_bytes,
    parquet_bytes,
    whole_folder,
    write_whole,
)
from psm_viz.study.formats.anndata_files import check_writable
from psm_viz.study.formats.role_files import write_roles
from psm_viz.study.formats.role_vectors import write_role_vectors
from psm_viz.study.layout import DERIVE, HOLD_TALKS
from psm_viz.study.provenance import provenance
from psm_viz.study.reader import Study
from psm_viz.tables.export_arrays import (
    ASK,
    AXIS,
    TRAITS,
    VECTORS,
    taken,
    write_annotated,
    write_tensors,
)
from psm_viz.tables.export_frames import LIKELIHOOD, MAPS, POINTS, Part, frame_of
from psm_viz.tables.export_talks import write_annotated_talks, write_beliefs

CSV, PARQUET = "csv", "parquet"
BYTES = {CSV: csv_bytes, PARQUET: parquet_bytes}
RECORD = "export.json"
EVERYTHING = "all"


@dataclass(frozen=True)
class Wanted:
    """What is exported, and in which form."""

    words: tuple[str, ...] = ()
    """Keys of `WORDS`, or `EVERYTHING`; none: all that no other word holds too."""
    form: str = CSV
    """`csv` or `parquet`: the form of tables."""
    part: Part = field(default_factory=Part)


@dataclass(frozen=True)
class Written:
    """One file, or one folder of many small ones."""

    path: str
    """Below the exported folder; of a folder with a slash at its end."""
    files: int
    bytes: int
    rows: int | None
    """Of a table, or of AnnData; None for arrays and texts."""
    holds: str
    """In words."""


@dataclass(frozen=True)
class Exported:
    """What was written, and what was left out and why."""

    files: tuple[Written, ...]
    left_out: Mapping[str, tuple[str, ...]]
    """Why -> the words of which something is not there."""


@dataclass
class _Job:
    """One export while it is written."""

    study: Study
    wanted: Wanted
    work: Path
    files: list[Written] = field(default_factory=list)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def wrote(self, path: str, holds: str, rows: int | None = None) -> None:
        """Count what lies at `path` now."""
        at = self.work / path
        every = [p for p in at.rglob("*") if p.is_file()] if at.is_dir() else [at]
        size = sum(p.stat().st_size for p in every)
        self.files.append(Written(path + "/" * at.is_dir(), len(every), size, rows, holds))

    def leave_out(self, word: str, why: str) -> None:
        """Note that something of a word is not there."""
        told = self.left_out.get(why, ())
        self.left_out[why] = told if word in told else (*told, word)


@dataclass(frozen=True)
class Word:
    """One word of `--what`."""

    write: Callable[[_Job, str], None]
    """Writes what the study has; raises UnknownName or BadInput where that is nothing."""
    usual: bool = True
    """Whether it is exported where nothing is named."""


def export(study: Study, out: Path, wanted: Wanted) -> Exported:
    """Write the wanted words into the new or empty folder `out`.

    What the study does not have is left out and told. Raises BadInput for a folder that holds
    something or lies inside the study, UnknownName for an unknown word, checkpoint, layer or
    pooling and for a named word of which the study has nothing, with what would make it; BadFile
    for a damaged study.
    """
    words = _words(study, wanted)
    out = out if out.name not in ("", "..") else out.resolve()
    if not out.name:
        raise BadInput(f"{out}: is no new folder.", "Name one with --out.")
    if out.resolve().is_relative_to(study.folder.resolve()):
        raise BadInput(f"{out}: lies inside the study, which lists its files.", "Name another.")
    check_free(out, RECORD)
    record = {"study": study.manifest.name, "study_sha256": study.sha256}
    partial_folder = out.with_name(out.name + ".partial")
    try:
        with whole_folder(out) as work:
            write_whole(work / RECORD, json_bytes(record))  # an unfinished folder is known by it
            job = _Job(study, wanted, work)
            for word in words:
                _write(job, word)
            if not job.files:
                why = " ".join(job.left_out)
                raise UnknownName(f"{study.folder}: has nothing of this. {why}", ASK)
            asked = asdict(wanted) | {"words": words}
            files = [asdict(f) for f in job.files]
            told = {"asked": asked, "files": files, "left_out": job.left_out}
            write_whole(work / RECORD, json_bytes(provenance(study) | told))
    except OSError as e:
        raise BadInput(
            f"{out}: cannot be written ({e.strerror or e}).", "Name another folder."
        ) from e
    finally:  # there is none after a success; what an error leaves is of no use
        shutil.rmtree(partial_folder, ignore_errors=True)
    return Exported(tuple(job.files), job.left_out)


def _words(study: Study, wanted: Wanted) -> list[str]:
    """The words that are written, in the order of `WORDS`. Raises UnknownName, BadInput."""
    m, part = study.manifest, wanted.part
    for checkpoint in part.checkpoints:
        m.checkpoint(checkpoint)
    if part.layer is not None:
        m.check_layer(part.layer)
    if part.pooling is not None:
        m.check_pooling(part.pooling)
    if wanted.form not in BYTES:
        raise BadInput(f"--format {wanted.form}: unknown.", f"Give one of {', '.join(BYTES)}.")
    unknown = [w for w in wanted.words if w not in WORDS and w != EVERYTHING]
    if unknown:
        raise UnknownName(
            f"--what {unknown[0]}: there is nothing of this name to export.",
            f"Choose among: {', '.join(WORDS)}; or {EVERYTHING}.",
        )
    if EVERYTHING in wanted.words:
        return list(WORDS)
    return [k for k, w in WORDS.items() if k in wanted.words or (not wanted.words and w.usual)]


def _write(job: _Job, word: str) -> None:
    try:
        WORDS[word].write(job, word)
    except (UnknownName, BadInput) as e:
        if word in job.wanted.words:
            raise
        job.leave_out(word, e.problem)


def _tables(job: _Job, word: str, *, names: tuple[str, ...], makes: str) -> None:
    """Write those of the named tables that the study has.

    `makes`: what gives a study that cannot derive them what they are derived from.
    """
    form, before, absent = job.wanted.form, len(job.files), []
    for name in names:
        try:
            frame = frame_of(job.study, name, job.wanted.part)
        except UnknownName as e:
            tried = f"tables/{name}" in job.study.derived or not e.next_step
            absent.append(UnknownName(e.problem, makes if tried else e.next_step))
        else:
            if frame.empty:
                absent.append(UnknownName(f"The table {name} has no row of the chosen part."))
                continue
            write_whole(job.work / f"{name}.{form}", BYTES[form](frame))
            job.wrote(f"{name}.{form}", f"{len(frame):,} rows", len(frame))
    if len(job.files) == before:
        raise absent[0]
    for one in absent:
        job.leave_out(word, one.problem)


def _arrays(job: _Job, word: str, *, what: str) -> None:
    told = partial(job.leave_out, word)
    for path, holds in write_tensors(job.study, what, job.work, job.wanted.part, told):
        job.wrote(path, holds)


def _role_vectors(job: _Job, word: str) -> None:
    told = partial(job.leave_out, word)
    for one in taken(job.study, job.wanted.part, told):
        v = one.vectors
        layers = ",".join(map(str, v.layers))
        for k, pooling in enumerate(v.poolings):
            at = f"role_vectors/{pooling}/{v.checkpoint}"
            (job.work / at).parent.mkdir(parents=True, exist_ok=True)
            write_role_vectors(v.values[:, k], v.ids[:-1], job.work / at)
            job.wrote(at, f"{len(v.ids)} vectors, layers {layers}")


def _roles(job: _Job, word: str) -> None:
    silent = [p.id for p in job.study.cast.personas if not p.prose]
    if silent:
        raise UnknownName(
            f"{len(silent)} personas have no instruction in prose ({', '.join(silent[:3])}).",
            "Name a cast that has: python -m psm_viz extract --cast FOLDER --out DIR",
        )
    cast, note = job.study.cast, job.study.talk_note
    write_roles(cast, note.marked if note else (), job.work / "roles")
    job.wrote(
        "roles", f"{len(cast.personas)} roles" + " and default.json" * bool(cast.assistant.prose)
    )


def _annotated(job: _Job, word: str) -> None:
    check_writable()
    part, before, why = job.wanted.part, len(job.files), None
    for pooling in job.study.manifest.poolings if part.pooling is None else [part.pooling]:
        path = job.work / f"{pooling}.h5ad"
        try:
            n = write_annotated(job.study, path, pooling, part, partial(job.leave_out, word))
        except UnknownName as e:  # a study of imported vectors may have one pooling alone
            why = e
            job.leave_out(word, e.problem)
            continue
        job.wrote(path.name, f"{n:,} rows", n)
    if job.study.talk_note is not None:
        try:
            path = job.work / "talks.h5ad"
            n = write_annotated_talks(job.study, path, part, partial(job.leave_out, word))
            job.wrote(path.name, f"{n:,} rows", n)
        except UnknownName as e:
            job.leave_out(word, e.problem)
    if why is not None and len(job.files) == before:
        raise why


def _beliefs(job: _Job, word: str) -> None:
    for path, holds in write_beliefs(job.study, job.work, job.wanted.part):
        job.wrote(path, holds)


def _of(*names: str, makes: str) -> Callable[[_Job, str], None]:
    return partial(_tables, names=names, makes=makes)


MAKE = f"Make it with: {DERIVE}"
BRANCH = "Add a checkpoint: python -m psm_viz finetune --model FOLDER --data FILE --study DIR"
ANSWERS = "Give questions with answers: python -m psm_viz extract --questions FOLDER --out DIR"
RECORDS = "Make one with: python -m psm_viz evidence --study DIR --data FILE"
BELIEF = ("belief", "belief_direction", "belief_quality", "belief_readings")
WORDS: Mapping[str, Word] = {
    "points": Word(_of(POINTS, MAPS, makes=MAKE)),
    "drift": Word(_of("drift", "layers", makes=BRANCH)),
    "projections": Word(_of("positions", "preservation", "traits", makes=ASK)),
    "neighbours": Word(_of("neighbours", makes=ASK)),
    "families": Word(_of("posterior", "posterior_calibration", makes=ASK)),
    "belief": Word(_of(*BELIEF, makes=HOLD_TALKS)),
    "talks": Word(_of("beliefs", "talk_map", makes=HOLD_TALKS)),
    "conduct": Word(_of("rates", "odds", "talk_conduct", makes=ANSWERS)),
    "evidence": Word(_of("evidence_scores", LIKELIHOOD, makes=RECORDS)),
    "axis": Word(partial(_arrays, what=AXIS)),
    "traits": Word(partial(_arrays, what=TRAITS)),
    "vectors": Word(partial(_arrays, what=VECTORS)),
    "roles": Word(_roles),
    "beliefs": Word(_beliefs, usual=False),
    "role-vectors": Word(_role_vectors, usual=False),
    "h5ad": Word(_annotated, usual=False),
}
"""What can be exported. The unusual are what others hold once more, as other tools read it."""


def listed(done: Exported) -> Iterator[str]:
    """The export as lines: a file with its size and what it holds, then what was left out."""
    wide = max(len(f.path) for f in done.files)
    for f in done.files:
        yield f"  {f.path:<{wide}}  {_size(f.bytes):>9}  {f.holds}"
    for why, words in done.left_out.items():
        yield f"  left out of {', '.join(words)}: {why}"


def _size(n: int) -> str:
    return f"{n / 1000:,.1f} kB" if n < 10**6 else f"{n / 10**6:,.1f} MB"


def total(done: Exported) -> str:
    """How many files were written and their size, in words; `export.json` is not counted."""
    n = sum(f.files for f in done.files)
    return f"{n:,} {'file' if n == 1 else 'files'}, {_size(sum(f.bytes for f in done.files))}"
