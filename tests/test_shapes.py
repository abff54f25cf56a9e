"""Shapes are checked, not only written down: what is planted wrong is refused."""

import re

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from psm_viz.engine.steering import random_directions, steered
from psm_viz.paths import ROOT
from psm_viz.stats.drift import spread_along
from psm_viz.stats.metrics import spearman
from psm_viz.stats.significance import percentile
from psm_viz.stats.vectors import cast_mean, neighbours
from psm_viz.study.activations import POOLINGS, FoldVectors, PersonaVectors, QuestionVectors

ONE, TWO, THREE, FOUR = np.ones(3), np.ones((3, 4)), np.ones((3, 4, 2)), np.ones((3, 2, 2, 4))


def steer(vector):
    import torch

    with steered(torch.nn.Identity(), vector):
        pass


PLANTED = {
    # one-word shapes, which were not checked as long as they were written as bare names
    "stats, a matrix for a vector": lambda: spread_along(TWO, ONE),
    "stats, a number for a vector": lambda: percentile(1.0, np.array(1.0)),
    "stats, weights of other roles": lambda: cast_mean(TWO, np.ones(5)),
    "stats, a vector of other dimensions": lambda: neighbours(np.ones(5), TWO, ONE),
    "stats, whole numbers for measured ones": lambda: spearman(TWO, np.arange(4)),
    "study, no pooling": lambda: PersonaVectors(THREE, ("a",), POOLINGS, (0,), "x"),
    "study, no fold": lambda: FoldVectors(THREE, POOLINGS, 0, "x"),
    "study, other questions": lambda: QuestionVectors(
        FOUR, FOUR[:2], ("q",), POOLINGS, (0, 1), "x"
    ),
    "engine, one role for many": lambda: random_directions(2, ONE, 0, True),
    "engine, a matrix for a vector": lambda: steer(TWO),
}
RIGHT = {
    "stats": lambda: spread_along(ONE, ONE),
    "study": lambda: QuestionVectors(FOUR, FOUR, ("q",), POOLINGS, (0, 1), "x"),
    "engine": lambda: steer(ONE),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_wrong_shape_is_refused(planted):
    with pytest.raises(TypeCheckError):
        PLANTED[planted]()


@pytest.mark.parametrize("right", RIGHT)
def test_a_right_one_is_not(right):
    RIGHT[right]()


def test_no_shape_is_written_so_that_nobody_checks_it():
    # a bare name, or one word without a leading blank, is a forward reference to beartype
    unchecked = re.compile(r'\b(?:Float|Int|Bool)\[[\w.]+, (?:[a-z]|\d|"\w+"|"\*)')
    for path in (ROOT / "psm_viz").rglob("*.py"):
        assert not unchecked.search(path.read_text("utf-8")), path
