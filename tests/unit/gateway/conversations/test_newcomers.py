"""Connections without a call: who may wait, and who goes first."""

import asyncio
from collections.abc import Sequence

import pytest

from common.options import SessionOptions
from gateway.conversations.conversation import Conversation
from gateway.conversations.newcomers import Newcomers
from gateway.conversations.opening import Opening
from gateway.protocols import PROTOCOLS, audiosocket
from gateway.protocols.api import Codec, Protocol, Request
from gateway.uplink.throttle import Throttle
from tests.unit.gateway.stand_ins import SOMEBODY, Client, Table

QUERY = {"encoding": ["mulaw"], "sample_rate": ["8000"]}
QUERIES = {
    "flux": {**QUERY, "model": ["flux-general-en"]},
    "assemblyai": {**QUERY, "encoding": ["pcm_mulaw"]},
}
"""Of protocols that ask for another one."""


class Bystander(Client):
    """A client of any protocol: what it is told is of no interest."""

    def send_soon(self, messages: Sequence[str | bytes]) -> None:
        pass


class Newcomer:
    def __init__(self) -> None:
        self.given_up = 0

    def give_up(self) -> None:
        self.given_up += 1


async def test_one_client_has_at_most_so_many_that_wait_long():
    newcomers, crowd, other = Newcomers(2), [Newcomer() for _ in range(4)], Newcomer()
    newcomers.late("other", other, 60.0)
    for each in crowd[:2]:
        newcomers.late("client", each, 60.0)
    assert [each.given_up for each in crowd] == [0, 0, 0, 0]
    for gone, each in zip(crowd, crowd[2:], strict=False):
        newcomers.late("client", each, 60.0)
        assert gone.given_up == 1
        newcomers.discard("client", gone)
    assert [each.given_up for each in crowd] == [1, 1, 0, 0]
    assert other.given_up == 0


async def test_one_that_waits_is_given_up_in_the_end_unless_it_opens_its_call():
    newcomers, mute, speaker = Newcomers(2), Newcomer(), Newcomer()
    for each in (mute, speaker):
        newcomers.late("client", each, 0.0)
    newcomers.discard("client", speaker)
    async with asyncio.timeout(5):
        while not mute.given_up:
            await asyncio.sleep(0)
    assert speaker.given_up == 0


def test_the_client_with_the_most_makes_room():
    now = [0.0]
    newcomers, crowd = Newcomers(9, lambda: now[0]), [Newcomer() for _ in range(3)]
    for each in crowd:
        newcomers.add("client", each)
    assert newcomers.make_room("other")
    assert [each.given_up for each in crowd] == [1, 0, 0]
    newcomers.discard("client", crowd[0])
    newcomers.discard("client", crowd[1])
    assert not newcomers.make_room("other"), "its first message may be under way"
    now[0] = 1.0
    assert newcomers.make_room("other")
    assert len(newcomers) == 1


def connected(table: Table, protocol: Protocol) -> tuple[Conversation, Client, Codec]:
    client = Bystander()
    codec = protocol.build(SessionOptions(), Request(query=QUERIES.get(protocol.name, QUERY)))
    throttle = Throttle("s", client.set_paused, rate=16, burst=30)
    waits_s = protocol.waits_s
    opening = Opening(
        table.shared, throttle, name="s", who=SOMEBODY, protocol="native", waits_s=waits_s
    )
    ended: list[Conversation] = []
    conversation = Conversation(table.shared, codec, client, throttle, opening, ended.append)
    return conversation, client, codec


WARM = {"openai_realtime", "transcribe", "vosk", "vosk_ws", "audiofork", "audiosocket"}


def test_some_protocols_let_their_clients_wait():
    assert {protocol.name for protocol in PROTOCOLS if protocol.waits_s} == WARM


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
async def test_a_warm_connection_waits_where_its_protocol_has_them(protocol):
    conversation, client, codec = connected(Table(), protocol)
    if protocol.name == "audiosocket":
        codec.receive_binary(b"\x01\x00\x10" + bytes(16))
    conversation.overdue()
    assert (client.closed is None) == bool(protocol.waits_s)
    conversation.give_up()
    assert client.closed is not None


async def test_an_audio_socket_that_has_not_said_its_uuid_does_not_wait():
    conversation, client, _ = connected(Table(), audiosocket.PROTOCOL)
    conversation.overdue()
    assert client.closed is not None
