import pytest

from psm_viz.processes import each


@pytest.mark.parametrize("processes", [None, 2])
def test_results_keep_the_order_of_the_jobs_and_each_is_told_once(processes):
    told = []
    found = each(abs, [-3, 2, -1], processes, lambda n, left, done: told.append((n, left, done)))
    assert found == [3, 2, 1]
    assert [n for n, _, _ in told] == [1, 2, 3]
    assert sorted(done for _, _, done in told) == [1, 2, 3]
    assert told[-1][1] == "0.0 minutes left"


@pytest.mark.parametrize("processes", [None, 2])
def test_a_job_that_fails_fails_all(processes):
    with pytest.raises(TypeError):
        each(abs, [1, "one"], processes, lambda n, left, done: None)
