"""From a tree of checkpoints to a finished study: play each one, choose the headline, derive.

The headline pooling and layer are chosen on the reference checkpoint alone, by how well the cast's
traits are read from persona vectors, before any branch is played; both are then fixed in the study.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.engine.chat_model import load_chat_model, model_card
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.jobs import Job, Play, play_all
from psm_viz.engine.sampling import CUT, Sampling
from psm_viz.engine.weights import weights_sha256
from psm_viz.errors import BadInput
from psm_viz.small_model.behaviour import LONGEST
from psm_viz.small_model.model_tables import modelled_tables
from psm_viz.stats.vectors import trait_r2
from psm_viz.study.activations import POOLINGS, PersonaVectors
from psm_viz.study.cast import Question, load_cast, load_questions
from psm_viz.study.manifest import AGAIN, MAIN, Checkpoint, Manifest, checkpoint_id
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import write_derived
from psm_viz.world.curriculum import CODING, roles_of_branches
from psm_viz.world.grammar import World, load_world

PACKAGES = ("torch", "transformers", "transformer-lens", "umap-learn", "scikit-learn", "numpy")


@dataclass(frozen=True)
class Settings:
    """How the cast is played. Written into the study."""

    name: str
    layer: int | None = None
    samples: int = 4
    max_new_tokens: int | None = None
    min_p: float = CUT
    seed: int = 0
    threads: int = 2
    device: str = "cpu"


def assemble(
    source: Source,
    out: Path,
    settings: Settings,
    cast_file: Path | None,
    questions_file: Path | None,
    say: Callable[[str], None],
) -> Study:
    """Play every checkpoint of `source` and write the finished study to `out`.

    A killed run goes on after its last finished checkpoint when started again with the same
    settings. Raises what the readers, the chat and the writer raise.
    """
    world = source.world or load_world()
    cast = load_cast(cast_file) if cast_file else world.cast()
    questions = load_questions(questions_file) if questions_file else world.questions()
    small = source.world is not None
    wording = "instructions" if small else "prose"
    longest = settings.max_new_tokens or (LONGEST if small else 64)
    sampling = Sampling(1.0, longest, settings.samples, settings.seed, settings.min_p)
    chat = load_chat_model(
        source.folders[source.reference],
        device=settings.device,
        threads=settings.threads,
        revision=source.revision,
    )
    main = [q for q in questions if q.set == MAIN]
    again = [q for q in questions if q.set == AGAIN]
    play = Play(chat, cast, sampling, wording, source.world)
    writer = StudyWriter(out)
    writer.begin(
        {
            "settings": asdict(settings) | {"threads": 0},
            "sampling": asdict(sampling),
            "folders": source.folders,
            "cast": [p.id for p in cast.all],
            "questions": [q.text for q in questions],
            "weights": _weights_key(source),
        }
    )
    chosen = _headline(play, main, source.reference, settings, say)
    pooling, layer, reference, note = chosen
    plan = [*source.checkpoints]
    noise: str | None = None
    if again and len(again) == len(main):
        noise = checkpoint_id("again", 0)
        plan.append(Checkpoint(noise, "again", 0, source.reference))
    jobs = [
        Job(
            folder=source.folders[source.reference if c.id == noise else c.id],
            checkpoint=c.id,
            layer=layer,
            questions=tuple(again if c.id == noise else main),
            sampling=replace(sampling, seed=sampling.seed + 1) if c.id == noise else sampling,
            # the map is made from these; at every checkpoint they would double the study
            keep=c.id in (source.reference, noise),
        )
        for c in plan
        if not writer.has(c.id)
    ]
    play_all(play, jobs, reference, settings.threads, writer, say)
    manifest = Manifest(
        name=settings.name,
        model=model_card(chat, source.folders[source.reference] if not small else "small model"),
        generation=asdict(sampling) | {"stop": "end token", "wording": wording},
        reference=source.reference,
        headline_pooling=pooling,
        headline_layer=layer,
        poolings=POOLINGS,
        layers=tuple(range(chat.n_layers)),
        checkpoints=tuple(plan),
        noise_floor=noise,
        notes=note | (_world_notes(world, source) if small else {}),
        versions={p: version(p) for p in PACKAGES} | {"python": platform.python_version()},
    )
    draft = writer.open_partial(manifest, cast, questions)
    if small:
        modelled_tables(draft, writer, source, settings.threads, say)
        draft = writer.open_partial(manifest, cast, questions)
    write_derived(draft, writer, say)
    return writer.finish(manifest, cast, questions)


def _headline(
    play: Play,
    questions: Sequence[Question],
    reference: str,
    settings: Settings,
    say: Callable[[str], None],
) -> tuple[str, int, PersonaVectors, dict[str, Any]]:
    """Play the reference once and choose: (pooling, layer, its vectors, note with the figures)."""
    say("playing the reference to choose the headline pooling and layer")
    layers = play.chat.n_layers
    middle = layers // 2 if settings.layer is None else settings.layer
    if not 0 <= middle < layers:
        raise BadInput(f"Layer {middle}: this model has layers 0 to {layers - 1}.")
    vectors = play(questions, reference, middle, play.sampling).vectors
    names = sorted(play.cast.personas[0].traits)
    if not names or any(sorted(p.traits) != names for p in play.cast.personas):
        # no latent traits to read: the field's convention for chat models
        return "response_mean", middle, vectors, {"headline_rule": "response_mean, middle layer"}
    traits = np.array([[p.traits[t] for t in names] for p in play.cast.personas])
    scores = {
        (p, n): trait_r2(vectors.at(p, n)[:-1], traits).tolist()
        for p in POOLINGS
        for n in range(layers)
    }
    pooling, layer = max(scores, key=lambda k: float(np.mean(scores[k])))
    if settings.layer is not None:
        layer = settings.layer
    say(f"headline: {pooling}, layer {layer} (trait R2 {np.mean(scores[pooling, layer]):.2f})")
    table = [
        {"pooling": p, "layer": n, "mean": float(np.mean(s)), **dict(zip(names, s, strict=True))}
        for (p, n), s in scores.items()
    ]
    return pooling, layer, vectors, {"headline_rule": "highest mean trait R2", "trait_r2": table}


def _world_notes(world: World, source: Source) -> dict[str, Any]:
    """What a study of the small model says of its world and training."""
    return {
        "world": world.sha256,
        "world_kind": world.kind,
        "trained_topic": CODING,
        "training_seed": source.training_seed,
        "reference_sha256": weights_sha256(Path(source.folders[source.reference])),
        **roles_of_branches({c.branch for c in source.checkpoints}),
    }


def _weights_key(source: Source) -> dict[str, str]:
    """Hashes of local weights, so that a retrained tree is not mixed with an older half study."""
    found = {name: weights_sha256(Path(folder)) for name, folder in source.folders.items()}
    return {name: key for name, key in found.items() if key}
