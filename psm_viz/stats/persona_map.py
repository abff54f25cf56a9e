"""One frozen map of personas, a smooth rule that places everything else on it, and its quality.

Single responses cluster by topic, so the map is made of block means: each question's mean over
the cast is subtracted, then each persona is averaged over random halves of the questions. UMAP is
fitted once on those at the reference; its coordinates are stored. Later points are placed at the
softmax-weighted mean of their nearest blocks, never by `UMAP.transform`, which depends on the
batch. Such a rule cannot leave the cloud: a point whose nearest cosine is below nearly all of the
cast's own is marked off the map.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from psm_viz.errors import BadInput
from psm_viz.stats.checks import finite
from psm_viz.stats.kept_umap import umap_class
from psm_viz.stats.vectors import cast_mean, cosines


@dataclass(frozen=True)
class MapSettings:
    """How a map is made. Stored beside its coordinates."""

    blocks: int = 8
    """Random halves of the questions averaged per persona."""
    neighbours: int = 15
    """Neighbourhood of the fit, in personas: each brings its blocks."""
    metric: str = "cosine"
    """Of the fit; places are always found by cosine."""
    min_dist: float = 1.5
    spread: float = 3.0
    seed: int = 0
    nearest: int = 5
    """Neighbourhood that places a point, in personas: so many times `blocks` blocks."""
    temperature: float = 0.05
    """Softmax temperature over cosines."""
    off_map_percentile: float = 5.0
    """Share of the cast's own nearest cosines below which a point counts as off the map."""


def centre_questions(
    values: Float[np.ndarray, "persona question d_model"], weights: Float[np.ndarray, " role"]
) -> Float[np.ndarray, "persona question d_model"]:
    """Subtract each question's mean over the cast (the Assistant, last, is not counted)."""
    return values - cast_mean(values[:-1], weights)[None]


def halves(n_questions: int, blocks: int, seed: int) -> list[Int[np.ndarray, " half"]]:
    """Random halves of the questions, complementary in pairs. Raises BadInput below four."""
    if n_questions < 4:
        raise BadInput(f"Block means need at least four questions, found {n_questions}.")
    rng = np.random.default_rng(seed)
    out: list[np.ndarray] = []
    while len(out) < blocks:
        order = rng.permutation(n_questions)
        out += [np.sort(order[: n_questions // 2]), np.sort(order[n_questions // 2 :])]
    return out[:blocks]


def block_means(
    centred: Float[np.ndarray, "persona question d_model"], settings: MapSettings
) -> Float[np.ndarray, "persona block d_model"]:
    """Mean over each random half of the questions, the same halves for every persona."""
    rows = halves(centred.shape[1], settings.blocks, settings.seed)
    return np.stack([centred[:, r].mean(1) for r in rows], axis=1)


@dataclass(frozen=True)
class PersonaMap:
    """A fitted map: the cast's blocks, where they lie, and the principal plane beside it."""

    blocks: Float[np.ndarray, "row d_model"]
    owner: Int[np.ndarray, " row"]  # persona of each block
    xy: Float[np.ndarray, "row 2"]
    pca_mean: Float[np.ndarray, " d_model"]
    pca_axes: Float[np.ndarray, "2 d_model"]
    pca_explained: Float[np.ndarray, " 2"]
    settings: MapSettings
    off_map_below: float

    def pca(self, x: Float[np.ndarray, "row d_model"]) -> Float[np.ndarray, "row 2"]:
        """Coordinates in the first two principal components of the blocks."""
        return (x - self.pca_mean) @ self.pca_axes.T

    def place(
        self, x: Float[np.ndarray, "row d_model"], leave_out: Int[np.ndarray, " row"] | None = None
    ) -> tuple[Float[np.ndarray, "row 2"], Float[np.ndarray, " row"]]:
        """Place centred vectors: (coordinates, nearest cosine).

        Softmax over the nearest blocks' cosines; with `leave_out`, a row ignores the blocks of the
        persona named there.
        """
        c = cosines(finite(x, "vectors to place"), self.blocks)
        if leave_out is not None:
            c = np.where(self.owner[None] == np.asarray(leave_out)[:, None], -np.inf, c)
        k = min(self.settings.nearest * self.settings.blocks, c.shape[1])
        top = np.argpartition(-c, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(c, top, axis=1)
        weight = np.exp((near - near.max(1, keepdims=True)) / self.settings.temperature)
        weight /= weight.sum(1, keepdims=True)
        return np.einsum("rk,rkd->rd", weight, self.xy[top]), near.max(1)

    @property
    def drawn(self) -> Float[np.ndarray, "role 2"]:
        """Where each persona is drawn: the mean of its own blocks' coordinates."""
        return np.stack([self.xy[self.owner == p].mean(0) for p in np.unique(self.owner)])

    @property
    def width(self) -> float:
        """The longer side of the map, the unit of placement errors."""
        return float(np.ptp(self.xy, axis=0).max())


def fit_map(
    roles: Float[np.ndarray, "role block d_model"], settings: MapSettings | None = None
) -> PersonaMap:
    """Fit UMAP (cosine) on the cast's block means at the reference, once, with its seed.

    Raises BadInput for fewer personas than the map needs, or values that are not finite.
    """
    settings = settings or MapSettings()
    n, b, d = roles.shape
    rows = finite(roles, "block means").reshape(n * b, d)
    frozen = fit_rows(rows, np.repeat(np.arange(n), b), settings)
    # What a persona's own distance to the OTHERS' blocks looks like: the threshold for strangers.
    _, nearest = frozen.place(roles.mean(1), leave_out=np.arange(n))
    threshold = float(np.percentile(nearest, settings.off_map_percentile))
    return replace(frozen, off_map_below=threshold)


def fit_rows(
    rows: Float[np.ndarray, "row d_model"], owner: Int[np.ndarray, " row"], settings: MapSettings
) -> PersonaMap:
    """Fit UMAP on rows, each of some persona; nobody is off the map yet.

    Raises BadInput for fewer personas than the map needs.
    """
    import warnings

    from sklearn.decomposition import PCA

    n = len(np.unique(owner))
    if n < 4:
        raise BadInput(f"A map needs at least 4 personas, found {n}.")
    # a neighbourhood counted in blocks alone would hold little but the persona's own
    n_neighbors = max(2, min(settings.neighbours * settings.blocks, len(rows) // 3))
    with warnings.catch_warnings():
        # umap says that a seed makes it single-threaded, which is what a frozen map wants
        warnings.simplefilter("ignore")
        xy = umap_class()(
            n_neighbors=n_neighbors,
            min_dist=settings.min_dist,
            spread=settings.spread,
            metric=settings.metric,
            random_state=settings.seed,
        ).fit_transform(rows)
    pca = PCA(2, random_state=settings.seed).fit(rows)
    return PersonaMap(
        rows,
        owner,
        np.asarray(xy, dtype=np.float64),
        pca.mean_,
        np.asarray(pca.components_),
        pca.explained_variance_ratio_,
        settings,
        off_map_below=-1.0,
    )


def neighbour_rows(
    x: Float[np.ndarray, "row dim"], k: int, metric: str
) -> Int[np.ndarray, "row k"]:
    """The k nearest other rows of every row."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=k + 1, metric=metric).fit(x)
    index = found.kneighbors(x, return_distance=False)
    out = np.empty((len(x), k), dtype=int)
    for i, row in enumerate(index):
        out[i] = row[row != i][:k]
    return out


def quality(frozen: PersonaMap, k: int = 15) -> tuple[dict[str, float], Float[np.ndarray, " role"]]:
    """How far the map can be trusted, and each persona's own k-nearest-neighbour recall.

    Over personas, as they are drawn, not over blocks: a persona's blocks are near each other on any
    map. trustworthiness and continuity (Venna and Kaski 2001) and kNN recall with its chance level
    k / (n - 1); `pca_*` the same for the principal plane; leave-one-out placement error as a share
    of the map's width: a persona placed by the others' blocks, against where it is drawn.
    """
    from sklearn.manifold import trustworthiness
    from sklearn.metrics import pairwise_distances

    personas = np.unique(frozen.owner)
    means = np.stack([frozen.blocks[frozen.owner == p].mean(0) for p in personas])
    k = min(k, (len(means) - 1) // 2)
    true = neighbour_rows(means, k, "cosine")
    far = pairwise_distances(means, metric="cosine")
    np.fill_diagonal(far, 0.0)
    drawn = frozen.drawn
    plane = frozen.pca(means)

    def recall(xy: np.ndarray) -> np.ndarray:
        shown = neighbour_rows(xy, k, "euclidean")
        return np.array([len(set(a) & set(b)) / k for a, b in zip(true, shown, strict=True)])

    def trust(xy: np.ndarray) -> float:
        return float(trustworthiness(far, xy, n_neighbors=k, metric="precomputed"))

    own = recall(drawn)
    alone, _ = frozen.place(means, leave_out=personas)
    error = np.linalg.norm(alone - drawn, axis=1) / frozen.width
    return {
        "k": float(k),
        "trustworthiness": trust(drawn),
        "continuity": _continuity(far, pairwise_distances(drawn), k),
        "knn_recall": float(own.mean()),
        "knn_chance": k / (len(means) - 1),
        "pca_trustworthiness": trust(plane),
        "pca_knn_recall": float(recall(plane).mean()),
        "loo_error_median": float(np.median(error)),
        "loo_error_p90": float(np.percentile(error, 90)),
    }, own


def _continuity(
    far: Float[np.ndarray, "row row"], flat: Float[np.ndarray, "row row"], k: int
) -> float:
    """1 - 2 / (n k (2n - 3k - 1)) * sum over true neighbours missing on the map of (rank - k)."""
    n = len(far)
    true = np.argsort(far + np.diag(np.full(n, -np.inf)), axis=1, kind="stable")[:, 1 : k + 1]
    order = np.argsort(flat + np.diag(np.full(n, -np.inf)), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(n)[None], axis=1)  # 0 = the point itself
    missed = np.take_along_axis(rank, true, axis=1) - k
    return float(1 - 2 / (n * k * (2 * n - 3 * k - 1)) * missed[missed > 0].sum())
