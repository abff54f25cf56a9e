"""A page's pickers go to the browser after its first figure, each container's parts in order."""

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from psm_viz.cli.bench_pages import served
from psm_viz.paths import ROOT

PICKERS = {"selectbox", "multiselect", "button_group", "checkbox"}


@pytest.fixture(scope="module")
def port(wide_folder):
    with served("app.py", ROOT, wide_folder) as (port, _):
        yield port


class Session:
    """One session, whose browser says which page it shows."""

    def __init__(self, line, port):
        self.line, self.port = line, port

    def ask(self, page, query=""):
        """Parts of a page in the order of their coming: (kind, path)."""
        asked = BackMsg()
        asked.rerun_script.query_string, asked.rerun_script.page_name = query, page
        asked.rerun_script.context_info.url = f"http://127.0.0.1:{self.port}/{page}"
        self.line.send(asked.SerializeToString())
        found = []
        while True:
            message = ForwardMsg.FromString(self.line.recv(timeout=120, decode=False))
            if message.WhichOneof("type") == "script_finished":
                return found
            if message.WhichOneof("type") == "delta":
                delta = message.delta
                one = getattr(delta, delta.WhichOneof("type"))
                found.append((one.WhichOneof("type"), tuple(message.metadata.delta_path)))


@pytest.fixture
def session(port):
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{port}/_stcore/stream", max_size=None) as line:
        yield Session(line, port)


def first_of(found, kinds):
    return next(n for n, (kind, _) in enumerate(found) if kind in kinds)


@pytest.mark.parametrize("page", ["", "drift"])  # nothing was said here that Compare could show
def test_pickers_come_after_the_first_figure_where_a_session_begins(session, page):
    found = session.ask(page)
    assert first_of(found, {"vega_lite_chart"}) < first_of(found, PICKERS)
    again = session.ask(page)
    assert first_of(again, PICKERS) < first_of(again, {"vega_lite_chart"})
    assert sorted(found) == sorted(again)


@pytest.mark.parametrize("query", ["", "checkpoint=gone&persona=gone", "colour=gone", "talk=gone"])
@pytest.mark.parametrize("page", ["", "drift", "compare"])
def test_the_parts_of_a_container_come_in_their_order(session, page, query):
    """A browser knows of no part before its neighbours: it gives the whole page up."""
    many: dict = {}
    for _, path in session.ask(page, query):
        *above, last = path
        assert last <= many.get(tuple(above), 0), path
        many[tuple(above)] = max(many.get(tuple(above), 0), last + 1)
        assert len(path) < 3 or path[:-1] in many or many[path[:-2]] > path[-2]


@pytest.mark.parametrize(("page", "query"), [("compare", ""), ("drift", "branches=")])
def test_a_page_without_a_figure_has_its_pickers(session, page, query):
    kinds = [kind for kind, _ in session.ask(page, query)]
    assert "vega_lite_chart" not in kinds
    assert len(PICKERS & set(kinds)) > 1
