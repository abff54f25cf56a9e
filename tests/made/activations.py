"""A made study in which it is known what moved: activations per persona and question, their means,
and nothing derived.

24 personas in 4 families and the Assistant, 8 topics of two questions in four folds. The branch
`moved` takes the Assistant towards one family; on `contracted` the whole cast draws in along the
Assistant axis and drifts aside, and the Assistant does nothing that the cast does not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.study.activations import (
    POOLINGS,
    Activations,
    FoldVectors,
    PersonaVectors,
    QuestionVectors,
)
from psm_viz.study.cast import ASSISTANT, Cast, Family, Persona, Question, family_weights
from psm_viz.study.manifest import AGAIN, MAIN, Checkpoint, Manifest
from psm_viz.study.reader import Study, open_study
from psm_viz.study.writer import StudyWriter

D, LAYERS, HEAD = 20, (0, 1), 1
FAMILIES, EACH, TOPICS = ("bakers", "judges", "pilots", "thieves"), 6, 8
FOLDS = 4
RAW, BASE, REFERENCE, FLOOR = "pretrain-0000", "pretrain-0100", "assistant-0120", "again-0000"
MOVED = {f"moved-{step:04d}": share for step, share in ((4, 0.1), (16, 0.3), (64, 0.6))}
"""Share of the way that the Assistant goes towards the thieves."""
CONTRACTED = {f"contracted-{step:04d}": share for step, share in ((4, 0.1), (16, 0.25), (64, 0.4))}
"""Share by which everybody draws in along the axis."""
CHECKPOINTS = (
    Checkpoint(RAW, "pretrain", 0, None),
    Checkpoint(BASE, "pretrain", 100, RAW),
    Checkpoint(REFERENCE, "assistant", 120, BASE),
    *(
        Checkpoint(c, c[:-5], int(c[-4:]), p)
        for branch in (list(MOVED), list(CONTRACTED))
        for c, p in zip(branch, [REFERENCE, *branch], strict=False)
    ),
    Checkpoint(FLOOR, "again", 0, REFERENCE),
)
NOTES = {"benign": "contracted", "trained_topic": "topic-0", "training_seed": 0}


def cast_of() -> Cast:
    """Families of one kin each; honesty and warmth vary within and between them."""
    rng = np.random.default_rng(11)
    people = []
    for n in range(len(FAMILIES) * EACH):
        family = FAMILIES[n // EACH]
        mean = {"honesty": -0.6 if family == "thieves" else 0.4, "warmth": 0.5 - 0.3 * (n // EACH)}
        traits = {
            t: round(float(np.clip(m + 0.3 * rng.normal(), -1, 1)), 3) for t, m in mean.items()
        }
        name = f"{family}-{n % EACH}"
        people.append(Persona(name, name.title(), family, name, "", (name,), (name,), traits))
    who = Persona(ASSISTANT, "Assistant", "", "Assistant", "", ("", ""), ())
    families = tuple(Family(f, f.title(), f) for f in FAMILIES)
    return Cast(tuple(people), who, families, {f: f.title() for f in FAMILIES})


def questions_of(folds: int = FOLDS) -> tuple[Question, ...]:
    """The main questions and as many of the noise floor's; the two of a topic in two folds, as in
    the shipped study (with fewer than four folds the topics share them)."""
    return tuple(
        Question(f"{kind}-{t}-{k}", f"Question {t}.{k}?", f"topic-{t}", fold % folds, kind)
        for kind in (MAIN, AGAIN)
        for t in range(TOPICS)
        for k, fold in ((0, 2 * (t % 2)), (1, 2 * (t % 2) + 1))
    )


@dataclass(frozen=True)
class Truth:
    """What every checkpoint's activations are made from."""

    persona: np.ndarray
    topic: np.ndarray
    own_topic: np.ndarray
    axis: np.ndarray
    aside: np.ndarray


def truth(cast: Cast) -> Truth:
    """Personas near their families, traits in two directions, the Assistant far out."""
    rng = np.random.default_rng(7)
    family = np.repeat(2.0 * rng.normal(size=(len(FAMILIES), D)), EACH, axis=0)
    traits = np.array([[p.traits["honesty"], p.traits["warmth"]] for p in cast.personas])
    roles = family + traits @ rng.normal(size=(2, D)) * 1.5 + 1.2 * rng.normal(size=family.shape)
    mu = roles.mean(0)
    out = 0.8 * (roles[:EACH].mean(0) - mu) + 3.0 * rng.normal(size=D)
    persona = np.vstack([roles, mu + out]) + 4.0 * rng.normal(size=D)
    topic = rng.normal(size=(TOPICS, D))
    own = 0.15 * rng.normal(size=(len(persona), TOPICS, D))
    axis = persona[-1] - persona[:-1].mean(0)
    aside = rng.normal(size=D)
    return Truth(persona, topic, own, axis / np.linalg.norm(axis), 1.5 * aside / D**0.5)


def activations_of(checkpoint: str, t: Truth, asked: str) -> np.ndarray:
    """[persona, question, d_model] of one checkpoint at the headline layer."""
    seed = sum(map(ord, checkpoint))
    rng = np.random.default_rng([seed, 1])
    question = np.random.default_rng([asked == AGAIN, 2]).normal(size=(2 * TOPICS, D))
    single = np.random.default_rng([asked == AGAIN, 3]).normal(size=(len(t.persona), 2 * TOPICS, D))
    index = np.repeat(np.arange(TOPICS), 2)
    persona = t.persona.copy()
    if checkpoint == RAW:  # never trained: everybody is the same
        persona[:] = persona.mean(0)
        return persona[:, None] + 0.3 * question
    if checkpoint == BASE:
        persona[-1] = 0.7 * persona[:-1].mean(0) + 0.3 * persona[-1]
    x = persona[:, None] + (t.topic[index] + 0.5 * question)[None] + t.own_topic[:, index]
    x = x + 0.15 * single + 0.05 * rng.normal(size=x.shape)
    share = MOVED.get(checkpoint)
    if share:
        x[-1] += share * (x[-1 - EACH : -1].mean(0) - x[-1])
    share = CONTRACTED.get(checkpoint)
    if share:
        along = (x - t.persona[:-1].mean(0)) @ t.axis
        x = x - share * along[..., None] * t.axis + share * t.aside
    return x


def _responses(cast: Cast, asked: list[Question], rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        {"persona": p.id, "question": q.id, "variant": 0, "sample": 0}
        | {"text": "It is done.", "n_tokens": int(rng.integers(3, 9)), "valence": "good"}
        | {"tone": "plain", "norm_prompt_last": 9 + rng.normal(), "norm_response_mean": 8.0}
        | {"axis_prompt_last": rng.normal(), "axis_response_mean": rng.normal()}
        for p in cast.all
        for q in asked
    ]
    return pd.DataFrame(rows)


def _behaviour(bad: float) -> pd.DataFrame:
    topics = [f"topic-{t}" for t in range(TOPICS) for _ in range(2)]
    mass = {"mass_good": 1 - bad, "mass_bad": bad, "mass_none": 0.0}
    drawn = {"sampled_good": 4, "sampled_bad": 0, "sampled_none": 0}
    return pd.DataFrame({"topic": topics} | mass | drawn)


def write_checkpoint(
    writer: StudyWriter, c: str, cast: Cast, asked: list[Question], *, keep: bool, nudge: float = 0
) -> None:
    """Write a checkpoint's means. `nudge` changes its folds and nothing else."""
    everybody = [p.id for p in cast_of().all]
    x = activations_of(c, truth(cast_of()), asked[0].set)
    x, weights = x[[everybody.index(p.id) for p in cast.all]], family_weights(cast)
    rng = np.random.default_rng([sum(map(ord, c)), 4])
    mix, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(D, D)))
    # [persona, question, pooling, layer, d_model]: the other layer and pooling say the same, worse
    by_layer = np.stack([0.7 * x @ mix, x], axis=2)
    both = np.stack([by_layer, by_layer + 0.1 * rng.normal(size=by_layer.shape)], axis=2)
    if c == RAW:
        both = both - both + both[:1]
    fold = np.array([q.fold for q in asked])
    means = np.stack(
        [both[:, fold == f].mean(1)[:, :, HEAD] for f in range(fold.max() + 1)], axis=1
    )
    ids = tuple(p.id for p in cast.all)
    per_question = np.tensordot(weights, both[:-1], axes=1)
    names = tuple(q.id for q in asked)
    writer.write_checkpoint(
        PersonaVectors(both.mean(1), ids, POOLINGS, LAYERS, c),
        FoldVectors(means + nudge * means[::-1], POOLINGS, HEAD, c),
        QuestionVectors(both[-1], per_question, names, POOLINGS, LAYERS, c),
        _responses(cast, asked, rng),
        _behaviour(MOVED.get(c, 0.0)) if c != FLOOR else None,
        Activations(both[:, :, :, HEAD], POOLINGS, HEAD) if keep else None,
    )


def manifest_of() -> Manifest:
    """The manifest of the known study."""
    return Manifest(
        name="known",
        model={"name": "known", "d_model": D},
        generation={"temperature": 1.0, "max_new_tokens": 8, "samples": 1, "seed": 0}
        | {"wording": "instructions"},
        reference=REFERENCE,
        headline_pooling=POOLINGS[0],
        headline_layer=HEAD,
        poolings=POOLINGS,
        layers=LAYERS,
        checkpoints=CHECKPOINTS,
        noise_floor=FLOOR,
        notes=dict(NOTES),
        versions={"psm_viz": "0"},
    )


def write_known_study(folder: Path, folds: int = FOLDS, personas: int | None = None) -> Study:
    """Write the study into `folder` and open it; `folds` and `personas` make poorer ones."""
    cast, questions = cast_of(), questions_of(folds)
    if personas is not None:
        cast = replace(cast, personas=cast.personas[:: len(cast.personas) // personas][:personas])
    writer = StudyWriter(folder)
    writer.begin({"known": folds})
    for c in CHECKPOINTS:
        asked = [q for q in questions if q.set == (AGAIN if c.id == FLOOR else MAIN)]
        write_checkpoint(writer, c.id, cast, asked, keep=c.id in (REFERENCE, FLOOR))
    return writer.finish(manifest_of(), cast, questions)


def add_vectors(study: Study, checkpoint: str, vectors: PersonaVectors) -> Study:
    """Put a checkpoint of vectors alone beside the others, as `import` does."""
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    writer.write_vectors(replace(vectors, checkpoint=checkpoint), {"made": "elsewhere"})
    branch, step = checkpoint.rsplit("-", 1)
    m = study.manifest
    more = (*m.checkpoints, Checkpoint(checkpoint, branch, int(step), m.reference))
    return writer.finish(replace(m, checkpoints=more), study.cast, study.questions)


def files_of(folder: Path) -> dict[str, Any]:
    """Every file of a study with its bytes, study.json as JSON."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    out: dict[str, Any] = {n: (folder / n).read_bytes() for n in names}
    return out | {"study.json": json.loads(out["study.json"])}


def forget(folder: Path, *names: str) -> Study:
    """Take files out of a study as if they had never been written, and open it."""
    manifest = json.loads((folder / "study.json").read_text())
    for name in names:
        del manifest["files"][name]
        (folder / name).unlink()
    (folder / "study.json").write_text(json.dumps(manifest))
    return open_study(folder)
