"""vosk's clients on the real stack, and the examples of all documents of telephony."""

import ast
import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
import websockets.asyncio.client as ws

from tests.integration.documents import example
from tests.integration.gateway.telephones import (
    FOX,
    connected,
    ended,
    telephone,
)
from tests.integration.pipeline.calls import messages, pcm16, sentence, split

pytestmark = pytest.mark.usefixtures("unharmed")

EOF = '{"eof" : 1}'


async def answer(client: ws.ClientConnection, message: str | bytes) -> dict[str, Any]:
    """Send a message and return its reply, as vosk's clients do."""
    await client.send(message)
    async with asyncio.timeout(60):
        reply: dict[str, Any] = json.loads(await client.recv())
        return reply


async def test_each_message_of_vosks_clients_has_one_reply(telephony):
    spoken, silence = pcm16(telephone(sentence())), bytes(2 * 1_600)
    async with connected(f"{telephony.url}/vosk") as client:
        for part in split(spoken, 3_200):
            assert (await answer(client, part)).keys() == {"partial"}
        reply: dict[str, Any] = {}
        while "text" not in reply:
            reply = await answer(client, silence)
            await asyncio.sleep(0.05)
        assert reply["text"] == FOX
        assert [word["word"] for word in reply["result"]] == FOX.split()
        times = [time for word in reply["result"] for time in (word["start"], word["end"])]
        assert times == sorted(times)
        for part in split(spoken, 3_200):
            assert (await answer(client, part)).keys() == {"partial"}
        assert (await answer(client, EOF))["text"] == FOX
        await client.wait_closed()
    assert client.close_code == 1000


async def test_vosks_options_are_understood_on_a_port_without_a_path(telephony):
    config = {"phrase_list": ["quick brown fox"], "sample_rate": 16000, "words": 0}
    async with connected(f"ws://127.0.0.1:{telephony.vosk_port}") as client:
        await client.send(json.dumps({"config": config}))
        for part in messages(sentence()):
            assert (await answer(client, part)).keys() == {"partial"}
        assert await answer(client, EOF) == {"text": FOX}


async def test_a_reset_is_answered_by_the_text_so_far(telephony):
    async with connected(f"{telephony.url}/vosk") as client:
        await client.send('{"config": {"sample_rate": 16000}}')
        for _ in range(2):
            for part in messages(sentence()):
                assert (await answer(client, part)).keys() == {"partial"}
            assert (await answer(client, '{"reset" : 1}'))["text"] == FOX


# --- what the documents show ---


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """A file with one channel of PCM16 at 8 kHz."""
    path = tmp_path / "call.wav"
    soundfile.write(path, telephone(sentence()), 8_000, subtype="PCM_16")
    return path


def test_the_example_for_vosk_runs(telephony, spoken):
    assert example("vosk.md", spoken, f"{telephony.url}/vosk") == FOX


def test_the_example_for_freeswitch_runs(telephony, spoken):
    told = example("freeswitch.md", spoken, f"{telephony.url}/audiofork")
    assert ast.literal_eval(told)["text"] == FOX


def test_the_example_for_asterisk_runs(telephony, spoken, bus):
    name = example("asterisk.md", spoken, "127.0.0.1", telephony.port)
    assert ended(telephony, bus, name=name).texts() == [FOX]
