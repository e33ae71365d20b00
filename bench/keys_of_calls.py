"""What it costs the gateway to know who opens a call: nobody asked, and by each kind of proof.

Gateways that differ in this alone are beside each other on one Redis. In turns a few calls are
opened and hung up at each, every one by another client, so that no limit counts. A token is spent
in Redis when its call opens; all other proofs are looked at in the gateway alone. What looking at
them takes is measured in this process, too: it is small beside the rest of a call.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeAlias

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.client import connect

from bench.accounting import cpu_seconds
from bench.processes import commands_of, ready, running_process
from callscribe.local.child import free_ports
from callscribe.local.embedded_redis import EmbeddedRedis
from common.pipeline.access import NewKey, new_key
from common.redis.address import Address
from common.redis.link import Link
from common.settings import load
from gateway.access import tokens
from gateway.access.gate import Gate
from gateway.access.keyring import Keyring
from gateway.access.rules import HANDSHAKE
from gateway.gatekeeper import gatekeeper
from gateway.policies import Policies
from gateway.settings import GatewaySettings

_CALLS, _ROUNDS = 24, 60
"""Short turns: what else a machine does changes from one second to the next."""
_LINES = 8
"""Calls that are opened at a time."""
_LIFE_S = 3600
_ROOM = 500
_SECRET = bytes(range(32))
_OPEN = "no keys"
_CONFIG = json.dumps({"type": "config", "encoding": "pcm16"})


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU of the gateway for each call opened and hung up, µs: medians over rounds."""

    way: str
    check: float
    """Of looking at the proof alone."""
    cpu: float
    more: float
    """Beside a call without keys in the same round."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What calls cost, each way; `calls` and `rounds` of each."""

    calls: int
    rounds: int
    costs: Sequence[Cost]


@dataclass(frozen=True, slots=True)
class _Way:
    """How clients prove who they are at a gateway; `proof` makes what the nth client shows."""

    name: str
    gateway: "_Gateway"
    proof: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class _Gateway:
    """A gateway, and a gate in this process that is like its own."""

    port: int
    pid: int
    gate: Gate


async def measure(calls: int = _CALLS, rounds: int = _ROUNDS) -> Found:
    """Open `calls` calls a round, each way. RuntimeError when one is not opened."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        server = running.enter_context(EmbeddedRedis())
        link = Link(Address.parse(server.url), "bench")
        await link.connect()
        try:
            ways = await _ways(Path(folder), calls, server.url, link, running)
            rows = [await _round(ways, calls, turn) for turn in range(rounds + 1)]
        finally:
            await link.close()
    return Found(calls=calls, rounds=rounds, costs=compared(rows[1:]))  # the first warms up


async def _round(ways: Sequence[_Way], calls: int, turn: int) -> "Round":
    """Return µs for a call, each way: of the check, and of all. The order is another each turn."""
    first = turn % len(ways)
    spent: Round = {}
    for way in (*ways[first:], *ways[:first]):
        proofs = [way.proof(number) for number in range(calls)]
        checked = _check(way.gateway.gate, proofs)
        before = cpu_seconds(way.gateway.pid)
        await _open_and_hang_up(way.gateway.port, proofs)
        spent[way.name] = checked, 1e6 * (cpu_seconds(way.gateway.pid) - before) / calls
    return {way.name: spent[way.name] for way in ways}


def _check(gate: Gate, proofs: Sequence[str]) -> float:
    shown = [{"authorization": [f"Bearer {proof}"]} if proof else {} for proof in proofs]
    began = time.process_time()
    for headers in shown:
        gate.admit(HANDSHAKE, headers, "127.0.0.1")
    return 1e6 * (time.process_time() - began) / len(proofs)


Round: TypeAlias = dict[str, tuple[float, float]]


def compared(rounds: Sequence[Round]) -> list[Cost]:
    """Return what rounds come to."""
    return [
        Cost(
            way=name,
            check=median(each[name][0] for each in rounds),
            cpu=median(each[name][1] for each in rounds),
            more=median(each[name][1] - each[_OPEN][1] for each in rounds),
        )
        for name in rounds[0]
    ]


async def _ways(
    folder: Path, calls: int, redis_url: str, link: Link, running: ExitStack
) -> list[_Way]:
    made = [new_key("bench", ["transcribe"], int(time.time())) for _ in range(calls)]
    (folder / "keys").write_text(json.dumps([each.record.described() for each in made]))
    (folder / "secret").write_bytes(_SECRET)
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, form)
    (folder / "public").write_bytes(pem)
    with_keys = ("--keys-file", str(folder / "keys"))
    flags = {
        "open": ("--no-auth",),
        "HS256": (*with_keys, "--jwt-secret-file", str(folder / "secret")),
        "RS256": (*with_keys, "--jwt-public-key-file", str(folder / "public")),
    }
    gateways: dict[str, _Gateway] = {}
    for (name, own), port in zip(flags.items(), free_ports(len(flags)), strict=True):
        gateway, *workers = commands_of(port, room=_ROOM)
        pids = []
        for _, module, *usual in [gateway] if gateways else [gateway, *workers]:
            command = (*usual, *(own if module == "gateway" else ()), "--redis-url", redis_url)
            pids.append(running.enter_context(running_process(module, *command)).pid)
        gateways[name] = _Gateway(port, pids[0], await _gate(link, *own))
    for each in gateways.values():
        await ready(each.port)
    return [
        _Way(_OPEN, gateways["open"], lambda _: ""),
        _Way("API key", gateways["HS256"], lambda n: made[n].key),
        _Way("short-lived token", gateways["HS256"], lambda n: _token(made[n])),
        _Way("JWT, HS256", gateways["HS256"], lambda n: _jwt(n, _SECRET, "HS256")),
        _Way("JWT, RS256", gateways["RS256"], lambda n: _jwt(n, private, "RS256")),
    ]


async def _gate(link: Link, *flags: str) -> Gate:
    settings = load(GatewaySettings, flags, {})
    keyring = Keyring(link, settings.keys_file, lambda: None)
    await keyring.start()
    return gatekeeper(settings, Policies.of(settings), keyring)


def _token(made: NewKey) -> str:
    return tokens.mint(made.record.id, made.record.digest, int(time.time()) + 60, {})


def _jwt(number: int, key: bytes | rsa.RSAPrivateKey, algorithm: str) -> str:
    claims = {"sub": f"{number}", "tenant": "bench", "scope": "transcribe"}
    return jwt.encode({**claims, "exp": int(time.time()) + _LIFE_S}, key, algorithm)


async def _open_and_hang_up(port: int, proofs: Sequence[str]) -> None:
    left = list(enumerate(proofs))

    async def line() -> None:
        while left:
            await _call(port, *left.pop())

    async with asyncio.TaskGroup() as lines:
        for _ in range(_LINES):
            lines.create_task(line())


async def _call(port: int, number: int, proof: str) -> None:
    # Without keys, clients are told apart by their addresses.
    source = (f"127.0.1.{1 + number % 250}", 0)
    headers = {"Authorization": f"Bearer {proof}"} if proof else {}
    url = f"ws://127.0.0.1:{port}/ws/asr"
    async with connect(
        url, additional_headers=headers, local_addr=source, proxy=None, compression=None
    ) as client:
        await client.send(_CONFIG)
        message = json.loads(await client.recv())
        if message["type"] != "session_created":
            raise RuntimeError(f"the call was not opened: {message}")


_HEADER = f"{'CPU us a call':<18} | {'check':>7} | {'all':>7} {'more':>7} {'ratio':>6}"


def show(found: Found) -> str:
    """Return the table as lines."""
    none = found.costs[0].cpu
    lines = [
        f"{each.way:<18} | {each.check:>7.1f} | {each.cpu:>7.0f} {each.more:>+7.0f}"
        f" {1 + each.more / none:>6.2f}"
        for each in found.costs
    ]
    return "\n".join([_HEADER, *lines])
