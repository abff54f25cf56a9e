"""Jobs are done one at a time, in order; every one of them ends with an event that says how."""

import threading
import time

import pytest

from psm_viz.errors import BadInput, UnknownName
from psm_viz.live.jobs import WAITING, Jobs


def kinds(events):
    return [e["kind"] for e in events]


def ended(jobs, job):
    until = time.monotonic() + 20
    while not job.ended:
        assert time.monotonic() < until, job.events
        time.sleep(0.01)
    return jobs.follow(job, 0, 0)


def test_events_come_in_order_and_the_last_says_what_came_of_it():
    jobs = Jobs()
    job = jobs.add("a", lambda j: j.tell("token", text="x") or {"found": 3})
    assert kinds(ended(jobs, job)) == ["begun", "token", "done"]
    assert jobs.follow(job, 2, 0)[0] == {"kind": "done", "found": 3}
    assert jobs.follow(job, 3, 0) == []


def test_what_takes_no_time_does_not_wait():
    jobs, go = Jobs(), threading.Event()
    begun = threading.Event()
    jobs.add("something slow", lambda job: begun.set() or (go.wait(20) and None))
    assert begun.wait(20)
    quick = jobs.at_once("something quick", lambda job: {"n": 3})
    assert quick.ended and jobs.follow(quick, 0, 0)[-1] == {"kind": "done", "n": 3}
    assert jobs.job(quick.id) is quick and jobs.running == "something slow"
    go.set()


def test_one_waits_behind_the_other_and_is_told_so():
    jobs, go = Jobs(), threading.Event()
    first = jobs.add("a lesson", lambda j: go.wait(10) and {})
    second = jobs.add("an answer", lambda j: {})
    third = jobs.add("an answer", lambda j: {})
    jobs.follow(first, 0, 5)
    assert jobs.ahead(first) == []
    assert jobs.ahead(second) == ["a lesson"]
    assert jobs.ahead(third) == ["a lesson", "an answer"]
    assert jobs.follow(second, 0, 0) == []
    go.set()
    ended(jobs, third)
    assert second.ended and jobs.ahead(third) == []


def test_whoever_waits_for_an_event_is_told_at_once():
    jobs, go = Jobs(), threading.Event()

    def work(job):
        go.wait(10)
        job.tell("token", text="now")
        time.sleep(0.5)

    job = jobs.add("a", work)
    jobs.follow(job, 0, 5)
    threading.Timer(0.1, go.set).start()
    assert kinds(jobs.follow(job, 1, 10)) == ["token"]  # not only at the end


def test_a_cancel_ends_a_waiting_job_at_once_and_a_running_one_at_its_next_event():
    jobs, go = Jobs(), threading.Event()
    done = []

    def long(job):
        go.wait(10)
        job.tell("step")
        done.append("went on")

    running, waiting = jobs.add("a", long), jobs.add("b", lambda j: done.append("b"))
    jobs.follow(running, 0, 5)
    jobs.cancel(waiting.id)
    assert kinds(ended(jobs, waiting)) == ["cancelled"]
    jobs.cancel(running.id)
    go.set()
    assert kinds(ended(jobs, running)) == ["begun", "cancelled"]
    assert done == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BadInput("Too long.", "Say less."), {"problem": "Too long.", "next_step": "Say less."}),
        (MemoryError(), {"problem": "There is not enough memory for this.", "next_step": ""}),
    ],
)
def test_a_failure_is_told_and_the_next_job_is_done(error, told):
    jobs = Jobs()

    def work(job):
        raise error

    failed, after = jobs.add("a", work), jobs.add("b", lambda j: {})
    assert ended(jobs, failed)[-1] == {"kind": "failed", **told}
    assert kinds(ended(jobs, after)) == ["begun", "done"]


def test_a_fault_of_ours_is_told_without_its_trace(capsys):
    jobs = Jobs()
    failed, after = jobs.add("a", lambda j: 1 // 0), jobs.add("b", lambda j: {})
    last = ended(jobs, failed)[-1]
    assert "ZeroDivisionError" in last["problem"] and "File" not in last["problem"]
    assert kinds(ended(jobs, after)) == ["begun", "done"]
    assert "ZeroDivisionError" in capsys.readouterr().err  # its trace is for the log


def test_too_many_are_refused_and_the_oldest_are_forgotten():
    jobs, go = Jobs(), threading.Event()
    last = jobs.add("a", lambda j: go.wait(10) and {})
    with pytest.raises(BadInput, match="waiting"):
        for _ in range(WAITING + 2):
            last = jobs.add("b", lambda j: {})
    go.set()
    ended(jobs, last)
    first = jobs.add("c", lambda j: {})
    for _ in range(70):
        last = jobs.add("c", lambda j: {})
        ended(jobs, last)
    with pytest.raises(UnknownName):
        jobs.job(first.id)


def test_what_is_done_meanwhile_ends_as_soon_as_somebody_waits():
    began, told = threading.Event(), []

    def meanwhile(tick):
        told.append("begun")
        began.set()
        while True:
            tick(1, 0)
            time.sleep(0.01)

    jobs = Jobs(meanwhile)
    ended(jobs, jobs.add("a", lambda j: {}))
    assert began.wait(10)
    began.clear()
    assert kinds(ended(jobs, jobs.add("b", lambda j: {}))) == ["begun", "done"]
    assert began.wait(10) and told == ["begun", "begun"]
    jobs.add("c", lambda j: {})


def test_a_fault_meanwhile_ends_nothing(capsys):
    def meanwhile(tick):
        raise ValueError("odd")

    jobs = Jobs(meanwhile)
    for name in "ab":
        assert kinds(ended(jobs, jobs.add(name, lambda j: {}))) == ["begun", "done"]
