"""How a checkpoint made elsewhere joins a study, or begins one, with its persona vectors alone.

Nothing is computed from a model: the vectors are matched with the study's cast by name and with its
layers by number, written beside the other checkpoints, and the tables and maps derived again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from psm_viz import __version__
from psm_viz.errors import BadInput, PsmVizError, first_few
from psm_viz.study.activations import PersonaVectors
from psm_viz.study.cast import ASSISTANT, Cast, Family, Persona, Question, load_cast
from psm_viz.study.formats.checkpoint_names import tree_place
from psm_viz.study.formats.role_vectors import (
    FEWEST,
    RoleVectors,
    read_descriptions,
    read_role_vectors,
    role_id,
)
from psm_viz.study.manifest import Checkpoint, Manifest, checkpoint_id
from psm_viz.study.reader import Study

NAMED = "--checkpoint tuned-0001"
"""What names a checkpoint, in an error's words."""
PACKAGES = ("torch", "umap-learn", "scikit-learn", "numpy")
"""What reads the files and makes the map; their versions stand in a new study."""
ROLES = "roles"
"""The one family of a cast that nobody sorted."""


@dataclass(frozen=True)
class Joining:
    """What is said about a folder of vectors besides the files themselves."""

    checkpoint: str | None = None
    """What it is called: `<branch>-<step>`, or a branch whose next step it is."""
    branch: str | None = None
    step: int | None = None
    """Instead of `checkpoint`, for a branch whose name would be read otherwise."""
    pooling: str = "response_mean"
    """How the activations were pooled; the field's convention is the mean over the answer."""
    layers: tuple[int, ...] | None = None
    """Layers of the files' rows. Default: 0, 1, ... (after `offset`)."""
    layer: int | None = None
    """Layer of files that hold one; for a new study of several, its headline layer."""
    offset: int = 0
    """Rows before block 0: 1 where index 0 is the embedding's output."""
    parent: str | None = None
    """Default: the branch's checkpoint before it, or the study's reference."""
    cast: Path | None = None
    """For a new study: a `cast.json` that says families and names."""
    model_name: str = "vectors made elsewhere"
    """For a new study."""


@dataclass(frozen=True)
class Joined:
    """What the files come to: the checkpoint's vectors, the study with it, and what there is to
    say of them."""

    vectors: PersonaVectors
    manifest: Manifest
    cast: Cast
    questions: tuple[Question, ...]
    said: dict[str, str]
    """Where the vectors come from, for the metadata of their file."""
    found: RoleVectors
    """All that the folder holds."""
    rows: dict[int, int]
    """Layer -> row of the folder's role vectors."""
    report: tuple[str, ...]
    warnings: tuple[str, ...]


def join(folder: Path, old: Study | None, name: str, joining: Joining) -> Joined:
    """Match a folder of role vectors with a study, or with a new one of this name.

    Nothing is written. Raises BadInput and BadFile, naming what does not fit, and what the readers
    of vectors and casts raise; all that nobody said is asked for at once.
    """
    known = old.manifest if old else None
    place = tree_place(joining.checkpoint, joining.branch, joining.step, known)
    if known is not None:
        _check_fits(known, joining, place)
    try:
        found = read_role_vectors(folder)
    except PsmVizError as e:
        if place is not None:
            raise
        raise type(e)(e.problem, f"{e.next_step} And name the checkpoint: {NAMED}".strip()) from e
    branch, step = _all_said(place, found, joining, known)
    rows = _rows_of_layers(found, joining, known)
    parent = known and known.checkpoint(joining.parent or _before(known, branch, step)).id
    new = Checkpoint(checkpoint_id(branch, step), branch, step, parent)
    report = [_read_words(found, rows)]
    if new.id != joining.checkpoint:
        report.insert(0, f"checkpoint: {new.id}, step {step} of branch {branch}")
    if old is None:
        cast = _new_cast(folder, found, joining, report)
        manifest = _new_manifest(name, new, found, rows, joining)
    else:
        cast = old.cast
        manifest = replace(old.manifest, checkpoints=(*old.manifest.checkpoints, new))
    vectors = _matched(found, rows, cast, manifest, joining.pooling, report)
    said = {"made": "elsewhere", "types": _kinds(found), "offset": str(joining.offset)}
    questions = old.questions if old else ()
    texts = (tuple(report), tuple(found.warnings))
    return Joined(vectors, manifest, cast, questions, said, found, rows, *texts)


def _check_fits(m: Manifest, joining: Joining, place: tuple[str, int] | None) -> None:
    """Raises BadInput where the id is taken, or an option is for a new study."""
    if place is not None:
        taken = [c.step for c in m.checkpoints if c.branch == place[0]]
        if place[1] in taken:
            raise BadInput(
                f"The study already has a checkpoint {checkpoint_id(*place)}.",
                "Choose another id, for instance: --checkpoint "
                + checkpoint_id(place[0], max(taken) + 1),
            )
    if joining.cast is not None:
        raise BadInput("--cast is for a new study; this one has its cast.", "Leave it out.")
    m.check_pooling(joining.pooling)


def _all_said(
    place: tuple[str, int] | None, found: RoleVectors, joining: Joining, study: Manifest | None
) -> tuple[str, int]:
    """The checkpoint's branch and step. Raises BadInput naming all that nobody said."""
    missing = [] if place else [("the checkpoint has no name", NAMED)]
    layers = study.layers if study else ()
    told = joining.layers is not None or joining.layer is not None or len(layers) == 1
    if found.values.shape[1] == 1 and not told:
        example = study.headline_layer if study else 16
        missing.append(("the files hold one layer and do not say which", f"--layer {example}"))
    if place is None or missing:
        problem = ", and ".join(what for what, _ in missing)
        raise BadInput(
            f"{problem[:1].upper()}{problem[1:]}.",
            "Add, say: " + " ".join(option for _, option in missing),
        )
    return place


def _before(m: Manifest, branch: str, step: int) -> str:
    """The parent by default: the last checkpoint of the branch before `step`, or the reference."""
    own = [c for c in m.checkpoints if c.branch == branch and c.step < step]
    return max(own, key=lambda c: c.step).id if own else m.reference


def _rows_of_layers(found: RoleVectors, joining: Joining, study: Manifest | None) -> dict[int, int]:
    """Layer -> row of the files. Raises BadInput where the options do not fit the files."""
    total = found.values.shape[1]
    rows = range(joining.offset, total)
    if joining.layers is not None:
        named = joining.layers
    elif total > 1:
        named = tuple(range(len(rows)))
    elif joining.layer is not None:
        named = (joining.layer,)
    else:
        named = study.layers if study else ()  # of its one layer, or it had been asked for
    fits = rows and len(named) == len(rows) == len(set(named))
    if joining.offset < 0 or not fits or min(named) < 0:
        raise BadInput(
            f"The files hold {total} rows; --offset {joining.offset} leaves {len(rows)} layers, "
            f"and {len(named)} are named: {first_few(map(str, named))}.",
            "Name every row once, in order, or leave --layers out.",
        )
    if joining.layer is not None and (
        joining.layer not in named or (study is not None and len(named) > 1)
    ):
        raise BadInput(
            f"--layer {joining.layer}: the files hold layers {first_few(map(str, named))}.",
            "--layer names the layer of files that hold one, or a new study's headline layer.",
        )
    return dict(sorted(zip(named, rows, strict=True)))


def _new_cast(folder: Path, found: RoleVectors, joining: Joining, report: list[str]) -> Cast:
    """The cast of a new study: the roles of the files, in families where `--cast` names them."""
    if joining.cast is not None:
        given = load_cast(joining.cast)
        people = tuple(p for p in given.personas if role_id(p.id) in found.roles)
        without = [p.id for p in given.personas if p not in people]
        if without:
            report.append(
                f"{joining.cast.name}: {len(without)} without a file: {first_few(without)}"
            )
        used = {p.family for p in people}
        families = tuple(f for f in given.families if f.id in used)
        kins = {k: v for k, v in given.kins.items() if k in {f.kin for f in families}}
        return replace(given, personas=people, families=families, kins=kins)
    described = read_descriptions(folder)
    people = []
    for role in found.roles:
        name = role.replace("_", " ").capitalize()
        people.append(Persona(role, name, ROLES, name, described.get(role, ""), (), ()))
    assistant = Persona(ASSISTANT, "Assistant", "", "Assistant", "", ("",), ())
    family = Family(ROLES, ROLES.capitalize(), ROLES)
    return Cast(tuple(people), assistant, (family,), {ROLES: ROLES.capitalize()})


def _new_manifest(
    name: str, only: Checkpoint, found: RoleVectors, rows: dict[int, int], joining: Joining
) -> Manifest:
    """A study of which this checkpoint is all there is yet, and the reference."""
    if joining.parent is not None:
        raise BadInput("--parent: a new study begins with this checkpoint.", "Leave it out.")
    layers = tuple(rows)
    headline = layers[len(layers) // 2] if joining.layer is None else joining.layer
    every = len(layers) > 1 and joining.layers is None
    return Manifest(
        name=name,
        model={
            "name": joining.model_name,
            "d_model": found.values.shape[2],
            # where layers were picked, nothing says how many the model has
            "n_layers": len(layers) if every else None,
        },
        generation={},
        reference=only.id,
        headline_pooling=joining.pooling,
        headline_layer=headline,
        poolings=(joining.pooling,),
        layers=layers,
        checkpoints=(only,),
        noise_floor=None,
        notes={"headline_rule": "--layer" if joining.layer is not None else "middle layer"},
        versions={"psm_viz": __version__} | {p: version(p) for p in PACKAGES},
    )


def _matched(
    found: RoleVectors,
    rows: dict[int, int],
    cast: Cast,
    m: Manifest,
    pooling: str,
    report: list[str],
) -> PersonaVectors:
    """The vectors of the study's own personas and layers. Adds to the report what is left out."""
    d = found.values.shape[2]
    if d != m.model["d_model"]:
        raise BadInput(
            f"The files hold vectors of {d} dimensions, the study of {m.model['d_model']}.",
            "They are of another model: give --study a new folder to begin a study of them.",
        )
    row = {role: i for i, role in enumerate(found.roles)}
    own = {p.id: row[role_id(p.id)] for p in cast.personas if role_id(p.id) in row}
    known = {role_id(p) for p in own}
    left_out = [r for r in found.roles if r not in known]
    missing = [p.id for p in cast.personas if p.id not in own]
    text = f"matched: {len(own)} of {len(found.roles)} roles are in the study's cast"
    report.append(text + (f"; {len(left_out)} left out: {first_few(left_out)}" if left_out else ""))
    if missing:
        report.append(f"without vectors: {len(missing)} of the study's cast: {first_few(missing)}")
    if len(own) < FEWEST:
        raise BadInput(
            f"{len(own)} of {len(found.roles)} roles are in the study's cast; at least {FEWEST} "
            "are needed.",
            f"The study's cast: {first_few(cast.ids)}. The files: {first_few(found.roles)}.",
        )
    layers = tuple(n for n in m.layers if n in rows)
    if not layers:
        raise BadInput(
            f"The files hold layers {first_few(map(str, rows))}, the study "
            f"{first_few(map(str, m.layers))}: none in common."
        )
    if len(layers) < max(len(rows), len(m.layers)):
        report.append(
            f"layers: {len(layers)} in common, of {len(rows)} in the files and {len(m.layers)} in "
            "the study"
        )
    picked = [*own.values(), len(found.roles)]
    values = found.values[picked][:, [rows[n] for n in layers]]
    return PersonaVectors(
        values[:, None], (*own, ASSISTANT), (pooling,), layers, m.checkpoints[-1].id
    )


def _read_words(found: RoleVectors, rows: dict[int, int]) -> str:
    layers = f"{len(rows)} layer" + ("s" if len(rows) != 1 else "")
    text = f"read: {len(found.roles)} roles and the Assistant, {layers}, d_model "
    text += f"{found.values.shape[2]}; types: {_kinds(found)}"
    return text + (f"; {found.ignored} other files ignored" if found.ignored else "")


def _kinds(found: RoleVectors) -> str:
    return ", ".join(f"{n} {k}" for k, n in sorted(found.kinds.items())) or "not said"


def unplaced(study: Study, checkpoint: str) -> list[str]:
    """On which maps a checkpoint is missing, and why."""
    out, c = [], checkpoint
    for name in study.maps:
        _, info = study.map(name)
        if c in info.get("not_held", {}):
            out.append(f"not on the map {name}: {info['not_held'][c]}")
        elif c in info.get("not_placeable", {}):
            cosine = info["not_placeable"][c]
            out.append(
                f"not on the map {name}: its roles' vectors have a median cosine of {cosine:.2f} "
                "with the reference's"
            )
    return out
