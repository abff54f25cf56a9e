"""From a tree of checkpoints to a finished study: play each one, choose the headline, derive.

The headline pooling and layer are chosen on the reference checkpoint alone, by how well the cast's
traits are read from persona vectors, before any branch is played; both are then fixed in the study.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.engine.answer_odds import measure_odds, odds_of
from psm_viz.engine.blocks import Keeping
from psm_viz.engine.chat_model import ChatModel, load_chat_model
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.fitting import fitted, lines_of
from psm_viz.engine.hold_talks import hold_all
from psm_viz.engine.hub import parts
from psm_viz.engine.jobs import play_all, play_blocks
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.outline import Outline, Settings, outline_of
from psm_viz.engine.preflight import check_plan, check_prompts
from psm_viz.engine.sampling import ELSEWHERE
from psm_viz.engine.silence import check_reference, notes_of
from psm_viz.engine.talk_work import work_for
from psm_viz.engine.trait_vectors import measure_traits
from psm_viz.engine.weights import weights_sha256
from psm_viz.stats.vectors import trait_r2
from psm_viz.study.activations import RESPONSE, PersonaVectors
from psm_viz.study.cast import Cast, Question, among
from psm_viz.study.manifest import REFERENCE_SHA256, Manifest
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import finish

PACKAGES = ("torch", "transformers", "transformer-lens", "umap-learn", "scikit-learn", "numpy")


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
    chat, outline, writer = begun.chat, begun.outline, begun.writer
    for line in lines_of(outline):
        say(line)
    name, commit = parts(source.folders[source.reference])
    card = _card(chat, known.model_name or name)
    pooling, layer, reference, note = _headline(chat, outline, say)
    jobs = [j for j in outline.jobs(layer) if not writer.has(j.checkpoint)]
    first = [j for j in jobs if j.checkpoint == source.reference and reference is None]
    play_all(chat, outline.playing, first, None, settings.threads, writer, say)
    reference = writer.vectors(source.reference) if reference is None else reference
    everybody, playing = outline.cast, outline.playing
    outline = _of_those_heard(outline, reference)
    begun = replace(begun, outline=outline)
    _measure_traits(begun, known, layer, say)
    # blocks of personas and their draws are those of the whole cast, as machines elsewhere have it
    gone = tuple(i for i in everybody.ids if i not in reference.ids)
    playing = replace(playing, left_out=gone)
    others = [j for j in jobs if j not in first]
    play_all(chat, playing, others, reference, settings.threads, writer, say)
    silence = notes_of(writer, [c.id for c in outline.checkpoints], everybody, source.reference)
    if known.bank:
        writer.write_written(known.bank)
        odds = odds_of(known.bank, outline.cast, known.marked, known.wording)
        measure_odds(chat, odds, source.folders, [c.id for c in source.checkpoints], writer, say)
    if settings.talks is not None:
        chat.swap(Path(source.folders[source.reference]))
        ids = [c.id for c in outline.checkpoints]
        hold_all(chat, work_for(outline, known), ids, settings.threads, writer, say)
    manifest = Manifest(
        name=settings.name,
        model=card | ({"revision": commit} if commit else {}),
        generation=_generation(outline),
        reference=source.reference,
        headline_pooling=pooling,
        headline_layer=layer,
        poolings=outline.playing.poolings,
        layers=settings.layers or tuple(range(chat.n_layers)),
        checkpoints=tuple(outline.checkpoints),
        noise_floor=outline.noise,
        notes=note | _whose(source) | _cut(outline) | silence | dict(known.notes),
        versions={p: version(p) for p in PACKAGES} | {"python": platform.python_version()},
    )
    return finish(writer, manifest, outline.cast, questions, say, further=known.further)


def _of_those_heard(outline: Outline, reference: PersonaVectors) -> Outline:
    """The outline of a study of those who answered at the reference."""
    cast = among(outline.cast, reference.ids)
    return replace(outline, playing=replace(outline.playing, cast=cast))


def _measure_traits(begun: Begun, known: Known, layer: int, say: Callable[[str], None]) -> None:
    """Trait vectors of the reference, where traits are known."""
    chat, outline = begun.chat, begun.outline
    if known.traits:
        chat.swap(Path(outline.source.folders[outline.source.reference]))
        layers = outline.settings.layers or tuple(range(chat.n_layers))
        asked = (chat, outline.playing, outline.main, known.traits)
        measure_traits(*asked, layers, layer, begun.writer, say)


@dataclass(frozen=True)
class Begun:
    """A study of which everything was checked and the reference is loaded."""

    outline: Outline
    chat: ChatModel
    writer: StudyWriter


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
    chat, outline = opened(outline_of(source, cast, questions, settings, known), out)
    writer = StudyWriter(out)
    writer.begin(_began_with(outline), outline.source.reference)
    return Begun(outline, chat, writer)


def opened(outline: Outline, out: Path) -> tuple[ChatModel, Outline]:
    """The reference, loaded once all is checked that can be before anything is played, and the
    outline as it fits into its context. Raises BadInput and what `load_chat_model` raises."""
    check_plan(outline, out)
    source, settings = outline.source, outline.settings
    chat = load_chat_model(
        source.folders[source.reference],
        device=settings.device,
        threads=settings.threads,
        dtype=settings.dtype,
        template=settings.template,
    )
    outline = fitted(chat.words, chat.context, outline)
    check_prompts(chat, outline)
    return chat, outline


def _card(chat: ChatModel, name: str) -> dict[str, Any]:
    """What a study records of its model."""
    config = chat.hf.config
    return {
        "name": name,
        "architecture": type(chat.hf).__name__,
        "n_layers": chat.n_layers,
        "d_model": chat.d_model,
        "parameters": sum(p.numel() for p in chat.hf.parameters()),
        "dtype": chat.dtype,
        "template_told": chat.prompts.told,
        "template": chat.prompts.template,
        "own_template": chat.prompts.own_template,
        "system_role": chat.prompts.system_role,
        "vocabulary": json.loads(config.to_json_string()).get("vocab_size"),
    }


def _generation(outline: Outline) -> dict[str, Any]:
    """How the answers were made, as a study says it."""
    playing, given = outline.playing, outline.given
    made: dict[str, Any] = asdict(playing.sampling) | {"stop": "end token"}
    if given:
        made = {ELSEWHERE: given.note()}
    said = {"wording": playing.wording, "in_turn": playing.in_turn and not given}
    return made | said | {"ask": outline.settings.ask}


def _cut(outline: Outline) -> dict[str, Any]:
    """What instructions lost to the model's context."""
    return {"truncated": {k: list(v) for k, v in outline.cut.items()}} if outline.cut else {}


def _whose(source: Source) -> dict[str, Any]:
    """By which a model that is named later is known to be the one that was played."""
    found = weights_sha256(source.folders[source.reference])
    return {REFERENCE_SHA256: found} if found else {}


def _began_with(outline: Outline) -> dict[str, Any]:
    """What an unfinished study must have been begun with to be gone on with."""
    # by their hashes a retrained tree is not mixed with an older half study
    folders = outline.source.folders
    base = folders[outline.source.reference]
    hashes = {name: weights_sha256(folder, base) for name, folder in folders.items()}
    return {
        "settings": asdict(outline.settings) | {"threads": 0},
        "sampling": asdict(outline.playing.sampling),
        "folders": folders,
        "cast": [p.id for p in outline.cast.all],
        "questions": [q.text for q in outline.questions],
        "weights": {name: key for name, key in hashes.items() if key},
        "given": outline.given and outline.given.note(),
    }


def _headline(
    chat: ChatModel, outline: Outline, say: Callable[[str], None]
) -> tuple[str, int, PersonaVectors | None, dict[str, Any]]:
    """The headline's pooling and layer, and a note on why. Where traits tell, the reference is
    played once to choose, and its vectors come along."""
    settings, playing, names = outline.settings, outline.playing, outline.traits
    middle = middle_layer(chat, settings)
    if not names:  # the field's convention
        pooling = RESPONSE if RESPONSE in playing.poolings else playing.poolings[0]
        return pooling, middle, None, {"headline_rule": f"{pooling}, middle layer"}
    say("playing the reference to choose the headline pooling and layer")
    job = next(j for j in outline.jobs(middle) if j.checkpoint == outline.source.reference)
    played = play_blocks(chat, playing, job, Keeping(), say)
    assert played is not None  # every block is played here
    check_reference(played)
    vectors = played.vectors
    heard = among(playing.cast, vectors.ids)
    traits = np.array([[p.traits[t] for t in names] for p in heard.personas])
    scores = {
        (p, n): trait_r2(vectors.at(p, n)[:-1], traits).tolist()
        for p in vectors.poolings
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
    """The layer that was asked for, or the middle one of those that are read."""
    wanted = range(chat.n_layers) if settings.layers is None else settings.layers
    return wanted[len(wanted) // 2] if settings.layer is None else settings.layer
