"""Kin of keys: credentials that do not count, everywhere and in numbers."""

import asyncio
import json
import secrets
from contextlib import suppress
from itertools import count, cycle
from random import Random

from tests.attack import wire
from tests.attack.doors import attempts, plain_ports
from tests.attack.guarded import TRUSTED
from tests.attack.holdings import bearer, forwarded
from tests.attack.registry import attack
from tests.attack.rude import PATH, Target
from tests.attack.victim import victims_call

_PAUSE = 0.01
_LINES = 8
_CLOSED_WITHIN = 2.0
_DENIED = 401
_POLICY_VIOLATION = 1008


@attack("37 kinds of wrong keys on every path and in every protocol", short=True, guarded=True)
async def wrong_keys(target: Target) -> None:
    async with victims_call(target) as created:
        session = created["session_id"]
        tries = attempts(session, target.held)

        async def act() -> None:
            door, name, code, request = next(tries)
            async with await target.dial(port=door.port) as rude:
                await rude.send(request, 1)
                answer = await rude.answer()
            if answer.status == _DENIED and code.encode() in answer.body:
                target.tally.errors[code] += 1
            else:
                where = door.name.replace(session, "{id}")
                target.tally.breaches[f"{where}, {name}: {answer.status}, not {code}"] += 1

        await target.over_and_over(act, lines=_LINES, pause=_PAUSE)


@attack("wrong keys in Twilio's first message, 4 sockets", guarded=True)
async def wrong_messages(target: Target) -> None:
    kinds = cycle(target.held.wrong)

    async def act() -> None:
        wrong = next(kinds)
        given = {"callSid": "CA1", "customParameters": {"token": wrong.credential}}
        async with await target.dial() as rude:
            await rude.send(wire.upgrade("/twilio"))
            await rude.status()
            await rude.send(wire.text(json.dumps({"event": "start", "start": given})), 1)
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSED_WITHIN):
                    while await rude.message() is not None:
                        pass
            if rude.close_code != _POLICY_VIOLATION:
                target.tally.breaches[f"Twilio, {wrong.name}: {rude.close_code}"] += 1

    await target.over_and_over(act, lines=4, pause=_PAUSE)


@attack("audio to ports whose protocols carry no key, 8 sockets", guarded=True)
async def ports_without_keys(target: Target) -> None:
    ports = cycle(plain_ports(target.held))
    greeting = b"\x01\x00\x10" + bytes(16)  # AudioSocket's name of a call; audio to the other

    async def act() -> None:
        port = next(ports)
        async with await target.dial(port=port) as rude:
            try:
                async with asyncio.timeout(_CLOSED_WITHIN):
                    await rude.send(greeting, 1)
                    await rude.ended()
            except TimeoutError:
                target.tally.breaches[f"a port without keys stayed open: {port}"] += 1

    await target.over_and_over(act, lines=_LINES, pause=_PAUSE)


async def _guessing(target: Target, guesses: list[str]) -> None:
    """Show guesses as fast as they are answered, each from another address, as a proxy tells it."""
    numbers, chance = count(), Random(1)

    async def act() -> None:
        number = next(numbers)
        headers = (*bearer(guesses[number % len(guesses)]), forwarded(chance))
        request = wire.upgrade(PATH, headers)
        if number % 2:
            request = wire.request("/v1/sessions", headers)
        async with await target.dial(source=TRUSTED) as rude:
            await rude.send(request, 1)
            answer = await rude.answer()
        if answer.status != _DENIED:
            target.tally.breaches[f"a guess was answered with {answer.status}"] += 1

    await target.over_and_over(act, lines=_LINES, pause=0.0)


@attack("keys that are guessed, as fast as they are refused, from many addresses",
        guarded=True)  # fmt: skip
async def guessed_keys(target: Target) -> None:
    known = target.held.victim[: len("cs_12345678_")]
    await _guessing(target, [known + secrets.token_urlsafe(32) for _ in range(1000)])


@attack("JSON Web Tokens of strangers, as fast as they are refused, from many addresses",
        guarded=True)  # fmt: skip
async def forged_tokens(target: Target) -> None:
    await _guessing(target, [e.credential for e in target.held.wrong if e.name.startswith("JWT")])
