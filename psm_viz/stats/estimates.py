"""The figures between two sets of activations, each with its interval, its null and its p.

Arrays in, figures out: the same functions measure a study (`tables.compare`) and are put to the
test on planted movements (`tables.validation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from psm_viz.errors import BadInput
from psm_viz.stats import adjusted_drift, drift, persona_space, resampling
from psm_viz.stats import significance as sig
from psm_viz.stats.resampling import NAN, Estimate
from psm_viz.stats.vectors import cast_mean, unit

FLIPPED, CASTS = "sign flips", "the cast's own, 95 %"
TOWARDS = "straight towards one persona, 95 %"


@dataclass(frozen=True)
class Asked:
    """The main questions of a study: folds, topics, draws and flips, made once."""

    fold: tuple[int, ...]
    topics: tuple[str, ...]
    counts: np.ndarray
    signs: np.ndarray
    pairs: tuple[tuple[int, int], ...]
    """Pairs of folds that share no topic (all pairs where topics are too few to count)."""


def asked(topics: tuple[str, ...], fold: tuple[int, ...]) -> Asked:
    """What questions of these topics, in these folds, allow. Raises BadInput where there are fewer
    than two."""
    resampling.topics_apart(topics)
    unit_of = resampling.topic_index(topics)
    met = {f: {int(u) for u, k in zip(unit_of, fold, strict=True) if k == f} for f in set(fold)}
    pairs = tuple((f, g) for f in sorted(met) for g in sorted(met) if f < g and not met[f] & met[g])
    counts = np.stack([c for c in resampling.draw_counts(topics) if (c > 0).sum() > 1])
    return Asked(fold, topics, counts, sig.flips(topics), pairs)


@dataclass(frozen=True)
class Origin:
    """What a start gives to every comparison from it at the headline layer."""

    folds: np.ndarray
    axes: np.ndarray
    """The unit Assistant axis made without each fold [fold, d_model]."""
    along: dict[frozenset[int], adjusted_drift.Directions]
    spaces: tuple[persona_space.PersonaSpace, ...]
    traits: dict[str, tuple[np.ndarray, np.ndarray]]
    """Trait -> per question: its axis made from the other folds, and the cast's spread on it."""


def origin_of(
    folds: np.ndarray,
    weights: np.ndarray,
    trait: Mapping[str, np.ndarray],
    questions: Asked,
    contrasts: Mapping[str, np.ndarray] | None = None,
) -> Origin:
    """Axes, directions, spaces and trait axes of one start, from its fold means.

    `trait`: trait -> each persona's value of it [role]; `contrasts`: trait -> its measured vector
    in each fold [fold, d_model].

    Raises BadInput for too few folds or personas, or folds that all share topics.
    """
    n = folds.shape[1]
    adjusted_drift.arrangements(n)
    axes, _ = drift.held_out_axes(folds, weights, range(n))
    if not questions.pairs:
        raise BadInput(
            "No two question folds are free of common topics.",
            "Give each topic's questions to at most half of the folds (questions.jsonl).",
        )
    return Origin(
        folds,
        axes,
        adjusted_drift.all_directions(folds, weights),
        tuple(
            persona_space.persona_space(folds, weights, questions.pairs, share)
            for share in persona_space.SHARES
        ),
        trait_axes(folds, weights, trait, questions, contrasts),
    )


def trait_axes(
    folds: np.ndarray,
    weights: np.ndarray,
    trait: Mapping[str, np.ndarray],
    questions: Asked,
    contrasts: Mapping[str, np.ndarray] | None = None,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Trait -> per question: its axis made from the other folds, and the cast's spread on it; of
    values of the cast and of measured vectors (see `origin_of`)."""
    n = folds.shape[1]
    rest = [adjusted_drift.others(n, f) for f in range(n)]
    roles = [folds[:-1, others].mean(1) for others in rest]
    made = {
        name: [drift.scaled_trait_axis(r, value, weights) for r in roles]
        for name, value in trait.items()
    }
    for name, apart in (contrasts or {}).items():
        units = zip(roles, (unit(apart[others].mean(0)) for others in rest), strict=True)
        made[name] = [(u, drift.spread_of(r, u, weights)) for r, u in units]
    index = np.array(questions.fold)
    return {
        name: (np.stack([u for u, _ in own])[index], np.array([s for _, s in own])[index])
        for name, own in made.items()
    }


def _beside(i: Estimate, low: float, high: float, null: str, p: float) -> Estimate:
    """A figure beside its null's band."""
    return replace(i, null_low=float(low), null_high=float(high), null=null, p=p)


def shift_figures(shift: drift.Shift, q: Asked) -> dict[str, Estimate]:
    """D, g and s with intervals; sign flips as their null."""
    out = drift.shift_intervals(shift, q.counts)
    parts = {
        "shift_norm": shift.total,
        "global_norm": shift.common,
        "specific_norm": shift.specific,
    }
    for name, x in parts.items():
        flips = sig.moved(x, shift.apart, q.signs)
        band = float(resampling.signed_root(np.percentile(flips[1:], [95.0]))[0])
        out[name] = _beside(out[name], 0.0, max(band, 0.0), FLIPPED, sig.p_of_flips(flips))
    for name, x in (("axis_component", shift.total), ("axis_position_cast", shift.specific)):
        along = (x * shift.axis).sum(1) / shift.spread
        flips = q.signs @ along / len(along)
        low, high = np.percentile(flips[1:], [2.5, 97.5])
        out[name] = _beside(out[name], low, high, FLIPPED, sig.p_of_flips(np.abs(flips)))
    return out


def axis_kept(x: np.ndarray, y: np.ndarray, q: Asked) -> tuple[Estimate, Estimate]:
    """Cosine and ratio of the Assistant axes before and after, from products between topics.

    x and y are the Assistant's vectors less the cast's mean, per question [question, d_model].
    """
    apart = resampling.topics_apart(q.topics)

    def squares(c: np.ndarray) -> tuple[np.ndarray, ...]:
        xx, yy = (np.maximum(resampling.quadratic(m @ m.T, apart, c), 0) for m in (x, y))
        return xx, yy, resampling.quadratic((x @ y.T + y @ x.T) / 2, apart, c)

    def cosine(c: np.ndarray) -> np.ndarray:
        xx, yy, xy = squares(c)
        both = np.sqrt(xx * yy)
        return np.divide(xy, both, out=np.full(len(c), NAN), where=both > 0).clip(-1, 1)

    def ratio(c: np.ndarray) -> np.ndarray:
        xx, yy, _ = squares(c)
        return np.sqrt(np.divide(yy, xx, out=np.full(len(c), NAN), where=xx > 0))

    kept = (resampling.interval_of_draws(f, q.counts) for f in (cosine, ratio))
    return next(kept), next(kept)


def specific_squares(
    shift: np.ndarray, weights: np.ndarray, pairs: tuple[tuple[int, int], ...]
) -> np.ndarray:
    """Cross-fitted |s|^2 of every persona, the Assistant last, from fold means of their shifts."""
    own = shift - cast_mean(shift[:-1], weights)[None]
    return np.mean([(own[:, f] * own[:, g]).sum(1) for f, g in pairs], axis=0)


def given_cast_figures(
    shift: drift.Shift, origin: Origin, end: np.ndarray, q: Asked
) -> tuple[dict[str, Estimate], np.ndarray, np.ndarray]:
    """s* and what guards it, the axis given the cast, and the shares inside the persona space.

    Also returns |s|^2 and |s*|^2 under every sign flip [2, flip], and |s*|^2 of every cast member
    and, last, the Assistant, comparable across personas.
    """
    given = adjusted_drift.given_cast(origin.folds, end, origin.along, q.pairs)
    cast, own = given.squares()
    factor = float(np.mean([n.assistant_factor for n in given.left]))
    products, free, owner = _left_products(shift, given, q)
    size = resampling.interval_of_draws(
        lambda c: resampling.signed_root(resampling.quadratic(products, free, c[:, owner])),
        q.counts,
    )
    flips = np.stack(
        [
            sig.moved(shift.specific, shift.apart, q.signs),
            sig.flipped(products, free, q.signs[:, owner]),
        ]
    )
    p_moved, p_left = (sig.p_of_flips(f) for f in flips)
    low, high = resampling.signed_root(np.percentile(cast, [2.5, 97.5])) * factor
    p = sig.p_both(p_moved, p_left, sig.p_largest(own, cast))
    out = {
        "specific_given_cast": _beside(size, low, high, CASTS, p),
        "given_cast_percentile": Estimate(sig.percentile(own, cast)),
    }
    out |= _axis_figures(shift, given, origin, end, q)
    for space in origin.spaces:
        found = persona_space.in_space_share(
            shift.specific, q.fold, shift.apart, space, np.vstack([np.ones(len(q.fold)), q.counts])
        )
        i = resampling.estimate(found[0], found[1:])
        low, high = np.percentile(space.towards, [2.5, 97.5])
        # outside: nearly every draw lies below nearly every straight movement
        inside = ~(found[1:] < np.percentile(space.towards, 100 * sig.ALPHA))
        p = sig.p_both(p_moved, (1 + inside.sum()) / len(found))
        out[f"in_space_share_{space.share * 100:.0f}"] = _beside(i, low, high, TOWARDS, p)
    return out, flips, np.append(cast, own)


def _left_products(
    shift: drift.Shift, given: adjusted_drift.Given, q: Asked
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Products of what each question's shift is beyond what the cast predicts for its fold from
    each other fold's start; which of them are free of common noise; and whose row each is."""
    fold = np.array(q.fold)
    rows, start, owner = [], [], []
    for (f, g), left in zip(given.arranged, given.left, strict=True):
        here = np.flatnonzero(fold == f)
        rows.append(shift.total[here] - left.predicted)
        start += [g] * len(here)
        owner.append(here)
    x, own, start = np.concatenate(rows), np.concatenate(owner), np.array(start)
    f, unit_of = fold[own], resampling.topic_index(q.topics)[own]
    free = (f[:, None] != f[None]) & (start[:, None] != start[None])
    free &= (f[:, None] != start[None]) & (start[:, None] != f[None])
    free &= unit_of[:, None] != unit_of[None]
    return x @ x.T, free, own


def _axis_figures(
    shift: drift.Shift, given: adjusted_drift.Given, origin: Origin, end: np.ndarray, q: Asked
) -> dict[str, Estimate]:
    fold, spread = np.array(q.fold), float(shift.spread.mean())
    cast, own = given.axis_left()
    factor = float(np.mean([n.assistant_factor for n in given.along]))
    rows = np.zeros(len(fold))
    for (f, _), left in zip(given.arranged, given.along, strict=True):
        rows[fold == f] += left.predicted[0] / (len(given.arranged) / len(set(q.fold)))
    along = ((shift.total * shift.axis).sum(1) - rows) / shift.spread
    i = resampling.interval_of_draws(lambda c: c @ along / c.sum(1), q.counts)
    low, high = np.percentile(cast, [2.5, 97.5]) * factor / spread
    flips = np.abs(q.signs @ along)
    n = origin.folds.shape[1]
    moves = np.mean(
        [(end - origin.folds)[:, f] @ origin.axes[f] for f in range(n)],
        axis=0,
    )
    p = sig.p_both(sig.p_of_flips(flips), sig.p_outlying(own, cast))
    return {
        "axis_component_given_cast": _beside(i, low, high, CASTS, p),
        "percentile_given_cast": Estimate(sig.percentile(own, cast)),
        "axis_percentile": Estimate(sig.percentile(moves[-1], moves[:-1])),
    }


def p_over_steps(flips: Sequence[np.ndarray], squares: Sequence[np.ndarray]) -> np.ndarray:
    """p of the movement of its own at each saved step after a search over all of them.

    `flips`: |s|^2 and |s*|^2 under every sign flip, per step; `squares`: comparable |s*|^2 of the
    cast and, last, the Assistant, per step. Every flip takes its own best step, every cast member
    its own; all nulls must fail.
    """
    by_flips = np.maximum(*(sig.max_over(np.stack([f[k] for f in flips])) for k in (0, 1)))
    s = np.stack(list(squares))
    wide = s[:, :-1].std(1, keepdims=True)
    z = np.divide(s - s[:, :-1].mean(1, keepdims=True), wide, out=np.zeros_like(s), where=wide > 0)
    best = z[:, :-1].max(0)
    return np.array(
        [sig.p_both(a, sig.p_largest(own, best)) for a, own in zip(by_flips, z[:, -1], strict=True)]
    )


def trait_figures(
    shift: drift.Shift, axes: Mapping[str, tuple[np.ndarray, np.ndarray]], q: Asked
) -> dict[str, dict[str, Estimate]]:
    """D, g and s on every trait axis (`trait_axes`), in cast standard deviations; s with the band
    of its own sign flips and max-statistic p."""
    names = list(axes)
    out: dict[str, dict[str, Estimate]] = {}
    for part in ("total", "common", "specific"):
        x = getattr(shift, part)
        along = {t: (x * u).sum(1) / wide for t, (u, wide) in axes.items()}
        adjusted, band = np.full(len(names), NAN), np.full((2, len(names)), NAN)
        if part == "specific" and names:
            flipped = np.stack([along[t] for t in names]) @ q.signs.T
            adjusted = sig.max_over(np.abs(flipped))
            band = np.percentile(flipped, [2.5, 97.5], axis=1) / len(q.topics)
        out["global" if part == "common" else part] = {
            t: replace(
                resampling.interval_of_draws(lambda c, v=along[t]: c @ v / c.sum(1), q.counts),
                null_low=float(low),
                null_high=float(high),
                null=FLIPPED if part == "specific" else "",
                p=float(p),
            )
            for t, p, (low, high) in zip(names, adjusted, band.T, strict=True)
        }
    return out
