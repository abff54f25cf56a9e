"""An enlarged study is as large as wanted, whole, and the real one where it is not a copy."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.study.talks import CAST
from psm_viz.tables.enlarged import enlarge


def test_copies_are_near_whom_they_are_taken_after(talk_study, tmp_path):
    n = len(talk_study.cast.all)
    large = enlarge(talk_study, tmp_path / "large", n + 5, 20 * (n + 5))
    assert len(large.cast.all) == n + 5 == len({p.id for p in large.cast.all})
    m = large.manifest
    real, more = (s.vectors(m.reference).values for s in (talk_study, large))
    assert np.allclose(more[: n - 1], real[: n - 1], atol=0.02)
    assert np.allclose(more[-1], real[-1], atol=0.02)
    assert 0 < np.abs(more[n - 1] - real[0]).mean() < np.abs(real[1] - real[0]).mean()
    held = len(talk_study.talks(m.reference).speakers(CAST))
    assert len(large.talks(m.reference).speakers(CAST)) > held
    assert large.maps == talk_study.maps and large.verify()


def test_a_study_is_not_made_smaller_nor_put_in_the_place_of_another(made_study, tmp_path):
    with pytest.raises(BadInput, match="fewer than the study's"):
        enlarge(made_study, tmp_path / "new", 3, 100)
    with pytest.raises(BadInput, match="is there already"):
        enlarge(made_study, tmp_path, 500, 100)
