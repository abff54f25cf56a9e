"""A study's vectors as they are exported: persona vectors, Assistant axis, trait vectors, and the
same as AnnData; each with the metadata that says what it is, every value a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats.vectors import assistant_axis, trait_axis
from psm_viz.study.activations import PersonaVectors, common_cast
from psm_viz.study.cast import family_weights, trait_values
from psm_viz.study.files import tensor_bytes, write_whole
from psm_viz.study.formats.anndata_files import Annotated, Rows, write_h5ad
from psm_viz.study.provenance import UNKNOWN, provenance
from psm_viz.study.reader import Study
from psm_viz.tables.export_frames import Part

VECTORS, AXIS, TRAITS = "persona_vectors", "axis", "trait_vectors"
"""Folders of safetensors, a file a checkpoint."""
CENTRING = {
    VECTORS: "none",
    AXIS: "the Assistant less the cast's mean, families counting equally",
    TRAITS: "mean of the personas above the trait's median less the mean of those below",
}
HOOK = "resid_post"
ASK = "Ask the cast: python -m psm_viz extract --model FOLDER --ask all --out DIR"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Taken:
    """The vectors of one checkpoint as far as they were asked for."""

    vectors: PersonaVectors
    """Of the chosen poolings and layers."""
    made_elsewhere: bool


def taken(study: Study, part: Part, leave_out: Say) -> Iterator[Taken]:
    """The chosen checkpoints' vectors, one at a time; `leave_out` is told of those without.

    Raises UnknownName where no checkpoint has any.
    """
    found, without = 0, []
    for checkpoint in part.ids(study):
        v = study.vectors(checkpoint)
        poolings = [p for p in v.poolings if part.pooling in (None, p)]
        layers = [n for n in v.layers if part.layer in (None, n)]
        if not poolings or not layers:
            without.append(checkpoint)
            continue
        values = v.values[:, [v.poolings.index(p) for p in poolings]]
        values = values[:, :, [v.layers.index(n) for n in layers]]
        own = PersonaVectors(values, v.ids, tuple(poolings), tuple(layers), checkpoint)
        found += 1
        yield Taken(own, not study.holds(checkpoint, "questions"))
    if not found:
        raise UnknownName("No chosen checkpoint has such vectors.", ASK)
    if without:
        leave_out(f"no vectors of {', '.join(without)}")


def write_tensors(
    study: Study, what: str, work: Path, part: Part, leave_out: Say
) -> list[tuple[str, str]]:
    """Write `what`, a key of `CENTRING`, a file a checkpoint; return the files below `work` and
    what each holds, in words.

    Raises UnknownName where there is nothing to write.
    """
    said, why = [], ""
    for one in taken(study, part, leave_out):
        v = one.vectors
        try:
            tensors = _tensors(study, what, v, leave_out)
        except BadInput as e:  # before training the Assistant may be its cast's mean
            why = e.problem
            leave_out(f"{v.checkpoint}: {why}")
            continue
        text = provenance_of(study, one) | {"what": what, "centring": CENTRING[what]}
        text["shape"] = "persona, layer, d_model" if what == VECTORS else "layer, d_model"
        path = f"{what}/{v.checkpoint}.safetensors"
        write_whole(work / path, tensor_bytes(tensors, text))
        shape = " x ".join(map(str, next(iter(tensors.values())).shape))
        said.append((path, f"{len(tensors)} of {shape}"))
    if not said:
        raise UnknownName(f"No chosen checkpoint has them: {why}", ASK)
    return said


def _tensors(study: Study, what: str, v: PersonaVectors, leave_out: Say) -> dict[str, np.ndarray]:
    """The tensors of one file, float32: by pooling, of traits by trait and pooling."""
    if what == VECTORS:
        return {p: _single(v.values[:, k]) for k, p in enumerate(v.poolings)}
    cast = common_cast(study.cast, (v,))
    weights = family_weights(cast)
    if what == AXIS:
        return {
            p: _single(
                [assistant_axis(x[-1], x[:-1], weights) for x in _layers(v, p)],
            )
            for p in v.poolings
        }
    traits = trait_values(cast)
    if not traits:
        raise UnknownName(
            "The cast of this study has no traits.",
            "Give every persona traits in cast.json: python -m psm_viz extract --cast cast.json",
        )
    out = {}
    for name, values in traits.items():
        try:
            for p in v.poolings:
                own = [trait_axis(x[:-1], values) for x in _layers(v, p)]
                out[f"{name}/{p}"] = _single(own)
        except BadInput as e:
            leave_out(f"{v.checkpoint}, trait {name}: {e.problem}")
    if not out:
        raise BadInput("No trait parts the cast in two.")
    return out


def _layers(v: PersonaVectors, pooling: str) -> list[np.ndarray]:
    """[persona, d_model] of every layer, in double precision."""
    return [v.at(pooling, n).astype(np.float64) for n in v.layers]


def _single(values: np.ndarray | list[np.ndarray]) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)


def provenance_of(study: Study, one: Taken) -> dict[str, str]:
    """What the exported vectors of one checkpoint are, every value a text."""
    out, m = provenance(study), study.manifest
    v, c = one.vectors, m.checkpoint(one.vectors.checkpoint)
    # a folder of vectors made elsewhere does not say where in the model they were read
    hook = UNKNOWN if one.made_elsewhere else HOOK
    return out | {
        "checkpoint": c.id,
        "branch": c.branch,
        "step": str(c.step),
        "hook": hook,
        "poolings": json.dumps(v.poolings),
        "layers": json.dumps(v.layers),
        "personas": json.dumps(v.ids),
    }


def write_annotated(study: Study, path: Path, pooling: str, part: Part, leave_out: Say) -> int:
    """Write one pooling's vectors as AnnData, a row a persona and checkpoint; return the rows.

    X is the chosen or the headline layer; a checkpoint without it is left out, and what it lacks
    of other layers is NaN. Raises UnknownName where there is no such vector, BadInput without the
    package that writes the files.
    """
    m = study.manifest
    own = Part(part.checkpoints, part.layer, pooling)
    head = m.headline_layer if part.layer is None else part.layer
    every = m.layers if part.layer is None else (part.layer,)
    frames, ids, elsewhere = [], [], []
    for one in taken(study, own, leave_out):
        if head in one.vectors.layers:
            frames.append(_observed(study, one.vectors))
            ids.append(one.vectors.checkpoint)
            elsewhere += ids[-1:] if one.made_elsewhere else []
    if not ids:
        raise UnknownName(f"No chosen checkpoint has vectors at {pooling}, layer {head}.", ASK)
    obs = pd.concat(frames)
    hook = HOOK + "".join(f"; {UNKNOWN} of {c}" for c in elsewhere)
    told = provenance(study) | {"pooling": pooling, "hook": hook}
    told |= {"X": f"{HOOK}.{head}", "centring": CENTRING[VECTORS]}
    told["map"] = "NaN: the map places the cast at the reference and the Assistant everywhere"
    annotated = Annotated(
        obs=obs,
        d_model=m.model["d_model"],
        layers=tuple(f"{HOOK}.{n}" for n in every),
        x=f"{HOOK}.{head}",
        obsm=_places(study, pooling, obs, leave_out),
        uns=told,
    )
    write_h5ad(path, annotated, _rows(study, Part(tuple(ids), part.layer, pooling)))
    return len(obs)


def _observed(study: Study, v: PersonaVectors) -> pd.DataFrame:
    """Who each row of a checkpoint's vectors is."""
    c, cast = study.manifest.checkpoint(v.checkpoint), study.cast
    kin = {f.id: f.kin for f in cast.families}
    people = [cast.persona(i) for i in v.ids]
    frame = pd.DataFrame(
        {
            "persona": [p.id for p in people],
            "name": [p.name for p in people],
            "family": [p.family for p in people],
            "kin": [kin.get(p.family, "") for p in people],
        },
        index=pd.Index([f"{c.id}/{p.id}" for p in people]),
    )
    return frame.assign(checkpoint=c.id, branch=c.branch, step=c.step)


def _rows(study: Study, part: Part) -> Iterator[Rows]:
    start = 0
    for one in taken(study, part, lambda text: None):
        v = one.vectors
        yield Rows(start, {f"{HOOK}.{n}": v.at(v.poolings[0], n) for n in v.layers})
        start += len(v.ids)


def _places(study: Study, pooling: str, obs: pd.DataFrame, leave_out: Say) -> dict[str, np.ndarray]:
    """Where the study's map shows the rows: the cast at the reference, the Assistant at every
    checkpoint, in its own cast's frame."""
    name = f"{pooling}-L{study.manifest.headline_layer}"
    if name not in study.maps:
        leave_out(f"no map {name}: no X_umap, no X_pca")
        return {}
    points = study.map(name)[0]
    cast = points[points["kind"] == "persona"].assign(at=study.manifest.reference)
    own = points[(points["kind"] == "assistant") & (points["frame"] == "own")]
    people = cast["id"].astype("str"), own["id"].astype("str")
    keys = [
        *(f"{c}/{p}" for c, p in zip(cast["at"], people[0], strict=True)),
        *(f"{c}/{study.cast.assistant.id}" for c in people[1]),
    ]
    both = pd.concat([cast, own])[["x", "y", "pca_x", "pca_y"]].set_axis(pd.Index(keys))
    held = both.reindex(obs.index).to_numpy(dtype=np.float64)
    return {"X_umap": held[:, :2], "X_pca": held[:, 2:]}
