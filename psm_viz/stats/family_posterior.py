"""Persona posterior: which families of characters is this Assistant made of?

A classifier of families is trained on the cast and asked about the Assistant. Every score is out of
fold twice over: a persona is scored by classifiers that saw neither it nor the fold of questions it
is scored on; the Assistant, by classifiers that never saw the fold. "None of these" is a class too.

What fits it is imported where it is used: the dashboard takes names from here, and starts without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadInput
from psm_viz.stats.belief import dealt_round, equal_weights
from psm_viz.stats.checks import finite

NONE = "none of these"
COMPONENTS = 80
"""Principal components of the training personas that get a covariance of their own. More hardly
lower the shipped cast's log loss; 40 leave a part of what tells its families apart."""
TAIL = 4.0
"""Degrees of freedom of "none of these": heavy tails, so that it wins far out in any direction."""
LOG_T = (-2.0, 3.0)
"""Bounds of log10 of the temperature."""
PRIOR = 0.25
"""What the even prior over classes weighs in the EM, in folds."""


@dataclass(frozen=True)
class Calibration:
    """How the classifier does on the cast's own out-of-fold scores; families count equally.

    `log_loss` (nats) after the temperature, beside chance, log K; `accuracy` beside 1 / K;
    `error`: expected calibration error over ten bins of confidence. `none_recall`: how often a
    persona is called "none of these" once its own family is struck off the list.
    """

    temperature: float
    none_offset: float
    log_loss: float
    chance_log_loss: float
    accuracy: float
    chance_accuracy: float
    error: float
    none_recall: float


@dataclass(frozen=True)
class FamilyPosterior:
    """Family weights of one Assistant, "none of these" last; they sum to one.

    With n folds and C classes no weight leaves [PRIOR / C, n + PRIOR / C] / (n + PRIOR): with
    four folds and 22 classes, .003 to .944. They are a mixture over folds, hence over questions: a
    vector halfway between two families on every question is neither.
    `low`, `high`: range of each weight when one question fold after the other is left out.
    `typicality`: rank of the Assistant's best family density among held-out personas',
    (1 + those at most as large) / (1 + R): at its floor the Assistant is off the cast.
    `left_out`: families of a single persona, which cannot be learned and scored apart.
    """

    families: tuple[str, ...]
    weights: Float[np.ndarray, " family"]
    low: Float[np.ndarray, " family"]
    high: Float[np.ndarray, " family"]
    typicality: float
    calibration: Calibration
    left_out: tuple[str, ...]


def family_posterior(
    roles: Float[np.ndarray, "role fold d_model"],
    assistant: Float[np.ndarray, "fold d_model"],
    families: Sequence[str],
    *,
    splits: int = 5,
    seed: int = 0,
) -> FamilyPosterior:
    """Which families the Assistant is made of, from fold means centred on the cast per fold.

    Families are Gaussians with one shared covariance, Ledoit-Wolf shrunk in the training personas'
    first principal components and spherical beyond them, so that leaving the cast's space counts.
    "None of these" is the predictive for a character of a family that is not listed: the cast's
    mean and TOTAL covariance, as a Student t, since a Gaussian's tails would hand a point far off
    in a direction where families do not differ to the nearest family. One temperature and one
    offset of "none of these" are fitted by maximum likelihood on the cast (each persona once as
    itself, once with its family struck off, when "none of these" is right). It wins in
    two places: far outside, where `typicality` is at its floor, and in the middle of the cast,
    which belongs to no family either, where it is not. The weights are the
    EM of Saerens, Latinne & Decaestecker (2002) over the Assistant's folds, with an even prior
    worth `PRIOR` folds: four folds alone would put all weight on one class whatever they say.

    A family of one persona is left out and named. Raises BadInput below two folds, two splits or
    two families of at least two personas, for values that are not finite, or a cast all alike.
    """
    roles, assistant, label, names, left_out = _checked(roles, assistant, families, splits)
    cast, own = _scores(roles, assistant, label, len(names), splits, seed)
    known = label[:, None].repeat(roles.shape[1], axis=1).ravel()  # [role x fold]
    flat = cast.reshape(-1, cast.shape[-1])
    beta, offset = _recalibrate(flat, known)
    likelihood = beta * own + offset * (np.arange(own.shape[1]) == len(names))
    n = len(likelihood)
    runs = np.array(
        [mixture_weights(likelihood)]
        + [mixture_weights(np.delete(likelihood, f, axis=0)) for f in range(n)]
    )
    typical = cast[:, :, :-1].max(2).mean(1)  # [role]
    at_most = int((typical <= own[:, :-1].max(1).mean()).sum())
    return FamilyPosterior(
        families=(*names, NONE),
        weights=runs[0],
        low=runs.min(0),
        high=runs.max(0),
        typicality=(1 + at_most) / (1 + len(roles)),
        calibration=_calibration(flat, known, beta, offset),
        left_out=left_out,
    )


def mixture_weights(
    log_likelihood: Float[np.ndarray, "fold family"], iterations: int = 500
) -> Float[np.ndarray, " family"]:
    """Class weights by EM over rows of log likelihoods, from even weights and with an even prior.

    Saerens et al. (2002): w <- mean over rows of w_c l_c / sum_k w_k l_k; the prior (Dirichlet)
    adds PRIOR / C to each class's count.
    """
    from scipy.special import log_softmax

    n, c = log_likelihood.shape
    w = np.full(c, 1 / c)
    for _ in range(iterations):
        before = w
        rows = np.exp(log_softmax(log_likelihood + np.log(w), axis=1))
        w = (rows.sum(0) + PRIOR / c) / (n + PRIOR)
        if np.abs(w - before).max() < 1e-9:
            break
    return w


def _checked(
    roles: np.ndarray, assistant: np.ndarray, families: Sequence[str], splits: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str], tuple[str, ...]]:
    """Usable personas in float64 coordinates, their family's number, and the families' names."""
    if roles.shape[1:] != assistant.shape or len(families) != len(roles):
        raise BadInput(
            f"Personas {roles.shape} and Assistant {assistant.shape} must share folds and "
            f"dimensions, with one family each ({len(families)} given)."
        )
    if assistant.shape[0] < 2 or splits < 2:
        raise BadInput("Scores out of fold need at least two question folds and two splits.")
    finite(roles, "fold means of the cast")
    finite(assistant, "fold means of the Assistant")
    order = list(dict.fromkeys(families))
    names = [f for f in order if list(families).count(f) > 1]
    if len(names) < 2:
        raise BadInput(
            f"Telling families apart needs two families of at least two personas, found "
            f"{len(names)}.",
            "Give the personas' families in the cast.",
        )
    label = np.array([names.index(f) if f in names else -1 for f in families])
    roles = np.asarray(roles, dtype=np.float64)[label >= 0]
    assistant = np.asarray(assistant, dtype=np.float64)
    if not np.ptp(roles, axis=0).max() > 0:
        raise BadInput("All personas are alike: there is nothing to tell families apart by.")
    rows = np.concatenate([roles.reshape(-1, roles.shape[2]), assistant])
    rows = _in_own_span(rows)
    n = len(assistant)
    cast = rows[:-n].reshape(len(roles), n, rows.shape[1])
    return cast, rows[-n:], label[label >= 0], names, tuple(f for f in order if f not in names)


def _in_own_span(rows: np.ndarray) -> np.ndarray:
    """Rows [row, d] in coordinates of their own span: dimensions that no row uses do not count."""
    wide = rows.shape[1] > len(rows)
    values, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    used = values > 1e-10 * values.max()
    values, vectors = values[used], vectors[:, used]
    return vectors * np.sqrt(values) if wide else rows @ vectors


def _scores(
    roles: np.ndarray, assistant: np.ndarray, label: np.ndarray, n: int, splits: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Log densities under each family and none: cast [role, fold, class], Assistant [fold, class].

    The Assistant's are means over the classifiers of one held-out question fold.
    """
    held = dealt_round(label, splits, np.random.default_rng(seed))
    used = np.unique(held)
    folds = roles.shape[1]
    cast = np.empty((*roles.shape[:2], n + 1))
    own = np.zeros((folds, n + 1))
    for f in range(folds):
        others = [k for k in range(folds) if k != f]
        for s in used:
            out = held == s
            points = np.vstack([roles[out, f], assistant[f][None]])
            found = _log_densities(roles[~out][:, others], label[~out], n, points)
            cast[out, f] = found[:-1]
            own[f] += found[-1] / len(used)
    return cast, own


def _log_densities(
    train: np.ndarray, label: np.ndarray, n: int, points: np.ndarray
) -> Float[np.ndarray, "point family"]:
    """Log density of points [point, d] under each family and under none of them.

    Rows of training are single fold means, as noisy as the points are; how far to shrink is read
    off the personas' means, since rows of one persona are not independent.
    """
    from scipy.special import gammaln

    people = train.mean(1)
    member = (np.arange(n)[:, None] == label).astype(float)
    means = member @ people / member.sum(1, keepdims=True)  # [family, d]
    mu = people.mean(0)
    kept = min(COMPONENTS, len(people) - 1, people.shape[1])
    basis = np.linalg.svd(people - mu, full_matrices=False)[2][:kept]
    floor = 1e-9 * float(((train - mu) ** 2).mean())
    apart = people - means[label]
    within = _Spread(train - means[label][:, None], apart, len(people) - n, basis, floor)
    total = _Spread(train - mu, people - mu, len(people) - 1, basis, floor)
    family = within.whiten(points)[:, None] - within.whiten(means)[None]
    far = (family**2).sum(2) + within.beyond(points[:, None] - means[None])
    none = (total.whiten(points - mu) ** 2).sum(1) + total.beyond(points - mu)
    d = points.shape[1]
    gaussian = -0.5 * (far + within.log_det + d * np.log(2 * np.pi))
    # The t's scale is chosen so that its covariance is the total covariance.
    scale = (TAIL - 2) / TAIL
    student = gammaln((TAIL + d) / 2) - gammaln(TAIL / 2) - d / 2 * np.log(TAIL * np.pi * scale)
    student = student - 0.5 * total.log_det
    student = student - (TAIL + d) / 2 * np.log1p(none / (TAIL * scale))
    return np.column_stack([gaussian, student])


class _Spread:
    """A covariance: shrunk within a basis [k, d], spherical in the dimensions beyond it."""

    def __init__(
        self, rows: np.ndarray, people: np.ndarray, freedom: int, basis: np.ndarray, floor: float
    ) -> None:
        from sklearn.covariance import ledoit_wolf_shrinkage

        k, d = basis.shape
        flat = rows.reshape(-1, d)
        divisor = max(freedom, 1) * rows.shape[1]
        inside = flat @ basis.T
        cov = inside.T @ inside / divisor
        shrunk = ledoit_wolf_shrinkage(people @ basis.T, assume_centered=True)
        cov = (1 - shrunk) * cov + (shrunk * np.trace(cov) / k + floor) * np.eye(k)
        values, vectors = np.linalg.eigh(cov)
        self.basis, self.root = basis, vectors / np.sqrt(values)
        rest = max(float((flat**2).sum() - (inside**2).sum()), 0.0) / divisor / max(d - k, 1)
        self.noise = rest + floor if d > k else np.inf
        self.log_det = float(np.log(values).sum()) + (
            (d - k) * float(np.log(self.noise)) if d > k else 0.0
        )

    def whiten(self, x: np.ndarray) -> np.ndarray:
        """Coordinates within the basis in which this covariance is the identity."""
        return x @ self.basis.T @ self.root

    def beyond(self, x: np.ndarray) -> np.ndarray:
        """Squared distance outside the basis, in units of the noise there."""
        outside = (x**2).sum(-1) - ((x @ self.basis.T) ** 2).sum(-1)
        return np.maximum(outside, 0.0) / self.noise


def _recalibrate(scores: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """(1 / temperature, offset of none) by maximum likelihood, [row, class] with none last.

    A logistic regression in the two, hence convex. Each row stands twice, as its family and, with
    that family struck off, as none; the prior odds of that doubling are taken off the offset.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    rows, n = np.arange(len(label)), scores.shape[1] - 1
    struck = scores.copy()
    struck[rows, label] = -np.inf
    s = np.concatenate([scores, struck])
    s = s - s.max(1, keepdims=True)
    right = np.concatenate([label, np.full(len(label), n)])
    own = s[np.arange(len(s)), right]
    weight = np.tile(equal_weights(label), 2) / 2
    safe = np.where(np.isfinite(s), s, 0.0)
    is_none, bias = np.arange(n + 1) == n, np.log(n)

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        beta = np.exp(at[0])
        logits = beta * s + is_none * (at[1] + bias)
        log_p = log_softmax(logits, axis=1)
        p = np.exp(log_p)
        value = -(weight @ log_p[np.arange(len(s)), right])
        slope = weight @ ((p * safe).sum(1) - own) * beta
        return float(value), np.array([slope, weight @ (p[:, n] - (right == n))])

    bounds = [(-LOG_T[1] * np.log(10), -LOG_T[0] * np.log(10)), (-1e3, 1e3)]
    start = np.array([-np.log(10.0), 0.0])
    exact = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}  # no digit depends on the processor
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=exact)
    return float(np.exp(found.x[0])), float(found.x[1])


def _calibration(scores: np.ndarray, label: np.ndarray, beta: float, offset: float) -> Calibration:
    """How well recalibrated scores of the cast predict its families, none left aside."""
    from scipy.special import log_softmax, logsumexp

    rows, n, w = np.arange(len(label)), scores.shape[1] - 1, equal_weights(label)
    log_p = log_softmax(beta * scores[:, :n], axis=1)
    sure, hit = np.exp(log_p.max(1)), (log_p.argmax(1) == label).astype(float)
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = np.abs(np.bincount(bins, w * (hit - sure), minlength=10))
    struck = beta * scores[:, :n]
    struck[rows, label] = -np.inf
    odds = beta * scores[:, n] + offset - (logsumexp(struck, axis=1) - np.log(n - 1))
    return Calibration(
        temperature=1 / beta,
        none_offset=offset,
        log_loss=float(-(w @ log_p[rows, label])),
        chance_log_loss=float(np.log(n)),
        accuracy=float(w @ hit),
        chance_accuracy=1 / n,
        error=float(gaps.sum()),
        none_recall=float(w @ (odds > 0)),
    )
