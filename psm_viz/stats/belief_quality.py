"""How well a reading tells who speaks: accuracy, Brier score, log loss, reliability.

All of it on talks that the reading has not seen, families counting equally. Beside it belong the
same figures of an exact observer where the world is known, and of a classifier that reads words
alone (`text_belief`), so that 'read from activations' means something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from psm_viz.stats.belief import Seated, equal_weights, splits

BINS = 10


@dataclass(frozen=True)
class Quality:
    """What a reading is worth on talks whose speaker is known.

    `family`, `kin`: share of talks whose likeliest family or kin is right. `log_loss`: mean
    -log of the belief in the right family, nats, beside chance, log of their number. `brier`: mean
    squared error of the belief in the marked families. `marked`: mean of that belief, beside the
    share of talks that are theirs. `error`: expected calibration error of it, ten bins.
    """

    talks: int
    family: float
    family_chance: float
    kin: float
    kin_chance: float
    log_loss: float
    log_loss_chance: float
    brier: float
    marked: float
    marked_true: float
    error: float


def quality(
    belief: Float[np.ndarray, "talk family"],
    family: Int[np.ndarray, " talk"],
    kin: Int[np.ndarray, " family"],
    marked: Bool[np.ndarray, " family"],
) -> Quality:
    """Judge beliefs by whose the talks were. Talks without a belief or a family are left out."""
    known = np.isfinite(belief).all(1) & (family >= 0)
    p, own = belief[known], family[known]
    w = equal_weights(own)
    n = p.shape[1]
    by_kin = p @ (kin[:, None] == np.unique(kin)[None])
    own_kin = np.searchsorted(np.unique(kin), kin)[own]
    kin_size = np.bincount(np.searchsorted(np.unique(kin), kin)) / n
    of_marked, truth = p @ marked.astype(float), marked[own].astype(float)
    bins = np.minimum((of_marked * BINS).astype(int), BINS - 1)
    gaps = np.abs(np.bincount(bins, w * (truth - of_marked), minlength=BINS))
    return Quality(
        talks=int(known.sum()),
        family=float(w @ (p.argmax(1) == own)),
        family_chance=1 / n,
        kin=float(w @ (by_kin.argmax(1) == own_kin)),
        kin_chance=float(kin_size.max()),
        log_loss=-float(w @ np.log(np.maximum(p[np.arange(len(p)), own], 1e-12))),
        log_loss_chance=float(np.log(n)),
        brier=float(w @ (of_marked - truth) ** 2),
        marked=float(w @ of_marked),
        marked_true=float(w @ truth),
        error=float(gaps.sum()),
    )


def reliability(
    said: Float[np.ndarray, " talk"],
    happened: Bool[np.ndarray, " talk"],
    weight: Float[np.ndarray, " talk"],
    bins: int = 5,
) -> list[tuple[float, float, int]]:
    """(mean belief, share that happened, talks) in bins of belief of equal width, empty ones left
    out: a calibrated reading lies on the diagonal."""
    at = np.minimum((said * bins).astype(int), bins - 1)
    out = []
    for k in range(bins):
        own = at == k
        if own.any():
            w = weight[own] / weight[own].sum()
            out.append((float(w @ said[own]), float(w @ happened[own]), int(own.sum())))
    return out


def text_belief(
    texts: Sequence[str], who: Seated, seed: int = 0
) -> Float[np.ndarray, "talk family"]:
    """Belief of a classifier that reads the words alone (TF-IDF of words and pairs of words,
    logistic regression), out of sample as the readings are: by personas and last questions."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    part, asked = splits(who, seed)
    words = np.array(list(texts), dtype=object)
    out = np.full((len(words), len(who.families)), np.nan)
    for p in np.unique(part):
        for q in np.unique(asked):
            test = (part == p) & (asked == q) & (who.family >= 0)
            train = (part != p) & (asked != q) & (who.family >= 0)
            if not test.any():
                continue
            model = make_pipeline(
                TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"\S+"),
                LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced"),
            )
            model.fit(words[train], who.family[train])
            out[np.ix_(test, np.asarray(model.classes_))] = model.predict_proba(words[test])
            out[test] = np.nan_to_num(out[test])
    return out


def shuffled(who: Seated, seed: int) -> Seated:
    """The same talks with whole personas dealt to other families: what no reading can tell."""
    people = np.unique(who.persona)
    of = np.array([who.family[who.persona == p][0] for p in people])
    dealt = np.random.default_rng([seed, 41]).permutation(of)
    return replace(who, family=dealt[np.searchsorted(people, who.persona)])
