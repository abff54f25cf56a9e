"""Several figures as one folder or one zip: each in the wanted forms with its table and its record,
and what tells where all came from. The same figures give the same bytes."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from psm_viz.charts.export import CAPTION, FORMS, Export
from psm_viz.errors import BadInput
from psm_viz.study.files import check_free, sha256, whole_folder, write_whole

RECORD, README = "provenance.json", "README.md"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip: the least that the form can say."""
USUAL = ("svg", "csv")
"""The forms that are written where none is named."""


def forms_of(words: Sequence[str]) -> list[str]:
    """Forms by their words, in the order of `FORMS`. Raises BadInput for an unknown one."""
    unknown = [w for w in words if w not in FORMS]
    if unknown:
        raise BadInput(f"--format {unknown[0]}: unknown.", f"Give of {', '.join(FORMS)}.")
    return [form for form in FORMS if form in words]


def bundle_of(exports: Iterable[Export], forms: Sequence[str]) -> dict[str, bytes]:
    """The files of a bundle by their names: figures, tables, records, provenance, README.

    In the order of their names, each once; different ones of one name, such as of two pages, are
    numbered.
    """
    files: dict[str, bytes] = {}
    listed: list[dict[str, Any]] = []
    taken: dict[str, int] = {}
    every = {(one.name, one.record["link"]): one for one in exports}
    for one in (every[key] for key in sorted(every)):
        taken[one.name] = taken.get(one.name, 0) + 1
        name = one.name + (f"-{taken[one.name]}" if taken[one.name] > 1 else "")
        made = {name + FORMS[form].end: FORMS[form].make(one) for form in forms}
        made[name + CAPTION.end] = CAPTION.make(one)
        files |= made
        listed.append({"figure": name, "link": one.record["link"], "title": one.record["title"]})
        listed[-1] |= {k: one.record[k] for k in ("study", "study_sha256")}
        listed[-1]["files"] = {file: sha256(data) for file, data in made.items()}
    record = {"figures": listed}
    files[RECORD] = (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()
    files[README] = _readme(listed, files).encode()
    return files


def _readme(listed: Sequence[Mapping[str, Any]], files: Mapping[str, bytes]) -> str:
    """What lies in a bundle, for somebody who has nothing else."""
    lines = [
        "# Figures of Persona Space",
        "",
        "Each figure comes with a `.caption.json`: its finding, its caption, what it rests on, the",
        "hash of its study, versions, and the link that brings it back in a dashboard on that",
        "study (`python -m psm_viz serve`). Units of the tables' columns: docs/exports.md of the",
        "program. `provenance.json` has the hash of every file.",
    ]
    for one in listed:
        told = json.loads(files[one["figure"] + CAPTION.end])
        lines += ["", f"## {one['figure']}", "", f"**{told['title']}.** {told['caption']}", ""]
        lines += [f"- files: {', '.join(f'`{f}`' for f in one['files'])}"]
        lines += [f"- study: {one['study']}, sha256 `{one['study_sha256']}`"]
        lines += [f"- link: `{one['link']}`"]
    return "\n".join(lines) + "\n"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip without times or rights of its own."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return out.getvalue()


def check_out(out: Path) -> None:
    """Raise BadInput for a place that holds something already, or where nothing can be written."""
    if out.suffix == ".zip":
        if out.exists():
            raise BadInput(f"{out}: exists; nothing is overwritten.", "Name another with --out.")
    else:
        check_free(out, RECORD)
    above = next(p for p in out.absolute().parents if p.exists())
    if not above.is_dir():
        raise BadInput(f"{out}: cannot be written ({above} is no folder).", "Name another folder.")


def write_bundle(out: Path, files: Mapping[str, bytes]) -> None:
    """Write a bundle whole or not at all: a zip where the name ends so, else a new folder.

    Raises BadInput, NotWritten.
    """
    check_out(out)
    try:
        if out.suffix == ".zip":
            write_whole(out, zipped(files))
            return
        with whole_folder(out) as work:
            for name, data in {RECORD: files[RECORD], **files}.items():
                write_whole(work / name, data)  # an unfinished folder is known by the first
    except OSError as e:
        raise BadInput(
            f"{out}: cannot be written ({e.strerror or e}).", "Name another folder."
        ) from e
    finally:  # there is none after a success; what an error leaves is of no use
        shutil.rmtree(out.with_name(out.name + ".partial"), ignore_errors=True)
        if out.suffix == ".zip":
            out.with_name(out.name + ".partial").unlink(missing_ok=True)
