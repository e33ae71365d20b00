"""Raw audio in, committed text out."""

import json

import pytest

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.commands import Audio, AudioFormat, Finish, Flush, Open, Say
from gateway.protocols.events import Failed, Final, GoingAway, Partial
from gateway.protocols.whisper_streaming import TcpCodec, WebSocketCodec
from tests.unit.gateway.finals import a_final

DEFAULTS = SessionOptions(language="German")


def final(start: int, end: int, text: str) -> Final:
    return a_final(start=start, end=end, at=end + 8_000, text=text)


def codec() -> TcpCodec:
    return TcpCodec(DEFAULTS, Request())


def test_a_call_begins_with_the_connection_and_ends_when_nothing_more_is_sent():
    one = codec()
    assert one.connected() == (Open(DEFAULTS, AudioFormat("pcm16", 16_000, 1)),)
    assert one.receive_binary(b"abc") == (Audio(b"abc"),)
    assert one.receive_end() == (Finish(),)


def test_text_is_told_in_milliseconds_when_it_is_committed():
    one = codec()
    assert one.render(Partial(0, 1, 0, 8_000, "hel", 3, None), 0.0) == ()
    assert one.render(final(0, 16_000, "hello"), 0.0) == (b"0 1000 hello\n",)
    assert one.render(final(24_000, 40_000, ""), 0.0) == ()


def test_lines_never_overlap():
    one = codec()
    one.render(final(0, 16_000, "a"), 0.0)
    assert one.render(final(15_200, 32_000, "b"), 0.0) == (b"1000 2000 b\n",)
    assert one.render(final(16_000, 24_000, "c"), 0.0) == (b"2000 2000 c\n",)


def test_a_text_is_one_line():
    assert codec().render(final(0, 16, "a\r\nb  c"), 0.0) == (b"0 1 a b c\n",)


def test_an_utterance_that_failed_is_told_in_a_line():
    lost = a_final(
        start=8_000, end=16_000, at=24_000, text="", failed=True, trouble="out of\norder"
    )
    text = b"error: speech from 0.50 s on could not be recognised: out of order\n"
    assert codec().render(lost, 0.0) == (text,)


def test_only_what_ends_the_call_is_told_as_an_error():
    assert codec().render(Failed("x", "no room", fatal=True), 0.0) == (b"error: no room\n",)
    assert codec().render(Failed("x", "never mind", fatal=False), 0.0) == ()


def web_socket() -> WebSocketCodec:
    return WebSocketCodec(DEFAULTS, Request())


def test_a_web_socket_says_that_it_is_ready_and_begins_its_call():
    ready, opening = web_socket().connected()
    assert isinstance(ready, Say)
    assert [json.loads(each) for each in ready.messages] == [
        {"type": "ready", "sample_rate": 16_000}
    ]
    assert opening == Open(DEFAULTS, AudioFormat("pcm16", 16_000, 1))


def test_its_only_text_is_flush():
    assert web_socket().receive_text("flush") == (Flush(),)
    with pytest.raises(ClientError) as caught:
        web_socket().receive_text("stop")
    assert (caught.value.code, caught.value.fatal) == ("unknown_type", False)
    assert "flush" in caught.value.message


def test_its_finals_have_times_in_milliseconds_and_never_overlap():
    one = web_socket()
    told = [
        json.loads(message)
        for event in (final(0, 16_000, "a"), final(15_200, 32_000, "b"), final(0, 1, ""))
        for message in one.render(event, 0.0)
    ]
    assert told == [
        {"type": "final", "beg_ms": 0, "end_ms": 1000, "text": "a"},
        {"type": "final", "beg_ms": 1000, "end_ms": 2000, "text": "b"},
    ]


@pytest.mark.parametrize(
    ("event", "code"),
    [(Failed("x", "never mind", fatal=False), "x"), (GoingAway(60.0), "going_away")],
)
def test_it_tells_what_went_wrong(event, code):
    (message,) = web_socket().render(event, 0.0)
    assert (json.loads(message)["type"], json.loads(message)["code"]) == ("error", code)
