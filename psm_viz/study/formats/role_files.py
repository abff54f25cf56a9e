"""A folder of role files, as published with the Assistant axis (Lu et al. 2026), as a cast.

One JSON file a role, its stem the role's id: `{"instruction": [{"pos": str}, ...]}`, with our own
`name`, `family` and `description` where it has them; other keys (`questions`, `eval_prompt`) are
left alone. `default.json` holds the neutral wordings of the Assistant, of which one may be empty.
`families.json`, beside the files or above them, says how families are called and which kin each
belongs to, and which act badly; without it every role is a family of its own kind, 'roles'.

A trait's file looks alike, `{"instruction": [{"pos": str, "neg": str}, ...]}`, and is refused: a
trait is a direction between two ways to answer, and nobody who could be played.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as short
from typing import Any

from psm_viz.errors import BadFile, BadInput, UnknownName, first_few
from psm_viz.study.cast import ASSISTANT, Cast, Family, Persona
from psm_viz.study.files import check_stem, json_bytes, json_of, whole_folder

DEFAULT, ROLES, FAMILIES, LIST = "default.json", "roles", "families.json", "role_list.json"
ALONE = "roles"
"""The family of roles of which no file says a family."""
EXPECTED = 'Expected {"instruction": [{"pos": "You are ..."}, ...]}.'
MODEL_NAME = "{model_name}"
"""What stands for the model's name in instructions of published files."""


@dataclass(frozen=True)
class RoleCast:
    """A cast read from role files, and the families that act badly, where the folder says so."""

    cast: Cast
    marked: tuple[str, ...]


def read_roles(folder: Path, model_name: str = "") -> RoleCast:
    """The cast of a folder of role files, or of one that holds them in `roles/`. With a name of the
    model, that stands where the files have `MODEL_NAME`.

    Raises UnknownName for no folder, BadFile naming file and key, BadInput for one without roles or
    with files of traits among them.
    """
    if not folder.is_dir():
        raise UnknownName(f"There is no folder {folder}.", "Name a folder of role files.")
    inner = folder / ROLES if (folder / ROLES).is_dir() else folder
    kins, families, marked = _families(folder / FAMILIES)
    told = _descriptions(inner / LIST)
    files = sorted(inner.glob("*.json"))
    roles = [p for p in files if p.name not in (DEFAULT, FAMILIES, LIST)]
    if not roles:
        raise BadInput(f"{inner}: holds no role file (*.json).", "Name a folder of role files.")
    held = {path: _read(path) for path in roles}
    if traits := [path.name for path, data in held.items() if _is_trait(data)]:
        raise BadInput(
            f"{inner}: {len(traits)} of {len(roles)} files are of traits, not of roles, since "
            f"their instructions have 'neg' beside 'pos': {first_few(traits)}.",
            "A cast is of roles. Leave these files out, or name the folder of the role files.",
        )
    people = [_persona(path, data, told) for path, data in held.items()]
    known = {f.id for f in families}
    new = dict.fromkeys(p.family for p in people if p.family not in known)
    families += tuple(Family(f, f.replace("-", " ").capitalize(), ALONE) for f in new)
    if new:
        kins = kins | {ALONE: "Roles"}
    neutral = inner / DEFAULT
    wordings = _wordings(neutral, _read(neutral)) if neutral.exists() else ("",)
    own = Persona(
        ASSISTANT, "Assistant", "", "Assistant", "Who answers when nobody is named.", (), wordings
    )
    used = {p.family for p in people}
    kept = tuple(f for f in families if f.id in used)
    cast = Cast(tuple(people), own, kept, kins)
    if model_name:
        cast = _named(cast, model_name)
    return RoleCast(cast, tuple(m for m in marked if m in used))


def _named(cast: Cast, model: str) -> Cast:
    """A cast whose instructions call the model by its name."""

    def named(p: Persona) -> Persona:
        return replace(p, prose=tuple(t.replace(MODEL_NAME, model) for t in p.prose))

    people = tuple(named(p) for p in cast.personas)
    return replace(cast, personas=people, assistant=named(cast.assistant))


def write_roles(cast: Cast, marked: Iterable[str], folder: Path) -> None:
    """Write a cast as role files, its families beside them, in one rename.

    Raises BadInput for a persona without prose, or of an id that no file can have.
    """
    taken = [Path(name).stem for name in (DEFAULT, FAMILIES, LIST)]
    for p in cast.personas:
        check_stem(p.id, taken)
        if not p.prose:
            raise BadInput(f"{p.id} has no instruction in prose.", "Give it one in cast.json.")
    with whole_folder(folder) as work:
        (work / ROLES).mkdir()
        for p in cast.personas:
            texts = [{"pos": t} for t in p.prose]
            file = {"id": p.id, "name": p.name, "family": p.family, "description": p.description}
            _write(work / ROLES / f"{p.id}.json", file | {"instruction": texts})
        if own := [{"pos": t} for t in cast.assistant.prose]:
            _write(work / ROLES / DEFAULT, {"instruction": own})
        families = [{"id": f.id, "name": f.name, "kin": f.kin} for f in cast.families]
        told = {"kins": cast.kins, "families": families, "marked": list(marked)}
        _write(work / FAMILIES, told)


def _write(path: Path, value: Any) -> None:
    path.write_bytes(json_bytes(value))


def _read(path: Path) -> dict[str, Any]:
    if not path.name.isprintable():
        raise BadFile(f"{str(path)!r}: refused: a name that cannot be printed.")
    try:
        found = json_of(path.read_bytes())
    except (OSError, ValueError) as e:
        raise BadFile(f"{path}: cannot be read as JSON ({e}).", EXPECTED) from e
    if not isinstance(found, dict):
        raise BadFile(f"{path}: expected an object, found {type(found).__name__}.", EXPECTED)
    return found


def _is_trait(data: dict[str, Any]) -> bool:
    listed = data.get("instruction")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return any({"pos", "neg"} <= one.keys() for one in found)


def _wordings(path: Path, data: dict[str, Any]) -> tuple[str, ...]:
    """The instructions of one file."""
    listed = data.get("instruction")
    if not isinstance(listed, list) or not listed:
        raise BadFile(f"{path}: instruction is no list of instructions.", EXPECTED)
    for n, one in enumerate(listed):
        if not isinstance(one, dict) or not isinstance(one.get("pos"), str):
            raise BadFile(f"{path}: instruction[{n}] has no text under 'pos'.", EXPECTED)
    return tuple(one["pos"] for one in listed)


def _persona(path: Path, data: dict[str, Any], told: dict[str, str]) -> Persona:
    given = {k: data[k] for k in ("name", "family", "description") if k in data}
    for key, value in given.items():
        if not isinstance(value, str) or not value.strip():
            raise BadFile(f"{path}: {key} is {short(value)}, expected a text.", EXPECTED)
    name = given.get("name", path.stem.replace("_", " ").replace("-", " ").capitalize())
    return Persona(
        id=path.stem,
        name=name,
        family=given.get("family", ALONE),
        speaker=name,
        description=given.get("description", told.get(path.stem, "")),
        instructions=(),
        prose=_wordings(path, data),
    )


def _descriptions(path: Path) -> dict[str, str]:
    """What `role_list.json` says of each role, where there is one."""
    if not path.exists():
        return {}
    return {str(k): v for k, v in _read(path).items() if isinstance(v, str)}


def _families(path: Path) -> tuple[dict[str, str], tuple[Family, ...], tuple[str, ...]]:
    if not path.exists():
        return {}, (), ()
    data = _read(path)
    try:
        kins = {str(k): str(v) for k, v in data["kins"].items()}
        families = tuple(
            Family(str(f["id"]), str(f["name"]), str(f["kin"])) for f in data["families"]
        )
        marked = tuple(map(str, data.get("marked", ())))
    except (KeyError, TypeError, AttributeError) as e:
        raise BadFile(f"{path}: expected keys kins, families, marked ({e}).") from e
    lost = sorted({f.kin for f in families} - kins.keys())
    if lost:
        raise BadFile(f"{path}: families of a kin {lost[0]!r} that kins does not name.")
    return kins, families, marked
