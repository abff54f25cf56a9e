"""Figures of a lesson that is being taught: where the Assistant's talks lie as it learns, and how
its loss falls.

Input is what a live model process says at each look (`messages.LOOK`): step, dots (talk, place,
bad), belief over families, answers. Coordinates have no unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts import talk_map
from psm_viz.charts.figures import Facts, Figure, Layout, Missing, Shown, Told
from psm_viz.charts.frames import where
from psm_viz.charts.live_figures import HEIGHT, WIDTH, at_place, likeliest_kin
from psm_viz.charts.map_ground import Ground, MapView, ground
from psm_viz.charts.map_plane import haloed, xy
from psm_viz.charts.palette import Palette, finish
from psm_viz.charts.persona_map import targets, zoom
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import has_talks, talk_points
from psm_viz.study.cast import Cast

Look = Mapping[str, Any]
LEAST_BAD = 0.5
"""Share of a talk's answers that are bad from which on its dot is filled."""


def dots_of(look: Look, projection: str) -> pd.DataFrame:
    """The talks held at a look: talk, px, py, bad (share of their answers, NaN unjudged)."""
    rows = [
        {"talk": d["talk"], "bad": float("nan") if d["bad"] is None else float(d["bad"])}
        | at_place(d["place"], projection)
        for d in look["dots"]
        if d.get("place")
    ]
    return pd.DataFrame(rows, columns=["talk", "px", "py", "bad"])


def means_of(looks: Sequence[Look], projection: str) -> pd.DataFrame:
    """Where the middle of the talks lay at each look: step, px, py."""
    rows = []
    for look in looks:
        at = dots_of(look, projection)
        if len(at):
            rows.append({"step": look["step"], "px": at.px.mean(), "py": at.py.mean()})
    return pd.DataFrame(rows, columns=["step", "px", "py"])


def lesson_map(
    reads: Reads,
    looks: Sequence[Look],
    shown: int,
    foretold: Mapping[str, Any] | None,
    projection: str,
) -> Shown:
    """The Assistant's talks at one look upon the study's map, the way that their middle went, and
    where the cast says that the lines lie."""
    study = reads.study
    if not has_talks(study):
        return Missing(
            "This study has no map of talks.",
            "Hold talks first: python -m psm_viz talks --study DIR --weights FOLDER",
        )
    points, look = talk_points(reads), looks[shown] if looks else None
    at = dots_of(look, projection) if look else dots_of({"dots": []}, projection)
    way = means_of(looks[: shown + 1], projection)
    told = Told(
        name="live-lesson",
        title=lesson_title(looks, shown, foretold, study.cast),
        words=_words(look, at, foretold),
        alt=f"Map of the cast with the Assistant's talks as it is taught. "
        f"{lesson_title(looks, shown, foretold, study.cast)}.",
        key="live-lesson",
        facts=Facts(n=f"{len(at)} talks"),
    )

    def build(p: Palette, width: int | None) -> Any:
        seen = MapView(projection=projection, blocks=True, land=True)
        also = pd.concat([at[["px", "py"]], way[["px", "py"]]])
        size = (width or WIDTH, HEIGHT)
        g = ground(talk_map.land(points), study.cast, seen, p, size, also if len(also) else None)
        layers = [*g.layers, *g.over, *_dots(g, at), *_way(g, way)]
        layers += _foretold(g, foretold, projection)
        layers.append(targets(g).add_params(zoom()))
        return finish(alt.layer(*layers), p, HEIGHT, width)

    return Figure(build, at, told, Layout(WIDTH, hero="hero-live"))


def _words(look: Look | None, at: pd.DataFrame, foretold: Mapping[str, Any] | None) -> str:
    """The caption of the map."""
    said = []
    if look:
        bad = "; filled: at least half of its answers are bad" if at.bad.notna().any() else ""
        said.append(
            f"{len(at)} talks of the Assistant after {look['step']} steps of training, each among "
            f"the characters who would say the same{bad}. Line: where their middle was at each "
            "look."
        )
    if foretold:
        said.append(
            "Diamond: among the characters who would give the answers of your lines, asked before "
            "training."
        )
    if not said:
        said.append("Pale dots and names: the characters that this model can play.")
    return " ".join([*said, "Distances on a map are not measurements."])


def _dots(g: Ground, at: pd.DataFrame) -> list[Any]:
    """The talks: filled where most answers are bad, hollow where not; all filled unjudged."""
    p, out = g.palette, []
    bad = (at.bad >= LEAST_BAD) | at.bad.isna()
    for full in (False, True):
        own = where(at, bad == full)
        if own.empty:
            continue
        dots = alt.Chart(own[["px", "py"]]).mark_circle(
            size=110,
            fill=p.accent if full else p.paper,
            stroke=p.accent,
            strokeWidth=1.6,
            opacity=0.9,
            aria=False,
        )
        out.append(dots.encode(**xy(g.frame)))
    return out


def _way(g: Ground, way: pd.DataFrame) -> list[Any]:
    """The way of the talks' middle, its last step named."""
    if len(way) < 2:
        return []
    p, place = g.palette, xy(g.frame)
    line = alt.Chart(way).mark_line(
        color=p.ink, strokeWidth=2, opacity=0.8, point={"fill": p.ink, "size": 26}, aria=False
    )
    last = way.tail(1).assign(text=[f"step {int(s)}" for s in way.tail(1).step])
    named = alt.Chart(last[["px", "py", "text"]]).encode(**place, text="text:N")
    return [
        line.encode(**place, order="step:Q"),
        *haloed(named, p, p.ink, 12, {"dy": -14, "fontWeight": 600}),
    ]


def _foretold(g: Ground, foretold: Mapping[str, Any] | None, projection: str) -> list[Any]:
    """Where the lines themselves lie."""
    if not foretold or not foretold.get("place"):
        return []
    p, place = g.palette, xy(g.frame)
    row = pd.DataFrame([at_place(foretold["place"], projection)])
    mark = alt.Chart(row).mark_point(
        shape="diamond", size=260, fill=p.paper, stroke=p.ink, strokeWidth=2, opacity=1, aria=False
    )
    named = alt.Chart(row.assign(text="your lines")).encode(**place, text="text:N")
    return [mark.encode(**place), *haloed(named, p, p.ink, 12, {"dy": 20, "fontWeight": 600})]


def lesson_title(
    looks: Sequence[Look], shown: int, foretold: Mapping[str, Any] | None, cast: Cast
) -> str:
    """What the lesson has done so far, by kin."""
    if not looks:
        if not foretold:
            return "Write some lines, and see who would say them before you teach them"
        name, mass = likeliest_kin(_heard(foretold["belief"]), cast)
        return f"Your lines sound like: {name}, {mass:.0%}"
    if not looks[shown]["belief"]:
        return f"After {looks[shown]['step']} steps of training"
    before, b = likeliest_kin(_heard(looks[0]["belief"]), cast)
    now, n = likeliest_kin(_heard(looks[shown]["belief"]), cast)
    if shown == 0:
        return f"Before training its talks sound like: {before}, {b:.0%}"
    step = looks[shown]["step"]
    if now == before:
        return f"After {step} steps its talks still sound like: {now}, {n:.0%} (before: {b:.0%})"
    return f"After {step} steps its talks sound like: {now}, {n:.0%} (before: {before}, {b:.0%})"


def _heard(belief: Mapping[str, float]) -> dict[str, Any]:
    return {"belief": {"": belief}, "headline": ""}


def kins_by_step(looks: Sequence[Look], cast: Cast, families: Sequence[str]) -> Shown:
    """Belief over kins at each look."""
    known = [look for look in looks if look["belief"]]
    if not known:
        return Missing("Nothing was read of its talks yet.", "Teach it.")
    frame = pd.DataFrame([dict(look["belief"]) | {"answers": look["step"]} for look in known])
    rows = talk_map.unfolding(frame, cast, families)
    rows = where(rows, ~rows.duplicated(["answers", "kin"], keep="last"))
    told = Told(
        name="live-kins",
        title="Whom its talks sound like, step by step",
        words="Belief over kins, mean over its talks, after so many steps of training.",
        alt="Belief over kins at each look at the model while it is taught.",
        key="live-kins",
        facts=Facts(n=f"{len(known)} looks"),
    )
    height = 70 + 20 * len(known)
    return Figure(
        lambda p, width: talk_map.unfolding_chart(rows, cast, p, (width, height), "steps"),
        rows.drop(columns="kin").rename(columns={"answers": "steps"}),
        told,
        Layout(380, small=True, label=True),
    )


def loss_chart(losses: Sequence[tuple[int, float]], steps: int, p: Palette) -> Any:
    """Loss by step, in nats a token of an answer."""
    frame = pd.DataFrame(losses, columns=["step", "loss"])
    x = alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, steps], nice=False))
    y = alt.Y("loss:Q", title="loss, nats a token", scale=alt.Scale(zero=True))
    line = alt.Chart(frame).mark_line(color=p.accent, strokeWidth=1.8).encode(x=x, y=y)
    return finish(line, p, 130, None)
