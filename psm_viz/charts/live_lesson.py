"""Figures of a lesson that is being taught: where the Assistant's talks lie as it learns, and how
its loss falls.

Input is what a live model process says at each look (`messages.LOOK`): step, dots (talk, belief,
bad), belief over families, answers. Coordinates have no unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from psm_viz.charts import talk_map
from psm_viz.charts.figures import Facts, Figure, Layout, Missing, Shown, Told
from psm_viz.charts.findings import listed, number
from psm_viz.charts.frames import where
from psm_viz.charts.kin_bars import kin_masses, named_chart, unfolding, unfolding_chart
from psm_viz.charts.live_figures import HEIGHT, WIDTH, likeliest_kin, place_on
from psm_viz.charts.map_ground import Ground, MapView, ground
from psm_viz.charts.map_plane import haloed, xy
from psm_viz.charts.palette import Palette, finish
from psm_viz.charts.persona_map import targets, zoom
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import has_talks, headline_way, talk_points, whole_talks
from psm_viz.study.cast import Cast

Look = Mapping[str, Any]
LEAST_BAD = 0.5
"""Share of a talk's answers that are bad from which on its dot is filled."""
DOTS = talk_map.DotStyle(size=110, hollow=1.6, rim=0.8, opacity=0.9, ring=0)
LIKELIEST = 3
"""Families that a sentence about the lines names."""
DEALT, STILL = 2000, 1e-9
"""Times that families are dealt anew, and a change of belief that is none."""


def dots_of(reads: Reads, look: Look | None, projection: str) -> pd.DataFrame:
    """The talks held at a look: talk, px, py, bad (share of their answers, NaN unjudged)."""
    rows = [
        {"talk": d["talk"], "bad": float("nan") if d["bad"] is None else float(d["bad"])}
        | place_on(reads, d["belief"], projection)
        for d in (look["dots"] if look else ())
    ]
    return pd.DataFrame(rows, columns=["talk", "px", "py", "bad"])


def means_of(reads: Reads, looks: Sequence[Look], projection: str) -> pd.DataFrame:
    """Where the middle of the talks lay at each look: step, px, py."""
    rows = []
    for look in looks:
        at = dots_of(reads, look, projection)
        if len(at):
            rows.append({"step": look["step"], "px": at.px.mean(), "py": at.py.mean()})
    return pd.DataFrame(rows, columns=["step", "px", "py"])


def belief_before(reads: Reads, families: Sequence[str]) -> dict[str, float]:
    """The mean belief of the Assistant's talks at the reference, as the study holds them."""
    talks = whole_talks(reads, reads.study.manifest.reference, headline_way(reads))
    return {f: float(talks[f].mean()) for f in families}


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
    at = dots_of(reads, look, projection)
    way = means_of(reads, looks[: shown + 1], projection)
    arrow = arrow_of(reads, looks, foretold, projection)
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
        also = pd.concat([f[["px", "py"]] for f in (at, way, arrow)])
        size = (width or WIDTH, HEIGHT)
        good = at.bad < LEAST_BAD  # what nobody judged is full
        g = ground(talk_map.land(points), study.cast, seen, p, size, also if len(also) else None)
        layers = [*g.layers, *g.over, *talk_map.talk_dots(g, at, DOTS, good), *_way(g, way)]
        layers += _arrow(g, arrow)
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
            "Diamond: your lines, among the characters who would give their answers, asked before "
            "training; the broken line leads there from where the Assistant is."
        )
    if not said:
        said.append("Pale dots and names: the characters that this model can play.")
    return " ".join([*said, "Distances on a map are not measurements."])


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


def arrow_of(
    reads: Reads, looks: Sequence[Look], foretold: Mapping[str, Any] | None, projection: str
) -> pd.DataFrame:
    """What is foretold, on the map: from the middle of the Assistant's talks before training to
    where the lines lie (two rows px, py; none where nobody asked)."""
    if not foretold:
        return pd.DataFrame(columns=["px", "py"])
    belief = foretold["belief"]
    start = means_of(reads, looks[:1], projection)[["px", "py"]].to_dict("records")
    start = start or [place_on(reads, belief_before(reads, tuple(belief)), projection)]
    return pd.DataFrame([*start, place_on(reads, belief, projection)])


def _arrow(g: Ground, arrow: pd.DataFrame) -> list[Any]:
    """A broken line to where the lines lie, its end a diamond."""
    if arrow.empty:
        return []
    p, place = g.palette, xy(g.frame)
    line = alt.Chart(arrow.assign(n=[0, 1])).mark_line(
        color=p.ink, strokeWidth=1.6, strokeDash=[5, 4], opacity=0.8, aria=False
    )
    end = arrow.tail(1)
    mark = alt.Chart(end).mark_point(
        shape="diamond", size=260, fill=p.paper, stroke=p.ink, strokeWidth=2, opacity=1, aria=False
    )
    named = alt.Chart(end.assign(text="your lines")).encode(**place, text="text:N")
    return [
        line.encode(**place, order="n:Q"),
        mark.encode(**place),
        *haloed(named, p, p.ink, 12, {"dy": 20, "fontWeight": 600}),
    ]


def foretold_figure(
    reads: Reads, looks: Sequence[Look], shown: int, foretold: Mapping[str, Any]
) -> Shown:
    """Who would say the lines, beside who says what the Assistant says before training and at a
    look; and how well the one foretold the other."""
    cast, lines = reads.study.cast, foretold["belief"]
    known = [look for look in looks[: shown + 1] if look["belief"]]
    before = known[0]["belief"] if known else belief_before(reads, tuple(lines))
    beliefs = {"the Assistant before": before, "your lines": lines}
    score = ""
    if len(known) > 1:
        step = known[-1]["step"]
        beliefs[f"its talks, step {step}"] = known[-1]["belief"]
        score = score_words(foretold_score(before, lines, known[-1]["belief"]), step)
    rows = pd.DataFrame(
        [{"row": name} | row for name, b in beliefs.items() for row in kin_masses(b, cast)]
    )
    names = {f.id: f.name.lower() for f in cast.families}
    top = sorted(lines, key=lambda f: -lines[f])[:LIKELIEST]
    title = f"Your lines would be said by {listed([f'{names[f]} ({lines[f]:.0%})' for f in top])}"
    told = Told(
        name="live-foretold",
        title=title,
        words="Belief over kins: how likely each is to have given these answers, read as talks of "
        f"one answer, mean over {foretold['answers']} answers.{score}",
        alt=f"{title}. Belief over kins for the Assistant before and for the lines.",
        key="live-foretold",
        facts=Facts(n=f"{foretold['answers']} answers"),
    )
    height = 50 + 30 * len(beliefs)
    return Figure(
        lambda p, width: named_chart(rows, cast, p, (width, height)),
        rows.drop(columns="kin"),
        told,
        Layout(380, small=True, captioned=True),
    )


def foretold_score(
    before: Mapping[str, float], lines: Mapping[str, float], after: Mapping[str, float]
) -> tuple[float, float, float]:
    """Correlation over families of the change of belief that the lines foretell with the change
    that came, and the band that holds 95 % of those with families dealt anew. NaN where either
    changes nothing."""
    b, e, a = (np.array([x[f] for f in before], dtype=np.float64) for x in (before, lines, after))
    told, came = e - b, a - b
    if min(np.ptp(told), np.ptp(came)) < STILL:
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(0)
    dealt = [np.corrcoef(rng.permutation(told), came)[0, 1] for _ in range(DEALT)]
    low, high = np.percentile(dealt, [2.5, 97.5])
    return float(np.corrcoef(told, came)[0, 1]), float(low), float(high)


def score_words(score: tuple[float, float, float], step: int) -> str:
    """The score of what was foretold, as a sentence of a caption."""
    r, low, high = score
    if not np.isfinite(r):
        return " Belief has not moved yet, so that nothing can be scored."
    return (
        f" How belief in each family was foretold to change and how it changed in {step} steps: "
        f"r {number(r)} (families dealt anew: {number(low)} to {number(high)})."
    )


def lesson_title(
    looks: Sequence[Look], shown: int, foretold: Mapping[str, Any] | None, cast: Cast
) -> str:
    """What the lesson has done so far, by kin."""
    if not looks:
        if not foretold:
            return "Write some lines, and see who would say them before you teach them"
        name, mass = likeliest_kin(foretold["belief"], cast)
        return f"Your lines sound like: {name}, {mass:.0%}"
    if not looks[shown]["belief"]:
        return f"After {looks[shown]['step']} steps of training"
    before, b = likeliest_kin(looks[0]["belief"], cast)
    now, n = likeliest_kin(looks[shown]["belief"], cast)
    if shown == 0:
        return f"Before training its talks sound like: {before}, {b:.0%}"
    step = looks[shown]["step"]
    if now == before:
        return f"After {step} steps its talks still sound like: {now}, {n:.0%} (before: {b:.0%})"
    return f"After {step} steps its talks sound like: {now}, {n:.0%} (before: {before}, {b:.0%})"


def kins_by_step(looks: Sequence[Look], cast: Cast, families: Sequence[str]) -> Shown:
    """Belief over kins at each look."""
    known = [look for look in looks if look["belief"]]
    if not known:
        return Missing("Nothing was read of its talks yet.", "Teach it.")
    frame = pd.DataFrame([dict(look["belief"]) | {"answers": look["step"]} for look in known])
    rows = unfolding(frame, cast, families)
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
        lambda p, width: unfolding_chart(rows, cast, p, (width, height), "steps"),
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
