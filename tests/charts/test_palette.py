"""Colours: contrast, distance for every eye, and what tells families and branches apart."""

import itertools

import numpy as np
import pytest

from psm_viz.charts.palette import (
    DARK,
    LIGHT,
    branch_marks,
    contrast,
    family_shapes,
    palette,
    readable,
)
from tests.charts.drawn import CAST, EVERY, PALETTES

VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    x = TO_XYZ @ rgb.clip(0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("p", PALETTES, ids=lambda p: p.name)
def test_colours_hold_their_contrast_and_stay_apart(p):
    assert contrast(p.ink, p.paper) > 7
    for colour in (p.soft, p.accent):
        assert contrast(colour, p.paper) >= 4.5, colour
    for colour in p.kins:
        assert contrast(colour, p.paper) >= 2.95, colour
        assert contrast(readable(colour, p), p.paper) >= 4.5, colour
    letters = [lab(linear(readable(c, p))) for c in p.kins]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(letters, 2)) > 5
    for name, vision in VISIONS.items():
        kins = [lab(vision @ linear(c)) for c in p.kins]
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(kins, 2)) > 15, name
        accent = lab(vision @ linear(p.accent))
        assert min(np.linalg.norm(a - accent) for a in kins) > 15, name
        scale = [lab(vision @ linear(c)) for c in p.scale]
        assert min(np.linalg.norm(a - accent) for a in scale) > 15, name
        # ordered by lightness, in even steps, for every eye
        light = [float(c[0]) for c in scale]
        jumps = [abs(b - a) for a, b in itertools.pairwise(light)]
        assert light in (sorted(light), sorted(light, reverse=True)), name
        assert min(jumps) > 8 and max(jumps) < 2.2 * min(jumps), (name, jumps)


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


def test_theme_chooses_the_palette_and_families_of_a_kin_differ_in_shape():
    assert palette("dark") is DARK
    assert palette("light") is palette(None) is LIGHT
    assert set(family_shapes(CAST)) == {f.id for f in CAST.families}
    assert len(set(branch_marks(EVERY).values())) == len(EVERY)
