"""A folder of role vectors, as published with the Assistant axis (Lu et al. 2026).

One `.pt` file a role, its stem the role's name: `{"vector": tensor, "type": str, "role": str}` or
a bare tensor, [layer, d_model] or [d_model]; `default.pt` is the Assistant. What else is published
beside them is known for what it is, by what it holds and then, where that is a bare tensor, by its
name: an Assistant axis (`{"axis": tensor, ...}`; `axis*`, `*_axis`, `assistant_axis*`) and trait
vectors (`<trait>_response_avg_diff` and its like, as persona vectors are published, Chen et al.
2025, whose row 0 is the embedding's output). The files are archives of pickles, so each is read
with `weights_only=True`, which builds tensors and plain containers and calls nothing else, and only
after its size on disk and unpacked were found sane.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadFile, BadInput, UnknownName, first_few
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.files import check_stem, json_of, whole_folder

DEFAULT = "default"
"""Stem of the Assistant's file."""
ROLE_CALLED_ASSISTANT = f"{ASSISTANT}_role"
LARGEST_FILE = 512 * 2**20
LARGEST_FOLDER = 8 * 2**30
"""Bytes of all vectors together in single precision."""
VECTOR, AXIS = "vector", "axis"
"""Keys under which a role's vector and an axis lie."""
WORDS = ("type", "role")
FEWEST = 4
"""Roles that a cast needs."""
WHOLE = "Download it again, or leave it out of the folder."
AXIS_NAMES = ("axis*", "*_axis", "assistant_axis*")
TRAIT_NAME = re.compile(r"(.+)_(response_avg|prompt_avg|prompt_last)_diff")


@dataclass(frozen=True)
class Other:
    """A file of the folder that is no role: an Assistant axis, or a trait's vector."""

    file: str
    values: Float[np.ndarray, "row d_model"]
    """float32; of an axis row l is block l, of a trait's vector row l + 1 (its last one, as it is
    published, after the final norm)."""
    trait: str = ""
    """Nothing for an axis."""
    where: str = ""
    """Where a trait was read: `response_avg`, `prompt_avg` or `prompt_last`."""

    @property
    def words(self) -> str:
        """What it is."""
        if not self.trait:
            return "an Assistant axis"
        return f"the vector of a trait, {self.trait} ({self.where.replace('_', ' ')})"


@dataclass(frozen=True)
class RoleVectors:
    """The vectors of one folder: mean activation per role, the Assistant last, float32.

    Rows follow `roles`; files of shape [d_model] give one layer.
    """

    values: Float[np.ndarray, "persona layer d_model"]
    roles: tuple[str, ...]
    """Ids: the stems in lower case with `_` for spaces and hyphens."""
    kinds: dict[str, int]
    """The `type` entries of the files and how many have each."""
    ignored: int
    """Other files and folders, left alone."""
    warnings: tuple[str, ...]
    others: tuple[Other, ...] = ()
    """Axes and trait vectors beside the roles."""


def role_id(name: str) -> str:
    """The id of a role by its name or file: `Data Scientist` and `data-scientist` are the same.

    The role that is called assistant is not the Assistant, whose id that is.
    """
    plain = re.sub(r"[\s_-]+", "_", name.strip()).lower()
    return ROLE_CALLED_ASSISTANT if plain == ASSISTANT else plain


def read_role_vectors(folder: Path) -> RoleVectors:
    """Read every `.pt` of a folder.

    Raises UnknownName where there is no such folder; BadFile naming a file that holds something
    else than finite tensors, is cut short, too large, or of another shape than the others; BadInput
    for a folder without `default.pt` or with fewer than four roles.
    """
    if not folder.is_dir():
        raise UnknownName(f"{folder} is not a folder.", "Name the folder that holds the .pt files.")
    entries = sorted(folder.iterdir())
    files = [p for p in entries if p.suffix.lower() == ".pt" and p.name[:1] != "."]
    by_role = _by_role(folder, files)
    first = by_role[DEFAULT].name
    found: dict[str, np.ndarray] = {}
    others: list[Other] = []
    kinds: Counter[str] = Counter()
    warnings: list[str] = []
    for role, path in by_role.items():
        held = _read(path, folder)
        if held.values.nbytes * len(by_role) > LARGEST_FOLDER:
            raise BadFile(
                f"{folder}: {len(by_role)} files of shape {held.values.shape} are more than "
                f"{LARGEST_FOLDER // 2**30} GiB.",
                "Keep fewer layers in the files.",
            )
        if other := _other(path, held):
            others.append(other)
            continue
        found[role] = held.values
        shape = found[DEFAULT].shape
        if held.values.shape != shape:
            raise BadFile(
                f"{path.name}: expected shape {shape}, as {first} has, found {held.values.shape}.",
                "All files must be of one model, with the same layers.",
            )
        kinds.update([held.kind] if held.kind else [])
        if held.role and role not in (DEFAULT, role_id(held.role)):
            warnings.append(f'{path.name}: says "role": "{held.role}"; the file\'s name counts')
    _check_number(folder, len(found) - 1, others)
    if ROLE_CALLED_ASSISTANT in found:
        warnings.append(
            f"{ROLE_CALLED_ASSISTANT}: a role like the others; {first} is the Assistant"
        )
    names = tuple(r for r in found if r != DEFAULT)
    stack = np.stack([np.atleast_2d(found[r]) for r in (*names, DEFAULT)])
    warnings += _oddities([*names, DEFAULT], stack)
    ignored = len(entries) - len(files)
    return RoleVectors(stack, names, dict(kinds), ignored, tuple(warnings), tuple(others))


def _check_number(folder: Path, roles: int, others: list[Other]) -> None:
    if roles < FEWEST:
        beside = f" and {len(others)} axes or trait vectors" if others else ""
        raise BadInput(
            f"{folder}: a cast needs at least {FEWEST} roles, found {roles}{beside}.",
            "Name the folder that holds one .pt a role.",
        )


def write_role_vectors(
    values: Float[np.ndarray, "persona layer d_model"], roles: Sequence[str], folder: Path
) -> None:
    """Write one `.pt` a role and `default.pt`, the Assistant's, which is the last row, in one
    rename: float32, `type` "mean".

    Raises BadInput for ids that no file can have, or that are the same role.
    """
    import torch

    names = [check_stem(r, (DEFAULT,)) for r in roles]
    same = [n for n, k in Counter(map(role_id, names)).items() if k > 1]
    if same:
        raise BadInput(
            f"Several personas are the role {same[0]!r}.", "Give them other ids in the cast."
        )
    with whole_folder(folder) as work:
        for name, own in zip((*names, DEFAULT), values, strict=True):
            # a copy: of a view the whole array would be stored
            vector = torch.from_numpy(np.array(own, dtype=np.float32))
            torch.save({"vector": vector, "type": "mean", "role": name}, work / f"{name}.pt")


def read_descriptions(folder: Path) -> dict[str, str]:
    """Role id -> description, from `role_list.json` in the folder or its parent; else empty.

    Raises BadFile where the file is not `{role: description}`.
    """
    for path in (folder / "role_list.json", folder.parent / "role_list.json"):
        if path.is_file():
            try:
                data = json_of(path.read_bytes())
                return {role_id(str(k)): str(v) for k, v in data.items()}
            except (OSError, ValueError, AttributeError) as e:
                raise BadFile(f"{path}: expected an object of role: description ({e}).") from e
    return {}


def _by_role(folder: Path, files: list[Path]) -> dict[str, Path]:
    """Id -> file: the Assistant's first, under its stem, then the roles by name."""
    out: dict[str, Path] = {}
    for path in files:
        role = role_id(path.stem)
        if not path.name.isprintable():
            raise BadFile(f"{path.name!r}: refused: a name that cannot be printed.")
        if role in out:
            raise BadFile(f"{out[role].name} and {path.name}: both are role {role!r}.")
        out[role] = path
    if DEFAULT not in out:
        known = sum(_named(path) is not None for path in files)
        beside = f", {known} of them axes or trait vectors by name" if known else ""
        raise BadInput(
            f"{folder}: has no default.pt (found {len(files)} other .pt files{beside}).",
            "default.pt holds the Assistant: the mean activation when no role is asked for. Where "
            "it lies elsewhere or has another name, copy it there.",
        )
    assistant = out.pop(DEFAULT)
    return {DEFAULT: assistant, **out}


@dataclass(frozen=True)
class _Held:
    """What one file holds: values [layer, d_model] or [d_model], and what it says of them."""

    values: np.ndarray
    key: str
    """Under which key they lay; nothing for a bare tensor."""
    kind: str
    role: str


def _other(path: Path, held: _Held) -> Other | None:
    """The file as something else than a role; None where it is one."""
    named = ("", "") if held.key == AXIS else None if held.key else _named(path)
    if named is None:
        return None
    found = Other(path.name, np.atleast_2d(held.values), *named)
    if role_id(path.stem) == DEFAULT:
        raise BadFile(f"{path.name}: is {found.words}, and no vector of the Assistant.", WHOLE)
    return found


def _named(path: Path) -> tuple[str, str] | None:
    """(trait, where it was read) of a file by its name, both empty for an axis; None for a role."""
    stem = path.stem.lower()
    if trait := TRAIT_NAME.fullmatch(stem):
        return trait[1], trait[2]
    return ("", "") if any(fnmatchcase(stem, name) for name in AXIS_NAMES) else None


def _read(path: Path, folder: Path) -> _Held:
    """What one file holds. Raises BadFile."""
    import torch

    _check_file(path, folder)
    try:
        # weights_only: the one way of reading a .pt that runs nothing of what is in it
        held = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except Exception as e:  # the unpickler raises whatever a malformed archive leads it to
        raise BadFile(
            f"{path.name}: refused: it holds something other than tensors, or is damaged "
            f"({_first_line(e)}).",
            WHOLE,
        ) from e
    key = kind = role = ""
    if isinstance(held, dict):
        key = next((k for k in (VECTOR, AXIS) if k in held), "")
        if not key:
            keys = ", ".join(sorted(_word(k) or "?" for k in held)[:5])
            raise BadFile(
                f'{path.name}: expected a key "{VECTOR}" or "{AXIS}", found: {keys or "none"}.'
            )
        kind, role = (_word(held.get(k)) for k in WORDS)
        held = held[key]
    return _Held(_array(path.name, held), key, kind, role)


def _word(entry: Any) -> str:
    """A short entry that may be shown on a terminal, else nothing."""
    return entry[:40] if isinstance(entry, str) and entry.isprintable() else ""


def _check_file(path: Path, folder: Path) -> None:
    """What can be known of a file before anything in it is read. Raises BadFile."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadFile(
            f"{path.name}: refused: it is a link that leaves the folder.",
            "Copy the files themselves into a folder, for instance with: cp -rL FOLDER COPY",
        )
    if not path.is_file():
        raise BadFile(f"{path.name}: is not a plain file.", WHOLE)
    size = path.stat().st_size
    if size <= LARGEST_FILE:
        try:
            with zipfile.ZipFile(path) as archive:
                # a compressed archive may unpack to more than the disk holds
                size = max(size, sum(i.file_size for i in archive.infolist()))
        except Exception as e:  # a malformed table of contents leads it to whatever it may
            raise BadFile(
                f"{path.name}: refused: it is not an archive as torch.save writes it, or it is "
                f"cut short ({_first_line(e)}).",
                WHOLE,
            ) from e
    if size > LARGEST_FILE:
        raise BadFile(
            f"{path.name}: refused: {size / 2**20:.0f} MiB; a role's vector has at most "
            f"{LARGEST_FILE // 2**20}.",
            WHOLE,
        )


def _array(name: str, held: Any) -> np.ndarray:
    """A tensor as float32, checked before it is unfolded. Raises BadFile."""
    import torch

    if not isinstance(held, torch.Tensor):
        raise BadFile(f"{name}: expected a tensor, found {type(held).__name__}.")
    plain = held.layout is torch.strided and held.device.type == "cpu"
    if not plain or not held.is_floating_point():
        raise BadFile(f"{name}: expected a tensor of real numbers, found {held.dtype}.")
    if held.ndim not in (1, 2) or not held.numel():
        raise BadFile(
            f"{name}: expected shape (d_model,) or (layers, d_model), found {tuple(held.shape)}."
        )
    # a stride of zero makes a small file claim any size
    if held.numel() * 4 > LARGEST_FILE:
        raise BadFile(f"{name}: refused: shape {tuple(held.shape)} is too large.", WHOLE)
    values = held.detach().float().numpy().copy()
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise BadFile(f"{name}: {bad} of {values.size} values are not finite numbers.", WHOLE)
    return values


def _oddities(names: list[str], stack: np.ndarray) -> list[str]:
    """What is strange in vectors that can be read: roles that are the same, constant dimensions."""
    out = []
    same: dict[bytes, list[str]] = {}
    for name, values in zip(names, stack, strict=True):
        same.setdefault(values.tobytes(), []).append(name)
    for group in same.values():
        if len(group) > 1:
            out.append(f"identical vectors, all kept: {first_few(group)}")
    constant = int((np.ptp(stack, axis=0) == 0).all(0).sum())
    if constant:
        out.append(f"{constant} of {stack.shape[2]} dimensions are the same in every file")
    return out


def _first_line(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text[:120].rstrip(" .")
