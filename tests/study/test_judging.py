"""Answers that nobody judges are told from answers that no judgement fits."""

import pandas as pd

from psm_viz.study.judging import UNJUDGED, as_judged


def test_a_model_that_nobody_judges_has_no_judgements():
    one = pd.DataFrame({"text": ["a", "b"], "valence": pd.Categorical(["none", "none"])})
    assert set(as_judged(one).valence) == {UNJUDGED}
    some = one.assign(valence=["none", "bad"])
    assert as_judged(some) is some
    assert as_judged(one[["text"]]).columns.tolist() == ["text"]
