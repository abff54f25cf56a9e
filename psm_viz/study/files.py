"""Files written whole or not at all, and the byte forms that a study is made of."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load, save

from psm_viz.errors import BadFile, BadInput, NotWritten

HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON spells one half of a character beyond the first plane."""
REFUSED = ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "EACCES", "EPERM")
"""Errors of a disk that does not take what is written."""
THERE = (errno.ENOTEMPTY, errno.EEXIST)
"""Errors of a rename onto a folder that is not empty."""
AGAIN = (
    "Give it room (or name another folder) and give the same command again: what is finished stays."
)
NO_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)
"""Errors of a path at which no file can stand."""
ELSEWHERE = "Name a file in a folder that can be written."


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Inside, a disk that is full or refuses is told as NotWritten, naming `path`, by whichever
    library it was met."""
    try:
        yield
    except Exception as e:  # Rust's libraries raise types of their own
        why = _refusal(e)
        if why is None:
            raise
        raise NotWritten(f"{path}: cannot be written ({why}).", AGAIN) from e


def _refusal(e: Exception) -> str | None:
    """Why a disk did not take what was written; None for any other error."""
    codes = {getattr(errno, name) for name in REFUSED}
    if isinstance(e, OSError) and e.errno is not None:
        return os.strerror(e.errno) if e.errno in codes else None
    # copies of folders and libraries in Rust have the number in their words alone
    said = {int(n) for n in re.findall(r"(?:Errno|os error) (\d+)", str(e))} & codes
    return os.strerror(min(said)) if said else None


def write_whole(path: Path, data: bytes) -> None:
    """Write one file whole: temporary name, fsync, rename; what cannot be written leaves nothing.
    Raises NotWritten."""
    partial = path.with_name(path.name + ".partial")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            partial.rename(path)
    except (OSError, NotWritten) as e:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(e, NotWritten) or e.errno not in NO_PLACE:
            raise
        raise NotWritten(f"{path}: cannot be written ({e.strerror or e}).", ELSEWHERE) from e


@contextmanager
def whole_folder(final: Path, *, several: bool = False) -> Iterator[Path]:
    """A folder to fill under a temporary name; on leaving it is synced and put in place of `final`.

    After an error or a kill inside, `final` is as it was and the temporary one is left. With
    `several`, others may be filling the same at once, and the first to end is kept. Raises
    NotWritten.
    """
    recover(final)
    own = f".{uuid4().hex}" if several else ""
    work = final.with_name(f"{final.name}{own}.partial")
    with writing(final):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        yield work
        for path in work.rglob("*"):
            if path.is_file():
                with path.open("rb") as f:
                    os.fsync(f.fileno())
        if not several:
            return swap(work, final)
        try:
            work.rename(final)
        except OSError as e:
            if e.errno not in THERE:
                raise
            shutil.rmtree(work)
    return None


def check_free(final: Path, ours: str) -> None:
    """Raise BadInput unless `final` is a new or empty folder, and nothing beside it would be lost
    by `whole_folder`.

    `ours`: the file that an unfinished folder of the same kind holds; another is not touched.
    """
    beside = [final.with_name(final.name + end) for end in (".old", ".partial")]
    taken = [p for p in (final, *beside) if p.is_symlink() or (p.exists() and not _empty(p))]
    if beside[1] in taken and not beside[1].is_symlink() and (beside[1] / ours).is_file():
        taken.remove(beside[1])
    if taken:
        raise BadInput(
            f"{taken[0]}: exists and is no empty folder; nothing is overwritten.",
            "Name a new folder with --out.",
        )


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def check_stem(name: str, taken: Collection[str] = ()) -> str:
    """Return a persona's id if a file can be called so. Raises BadInput for one that leads out of
    its folder, cannot be written or is among those taken."""
    wrong = not name.isprintable() or name[:1] in ("", ".") or name != Path(name).name
    if wrong or "\\" in name or len(name.encode("utf-8", "replace")) > 200 or name in taken:
        raise BadInput(
            f"No file can be called after the persona {name!r}.", "Give it another id in the cast."
        )
    return name


def swap(work: Path, final: Path) -> None:
    """Put a folder in place of another by renames; a kill between them is undone by `recover`."""
    old = final.with_name(final.name + ".old")
    while True:
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            final.rename(old)
        try:
            work.rename(final)
            break
        except OSError as e:
            # somebody who opened it between the renames has undone the first
            if e.errno not in THERE:
                raise
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Undo a swap of `folder` for a newer one that a kill cut between its two renames, or end one
    that was cut after them."""
    old = folder.with_name(folder.name + ".old")
    if not old.is_dir():
        return
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.rename(folder)


def json_bytes(data: Any) -> bytes:
    """Indented JSON with a last newline."""
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def json_of(data: bytes | str) -> Any:
    """The value of a JSON text of unknown origin, in UTF-8 with or without a mark of it.

    Raises ValueError, its sentence fit to be shown, for what is no JSON, for values nested too deep
    and for text with half a character in it, which no file could hold afterwards.
    """
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    try:
        found = json.loads(text)
        if HALF.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError as e:
        raise ValueError("values are nested too deep") from e
    except UnicodeEncodeError as e:
        half = e.object[e.start]
        raise ValueError(f"a text holds {half!r}, which is half a character") from e
    return found


def plain(x: Any, digits: int | None = None) -> Any:
    """The same as plain values that JSON can hold: numpy's numbers as Python's, None for what is
    not finite, and with `digits` rounded to as many decimals."""
    if isinstance(x, dict):
        return {str(k): plain(v, digits) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v, digits) for v in x]
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, float):
        if not np.isfinite(x):
            return None
        return x if digits is None else round(x, digits)
    return x


def half(values: np.ndarray, what: str) -> np.ndarray:
    """Values in half precision. Raises BadFile, naming `what`, when they do not fit."""
    out = np.ascontiguousarray(values, dtype=np.float16)
    if not np.isfinite(out).all():
        raise BadFile(f"{what}: values do not fit into half precision.")
    return out


def tensor_bytes(tensors: dict[str, np.ndarray], text: dict[str, str]) -> bytes:
    """A safetensors file. Equal arrays and text give equal bytes: the library writes the text in
    any order, and a study is known by its hashes."""
    data = save(tensors, text)
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def tensors_and_text(data: bytes, where: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A safetensors file in single precision, and its free text, of which lists are written as
    JSON. Raises BadFile."""
    try:
        tensors = {k: v.astype(np.float32) for k, v in load(data).items()}
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        text = header.get("__metadata__", {})
        return tensors, {k: json.loads(v) if v[:1] == "[" else v for k, v in text.items()}
    except (SafetensorError, ValueError) as e:
        raise BadFile(f"{where}: cannot be read as safetensors ({e}).") from e


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as a compressed Parquet file."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as CSV: UTF-8, one header, a line a row, empty where there is no value."""
    return frame.to_csv(index=False, lineterminator="\n").encode()
