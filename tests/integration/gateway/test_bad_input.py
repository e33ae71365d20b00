"""What a client may do wrong: each mistake is answered, and no other client notices."""

import asyncio
import socket
import struct
from typing import cast
from urllib.parse import urlsplit

import numpy as np
import pytest
import redis
import websockets.asyncio.client as ws
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from common.bus import wire
from common.bus.keys import Leg
from common.pipeline.text import ITEM, End, Final, Item
from tests.integration.conftest import RunningStack, wait_until
from tests.integration.gateway.conftest import status
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    Line,
    clip,
    config,
    converse,
    line,
    messages,
    pcm16,
    said,
    sentence,
    split,
)
from tests.integration.pipeline.services import Service, service

pytestmark = pytest.mark.usefixtures("unharmed")

FOX = "The quick brown fox jumps over the lazy dog."
POLICY_VIOLATION = 1008
INVALID_DATA = 1007
TOO_BIG = 1009
HANDSHAKE = (
    b"GET /ws/asr HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize(
    ("message", "code", "close_code"),
    [
        (FLUSH, "config_expected", POLICY_VIOLATION),
        (FINALIZE, "config_expected", POLICY_VIOLATION),
        ("hello", "invalid_json", INVALID_DATA),
        ("[1]", "not_an_object", INVALID_DATA),
        ("{}", "unknown_type", POLICY_VIOLATION),
        ('{"type": "dance"}', "unknown_type", POLICY_VIOLATION),
        (bytes(320), "audio_before_config", POLICY_VIOLATION),
        (config(tempo=2), "unknown_option", POLICY_VIOLATION),
        (config(sample_rate="8000"), "invalid_option", POLICY_VIOLATION),
        (config(channels=True), "invalid_option", POLICY_VIOLATION),
        (config(vad_threshold=2), "invalid_option", POLICY_VIOLATION),
        (config(words="yes"), "invalid_option", POLICY_VIOLATION),
        (config(keywords="fox"), "invalid_option", POLICY_VIOLATION),
        (config(language="Englisch"), "unknown_language", POLICY_VIOLATION),
        (config(silence_threshold=float("nan")), "invalid_json", INVALID_DATA),
    ],
)
async def test_a_first_message_that_is_no_config_ends_the_call(
    stack: RunningStack, message, code, close_code
):
    transcript = await converse(stack.url, message)
    assert transcript.errors == [code]
    assert transcript.close_code == close_code
    assert transcript.of("session_created") == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("hello", "invalid_json"),
        ('{"type": "dance"}', "unknown_type"),
        (config(sample_rate=8_000), "audio_format_fixed"),
        (config(denoise=True), "option_fixed"),
        (config(vad_threshold=[]), "invalid_option"),
        (config(language="Klingon"), "unknown_language"),
    ],
)
async def test_a_bad_message_in_a_call_is_answered_and_the_call_goes_on(
    stack: RunningStack, message, code
):
    audio = [*messages(sentence())]
    sent: list[str | bytes] = [config(), *audio[:9], message, *audio[9:], FINALIZE]
    transcript = await converse(stack.url, *sent)
    assert transcript.errors == [code]
    assert transcript.texts == [FOX]
    assert transcript.close_code == 1000


async def test_the_error_names_the_option_and_what_is_allowed(stack: RunningStack):
    transcript = await converse(stack.url, config(language="Englisch"))
    (error,) = transcript.of("error")
    assert "language" in error["message"]
    assert "'English'" in error["message"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
async def test_audio_that_is_no_number_ends_the_call(stack: RunningStack, value):
    poison = np.zeros(1_600, "<f4")
    poison[77] = value
    transcript = await converse(
        stack.url, config(encoding="float32"), bytes(4 * 1_600), poison.tobytes()
    )
    assert transcript.errors == ["invalid_audio"]
    assert "sample 1677 of channel 0" in transcript.of("error")[0]["message"]
    assert transcript.close_code == INVALID_DATA


async def test_huge_floats_are_clipped(stack: RunningStack):
    audio = said(0.5, clip("quick_brown_fox")).astype("<f4")
    audio[:800] = 3e38
    audio[800:1_600] = -3e38
    sent: list[str | bytes] = [config(encoding="float32"), *split(audio.tobytes(), 6_400), FINALIZE]
    transcript = await converse(stack.url, *sent)
    assert transcript.errors == []
    assert transcript.texts
    assert transcript.close_code == 1000


async def test_samples_may_be_split_over_messages(stack: RunningStack):
    sent: list[str | bytes] = [config(), *split(pcm16(sentence()), 333), FINALIZE]
    transcript = await converse(stack.url, *sent)
    assert transcript.errors == []
    assert transcript.texts == [FOX]


async def test_half_a_sample_at_the_end_is_reported(stack: RunningStack):
    sent: list[str | bytes] = [config(), *messages(sentence()), b"\x01", FINALIZE]
    transcript = await converse(stack.url, *sent)
    assert transcript.errors == ["truncated_sample"]
    assert transcript.texts == [FOX]
    assert transcript.close_code == 1000


async def test_an_empty_message_is_no_audio(stack: RunningStack):
    transcript = await converse(stack.url, config(), b"", *messages(sentence()), b"", FINALIZE)
    assert transcript.errors == []
    assert transcript.texts == [FOX]


async def test_an_oversized_message_closes(impatient: Service):
    transcript = await converse(impatient.url, config(), bytes((1 << 20) + 1))
    assert transcript.close_code == TOO_BIG


async def test_the_largest_message_is_taken(stack: RunningStack):
    audio = pcm16(said(sentence(), 28.0))
    assert (1 << 20) - 64_000 < len(audio) <= 1 << 20
    transcript = await converse(stack.url, config(), audio, FINALIZE)
    assert transcript.texts == [FOX]


async def test_fragments_that_add_up_to_too_much_close(impatient: Service):
    async with line(impatient.url) as client:
        await client.say(config())
        await client.hear("session_created")
        piece = bytes(1 << 18)
        fragments = [Frame(Opcode.BINARY, piece, fin=False)]
        fragments += [Frame(Opcode.CONT, piece, fin=False)] * 4
        send_frames(client, *fragments)
        assert (await client.hear_out()).close_code == TOO_BIG


async def test_invalid_utf8_closes(impatient: Service):
    async with line(impatient.url) as client:
        await client.say(config())
        await client.hear("session_created")
        send_frames(client, Frame(Opcode.TEXT, b'{"type": "\xff\xfe"}'))
        assert (await client.hear_out()).close_code == INVALID_DATA


async def test_fragmented_messages_are_joined(stack: RunningStack):
    audio = pcm16(sentence())
    async with line(stack.url) as client:
        await client.connection.send(['{"type": ', '"config", "enc', 'oding": "pcm16"}'])
        await client.hear("session_created")
        await client.connection.send(list(split(audio, 1_001)))
        await client.connection.send(['{"type": ', '"finalize"}'])
        transcript = await client.hear_out()
    assert transcript.texts == [FOX]
    assert transcript.close_code == 1000


async def test_an_unmasked_frame_closes(impatient: Service):
    async with line(impatient.url) as client:
        await client.say(config())
        await client.hear("session_created")
        client.connection.transport.write(b"\x82\x02\x00\x00")
        assert (await client.hear_out()).close_code == 1002


async def test_what_comes_after_finalize_is_refused_once(stack: RunningStack):
    late = [bytes(320)] * 20
    transcript = await converse(stack.url, config(), *messages(sentence()), FINALIZE, *late)
    assert transcript.errors in ([], ["finalized"])
    assert transcript.texts == [FOX]
    assert transcript.close_code == 1000


async def test_who_vanishes_is_transcribed_to_the_end(impatient: Service, bus: redis.Redis):
    audio = [*messages(said(0.5, clip("quick_brown_fox")))]
    async with line(impatient.url) as client:
        await client.say(config(events=["speech_started"]), *audio)
        await client.hear("speech_started")
        client.connection.transport.abort()
    leg = Leg(client.transcript.session, 0)

    def items() -> list[Item]:
        entries = cast(list[tuple[bytes, dict[bytes, bytes]]], bus.xrange(leg.key("text")))
        return [ITEM.unpack(fields[wire.BODY_FIELD]) for _, fields in entries]

    await wait_until(lambda: items() and items()[-1] == End(), "the transcript is complete")
    final, _ = items()
    assert isinstance(final, Final)
    assert final.text == FOX
    assert final.reason == "finish"
    await wait_until(lambda: not bus.exists(leg.key("audio"), leg.key("speech")), "keys are gone")
    assert 0 < bus.ttl(leg.key("text")) <= 300
    assert 0 < bus.ttl(leg.meta) <= 300


async def test_who_leaves_before_the_call_is_open_leaves_nothing(impatient: Service):
    async def hurry() -> None:
        async with line(impatient.url) as client:
            await client.say(config())
            client.connection.transport.abort()

    await asyncio.gather(*(hurry() for _ in range(20)))
    await wait_until(lambda: status(impatient)["sessions"] == 0, "the gateway has let go of all")


# --- plain HTTP ---


async def test_an_unknown_path_is_not_found(stack: RunningStack):
    assert stack.page("/nothing/here")[0] == 404
    with pytest.raises(InvalidStatus) as refusal:
        await ws.connect(stack.url.replace("/ws/asr", "/ws/nothing"), proxy=None)
    assert refusal.value.response.status_code == 404


@pytest.mark.parametrize(
    "request_line",
    [
        b"POST /ws/asr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi",
        b"garbage\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_handshake_is_refused(stack: RunningStack, request_line):
    answer = exchange(stack, request_line)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))


def test_who_is_gone_before_the_answer_harms_nobody(stack: RunningStack, capfd):
    """The address of a client that has reset its connection is not known any more."""
    with service("gateway", stack.redis_url) as gateway:
        gateway.wait_ready()
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(HANDSHAKE)
        assert gateway.page("/health")[0] == 200
        assert gateway.end() == 0
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "poison",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 4_096, b"GET " + b"/" * 100_000],
    ids=["tls", "zeros", "endless-line"],
)
def test_noise_is_cut_off(stack: RunningStack, poison):
    exchange(stack, poison + b"\r\n\r\n")


def test_a_page_asked_for_without_a_handshake_is_told_what_is_missing(stack: RunningStack):
    status, body = stack.page("/ws/asr")
    assert status == 426, body


def exchange(stack: RunningStack, data: bytes) -> bytes:
    """Send bytes and return everything that is answered until the server closes."""
    port = urlsplit(stack.url).port
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=12) as connection:
        try:
            connection.sendall(data)
            while received := connection.recv(65_536):
                answer += received
        except ConnectionError:
            pass
    return answer


def send_frames(client: Line, *frames: Frame) -> None:
    """Send WebSocket frames as they are."""
    for frame in frames:
        client.connection.transport.write(frame.serialize(mask=True))
