"""Controls are numbered, so that one that is written twice counts once."""

from collections.abc import Sequence
from typing import Any

import pytest

from common.options import SessionOptions
from gateway.protocols.api import Codec, Message
from gateway.protocols.commands import AudioFormat, Command, Digit, Open
from gateway.protocols.events import Event
from tests.unit.gateway.stand_ins import Table


class Digits(Codec):
    """Each byte, and each character, is a digit."""

    def connected(self) -> Sequence[Command]:
        return (Open(SessionOptions(), AudioFormat("pcm16")),)

    def receive_text(self, message: str) -> Sequence[Command]:
        return [Digit(0, digit) for digit in message]

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        return [Digit(0, chr(digit)) for digit in data]

    def render(self, event: Event, now: float) -> Sequence[Message]:
        return ()


@pytest.fixture
def table() -> Table:
    return Table()


async def test_each_control_in_bytes_has_a_number_of_its_own(table, monkeypatch):
    heard: list[tuple[str, int]] = []
    talk: Any = table.conversation
    talk._hearing._codec = Digits()
    talk.begin()

    def digit(channel: int, digit: str, ordinal: int) -> None:
        heard.append((digit, ordinal))

    monkeypatch.setattr(talk.call.intake, "digit", digit)
    talk.receive(b"12")
    talk.receive(b"3")
    talk.receive("4")  # a client counts its text messages
    assert heard == [("1", 1), ("2", 2), ("3", 3), ("4", 4)]


async def test_each_control_in_a_text_has_one_where_the_client_does_not_resume(table, monkeypatch):
    heard: list[int] = []
    talk: Any = table.conversation
    talk._hearing._codec, talk.opening.resumable = Digits(), False
    talk.begin()
    monkeypatch.setattr(talk.call.intake, "digit", lambda _, digit, ordinal: heard.append(ordinal))
    for message in ("12", "", "3"):
        talk.receive(message)
    assert heard == [1, 2, 3]
