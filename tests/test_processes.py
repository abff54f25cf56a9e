import os
import subprocess
import sys

import pytest

from psm_viz.paths import ROOT
from psm_viz.processes import each

FIRST = """
import os, runpy, sys
seen = {}
def look(event, told):
    if event == "import" and told[0].partition(".")[0] in ("numpy", "torch"):
        names = ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")
        seen.setdefault("first", [os.environ.get(name) for name in names])
sys.addaudithook(look)
sys.argv = ["psm_viz", "--version"]
try:
    runpy.run_module("psm_viz", run_name="__main__", alter_sys=True)
except SystemExit:
    import numpy
    print(*seen["first"])
"""
"""Runs the command line and says how threads were told to wait when numbers were first loaded."""


@pytest.mark.parametrize("told", [None, "ACTIVE"])
def test_threads_do_not_spin_whatever_the_verb(told):
    own = ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")
    clean = {k: v for k, v in os.environ.items() if k not in own}
    env = clean | ({"OMP_WAIT_POLICY": told} if told else {})
    run = [sys.executable, "-c", FIRST]
    found = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert found.stdout.split()[-2:] == [told or "PASSIVE", "1"]


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
