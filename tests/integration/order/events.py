"""What may happen to a call, each until its direct effect is there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from common.bus import commands, keys
from common.pipeline.streams import META
from gateway.server import GatewayServer
from tests.integration.hour.house import House
from tests.integration.order.client import Client
from tests.integration.pipeline.calls import clip, pcm16, said

SENTENCE = pcm16(said(0.3, clip("hello_world"), 0.7)[:, None])
PATIENCE = 5.0
_attempts = count(1)


@dataclass
class Call:
    """A client with its call, which the first gateway has."""

    house: House
    client: Client
    elsewhere: GatewayServer
    """Where the call goes, if it goes."""
    happened: list[str] = field(default_factory=list)
    """Events, in the order in which they began."""
    said: int = 0
    """Sentences that were sent over a connection that was open."""

    @property
    def here(self) -> GatewayServer:
        """The gateway that has it at first."""
        return self.house.gateways[0]

    async def say(self, patience: float = PATIENCE) -> None:
        """Say a sentence and wait for its text."""
        client = self.client
        if client.present:
            self.said += 1
            client.say(SENTENCE)
            wanted = len(client.texts) + 1
            await client.until(lambda: len(client.texts) >= wanted or not client.present, patience)


async def _open(call: Call) -> None:
    await call.client.open(call.here)


async def _say(call: Call) -> None:
    await call.say()


async def _flush(call: Call) -> None:
    client, before = call.client, len(call.client.finals)
    if client.present:
        client.flush()
        await client.until(lambda: len(client.finals) > before or not client.present, PATIENCE)


async def _finish(call: Call) -> None:
    if call.client.present:
        call.client.finish()
        await call.client.until(lambda: not call.client.present, PATIENCE)


async def _hang_up(call: Call) -> None:
    call.client.hang_up()


async def _vanish(call: Call) -> None:
    call.client.vanish()


async def _resume(call: Call) -> None:
    call.client.vanish()
    await call.client.resume(call.here, next(_attempts))


async def _move(call: Call) -> None:
    call.client.vanish()
    await call.client.resume(call.elsewhere, next(_attempts))


async def _steal(call: Call) -> None:
    await call.client.resume(call.elsewhere, next(_attempts))


async def _revoke(call: Call) -> None:
    if call.client.present:
        call.client.revoke()


async def _drain(call: Call) -> None:
    for gateway in call.house.gateways:
        for conversation in gateway._reception:
            if conversation.id == call.client.session:
                conversation.send_away()


async def _adopt(call: Call) -> None:
    gateway, session = call.elsewhere, call.client.session
    meta = keys.session_key(session, META)
    (owner,) = await gateway._links[2].insist([commands.owner(meta)])
    if owner is not None:
        await gateway._maintenance.adopt(session, owner.decode())


async def _renew(call: Call) -> None:
    mine = [each for each in call.here._calls if each.id == call.client.session]
    await call.here._maintenance._renew(mine)


async def _erase(call: Call) -> None:
    directory = call.elsewhere._directory
    for known in await directory.find(call.client.session, call.client.tenant):
        await directory.erase(known)


async def _take_over(call: Call) -> None:
    link = call.elsewhere._links[2]
    for former in call.house.runners:
        stage = former._stage.spec.name
        entries = [
            entry
            for entry, slot in former._slots.items()
            if slot.assignment.leg.session == call.client.session
        ]
        other = next(
            each
            for each in call.house.runners
            if each is not former and each._stage.spec.name == stage
        )
        group = (keys.work_items(stage), stage, other._consumer)
        if entries:
            await link.insist([("XCLAIM", *group, 0, *entries, "JUSTID")])


Event = Callable[[Call], Awaitable[None]]
OPEN = "open"
SAY, FLUSH, FINISH, ADOPT, ERASE = "say", "flush", "finish", "adopt", "erase"
EVENTS: dict[str, Event] = {
    OPEN: _open,
    SAY: _say,
    FLUSH: _flush,
    FINISH: _finish,
    "hang up": _hang_up,
    "vanish": _vanish,
    "resume": _resume,
    "move": _move,
    "steal": _steal,
    "revoke": _revoke,
    "drain": _drain,
    ADOPT: _adopt,
    "renew": _renew,
    ERASE: _erase,
    "take over": _take_over,
}
"""The client opens its call, says a sentence, asks for what was said, says that this was all, and
hangs up. Its connection breaks; it resumes at the same gateway, at another one, or there while the
first one takes it for present. Its key is revoked; its gateway drains; another gateway ends the
call of one that was silent for long; its gateway renews it. The call is erased by way of another
gateway. Other workers take its work over, and the former ones do not know."""
ENDINGS = frozenset({FINISH, "hang up", "revoke", ADOPT})
"""After these nothing more is heard."""
WHILE_OPENING = (FINISH, "hang up", "revoke", SAY, "vanish", "drain")


async def happen(call: Call, name: str) -> None:
    """Let an event happen."""
    call.happened.append(name)
    await EVENTS[name](call)
