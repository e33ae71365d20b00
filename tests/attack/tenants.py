"""Kin of tenants: one with a good key of its own is after another one's calls, and its limits."""

import asyncio
import json
import re
import time
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any
from uuid import uuid4

from gateway.access.rules import AT_ADMIN_PORT, NEEDS, Need
from gateway.http.guard import OPERATORS
from tests.attack import wire
from tests.attack.doors import Door, paths
from tests.attack.guarded import TRUSTED
from tests.attack.holdings import FEW, SELDOM, bearer, forwarded
from tests.attack.registry import attack
from tests.attack.rude import BROKEN, PATH, Answer, Rude, Target
from tests.attack.victim import NAME, victims_call

_OTHER_NAME = "case-8"
"""As long as that of the victim's call, so that answers may be compared."""
_PAUSE = 0.01
_RACE_EVERY = 0.5
_RACERS = 3
"""For each of two gateways."""
_MOMENT = 0.3
_TOO_OFTEN = "unavailable: the call is resumed too often"
_VARIES = re.compile(rb"\r\nDate: [^\r]*")


@attack("another tenant's call is read, resumed and erased, by its id, name and token", short=True,
        guarded=True)  # fmt: skip
async def foreign_calls(target: Target) -> None:
    async with victims_call(target) as created:
        thief = _Thief(target, created)

        async def act() -> None:
            await thief.resume()
            await thief.look_for_names()
            await thief.exceed_scopes()
            await thief.reach_operators()
            await thief.read_and_erase()
            await thief.check()

        await target.over_and_over(act, lines=1)


class _Thief:
    """Tries once what there is to try. `created` is what the victim was told."""

    def __init__(self, target: Target, created: dict[str, Any]) -> None:
        self._target = target
        self._session: str = created["session_id"]
        self._token: str = created["resume_token"]
        self._held = target.held

    async def resume(self) -> None:
        """With the victim's own token, and one that is made up."""
        made_up = f"{uuid4().hex}.{self._token.partition('.')[2]}"
        told = [await self._resume(token) for token in (self._token, made_up)]
        if _TOO_OFTEN in told:  # as for any token that is shown again and again
            return
        if not told[0].startswith("resume_unknown") or told[0] != told[1]:
            self._note(f"resuming another tenant's call: {told[0]}; no call: {told[1]}")

    async def read_and_erase(self) -> None:
        """By the id and the name of a call; one that does not exist is answered alike."""
        for real, made_up in ((self._session, uuid4().hex), (NAME, _OTHER_NAME)):
            for theirs, nobodys in zip(_of_call(real), _of_call(made_up), strict=True):
                found = await self._ask(theirs, self._held.rude)
                missed = await self._ask(nobodys, self._held.rude)
                self._expect(theirs, found, 404, "another tenant's")
                self._alike(theirs, (found, real), (missed, made_up))

    async def look_for_names(self) -> None:
        """In lists and figures."""
        listing = Door(path="/v1/sessions")
        listed = await self._ask(listing, self._held.rude)
        if listed.status != 200 or self._session.encode() in listed.body:
            self._note(f"{listing.name} names another tenant's call, or answers {listed.status}")
        usage = [Door(path=f"/v1/usage?tenant={name}") for name in ("acme", "none")]
        answers = [await self._ask(door, self._held.rude) for door in usage]
        self._expect(usage[0], answers[0], 403, "another tenant's")
        self._alike(usage[0], (answers[0], "acme"), (answers[1], "none"))

    async def exceed_scopes(self) -> None:
        """With keys that may do something else, and with a token, which may make one call."""
        made = await self._ask(Door(path="/v1/tokens", method="POST"), self._held.rude)
        token = json.loads(made.body)["token"] if made.status == 200 else ""
        if not token:
            self._note(f"no token was made, so none was tried: {made.status}")
        for door in paths(self._session):
            lacks = {
                Need.ADMIN: (self._held.rude, token),
                Need.READ: (self._held.caller, token),
                Need.TRANSCRIBE: (self._held.reader, token if door.method == "DELETE" else ""),
            }[door.need]
            for key in filter(None, lacks):
                self._expect(door, await self._ask(door, key), 403, "without its scope")

    async def reach_operators(self) -> None:
        """At another gateway, with a port of its own for them, and the other way round."""
        apart = [each for each in AT_ADMIN_PORT if NEEDS.get(each) is not Need.NOTHING]
        for method, path in apart:
            public = Door(path=path, method=method, port=self._held.steady)
            self._expect(public, await self._ask(public, self._held.victim), 404, "public")
        others = [door for door in paths(self._session) if door.path not in OPERATORS]
        others.append(Door(path=PATH, handshake=True))
        for door in others:
            there = Door(path=door.path, method=door.method, port=self._held.admin,
                         handshake=door.handshake)  # fmt: skip
            answer = await self._ask(there, self._held.victim)
            self._expect(there, answer, 404, "at the operators' port")

    async def check(self) -> None:
        """Look whether the victim still has its call."""
        door = Door(path=f"/v1/sessions/{self._session}")
        self._expect(door, await self._ask(door, self._held.victim), 200, "its own")

    async def _ask(self, door: Door, key: str) -> Answer:
        async with await self._target.dial(port=door.port) as rude:
            await rude.send(door.request(bearer(key)), 1)
            answer = await rude.answer()
        await asyncio.sleep(_PAUSE)
        return answer

    async def _resume(self, token: str) -> str:
        async with await self._target.dial() as rude:
            if not await rude.upgrade("?resume=1", bearer(self._held.rude)):
                return "refused"
            await rude.send(wire.text({"type": "config", "resume": token}), 1)
            message = await rude.message() or {}
            if message.get("type") != "error":
                return f"it was answered with {message.get('type')}"
            self._target.tally.errors[str(message["code"])] += 1
            return f"{message['code']}: {message['message']}"

    def _expect(self, door: Door, answer: Answer, status: int, what: str) -> None:
        if answer.status != status:
            self._note(f"{door.name}, {what}: {answer.status}")

    def _alike(self, door: Door, one: tuple[Answer, str], other: tuple[Answer, str]) -> None:
        said = [
            _VARIES.sub(b"", answer.head) + answer.body.replace(name.encode(), b"")
            for answer, name in (one, other)
        ]
        if said[0] != said[1]:
            self._note(f"{door.name} tells what exists")

    def _note(self, breach: str) -> None:
        self._target.tally.breaches[breach.replace(self._session, "{id}")] += 1


def _of_call(name: str) -> list[Door]:
    doors = [
        replace(door, path=door.path.replace("{id}", name))
        for door in paths("{id}")
        if "{id}" in door.path
    ]
    events = f"/v1/sessions/{name}/events"
    transcript = f"/v1/sessions/{name}/transcript?format=srt"
    readers = [Door(path=events, handshake=True), Door(path=transcript)]
    return sorted([*doors, *readers], key=lambda door: door.method == "DELETE")


@attack("one token shown by 6 clients at once, at two gateways", guarded=True)
async def spent_tokens(target: Target) -> None:
    held = target.held
    used = 0

    async def race(token: str, port: int) -> int:
        with suppress(*BROKEN):
            async with await target.dial(port=port) as rude:
                if await _open(rude, token):
                    await rude.hang_up()
                    return 1
        return 0

    async def act() -> None:
        nonlocal used
        async with await target.dial() as rude:
            await rude.send(wire.request("/v1/tokens", bearer(held.rude), method="POST"), 1)
            answer = await rude.answer()
        if answer.status != 200:
            return
        token = json.loads(answer.body)["token"]
        ports = (0, held.steady) * _RACERS
        opened = sum(await asyncio.gather(*(race(token, port) for port in ports)))
        used += opened
        if opened > 1:
            target.tally.breaches[f"a token opened {opened} calls"] += 1

    try:
        await target.over_and_over(act, lines=1, pause=_RACE_EVERY)
    finally:
        if not used:
            target.tally.breaches["no token opened a call, which proves nothing"] += 1


async def _open(rude: Rude, key: str, *more: str) -> bool:
    created = await rude.open_call("", (*bearer(key), *more), encoding="pcm16")
    return created is not None


@attack("a key's limits, dodged by other addresses, as a proxy tells them, 8 sockets", short=True,
        guarded=True)  # fmt: skip
async def many_addresses(target: Target) -> None:
    chance, began = Random(1), int(time.time() // 60)
    running = opened = 0

    async def have_many() -> None:
        nonlocal running
        async with await target.dial(source=TRUSTED) as rude:
            if not await _open(rude, target.held.few, forwarded(chance)):
                return
            running += 1
            if running > FEW:
                target.tally.breaches[f"{running} calls of {FEW} at a time"] += 1
            try:
                await asyncio.sleep(_MOMENT)
            finally:
                running -= 1
            await rude.hang_up()

    async def open_many() -> None:
        nonlocal opened
        async with await target.dial(source=TRUSTED) as rude:
            if await _open(rude, target.held.seldom, forwarded(chance)):
                opened += 1
                await rude.hang_up()
        if opened > SELDOM * (1 + int(time.time() // 60) - began):
            target.tally.breaches[f"{opened} calls of {SELDOM} a minute"] += 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(target.over_and_over(have_many, lines=6, pause=_MOMENT))
        tasks.create_task(target.over_and_over(open_many, lines=2, pause=_MOMENT))
