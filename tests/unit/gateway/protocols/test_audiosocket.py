"""Asterisk's AudioSocket."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.options import SessionOptions
from gateway.protocols.api import ClientError, Request
from gateway.protocols.audiosocket import AudioSocketCodec
from gateway.protocols.commands import (
    About,
    Audio,
    AudioFormat,
    Command,
    Digit,
    Finish,
    Mistake,
    Open,
    Reformat,
)
from gateway.protocols.events import Failed, GoingAway
from tests.unit.gateway.finals import a_final

NAME = "e226e283-c90a-4ea9-9e37-389000b9ef47"
OPTIONS = SessionOptions(language="German")


def frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


MISTAKE = Mistake("invalid_digit", "a DTMF digit is one of 0123456789ABCD*#, not b''")
UUID_FRAME = frame(0x01, UUID(NAME).bytes)
CALL = UUID_FRAME + frame(0x10, b"abcd") + frame(0x10, b"ef") + frame(0x03, b"5") + frame(0)


def codec() -> AudioSocketCodec:
    return AudioSocketCodec(OPTIONS, Request())


def opened(rate: int = 8_000) -> Open:
    events = frozenset({"gap", "dtmf"})
    return Open(OPTIONS, AudioFormat("pcm16", rate, 1), events, About(name=NAME))


def test_a_call_opens_with_its_first_audio_and_is_named_by_its_uuid():
    one = codec()
    assert one.receive_binary(UUID_FRAME) == []
    assert one.receive_binary(frame(0x10, b"ab")) == [opened(), Audio(b"ab")]
    assert one.receive_binary(frame(0x10, b"cd") * 2) == [Audio(b"cdcd")]


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        (0x10, 8_000),
        (0x11, 12_000),
        (0x12, 16_000),
        (0x13, 24_000),
        (0x14, 32_000),
        (0x15, 44_100),
        (0x16, 48_000),
        (0x17, 96_000),
        (0x18, 192_000),
    ],
)
def test_the_kind_tells_the_rate(kind, rate):
    commands = codec().receive_binary(UUID_FRAME + frame(kind, b"ab"))
    assert commands == [opened(rate), Audio(b"ab")]


def test_a_digit_is_told_after_the_audio_before_it():
    assert codec().receive_binary(CALL) == [opened(), Audio(b"abcdef"), Digit(0, "5"), Finish()]


def test_a_digit_before_audio_waits_for_it():
    one = codec()
    assert one.receive_binary(UUID_FRAME + frame(3, b"#") + frame(3, b"")) == [MISTAKE]
    commands = one.receive_binary(frame(0x16, b"ab") + frame(3, b"1"))
    assert commands == [opened(48_000), Digit(0, "#"), Audio(b"ab"), Digit(0, "1")]


def test_digits_without_audio_are_told_at_the_end():
    commands = codec().receive_binary(UUID_FRAME + frame(3, b"#") + frame(0))
    assert commands == [opened(), Digit(0, "#"), Finish()]


def test_only_so_many_digits_wait_for_audio():
    one = codec()
    refused = one.receive_binary(UUID_FRAME + frame(3, b"5") * 70)
    assert [type(each) for each in refused] == [Mistake] * 6
    assert len(one.receive_binary(frame(0x10, b"ab"))) == 66


@pytest.mark.parametrize(
    ("strange", "code"),
    [
        *(
            (frame(0x03, digit), "invalid_digit")
            for digit in (b"f", b"e", b"E", b"12", b"", b"\xff")
        ),
        (frame(0x42, b"what is this"), "unknown_type"),
        (frame(0x02), "unknown_type"),
        (frame(0x19, b"abcd"), "unknown_type"),
        (frame(0x67, b"x" * 0xFFFF), "unknown_type"),
        (UUID_FRAME, "unknown_type"),
    ],
)
@pytest.mark.parametrize("split", [False, True])
def test_what_is_not_understood_is_left_out_and_the_call_goes_on(strange, code, split):
    one = codec()
    data = UUID_FRAME + frame(0x10, b"ab") + strange + frame(0x10, b"cd")
    step = 7 if split else len(data)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    commands = [command for piece in pieces for command in one.receive_binary(piece)]
    (mistake,) = [each for each in commands if isinstance(each, Mistake)]
    assert mistake.code == code
    commands.remove(mistake)
    assert commands == [opened(), Audio(b"ab"), Audio(b"cd")]


def test_the_rate_may_change_in_mid_call():
    wide, narrow = (AudioFormat("pcm16", rate, 1) for rate in (16_000, 8_000))
    data = frame(0x10, b"ab") + frame(0x12, b"cd") * 2 + frame(0x10, b"ef")
    changes = [Reformat(wide), Audio(b"cdcd"), Reformat(narrow), Audio(b"ef")]
    assert codec().receive_binary(UUID_FRAME + data) == [opened(), Audio(b"ab"), *changes]


@given(st.lists(st.integers(1, 12), max_size=10))
def test_frames_may_be_split_anywhere(cuts):
    one, commands, rest = codec(), list[Command](), CALL
    for cut in cuts:
        commands += one.receive_binary(rest[:cut])
        rest = rest[cut:]
    commands += one.receive_binary(rest)
    audio = b"".join(each.data for each in commands if isinstance(each, Audio))
    others = [each for each in commands if not isinstance(each, Audio)]
    assert (audio, others) == (b"abcdef", [opened(), Digit(0, "5"), Finish()])


@pytest.mark.parametrize("last", [frame(0x00), frame(0xFF, b"\x01"), None])
def test_a_call_ends_by_hanging_up_an_error_or_the_connection(last):
    one = codec()
    one.receive_binary(UUID_FRAME + frame(0x10, b"ab"))
    ended = one.receive_end() if last is None else one.receive_binary(last)
    assert [*ended] == [Finish()]
    if last is not None:
        assert one.receive_binary(frame(0x10, b"cd")) == []
        assert one.receive_end() == ()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n", "uuid_expected"),
        (frame(0x10, b"ab"), "uuid_expected"),
        (frame(0x01, b"short"), "invalid_uuid"),
        (UUID_FRAME + frame(0x00), "no_audio"),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(data, code):
    one = codec()
    with pytest.raises(ClientError) as caught:
        one.receive_binary(data)
    assert (caught.value.code, caught.value.fatal) == (code, True)
    assert one.render(caught.value.event, 1.0) == (b"\x00\x00\x00",)


def test_a_connection_that_ends_without_audio_had_no_call():
    with pytest.raises(ClientError) as caught:
        codec().receive_end()
    assert (caught.value.code, caught.value.fatal) == ("no_audio", True)


def test_all_that_it_can_tell_is_that_the_call_cannot_go_on():
    one = codec()
    assert one.render(GoingAway(60.0), 1.0) == (b"\x00\x00\x00",)
    final = a_final()
    assert one.render(final, 1.0) == ()
    assert one.render(Failed("x", "never mind", fatal=False), 1.0) == ()
