"""A live process as a browser's page, a stranger and a dashboard meet it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from psm_viz.errors import BadInput
from psm_viz.messages import Talk, Voice
from psm_viz.ui.live_client import Gone, started
from tests.made.live import done
from tests.made.study import REFERENCE

ASK = {"role": "user", "content": "What would you do?"}
TALK = Talk(Voice(REFERENCE), (ASK,), longest=4)


def request(live, method="GET", path="/state", body=None, **headers):
    door = http.client.HTTPConnection("127.0.0.1", live.hall.port, timeout=30)
    told = {"Authorization": f"Bearer {live.hall.token}"} | headers
    door.request(method, path, body, {k: v for k, v in told.items() if v is not None})
    answer = door.getresponse()
    data = answer.read()  # what no route answers is no JSON
    found = answer.status, json.loads(data) if data.startswith(b"{") else {}
    door.close()
    return found


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Authorization": None}, "token"),
        ({"Authorization": "Bearer wrong"}, "token"),
        ({"Authorization": "Bearer "}, "token"),
        ({"Origin": "http://127.0.0.1:8501"}, "browser"),
        ({"Origin": "https://elsewhere.example"}, "browser"),
        ({"Host": "elsewhere.example"}, "host"),
        ({"Content-Length": "9000000"}, "larger"),
    ],
)
def test_strangers_are_refused(live, headers, told):
    status, said = request(live, **headers)
    assert status == 403 and told in said["problem"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b"[" * 200_000, b'{"kind": "talk"}', b'{"kind": "x", "asked": {}}'],
)
def test_what_is_no_request_is_one_message(live, body):
    status, said = request(live, "POST", "/jobs", body)
    assert status == 400 and said["problem"]


def test_a_path_is_no_way_to_files(live):
    for path in ("/jobs/..%2f..%2fetc%2fpasswd", "/lessons/..%2f..%2fstudy.json", "/etc/passwd"):
        status, _ = request(live, path=path)
        assert status == 404


def test_an_answer_comes_over_the_door(live):
    events = done(live, TALK)
    assert [e["kind"] for e in events if e["kind"] != "token"] == ["begun", "said", "heard", "done"]
    state = live.state()
    assert state["headline"] and state["prior"]["answers"] == 0
    assert "axis" in state["directions"]


def test_a_job_that_waits_can_be_cancelled(live):
    many = [live.begin(TALK) for _ in range(6)]
    live.cancel(many[-1])
    ends = [[e for e, _ in live.events(job) if e][-1]["kind"] for job in many]
    assert ends == ["done"] * 5 + ["cancelled"]


def test_two_hundred_turns_keep_memory_flat(live):
    for _ in range(20):
        done(live, TALK)
    before = _held(live)
    messages = [ASK]
    for _ in range(200):
        messages = [*messages, {"role": "assistant", "content": "I would say so."}, ASK]
        assert done(live, Talk(Voice(REFERENCE), tuple(messages), longest=2))[-1]["kind"] == "done"
    assert _held(live) < before * 1.1 + 30e6


def _held(live) -> float:
    """Bytes of memory that the process holds now."""
    said = Path(f"/proc/{live.process.pid}/statm").read_text()
    return int(said.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_process_killed_in_the_midst_is_said_to_be_gone(live_folder, weights):
    live = started(live_folder)
    job = live.begin(TALK)
    live.process.kill()
    with pytest.raises(Gone, match="Start it again"):
        for _ in live.events(job):
            pass
    live.stop()
    again = started(live_folder)
    try:
        assert done(again, TALK)[-1]["kind"] == "done"
    finally:
        again.stop()


def test_it_ends_with_whoever_started_it(live_folder, weights):
    code = (
        "import sys, time; from pathlib import Path; from psm_viz.ui.live_client import started; "
        f"live = started(Path({str(live_folder)!r})); print(live.process.pid, flush=True); "
        "time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while _runs(pid):
        assert time.monotonic() < until
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return said.rpartition(")")[2].split()[0] != "Z"


def test_a_study_without_weights_says_what_is_missing(talk_study, tmp_path, monkeypatch):
    import shutil

    folder = shutil.copytree(talk_study.folder, tmp_path / "bare")
    try:
        live = started(folder)
    except BadInput as e:
        assert "weights" in str(e) or "model" in str(e)
        return
    try:
        until = time.monotonic() + 60
        while not live.state()["failed"]:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert "build/chat-model" in live.state()["failed"]
    finally:
        live.stop()
