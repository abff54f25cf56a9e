"""A visitor without a browser says and hears what Streamlit's own messages say."""

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from psm_viz.cli.bench_wire import Visitor


class Line:
    """A WebSocket that answers every question with the same messages."""

    def __init__(self, *answers):
        self.answers, self.asked = answers, []

    def send(self, message):
        self.asked.append(BackMsg.FromString(message))
        self.left = [a.SerializeToString() for a in self.answers]

    def recv(self, timeout, decode):
        return self.left.pop(0)


def parts(*elements):
    out = []
    for name, words in elements:
        one = ForwardMsg(hash="x" * 300)
        element = one.delta.new_element
        if name == "exception":
            element.exception.message = words
        else:
            element.html.body = words
        out.append(one)
    return [*out, ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)]


def test_a_page_is_asked_for_as_browsers_do():
    line = Line(*parts(("html", "hello")))
    served = Visitor(line).ask("drift", "branches=cheat")
    asked = line.asked[0].rerun_script
    assert (asked.page_name, asked.query_string) == ("drift", "branches=cheat")
    assert served.wrong == () and served.seconds > 0
    assert served.size == sum(len(a.SerializeToString()) for a in line.answers)


def test_tracebacks_and_notices_are_heard():
    line = Line(*parts(("exception", "it broke"), ("html", '<div class="psm-notice">gone</div>')))
    wrong = Visitor(line).ask("").wrong
    assert len(wrong) == 2 and "it broke" in wrong[0] and "gone" in wrong[1]
