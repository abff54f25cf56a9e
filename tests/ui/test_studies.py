"""What a link may name as a study."""

from psm_viz.ui import studies


def test_study_names_are_names():
    for bad in ("..", "a/b", "/etc", "", ".hidden", "a" * 65, "a b"):
        assert not studies.STUDY_NAME.fullmatch(bad)
    assert studies.STUDY_NAME.fullmatch("study-2")
