"""The glossary has a sentence and a null for everything that is called significant."""

from psm_viz.charts.glossary import STATISTICS
from psm_viz.stats.trials import FIRES
from psm_viz.tables.results import GEOMETRY


def plain(name):
    return name.removesuffix("_70").removesuffix("_90")


def test_every_statistic_that_can_fire_is_explained():
    assert {plain(name) for name in FIRES} <= set(STATISTICS)


def test_every_headline_that_is_not_a_rank_is_explained():
    figures = {plain(name) for name in GEOMETRY if "percentile" not in name}
    assert figures <= set(STATISTICS)


def test_entries_are_whole_sentences_said_once():
    entries = list(STATISTICS.values())
    assert len({e.title for e in entries}) == len({e.sentence for e in entries}) == len(entries)
    for e in entries:
        assert e.sentence[0].isupper() and e.sentence.endswith(".") and "!" not in e.sentence
        assert e.null and not e.null.endswith(".")
