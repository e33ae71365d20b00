"""What a handshake says of its trace, and what is not believed."""

import pytest

from gateway.protocols.api import Request
from gateway.protocols.tracing import Parent, parent_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAID = f"00-{TRACE}-{SPAN}-01"


def asked(*traceparent: str, state: tuple[str, ...] = ()) -> Request:
    return Request(headers={"traceparent": traceparent, "tracestate": state})


def test_a_header_names_the_clients_span():
    assert parent_of(asked(SAID)) == Parent(TRACE, SPAN, True)


def test_a_parameter_does_where_there_is_no_header():
    request = Request(query={"traceparent": [SAID], "tracestate": ["a=1"]})
    assert parent_of(request) == Parent(TRACE, SPAN, True, "a=1")


def test_a_header_counts_more_than_a_parameter():
    other = SAID.replace("0af", "1af")
    request = Request(headers={"traceparent": [SAID]}, query={"traceparent": [other]})
    assert parent_of(request) == Parent(TRACE, SPAN, True)


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True)]
)
def test_the_last_bit_of_the_flags_says_whether_it_is_sampled(flags, sampled):
    found = parent_of(asked(f"00-{TRACE}-{SPAN}-{flags}"))
    assert found is not None
    assert found.sampled is sampled


def test_a_later_version_may_append_fields():
    assert parent_of(asked(f"cc-{TRACE}-{SPAN}-01-what-will-be")) == Parent(TRACE, SPAN, True)
    assert parent_of(asked(f"cc-{TRACE}-{SPAN}-01")) == Parent(TRACE, SPAN, True)


@pytest.mark.parametrize(
    "said",
    [
        "",
        SAID[:-1],
        SAID + "-more",
        SAID + "0",
        SAID.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.x",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-0x",
        "00-" + "٣" * 32 + f"-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_begins_a_trace_of_its_own(said):
    assert parent_of(asked(said)) is None


def test_two_headers_are_none():
    assert parent_of(asked(SAID, SAID)) is None


def test_several_headers_of_state_are_one():
    found = parent_of(asked(SAID, state=("a=1", "b=2")))
    assert found is not None
    assert found.state == "a=1,b=2"


@pytest.mark.parametrize("state", ["a=" + "x" * 511, "a=\x00", "a=ü"])
def test_a_state_that_cannot_be_passed_on_is_dropped_alone(state):
    assert parent_of(asked(SAID, state=(state,))) == Parent(TRACE, SPAN, True)
