"""A client whose credential comes in the message that opens its call."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

import pytest

from common.options import SessionOptions
from gateway.access.gate import Denied
from gateway.access.principal import Principal, stranger
from gateway.conversations.conversation import Conversation
from gateway.conversations.opening import Opening
from gateway.protocols.api import Codec, Message
from gateway.protocols.commands import AudioFormat, Command, Open
from gateway.protocols.events import Event, Failed
from gateway.uplink.throttle import Throttle
from tests.unit.gateway.stand_ins import Table

ACME = Principal(caller="acme's", tenant="acme", key="k", bound={"language": "German"})
BEFORE = stranger("192.0.2.1")


class Doorman:
    """Knows one credential."""

    def vouch(self, said: str, before: Principal) -> Principal:
        assert before is BEFORE
        if said != "good":
            raise Denied(HTTPStatus.UNAUTHORIZED, "unknown_key", "no such key")
        return ACME

    def check_again(self, who: Principal) -> None:
        assert who in (ACME, BEFORE)

    def retention_of(self, tenant: str) -> int:
        return {"acme": 9}.get(tenant, 0)


class Credential(Codec):
    """Opens its call with the credential that it is given."""

    def receive_text(self, message: str) -> Sequence[Command]:
        return (Open(SessionOptions(), AudioFormat("pcm16"), credential=message),)

    def receive_binary(self, data: bytes) -> Sequence[Command]:
        raise NotImplementedError

    def render(self, event: Event, now: float) -> Sequence[Message]:
        return (f'{{"code": "{event.code}"}}',) if isinstance(event, Failed) else ()


@pytest.fixture
def table() -> Table:
    return Table()


def conversation(table: Table) -> Conversation:
    object.__setattr__(table.shared, "gate", cast(Any, Doorman()))
    throttle = Throttle("call", table.client.set_paused, rate=16, burst=30)
    opening = Opening(
        table.shared, throttle, name="call", who=BEFORE, protocol="native", vouched=False
    )
    return Conversation(
        table.shared, Credential(), table.client, throttle, opening, table.over.append
    )


async def test_the_call_is_the_tenants_with_the_options_that_its_token_binds(table):
    talk = conversation(table)
    talk.receive("good")
    assert talk.call is not None
    record = talk.call.intake.record
    assert (record.tenant, record.key, record.options.language) == ("acme", "k", "German")
    assert record.retention == 9, "that of the tenant"
    assert talk.call.caller == "acme's"


async def test_it_no_longer_waits_among_those_without_a_call(table):
    waiting = len(table.shared.newcomers)
    talk = conversation(table)
    assert len(table.shared.newcomers) == waiting + 1
    talk.receive("good")
    assert len(table.shared.newcomers) == waiting


async def test_without_one_that_counts_there_is_no_call(table):
    talk = conversation(table)
    talk.receive("bad")
    assert talk.call is None
    assert table.over == [talk]
    assert len(table.shared.newcomers) == 1, "the table's own"
    assert [message["code"] for message in table.client.messages] == ["unknown_key"]


@pytest.mark.parametrize("resuming", [False, True])
async def test_a_key_that_was_revoked_since_admission_gets_no_call(table, resuming):
    table.around.revoked = True
    await (table.come_back() if resuming else table.open())
    assert table.conversation.call is None
    assert table.over == [table.conversation]
    assert table.client.closed == (1008, "revoked_key")
