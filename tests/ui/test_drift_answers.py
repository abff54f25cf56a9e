"""The question that the strip of answers opens with."""

from psm_viz.charts.choices import telling_question
from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import studies
from tests.made.study import REFERENCE


def test_the_first_question_shown_is_one_that_changes(made_folder):
    study = studies.opened(made_folder)
    rows = {c: study.responses(c) for c in (REFERENCE, "cheat-0064")}
    mine = {c: r[r.persona == ASSISTANT] for c, r in rows.items()}
    asked = [q.id for q in study.questions if q.set == "main"]
    first = telling_question(mine[REFERENCE], [mine["cheat-0064"]], asked)
    assert first in asked
    assert telling_question(mine[REFERENCE], [mine[REFERENCE]], asked) == asked[0]
