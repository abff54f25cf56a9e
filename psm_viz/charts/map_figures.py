"""The figures of means of personas: the map of one checkpoint, somebody's place along the axis."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from psm_viz.charts import card_charts, findings, persona_map
from psm_viz.charts.choices import pooling_name
from psm_viz.charts.figures import Facts, Figure, Layout, Told, scaled
from psm_viz.charts.frames import where
from psm_viz.charts.map_ground import WIDTH, MapView, as_drawn, part_words
from psm_viz.charts.measure_colour import Colour
from psm_viz.charts.reads import Reads, StoredMap
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study

HEIGHT = 470
CENTRED = {"own": "its own cast's mean", "reference": "the reference's mean"}
"""`MapView.space` in words."""
NO_MEASURE = "Distances on a UMAP are not measurements."
AXIS_UNITS = "standard deviations of the cast along the Assistant axis"
CARD = Layout(380, small=True, label=True)


def map_figure(
    study: Study, stored: StoredMap, checkpoint: str, view: MapView, colour: Colour | None
) -> Figure:
    """The map of one checkpoint."""
    title = colour.finding if colour else place_title(study, stored, checkpoint, view.space)
    words = part_words(view) + map_words(study, stored, checkpoint, view)
    told = Told(
        name=f"map-{checkpoint}-{stored.pooling}-L{stored.layer}",
        title=title,
        words=f"{colour.words} {words}".strip() if colour else words,
        alt=f"Map of {len(study.cast.personas)} personas at {checkpoint}. {title}.",
        key="map",
        facts=Facts(
            n=f"{len(study.cast.personas)} personas and the Assistant",
            pooling=pooling_name(stored.pooling),
            layer=stored.layer,
        ),
    )
    return Figure(
        lambda p, width: persona_map.cast_map(
            stored.points,
            study.cast,
            checkpoint,
            as_drawn(view, width),
            p,
            (width, scaled(HEIGHT, width, WIDTH)),
        ),
        persona_map.map_table(stored.points, study.cast, checkpoint, view),
        told,
        Layout(WIDTH, hero="hero"),
    )


def place_title(study: Study, stored: StoredMap, checkpoint: str, space: str) -> str:
    """Where the Assistant stands, or why it is not drawn."""
    star = persona_map.assistant_points(stored.points, checkpoint, space)
    if star.empty:
        strange, absent = (stored.info.get(k, {}) for k in ("not_placeable", "not_held"))
        return findings.strange_finding(checkpoint, strange, absent)
    names = {f.id: f.name for f in study.cast.families}
    row = star.iloc[0]
    return findings.place_finding(persona_map.mixture_of(row), bool(row.off_map), names)


def map_words(study: Study, stored: StoredMap, checkpoint: str, view: MapView) -> str:
    """The caption of a map: what, n, pooling, layer, and how far it can be trusted."""
    info = stored.info
    questions = len([q for q in study.questions if q.set == "main"])
    asked = f", {questions} questions" if questions else ""
    what = (
        f"{len(study.cast.personas)} personas where {study.manifest.reference} has them, and the "
        f"Assistant of {checkpoint}, centred on {CENTRED[view.space]}. "
        f"{pooling_name(stored.pooling).capitalize()}, layer {stored.layer}{asked}."
    )
    if view.projection == "PCA":
        shares = info.get("pca_explained") or []
        kept = f"{sum(shares[:2]):.0%}" if shares else "an unmeasured share"
        return (
            f"{what} The first two principal components, {kept} of the variance between personas. "
            f"Trustworthiness {quality(info, 'pca_trustworthiness')}; neighbours kept "
            f"{quality(info, 'pca_knn_recall')} (chance {quality(info, 'knn_chance')})."
        )
    # The ring's hues mean kin: it is drawn where colour means kin.
    ringed = "" if view.overlay else "Ring: the families that place the Assistant. "
    return (
        f"{what} Trustworthiness {quality(info, 'trustworthiness')}; neighbours kept "
        f"{quality(info, 'knn_recall')} (chance {quality(info, 'knn_chance')}); placement error "
        f"{quality(info, 'loo_error_median', '.1%')} of the map's width. {ringed}{NO_MEASURE}"
    )


def quality(info: Mapping[str, Any], key: str, form: str = ".2g") -> str:
    """A figure of a map's quality in words."""
    value = info.get(key)
    return format(value, form) if isinstance(value, Real) else "not measured"


def track_figures(reads: Reads, checkpoint: str, pooling: str, persona: str) -> list[Figure]:
    """Where somebody stands along the Assistant axis over the checkpoint's branch, and among the
    cast; none where nobody measured it."""
    study, positions = reads.study, reads.table("positions")
    branch = study.manifest.checkpoint(checkpoint).branch
    path = [c.id for c in study.manifest.branch(branch)]
    line = card_charts.axis_track(positions, path, pooling, persona)
    if line.empty:
        return []
    name, accent = study.cast.persona(persona).name, persona == ASSISTANT
    where_read = {"pooling": pooling_name(pooling), "layer": study.manifest.headline_layer}
    told = Told(
        name=f"axis-{persona}-{branch}",
        title=f"How {name} moves along the Assistant axis in {findings.said(branch)}, in SDs",
        words=f"{name} at the checkpoints of {branch}, {AXIS_UNITS}; grey: 80 % of the cast.",
        alt=f"{name} along the Assistant axis over {branch}, {AXIS_UNITS}.",
        key="track",
        facts=Facts(n=f"{len(line)} checkpoints of {branch}", **where_read),
    )
    track = Figure(
        lambda p, width: card_charts.sparkline(line, checkpoint, p, accent, (width, 64)),
        line,
        told,
        CARD,
    )
    here = where(positions, (positions.pooling == pooling) & (positions.checkpoint == checkpoint))
    told = Told(
        name=f"cast-on-axis-{checkpoint}",
        title="The further right on that axis, the more Assistant: the cast, in SDs",
        words=f"Every persona at {checkpoint}, {AXIS_UNITS}; {name} is marked.",
        alt=f"The cast along the Assistant axis at {checkpoint}; {name} is marked.",
        key="strip",
        facts=Facts(n=f"{len(here)} of the cast and the Assistant", **where_read),
    )
    strip = Figure(
        lambda p, width: card_charts.cast_on_axis(here, study.cast, persona, p, (width, 62)),
        here,
        told,
        CARD,
    )
    return [track, strip]
