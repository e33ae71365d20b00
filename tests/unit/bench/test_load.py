import asyncio

from bench.load import CYCLE, Client, decisions, pace
from vad_worker.framing import FRAME


def test_a_cycle_holds_one_utterance_decided_after_4_loud_and_8_quiet_frames():
    start, end, final = decisions(0, CYCLE)
    assert start == ("speech_started", 1, 4 * FRAME)
    assert end == ("speech_ended", 1, 24 * FRAME)
    assert final == ("final", 1, 24 * FRAME)


def test_a_pattern_that_begins_later_decides_earlier():
    assert decisions(2, CYCLE)[0].at == decisions(0, CYCLE)[0].at  # 4 loud frames all the same
    assert decisions(2, CYCLE)[1].at == decisions(0, CYCLE)[1].at - 2 * FRAME


def test_decisions_of_fewer_frames_are_the_first_of_more():
    more = decisions(7, 200)
    fewer = decisions(7, 150)
    assert fewer == more[: len(fewer)]


class _Transport(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.written = []

    def write(self, data):
        self.written.append(data)


async def _client():
    client = Client(0, {"encoding": "pcm16"})
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
    await pace([client for client, _ in clients], 0.0, 4, 6)  # long due
    for client, transport in clients:
        assert len(client.sent_at) == 2
        assert len(transport.written) == 1 + 2
        assert len(transport.written[-1]) == 2 + 2 + 4 + 2 * FRAME
