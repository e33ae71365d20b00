"""What the client of a call is told, and what it is not once it is gone."""

from collections.abc import Sequence

import pytest

from gateway.calls.attendance import Attendance, Ending
from gateway.protocols.api import ClientError
from gateway.protocols.events import AudioAck, Ended, Event
from gateway.uplink.throttle import Throttle

ENDING = Ending(Ended(), 1000, "finished")
NEWS = AudioAck(3)
MISTAKE = ClientError("code", "text")


class Client:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def tell(self, events: Sequence[Event]) -> None:
        self.told += events

    def object(self, error: ClientError) -> None:
        self.told.append(error)

    def over(self, ending: Ending) -> None:
        self.told.append(ending)


@pytest.fixture
def client() -> Client:
    return Client()


def attendance(client: Client | None) -> Attendance:
    return Attendance(client, Throttle.idle("s"))


def tell_all(call: Attendance) -> None:
    call.tell([NEWS])
    call.object(MISTAKE)
    call.dismiss(ENDING)


def test_it_is_told_everything_until_the_end(client):
    call = attendance(client)
    assert call.present
    tell_all(call)
    assert client.told == [NEWS, MISTAKE, ENDING]
    assert not call.present


def test_it_is_told_nothing_after_the_end(client):
    call = attendance(client)
    call.dismiss(None)
    tell_all(call)
    assert client.told == []


def test_it_is_told_nothing_once_it_has_left(client):
    call = attendance(client)
    call.leave()
    tell_all(call)
    assert (client.told, call.present) == ([], False)


def test_a_client_that_has_left_is_not_paused_any_more(client):
    paused: list[bool] = []
    throttle = Throttle("s", paused.append, rate=1.0, burst=0.0)
    call = Attendance(client, throttle)
    throttle.set_paused("memory", True)
    call.leave()
    throttle.set_paused("redis", True)
    assert paused == [True]


def test_a_call_may_have_nobody():
    call = attendance(None)
    assert not call.present
    tell_all(call)
