"""The figures of a study's talks at one checkpoint: the map of talks, and one talk's belief
unfolding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from psm_viz.charts import kin_bars, talk_map
from psm_viz.charts.figures import Facts, Figure, Layout, Missing, Shown, Told, scaled
from psm_viz.charts.frames import where
from psm_viz.charts.map_ground import WIDTH, MapView, as_drawn, part_words
from psm_viz.charts.measure_colour import Colour
from psm_viz.charts.palette import Palette
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_findings import after, hardly_told, kin_shares, place_of_talks
from psm_viz.study import talks
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.layout import HOLD_TALKS, made_by
from psm_viz.study.reader import Study
from psm_viz.study.talks import EXACT, LIKELIHOOD, OWN, REFERENCE, TalkNote, families_in, tells

HEIGHT = 470
WAYS = {
    LIKELIHOOD: "by how likely the reference finds the words as each persona",
    OWN: "by the model's inner state",
    REFERENCE: "by the reference's inner state after the same words",
    EXACT: "by the exact observer of the made world",
}
"""How a talk is read, in words."""
SHOWN = ("beliefs", "belief", "belief_readings")
"""The tables that pages of talks are made from, beside a map."""
BY_STATES, BY_BELIEF = "talk_map", "belief_map"
"""Maps on which talks are placed by their states, or, where these do not tell who speaks, by
belief."""
LAST_PROMPT = "last prompt token of the talk"


def has_talks(study: Study) -> bool:
    """Whether the study can show its talks: on a map, and along training."""
    mapped = any(study.has_table(f"{m}_quality") for m in (BY_STATES, BY_BELIEF))
    return mapped and all(map(study.has_table, SHOWN))


def no_talks(study: Study) -> tuple[str, str]:
    """Why a study cannot show its talks (`has_talks`), and what to do about it."""
    if study.talk_note is None:
        return "This study has held no talks", HOLD_TALKS
    sizes = Counter(p.family for p in study.cast.personas)
    if sum(n > 1 for n in sizes.values()) < 2:
        return (
            "This study has held talks, but its cast has no two families to tell apart by them",
            "Play a cast with two or more families of two or more personas each.",
        )
    return "This study has held talks, but they were not read yet", made_by("belief")


def map_of_talks(study: Study) -> str:
    """Which map of talks a study has."""
    return BY_STATES if study.has_table(BY_STATES) else BY_BELIEF


def talk_points(reads: Reads) -> pd.DataFrame:
    """The cast and the Assistant's talks on the study's map of talks."""
    return reads.table(map_of_talks(reads.study))


def note_of(study: Study) -> TalkNote:
    """How the talks of a study were held that has tables of them."""
    note = study.talk_note
    assert note is not None  # `has_talks` was asked before
    return note


def headline_way(reads: Reads) -> str:
    """The way of reading that the sentences go by."""
    return talks.headline_way(reads.table("belief_readings"))


def whole_talks(reads: Reads, checkpoint: str, way: str) -> pd.DataFrame:
    """Beliefs of the Assistant's whole talks at a checkpoint, read in one way."""
    beliefs, note = reads.table("beliefs"), note_of(reads.study)
    if checkpoint == reads.study.manifest.reference and way == REFERENCE:
        way = OWN
    here = (beliefs.who == ASSISTANT) & (beliefs.checkpoint == checkpoint)
    return where(beliefs, here & (beliefs.way == way) & (beliefs.answers == note.answers))


def talk_figure(
    reads: Reads,
    checkpoint: str,
    view: MapView,
    chosen: int | None,
    colour: Colour | None = None,
    ringed: bool = False,
) -> Shown:
    """The map of talks at one checkpoint; `colour` is that of `view`. `chosen` is the talk of the
    Assistant whose card is shown, which a page rings; a file does where it was `ringed` on
    purpose."""
    study, points = reads.study, talk_points(reads)
    n = len(talk_map.dots_at(points, checkpoint))
    if not n:
        return Missing(
            f"{checkpoint} has held no talks.",
            "Its weights are needed: python -m psm_viz talks --study DIR --weights FOLDER",
        )
    title, note = colour.finding if colour else place_title(reads, checkpoint), note_of(study)
    states = map_of_talks(study) == BY_STATES
    own = len(where(points, points.kind == "talk"))
    cast = f"{own} talks of {len(study.cast.personas)} personas" if own else "personas"
    told = Told(
        name=f"talks-{checkpoint}",
        title=title,
        words=(f"{colour.words} A talk of the cast has its speaker's. " if colour else "")
        + f"{n} talks of the Assistant at {checkpoint} among those of the cast. "
        + (f"Ringed: talk {chosen}. " if ringed else "")
        + part_words(view)
        + map_words(reads, view.projection),
        alt=f"Map of talks at {checkpoint}: {n} of the Assistant among the cast's. {title}.",
        key="map",
        facts=Facts(
            n=f"{n} talks of the Assistant of {note.answers} answers each, {cast}",
            pooling=LAST_PROMPT if states else "",
            layer=_layer_of_states(reads) if states else None,
            null="Gaussian talks placed in the same way",
        ),
    )

    def build(p: Palette, width: int | None) -> Any:
        ring = chosen if ringed or width is None else None
        size = (width, scaled(HEIGHT, width, WIDTH))
        drawn = as_drawn(view, width)
        return talk_map.talk_map(points, study.cast, checkpoint, drawn, p, size, ring)

    return Figure(
        build,
        talk_map.talk_table(points, study.cast, checkpoint, view.overlay),
        told,
        Layout(WIDTH, hero="hero"),
    )


def _layer_of_states(reads: Reads) -> int | None:
    """The layer whose states of talks are read, where states were read."""
    table = reads.table("belief_readings")
    own = where(table, table.reading == "states").layer.dropna()
    return int(own.iloc[0]) if len(own) else None


def how_asked(study: Study) -> str:
    """How the questions of a talk were put, in words."""
    return "each by itself" if note_of(study).afresh else "in turn"


def told_right(reads: Reads, way: str, checkpoint: str = "") -> tuple[float, float] | None:
    """Of how many of the cast's talks at a checkpoint, by default the reference, a way of reading
    tells the kin, and by guessing; None where the study does not say."""
    if not reads.study.has_table("belief_quality"):
        return None
    table, at = reads.table("belief_quality"), checkpoint or reads.study.manifest.reference
    own = where(table, (table.checkpoint == at) & (table.way == way))
    own = where(own, own.answers == note_of(reads.study).answers)
    return (float(own.kin.iloc[0]), float(own.kin_chance.iloc[0])) if len(own) else None


def untold_at(reads: Reads, checkpoints: Iterable[str]) -> dict[str, tuple[float, float]]:
    """The checkpoints at which the headline reading hardly tells who speaks, with how often it
    does (`told_right`)."""
    way = headline_way(reads)
    found = {c: told_right(reads, way, c) for c in checkpoints}
    return {c: told for c, told in found.items() if told is not None and not tells(*told)}


def untold_speakers(reads: Reads, *checkpoints: str) -> str:
    """The finding where the headline reading hardly tells who speaks, at the reference or at one of
    some other checkpoints; '' where it does."""
    m = reads.study.manifest
    for c, told in untold_at(reads, (m.reference, *checkpoints)).items():
        return hardly_told(*told, when="" if c == m.reference else after(m.checkpoint(c)))
    return ""


def with_care(reads: Reads, title: str, *checkpoints: str) -> tuple[str, str]:
    """A finding about whom talks are taken for, and what its caption adds: where talks hardly tell
    who speaks, that is the finding, and the caption has what the means over talks say."""
    untold = untold_speakers(reads, *checkpoints)
    if not untold:
        return title, ""
    return untold, f" Means over many talks may still tell something: {title}."


def place_title(reads: Reads, checkpoint: str) -> str:
    """Where the talks lie and what changed, by the headline reading."""
    return reads.once(("place of talks", checkpoint), lambda: _place_title(reads, checkpoint))


def _place_title(reads: Reads, checkpoint: str) -> str:
    way, m, cast = headline_way(reads), reads.study.manifest, reads.study.cast
    if untold := untold_speakers(reads, checkpoint):
        return untold
    before, now = (whole_talks(reads, c, way) for c in (m.reference, checkpoint))
    families = families_in(now, cast)
    shares = [kin_shares(frame, cast, families) for frame in (before, now)]
    return place_of_talks(shares[0], shares[1], checkpoint, m, cast)


def map_words(reads: Reads, projection: str) -> str:
    """How far the map can be trusted, beside the same of noise."""
    study = reads.study
    table = reads.table(f"{map_of_talks(study)}_quality")
    own = table[table.data == "talks"].iloc[0]
    noise = table[table.data == "Gaussian talks"]
    prefix = "pca_" if projection == "PCA" else ""

    def pair(name: str, form: str = ".2f") -> str:
        low, high = noise[name].min(), noise[name].max()
        return f"{own[name]:{form}} (Gaussian noise {low:{form}} to {high:{form}})"

    words = (
        f"Neighbours kept {pair(f'{prefix}knn_recall')}, chance {own.knn_chance:.2f}; "
        f"trustworthiness {pair(f'{prefix}trustworthiness')}"
    )
    if map_of_talks(study) == BY_BELIEF:
        dealt = table[table.data == "speakers shuffled"].error
        words += (
            f". Talks of the cast, placed the same way, lie {own.error:.0%} of the map's width "
            f"from their speakers (speakers shuffled: {dealt.min():.0%} to {dealt.max():.0%})."
        )
    else:
        if projection != "PCA":
            words += f"; placement error {pair('loo_error_median', '.1%')} of the map's width"
        words += ". Hollow: near no talk of the cast."
    return f"{words} Distances on a map are not measurements.{_untold(reads)}"


def _untold(reads: Reads) -> str:
    """The families that belief cannot name, since they have one persona alone."""
    left = next(iter(reads.table("belief_readings")["left_out"].astype(str)), "")
    return f" Of one persona alone, so never named by belief: {left}." if left else ""


def unfolding_figure(reads: Reads, checkpoint: str, talk: int) -> Figure:
    """Who a talk sounds like, after 0, 1, 2, 4 answers."""
    study, way = reads.study, headline_way(reads)
    beliefs = reads.table("beliefs")
    here = (beliefs.who == ASSISTANT) & (beliefs.checkpoint == checkpoint)
    own = where(beliefs, here & (beliefs.way == way) & (beliefs.talk == talk))
    rows = kin_bars.unfolding(own, study.cast, families_in(beliefs, study.cast))
    answers = int(rows.answers.max())
    last = where(rows, rows.answers == answers).sort_values("mass", ascending=False)
    best = last.iloc[0]
    untold = untold_speakers(reads, checkpoint)
    told = Told(
        name=f"belief-{checkpoint}-{talk}",
        title=f"It sounds {'a little ' if untold else ''}like: {best['name']}, {best.mass:.0%}",
        words=(f"{untold}. " if untold else "")
        + f"Belief: how likely each kin is to have said this, after so many answers, read "
        f"{WAYS[way]}. A kin: a group of like families. The reference: {study.manifest.reference}. "
        "Before any answer all families count alike.",
        alt=f"Belief over kins after 0 to {answers} answers; at the end "
        f"{best['name']} {best.mass:.0%}.",
        key="unfolding",
        facts=Facts(n=f"talk {talk} of the Assistant at {checkpoint}, {answers} answers"),
    )
    return Figure(
        lambda p, width: kin_bars.unfolding_chart(rows, study.cast, p, (width, 132)),
        rows.drop(columns="kin"),
        told,
        Layout(380, small=True, label=True, captioned=True),
    )
