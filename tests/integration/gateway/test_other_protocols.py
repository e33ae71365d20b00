"""Clients of other servers: raw audio over TCP, and recordings over `/ws/transcribe`."""

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import websockets.asyncio.client as ws

from callscribe.local.child import free_ports
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack
from tests.integration.gateway.conftest import status
from tests.integration.pipeline.calls import messages, pcm16, said, sentence
from tests.integration.pipeline.services import Service, service

pytestmark = pytest.mark.usefixtures("unharmed")

FOX = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class Streaming:
    """A gateway with room for two calls, and its ports for raw audio."""

    gateway: Service
    tcp: int
    web_socket: int


@pytest.fixture(scope="module")
def streaming(stack: RunningStack) -> Iterator[Streaming]:
    tcp, web_socket = free_ports(2)
    flags = ("--stream-port", str(tcp), "--stream-ws-port", str(web_socket), "--max-sessions", "2")
    with service("gateway", stack.redis_url, *flags) as running:
        running.wait_ready()
        yield Streaming(running, tcp, web_socket)


@pytest.fixture
def port(streaming: Streaming) -> Iterator[int]:
    """The port for raw audio over TCP; afterwards no call is left."""
    yield streaming.tcp
    until(lambda: status(streaming.gateway)["sessions"] == 0)


def heard(sock: socket.socket) -> str:
    """Read until the server closes."""
    parts = []
    while part := sock.recv(65_536):
        parts.append(part)
    return b"".join(parts).decode()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def test_raw_audio_is_answered_in_lines_and_the_last_words_come_after_its_end(port):
    with connect(port) as sock:
        sock.sendall(pcm16(said(sentence(), 1.0, sentence())))
        sock.shutdown(socket.SHUT_WR)
        first, second = heard(sock).splitlines()
    begins, ends, texts = zip(*(line.split(" ", 2) for line in (first, second)), strict=True)
    assert texts == (FOX, FOX)
    assert 0 <= int(begins[0]) < int(ends[0]) <= int(begins[1]) < int(ends[1])


def test_text_comes_while_the_client_still_speaks(port):
    with connect(port) as sock:
        sock.sendall(pcm16(said(sentence(), 2.0)))
        assert sock.recv(1000).decode().endswith(f" {FOX}\n")
        sock.shutdown(socket.SHUT_WR)
        assert heard(sock) == ""


@pytest.mark.skipif(shutil.which("nc") is None, reason="needs nc")
def test_netcat_is_a_client(port):
    command = ["nc", "-N", "127.0.0.1", str(port)]
    done = subprocess.run(command, input=pcm16(sentence()), capture_output=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout.decode().endswith(f" {FOX}\n")


def test_a_client_that_only_connects_gets_nothing(port):
    with connect(port) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert heard(sock) == ""


def test_one_that_is_gone_without_a_word_leaves_nothing(port, bus):
    with connect(port) as sock:
        sock.sendall(pcm16(sentence())[:20_001])


def test_one_for_which_there_is_no_room_is_told_and_others_go_on(port):
    with connect(port) as first, connect(port) as second:
        for sock in (first, second):
            sock.sendall(pcm16(sentence()))
        with connect(port) as third:
            assert heard(third).startswith("error: all 2 calls are taken; try again in ")
        for sock in (first, second):
            sock.shutdown(socket.SHUT_WR)
            assert heard(sock).endswith(f" {FOX}\n")


def test_a_minute_in_one_go_is_read_in_turns(port):
    with connect(port) as sock:
        sock.sendall(pcm16(said(sentence(), *([0.5] * 100), sentence())))
        sock.shutdown(socket.SHUT_WR)
        texts = [line.split(" ", 2)[2] for line in heard(sock).splitlines()]
    assert texts == [FOX, FOX]


async def test_a_web_socket_of_its_own_port_takes_audio_and_flush(streaming):
    async with ws.connect(f"ws://127.0.0.1:{streaming.web_socket}", proxy=None) as client:
        ready = json.loads(await client.recv())
        assert ready == {"type": "ready", "sample_rate": 16_000}
        for _ in range(2):
            for message in messages(sentence()):
                await client.send(message)
            await client.send("flush")
            async with asyncio.timeout(60):
                final = json.loads(await client.recv())
            assert (final["type"], final["text"]) == ("final", FOX)
            assert final["beg_ms"] < final["end_ms"]
    until(lambda: status(streaming.gateway)["sessions"] == 0)


async def transcription(client: ws.ClientConnection) -> dict[str, Any]:
    """Read until the next transcription."""
    async with asyncio.timeout(60):
        while True:
            message: dict[str, Any] = json.loads(await client.recv())
            assert message["type"] in ("status", "partial", "transcription")
            if message["type"] == "transcription":
                return message


async def test_recordings_are_transcribed_one_after_another_on_one_connection(stack):
    url = f"ws://127.0.0.1:{stack.port}/ws/transcribe?client_id=me"
    async with ws.connect(url, proxy=None) as client:
        ready = json.loads(await client.recv())
        assert (ready["status"], ready["client_id"]) == ("ready", "me")
        for _ in range(2):
            await client.send(json.dumps({"type": "start_recording"}))
            for message in messages(sentence()):
                await client.send(message)
            await client.send(json.dumps({"type": "stop_recording"}))
            final = await transcription(client)
            assert final["text"] == FOX
            assert [word["word"].strip() for word in final["words"]] == FOX.split()


async def test_a_recording_that_is_left_open_is_told_too(stack):
    """The Python client of such servers never reads to the end."""
    async with ws.connect(f"ws://127.0.0.1:{stack.port}/ws/transcribe", proxy=None) as client:
        await client.send(json.dumps({"type": "start_recording"}))
        for message in messages(said(sentence(), 1.5)):
            await client.send(message)
        assert (await transcription(client))["text"] == FOX
