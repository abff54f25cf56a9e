"""A link that asks for what a study does not have is one message; a page loads no model."""

import pytest

from tests.made.page import CAST, COMPARE, DRIFT, MAP, METHOD, PAGES, SEARCH, alts, opened, words
from tests.made.server import assert_no_model_imported

NOT_COMPARE = {"checkpoint", "pooling", "layer", "branches", "step", "branch", "colour", "planted"}
NOT_SEARCH = {*NOT_COMPARE, "persona", "question"}
"""What these pages do not read of a link."""


@pytest.mark.parametrize("script", [*PAGES, CAST])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("study", "../../etc"),
        ("study", "nowhere"),
        ("persona", "nobody"),
        ("checkpoint", "cheat-9999"),
        ("pooling", "median"),
        ("layer", "99"),
        ("branches", "nope"),
        ("step", "7"),
        ("branch", "nope"),
        ("colour", "nope"),
        ("planted", "nope"),
        ("question", "<script>alert(1)</script>"),
    ],
)
def test_an_unknown_name_in_the_link_is_one_message(monkeypatch, made_folder, script, key, value):
    here = {
        MAP: {"branches", "step", "branch", "planted"},
        DRIFT: {"persona", "checkpoint", "colour", "planted"},
        COMPARE: NOT_COMPARE,
        SEARCH: NOT_SEARCH,
        CAST: {"persona", "branches", "step", "branch", "colour", "planted", "question", "layer"},
        METHOD: {"persona", "branches", "step", "branch", "colour", "question", "layer"},
    }[script]
    at = opened(monkeypatch, made_folder, script, **{key: value})
    assert words(at).count("psm-notice") == (0 if key in here else 1)
    # without talks, as here, there are no two maps to compare
    assert len(alts(at)) >= {COMPARE: 0, SEARCH: 1}.get(script, 3)
    assert "<script>" not in words(at)


def test_no_page_imports_a_model(made_folder):
    assert_no_model_imported(*PAGES, CAST, PSM_VIZ_STUDY=str(made_folder))
