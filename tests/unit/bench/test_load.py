import asyncio

import pytest

from bench.load import Client, Pattern, pace
from vad_worker.framing import FRAME

PATTERN = Pattern()
HEADER = 2 + 2 + 4


def test_a_cycle_holds_one_utterance_decided_after_4_loud_and_8_quiet_frames():
    start, end, final = PATTERN.decisions(0, PATTERN.cycle)
    assert start == ("speech_started", 1, 4 * FRAME)
    assert end == ("speech_ended", 1, 24 * FRAME)
    assert final == ("final", 1, 24 * FRAME)


def test_a_client_that_begins_later_in_the_pattern_is_decided_on_earlier():
    start, end, _ = PATTERN.decisions(PATTERN.first(2), PATTERN.cycle)
    assert start.at == 4 * FRAME  # 4 loud frames all the same
    assert end.at == 22 * FRAME


def test_decisions_of_fewer_messages_are_the_first_of_more():
    more = PATTERN.decisions(7, 200)
    fewer = PATTERN.decisions(7, 150)
    assert fewer == more[: len(fewer)]


@pytest.mark.parametrize("message", [512, 1_600])
def test_messages_are_the_pattern_cut_anew(message):
    pattern = Pattern(message=message)
    audio = b"".join(each[HEADER:] for each in pattern.messages)
    assert len(audio) % (2 * FRAME * pattern.cycle) == 0
    assert audio[: 2 * FRAME * pattern.cycle] == b"".join(
        each[HEADER:] for each in PATTERN.messages
    )


def test_every_client_begins_where_a_frame_does():
    pattern = Pattern(message=1_600)
    begins = [pattern.first(client) * 1_600 for client in range(pattern.cycle)]
    assert all(begin % FRAME == 0 for begin in begins)
    assert len({begin // FRAME % pattern.cycle for begin in begins}) == pattern.cycle


@pytest.mark.parametrize(("at", "message"), [(512, 0), (1_600, 0), (1_601, 1), (3_200, 1)])
def test_what_is_decided_came_with_a_message(at, message):
    assert Pattern(message=1_600).ends_in(at) == message


class _Transport(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.written = []

    def write(self, data):
        self.written.append(data)


async def _client():
    client = Client(PATTERN, 0, {"encoding": "pcm16"})
    transport = _Transport()
    client.connection_made(transport)
    return client, transport


def _text(payload: bytes) -> bytes:
    assert len(payload) < 126
    return bytes((0x81, len(payload))) + payload


async def test_messages_are_understood_however_they_are_cut():
    client, _ = await _client()
    stream = (
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        + _text(b'{"type": "session_created"}')
        + _text(b'{"type": "speech_started", "utterance": 1, "at": 0.128}')
        + _text(b'{"type": "partial", "utterance": 1}')
        + _text(b'{"type": "final", "utterance": 1}')
    )
    for i in range(len(stream)):
        client.data_received(stream[i : i + 1])
    assert client.opened.done()
    assert [each[:3] for each in client.received] == [
        ("speech_started", 1, 2048),
        ("final", 1, None),
    ]


async def test_a_ping_is_answered_with_its_payload():
    client, transport = await _client()
    client.data_received(b"HTTP/1.1 101 \r\n\r\n" + b"\x89\x02hi")
    assert transport.written[-1] == b"\x8a\x82\0\0\0\0hi"


async def test_a_refusal_is_the_callers_trouble():
    client, _ = await _client()
    client.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    assert isinstance(client.opened.exception(), ConnectionError)
    assert client.trouble is not None
    assert "503" in client.trouble


async def test_every_client_sends_every_frame_of_the_interval():
    clients = [await _client() for _ in range(3)]
    await pace([client for client, _ in clients], PATTERN, 0.0, 4, 6)  # long due
    for client, transport in clients:
        assert len(client.sent_at) == 2
        assert len(transport.written) == 1 + 2
        assert len(transport.written[-1]) == 2 + 2 + 4 + 2 * FRAME
