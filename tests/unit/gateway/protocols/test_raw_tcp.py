"""Raw audio in, lines of text out."""

from common.options import SessionOptions
from gateway.protocols.api import Request
from gateway.protocols.commands import Audio, AudioFormat, Finish, Open
from gateway.protocols.events import Failed, Final, Partial
from gateway.protocols.raw_tcp import RawTcpCodec

DEFAULTS = SessionOptions(language="German")


def final(start: int, end: int, text: str) -> Final:
    return Final(0, 1, 1, start, end, end + 8_000, text, None, None, "silence")


def codec() -> RawTcpCodec:
    return RawTcpCodec(DEFAULTS, Request())


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


def test_only_what_ends_the_call_is_told_as_an_error():
    assert codec().render(Failed("x", "no room", fatal=True), 0.0) == (b"error: no room\n",)
    assert codec().render(Failed("x", "never mind", fatal=False), 0.0) == ()
