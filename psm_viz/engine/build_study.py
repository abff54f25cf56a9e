"""From a tree of checkpoints to a finished study: play each one, choose the headline, derive.

The headline pooling and layer are chosen on the reference checkpoint alone, by how well the cast's
traits are read from persona vectors, before any branch is played; both are then fixed in the study.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.engine.answer_odds import measure_odds, odds_of
from psm_viz.engine.chat_model import ChatModel, load_chat_model, model_card
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.extract import Playing, play_cast
from psm_viz.engine.hold_talks import hold_all
from psm_viz.engine.jobs import Job, play_all
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.preflight import check_plan, check_prompts
from psm_viz.engine.sampling import CUT, Sampling
from psm_viz.engine.talk_work import work_of
from psm_viz.engine.talks import ANSWERS, TalkSettings, check_talkable
from psm_viz.engine.weights import weights_sha256
from psm_viz.errors import BadInput
from psm_viz.stats.vectors import trait_r2
from psm_viz.study.activations import POOLINGS, PersonaVectors
from psm_viz.study.cast import Cast, Question
from psm_viz.study.manifest import (
    AGAIN,
    MAIN,
    REFERENCE_SHA256,
    Checkpoint,
    Manifest,
    checkpoint_id,
)
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import finish

FEWEST_FOR_TRAITS = 10
"""Personas below which traits cannot be read out of sample: five folds of two."""
ASKED = ("all", "ends", "reference")
"""At which checkpoints the whole cast is asked every question."""
PACKAGES = ("torch", "transformers", "transformer-lens", "umap-learn", "scikit-learn", "numpy")


@dataclass(frozen=True)
class Settings:
    """How the cast is played. Written into the study."""

    name: str
    layer: int | None = None
    samples: int = 4
    max_new_tokens: int = 64
    min_p: float = CUT
    seed: int = 0
    threads: int = 2
    device: str = "cpu"
    dtype: str = "float32"
    """Precision in which the model is held; figures are made in double."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """What the chat template is told besides the talk."""
    in_turn: bool = False
    """Whether a question is asked under one of a persona's instructions instead of under all."""
    ask: str = "all"
    """At which checkpoints the whole cast is asked every question, one of `ASKED`: `ends` are the
    reference and the last of each branch. At the others the Assistant alone is, and its talks are
    held."""
    layers: tuple[int, ...] | None = None
    """The layers that are read and kept; None: all."""
    talks: TalkSettings | None = None
    """How talks are held; None: not at all."""

    def __post_init__(self) -> None:
        """Check what fits together."""
        if self.ask not in ASKED:
            raise BadInput(f"Ask {self.ask!r}: unknown.", f"Choose from: {', '.join(ASKED)}.")
        if self.ask != ASKED[0] and self.talks is None:
            raise BadInput(
                f"--ask {self.ask}: the other checkpoints would hold nothing.",
                "Hold talks there (--talks), or ask everywhere.",
            )

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        return Sampling(1.0, self.max_new_tokens, self.samples, self.seed, self.min_p)


def build_study(
    source: Source,
    cast: Cast,
    questions: tuple[Question, ...],
    out: Path,
    settings: Settings,
    say: Callable[[str], None],
    known: Known = ANY,
) -> Study:
    """Play every checkpoint of `source` and write the finished study to `out`.

    A killed run goes on after its last finished checkpoint when started again with the same
    settings. Raises what the readers, the chat model and the writer raise.
    """
    begun = begin(source, cast, questions, out, settings, known)
    chat, playing, writer = begun.chat, begun.playing, begun.writer
    main = tuple(q for q in questions if q.set == MAIN)
    pooling, layer, reference, note = _headline(
        chat, playing, main, source.reference, settings, say
    )
    plan, noise = begun.plan, begun.noise
    jobs = [j for j in jobs_of(begun, settings, layer) if not writer.has(j.checkpoint)]
    first = [j for j in jobs if j.checkpoint == source.reference and reference is None]
    play_all(chat, playing, first, None, settings.threads, writer, say)
    reference = writer.vectors(source.reference) if reference is None else reference
    others = [j for j in jobs if j not in first]
    play_all(chat, playing, others, reference, settings.threads, writer, say)
    if known.bank:
        writer.write_written(known.bank)
        odds = odds_of(known.bank, cast, known.marked, known.wording)
        measure_odds(chat, odds, source.folders, [c.id for c in source.checkpoints], writer, say)
    manifest = Manifest(
        name=settings.name,
        model=model_card(chat, known.model_name or source.folders[source.reference])
        | ({"revision": source.revision} if source.revision else {}),
        generation=asdict(playing.sampling)
        | {"stop": "end token", "wording": playing.wording, "in_turn": playing.in_turn}
        | {"ask": settings.ask},
        reference=source.reference,
        headline_pooling=pooling,
        headline_layer=layer,
        poolings=POOLINGS,
        layers=settings.layers or tuple(range(chat.n_layers)),
        checkpoints=tuple(plan),
        noise_floor=noise,
        notes=note | _whose(source) | dict(known.notes),
        versions={p: version(p) for p in PACKAGES} | {"python": platform.python_version()},
    )
    _hold_talks(chat, source, settings, (manifest, cast, questions), writer, say, known)
    return finish(writer, manifest, cast, questions, say, further=known.further)


@dataclass(frozen=True)
class Begun:
    """A study of which everything was checked and the reference is loaded."""

    source: Source
    chat: ChatModel
    playing: Playing
    writer: StudyWriter
    questions: tuple[Question, ...]

    @property
    def noise(self) -> str | None:
        """The noise floor's checkpoint, where there are as many other questions as main ones."""
        sets = [q.set for q in self.questions]
        as_many = sets.count(AGAIN) == sets.count(MAIN)
        return checkpoint_id("again", 0) if as_many else None

    @property
    def plan(self) -> list[Checkpoint]:
        """The checkpoints, the noise floor last."""
        own = [*self.source.checkpoints]
        reference = self.source.reference
        return own + ([Checkpoint(self.noise, "again", 0, reference)] if self.noise else [])


def begin(
    source: Source,
    cast: Cast,
    questions: tuple[Question, ...],
    out: Path,
    settings: Settings,
    known: Known,
) -> Begun:
    """Check all that can be before anything is played, load the reference, and start the folder or
    go on with it. Raises what `build_study` raises."""
    playing = replace(known.playing(cast, settings.sampling), in_turn=settings.in_turn)
    chat = _opened(source, playing, questions, out, settings)
    writer = StudyWriter(out)
    writer.begin(_began_with(source, playing, questions, settings), source.reference)
    return Begun(source, chat, playing, writer, questions)


def jobs_of(begun: Begun, settings: Settings, layer: int) -> list[Job]:
    """Every checkpoint to be played, and how."""
    reference, drawn = begun.source.reference, begun.playing.sampling
    whole = asked_at(begun.plan, reference, begun.noise, settings.ask)
    jobs = []
    for c in begun.plan:
        again = c.id == begun.noise  # the reference, other questions and other draws
        wanted = AGAIN if again else MAIN
        jobs.append(
            Job(
                folder=begun.source.folders[reference if again else c.id],
                checkpoint=c.id,
                layer=layer,
                questions=tuple(q for q in begun.questions if q.set == wanted),
                sampling=replace(drawn, seed=drawn.seed + 1) if again else drawn,
                # the map is made from these; at every checkpoint they would double the study
                keep=c.id in (reference, begun.noise),
                alone=c.id not in whole,
                layers=settings.layers,
            )
        )
    return jobs


def _opened(
    source: Source, playing: Playing, questions: Sequence[Question], out: Path, settings: Settings
) -> ChatModel:
    """The reference, loaded once all is checked that can be before anything is played."""
    cast, wording = playing.cast, playing.wording
    if settings.talks is not None:
        check_talkable(cast, questions)
    check_plan(
        source,
        cast,
        questions,
        wording,
        out,
        samples=settings.samples,
        max_new_tokens=settings.max_new_tokens,
        dtype=settings.dtype,
    )
    chat = load_chat_model(
        source.folders[source.reference],
        device=settings.device,
        threads=settings.threads,
        revision=source.revision,
        dtype=settings.dtype,
        template=settings.template,
    )
    turns = max(ANSWERS) if settings.talks else 0
    check_prompts(chat, cast, questions, wording, settings.max_new_tokens, turns)
    return chat


def _whose(source: Source) -> dict[str, Any]:
    """By which a model that is named later is known to be the one that was played."""
    found = weights_sha256(Path(source.folders[source.reference]))
    return {REFERENCE_SHA256: found} if found else {}


def asked_at(
    plan: Sequence[Checkpoint], reference: str, noise: str | None, where: str
) -> set[str | None]:
    """The checkpoints at which the whole cast is asked."""
    if where == "all":
        return {c.id for c in plan}
    if where == "reference":
        return {reference}  # no other is compared with it by means, so no floor is needed
    ends = {c.branch: c.id for c in sorted(plan, key=lambda c: c.step)}
    return {reference, noise, *ends.values()}


def _hold_talks(
    chat: ChatModel,
    source: Source,
    settings: Settings,
    made: tuple[Manifest, Cast, tuple[Question, ...]],
    writer: StudyWriter,
    say: Callable[[str], None],
    known: Known,
) -> None:
    """Every checkpoint's talks, the reference's first, where talks are wanted."""
    if settings.talks is None:
        return
    chat.swap(Path(source.folders[source.reference]))
    work = work_of(writer.open_partial(*made), source, settings.talks, known)
    ids = [c.id for c in made[0].checkpoints]
    hold_all(chat, work, ids, settings.threads, writer, say)


def _began_with(
    source: Source, playing: Playing, questions: Sequence[Question], settings: Settings
) -> dict[str, Any]:
    """What an unfinished study must have been begun with to be gone on with."""
    # by their hashes a retrained tree is not mixed with an older half study
    hashes = {name: weights_sha256(Path(folder)) for name, folder in source.folders.items()}
    return {
        "settings": asdict(settings) | {"threads": 0},
        "sampling": asdict(playing.sampling),
        "folders": source.folders,
        "cast": [p.id for p in playing.cast.all],
        "questions": [q.text for q in questions],
        "weights": {name: key for name, key in hashes.items() if key},
    }


def _headline(
    chat: ChatModel,
    playing: Playing,
    questions: Sequence[Question],
    reference: str,
    settings: Settings,
    say: Callable[[str], None],
) -> tuple[str, int, PersonaVectors | None, dict[str, Any]]:
    """The headline's pooling and layer, and a note on why. Where traits tell, the reference is
    played once to choose, and its vectors come along."""
    middle = middle_layer(chat, settings)
    people = playing.cast.personas
    names = sorted(people[0].traits)
    few = len(people) < FEWEST_FOR_TRAITS
    if not names or few or any(sorted(p.traits) != names for p in people):
        # no latent traits to read, or too few to read them from: the field's convention
        return "response_mean", middle, None, {"headline_rule": "response_mean, middle layer"}
    say("playing the reference to choose the headline pooling and layer")
    played = play_cast(chat, playing, questions, reference, middle, layers=settings.layers)
    assert played is not None  # every block is played here
    vectors = played.vectors
    traits = np.array([[p.traits[t] for t in names] for p in people])
    scores = {
        (p, n): trait_r2(vectors.at(p, n)[:-1], traits).tolist()
        for p in POOLINGS
        for n in vectors.layers
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


def middle_layer(chat: ChatModel, settings: Settings) -> int:
    """The layer that was asked for, or the middle one of those that are read. Raises BadInput."""
    wanted = range(chat.n_layers) if settings.layers is None else settings.layers
    for layer in (*wanted, *(() if settings.layer is None else (settings.layer,))):
        if not 0 <= layer < chat.n_layers:
            raise BadInput(f"Layer {layer}: this model has layers 0 to {chat.n_layers - 1}.")
    return wanted[len(wanted) // 2] if settings.layer is None else settings.layer
