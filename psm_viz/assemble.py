"""From a tree of checkpoints to a finished study: play each one, choose the headline, derive.

The headline pooling and layer are chosen on the reference checkpoint alone, by how well the cast's
traits are read from persona vectors, before any branch is played; both are then fixed in the study.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.cast import Cast, Question, load_cast, load_questions
from psm_viz.derive import write_derived
from psm_viz.errors import BadInput
from psm_viz.extract import Played, behaviour, play_cast, with_scalars
from psm_viz.models import Player, Sampling, load_player, model_card
from psm_viz.recipe import checkpoint_id
from psm_viz.source import Source
from psm_viz.store import Study, StudyWriter
from psm_viz.study import AGAIN, MAIN, POOLINGS, Checkpoint, Manifest, PersonaVectors
from psm_viz.vectors import trait_r2
from psm_viz.world.grammar import World, load_world

TRAINED_TOPIC = "coding"
PACKAGES = ("torch", "transformers", "transformer-lens", "umap-learn", "scikit-learn", "numpy")


@dataclass(frozen=True)
class Settings:
    """How the cast is played. Written into the study."""

    name: str
    layer: int | None = None
    samples: int = 4
    max_new_tokens: int | None = None
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
    settings. Raises what the readers, the player and the writer raise.
    """
    world = load_world()
    cast = load_cast(cast_file) if cast_file else world.cast()
    questions = load_questions(questions_file) if questions_file else world.questions()
    small = source.world is not None
    wording = "instructions" if small else "prose"
    sampling = Sampling(
        1.0, settings.max_new_tokens or (24 if small else 64), settings.samples, settings.seed
    )
    player = load_player(
        source.folders[source.reference],
        device=settings.device,
        threads=settings.threads,
        revision=source.revision,
    )
    main = [q for q in questions if q.set == MAIN]
    again = [q for q in questions if q.set == AGAIN]
    play = _Play(player, cast, sampling, wording, source.world)
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
        _Job(
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
    _play_all(play, jobs, reference, settings, writer, say)
    if small:
        _in_context(play, source, writer, say)
    manifest = Manifest(
        name=settings.name,
        model=model_card(player, source.folders[source.reference] if not small else "small model"),
        generation=asdict(sampling) | {"stop": "end token", "wording": wording},
        reference=source.reference,
        headline_pooling=pooling,
        headline_layer=layer,
        poolings=POOLINGS,
        layers=tuple(range(player.n_layers)),
        checkpoints=tuple(plan),
        noise_floor=noise,
        notes=note | (_world_notes(world, source) if small else {}),
        versions={p: version(p) for p in PACKAGES} | {"python": platform.python_version()},
    )
    draft = writer.open_partial(manifest, cast, questions)
    write_derived(draft, writer, TRAINED_TOPIC if small else None, say)
    return writer.finish(manifest, cast, questions)


@dataclass(frozen=True)
class _Play:
    """The parts of playing that stay the same from checkpoint to checkpoint."""

    player: Player
    cast: Cast
    sampling: Sampling
    wording: str
    world: World | None

    def __call__(
        self, questions: Sequence[Question], checkpoint: str, layer: int, sampling: Sampling
    ) -> Played:
        return play_cast(
            self.player,
            self.cast,
            questions,
            sampling,
            checkpoint,
            headline_layer=layer,
            wording=self.wording,
            world=self.world,
        )


@dataclass(frozen=True)
class _Job:
    """One checkpoint to play and write."""

    folder: str
    checkpoint: str
    layer: int
    questions: tuple[Question, ...]
    sampling: Sampling
    keep: bool


def _play_one(play: _Play, job: _Job, reference: PersonaVectors, writer: StudyWriter) -> None:
    """Play one checkpoint and write it: the unit that a kill loses at most."""
    play.player.swap(Path(job.folder))
    played = play(job.questions, job.checkpoint, job.layer, job.sampling)
    measured = None
    if play.world is not None:
        measured = behaviour(play.player, play.world, seed=job.sampling.seed)
    writer.write_checkpoint(
        played.vectors,
        played.folds,
        played.questions,
        with_scalars(played, reference, play.cast),
        measured,
        played.activations if job.keep else None,
    )


def _work(
    job: _Job, cast: Cast, wording: str, small: bool, reference: PersonaVectors, out: Path
) -> str:
    """`_play_one` in a process of its own, on one thread."""
    player = load_player(job.folder, threads=1)
    world = load_world() if small else None
    play = _Play(player, cast, job.sampling, wording, world)
    _play_one(play, job, reference, StudyWriter(out))
    return job.checkpoint


def _play_all(
    play: _Play,
    jobs: list[_Job],
    reference: PersonaVectors,
    settings: Settings,
    writer: StudyWriter,
    say: Callable[[str], None],
) -> None:
    """Play the checkpoints, several at once for the small model.

    Its matrices are too small to share: two processes on one thread each finish nearly twice as
    much as one on two. Other models are large, so only one is held at a time.
    """
    began = time.monotonic()

    def told(n: int, checkpoint: str) -> None:
        left = (time.monotonic() - began) / n * (len(jobs) - n)
        say(f"played {n}/{len(jobs)}: {checkpoint}, {left / 60:.1f} minutes left")

    small = play.world is not None
    if small and settings.threads > 1 and len(jobs) > 1:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(settings.threads, mp_context=spawn) as pool:
            more = (play.cast, play.wording, small, reference, writer.folder)
            running = [pool.submit(_work, job, *more) for job in jobs]
            for n, done in enumerate(as_completed(running), 1):
                told(n, done.result())
    else:
        for n, job in enumerate(jobs, 1):
            _play_one(play, job, reference, writer)
            told(n, job.checkpoint)


def _headline(
    play: _Play,
    questions: Sequence[Question],
    reference: str,
    settings: Settings,
    say: Callable[[str], None],
) -> tuple[str, int, PersonaVectors, dict[str, Any]]:
    """Play the reference once and choose: (pooling, layer, its vectors, note with the figures)."""
    say("playing the reference to choose the headline pooling and layer")
    layers = play.player.n_layers
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


def _in_context(
    play: _Play, source: Source, writer: StudyWriter, say: Callable[[str], None]
) -> None:
    """Put the base beside the ideal observer in context, under both unnamed labels."""
    import pandas as pd

    from psm_viz.probe import in_context_rows

    world = play.world
    assert world is not None
    reference = next(c for c in source.checkpoints if c.id == source.reference)
    base = next(c for c in source.checkpoints if c.branch == reference.branch).parent
    say(f"in context: {base} beside the ideal observer")
    play.player.swap(Path(source.folders[str(base)]))
    frames = []
    for label in (world.rules["unnamed_label"], world.rules["assistant_label"]):
        rows = in_context_rows(
            play.player.hf, play.player.tokenizer, world, per_condition=48, seed=11, label=label
        )
        frames.append(pd.DataFrame(rows).assign(label=label))
    writer.write_table("in_context", pd.concat(frames, ignore_index=True))


def _world_notes(world: World, source: Source) -> dict[str, Any]:
    """What a study of the small model says of its world and training."""
    seed = source.training_seed
    return {"world": world.sha256, "trained_topic": TRAINED_TOPIC, "training_seed": seed}


def _weights_key(source: Source) -> dict[str, str]:
    """Hashes of local weights, so that a retrained tree is not mixed with an older half study."""
    out = {}
    for name, folder in source.folders.items():
        path = Path(folder) / "model.safetensors"
        if path.exists():
            out[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return out
