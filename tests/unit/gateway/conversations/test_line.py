"""What a client's connection is told, and what it is not once the client is gone."""

from collections.abc import Sequence

import pytest

from common.options import SessionOptions
from gateway.calls.attendance import Ending
from gateway.conversations.line import Line
from gateway.protocols import native
from gateway.protocols.api import Message, Request
from gateway.protocols.events import AudioAck, Failed

ENDING = Ending(Failed("lost", "it is lost", fatal=True), 1011, "lost")


class Client:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.closed: list[tuple[int, str]] = []

    def send_soon(self, messages: Sequence[Message]) -> None:
        self.sent += messages

    def close_soon(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))

    def set_paused(self, paused: bool) -> None:
        raise AssertionError("a line pauses nothing")


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def line(client) -> Line:
    return Line(native.PROTOCOL.build(SessionOptions(), Request()), client)


def test_it_is_told_in_its_protocol_how_it_ends(line, client):
    line.dismiss(ENDING)
    assert [str(message).count("it is lost") for message in client.sent] == [1]
    assert client.closed == [(1011, "lost")]


def test_a_client_that_has_left_is_told_of_no_event_and_is_still_closed(line, client):
    line.leave(hung_up=False)
    line.tell([AudioAck(3)])
    line.dismiss(ENDING)
    assert client.sent == []
    assert client.closed == [(1011, "lost")]


def test_who_has_hung_up_stays_hung_up(line):
    line.leave(hung_up=True)
    line.leave(hung_up=False)
    assert (line.present, line.hung_up) == (False, True)


def test_nothing_is_sent_over_a_connection_that_was_dropped(line, client):
    line.drop()
    line.say(["hello"])
    line.dismiss(ENDING)
    assert (client.sent, client.closed) == ([], [])
