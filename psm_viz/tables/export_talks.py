"""A study's talks as they are exported: states as AnnData, a row a talk, and beliefs as tensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from psm_viz.errors import UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.files import tensor_bytes, write_whole
from psm_viz.study.formats.anndata_files import Annotated, Rows, write_h5ad
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.provenance import provenance
from psm_viz.study.reader import Study
from psm_viz.study.talks import CAST, LAST, OWN, TALK, TalkNote, families_in
from psm_viz.tables.export_arrays import HOOK, Say
from psm_viz.tables.export_frames import Part

WHO = {CAST: "the cast's", ASSISTANT: "the Assistant's"}
KEY = ["checkpoint", "persona", TALK]


def _held(study: Study, part: Part) -> tuple[TalkNote, list[str]]:
    """How talks were held, and the chosen checkpoints that hold some. Raises UnknownName."""
    note = study.talk_note
    held = [c for c in part.ids(study) if study.holds(c, "talks")]
    if note is None or not held:
        raise UnknownName("No chosen checkpoint has held talks.", HOLD_TALKS)
    return note, held


def write_annotated_talks(study: Study, path: Path, part: Part, leave_out: Say) -> int:
    """Write the states of whole talks, read by the weights that held them at the layer that belief
    is read at: of the cast at the reference, of the Assistant everywhere. Returns the rows.

    Raises UnknownName where there are none, BadInput without the package that writes the files.
    """
    note, held = _held(study, part)
    rows, frames, start = [], [], 0
    layer = f"{HOOK}.{note.layer}"
    for checkpoint in held:
        talks = study.talks(checkpoint)
        for who in (CAST, ASSISTANT):
            states = talks.states.get((who, OWN))
            if who == CAST and checkpoint != study.manifest.reference:
                continue
            if states is None or not states.holds(note.answers, note.layer):
                leave_out(f"no states of {WHO[who]} talks at {checkpoint}")
                continue
            own = talks.speakers(who).assign(checkpoint=checkpoint)
            rows.append(Rows(start, {layer: states.at(note.answers, note.layer)}))
            frames.append(own)
            start += len(own)
    if not frames:
        raise UnknownName("No states of talks were read.", HOLD_TALKS)
    obs = _observed(study, pd.concat(frames, ignore_index=True))
    told = provenance(study) | {"hook": HOOK, "X": layer, "centring": "none"}
    told |= {"rows": f"talks of {note.answers} answers, before the next: the last prompt token"}
    told |= {"talks_seed": str(note.seed)}
    annotated = Annotated(
        obs=obs,
        d_model=study.manifest.model["d_model"],
        layers=(layer,),
        x=layer,
        obsm=_places(study, obs, leave_out),
        uns=told,
    )
    write_h5ad(path, annotated, iter(rows))
    return len(obs)


def _observed(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Who holds each talk, where, and on which question it ends."""
    people = {p.id: p for p in study.cast.all}
    kin = {f.id: f.kin for f in study.cast.families}
    of = {c.id: c for c in study.manifest.checkpoints}
    who = [str(p) for p in frame["persona"]]
    at = [of[str(c)] for c in frame["checkpoint"]]
    family = [people[p].family for p in who]
    names = [f"{c.id}/{p}/{t}" for c, p, t in zip(at, who, frame[TALK], strict=True)]
    out = {
        "persona": who,
        "name": [people[p].name for p in who],
        "family": family,
        "kin": [kin.get(f, "") for f in family],
        "checkpoint": [c.id for c in at],
        "branch": [c.branch for c in at],
        "step": [c.step for c in at],
        TALK: frame[TALK].to_numpy(),
        LAST: frame[LAST].astype(str).to_numpy(),
    }
    return pd.DataFrame(out, index=pd.Index(names))


def _places(study: Study, obs: pd.DataFrame, leave_out: Say) -> dict[str, np.ndarray]:
    """Where the map of talks shows the rows; NaN where it does not."""
    name = next((n for n in ("talk_map", "belief_map") if study.has_table(n)), None)
    if name is None:
        leave_out("no map of talks: no X_umap, no X_pca")
        return {}
    points = study.table(name)
    points = points[points["kind"].isin(["talk", "assistant"])].astype(
        {"checkpoint": str, "persona": str}
    )
    places = ["x", "y", "pca_x", "pca_y"]
    found = obs[KEY].merge(points[[*KEY, *places]], on=KEY, how="left")
    held = found[places].to_numpy(dtype=np.float64)
    return {"X_umap": held[:, :2], "X_pca": held[:, 2:]}


def write_beliefs(study: Study, work: Path, part: Part) -> list[tuple[str, str]]:
    """Write the beliefs of every talk, a file a checkpoint with a tensor [talk, answers, family] of
    each reading and of the cast and the Assistant; return the files below `work` and what each
    holds, in words.

    Raises UnknownName where there are none.
    """
    _held(study, part)
    table, said = study.table("beliefs"), []
    families = families_in(table, study.cast)
    answers = sorted({int(n) for n in table["answers"]})
    for checkpoint in part.ids(study):
        own = table[table["checkpoint"] == checkpoint]
        tensors: dict[str, np.ndarray] = {}
        text = provenance(study) | {"checkpoint": checkpoint, "what": "beliefs"}
        text |= {"shape": "talk, answers, family", "families": json.dumps(families)}
        text |= {"answers": json.dumps(answers), "units": "share of belief; NaN: not read"}
        for who in (CAST, ASSISTANT):
            frame = own[own["who"] == who]
            names = frame["persona"].astype(str) + "/" + frame[TALK].astype(str)
            talks = list(dict.fromkeys(names))
            if talks:
                text[f"{who}_talks"] = json.dumps(talks)
            place = {name: n for n, name in enumerate(talks)}
            for way, rows in frame.assign(at=names).groupby("way", observed=True):
                values = np.full((len(talks), len(answers), len(families)), np.nan, np.float32)
                first = [place[name] for name in rows["at"]]
                second = [answers.index(int(n)) for n in rows["answers"]]
                values[first, second] = rows[families].to_numpy(np.float32)
                tensors[f"{who}/{way}"] = values
        if not tensors:
            continue
        path = f"beliefs/{checkpoint}.safetensors"
        write_whole(work / path, tensor_bytes(tensors, text))
        said.append((path, f"{len(tensors)} tensors, {len(families)} families"))
    if not said:
        raise UnknownName("No chosen checkpoint has beliefs.", HOLD_TALKS)
    return said
