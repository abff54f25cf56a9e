"""Words that come from a study are shown as they are."""

from psm_viz.ui import figure


def test_an_answer_cannot_bring_its_own_markup():
    out = figure.answer_html("<b>bold</b> & co", "bad")
    assert "<b>" not in out and "&lt;b&gt;" in out
    assert figure.plain("a*b_[c](d)") == r"a\*b\_\[c\]\(d\)"
