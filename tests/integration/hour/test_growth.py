"""An hour of calls, for clients of every kind and protocol: nothing that is held grows with it.

What a client costs comes from its audio, which is metered and trimmed, or is bounded. Each client
speaks first; then it goes on for an hour at the highest rate at which it is read.
"""

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
import redis

from common.pipeline.streams import SPEECH, TRACE
from common.redis.link import Link
from common.stage import publisher
from gateway.protocols import PROTOCOLS
from tests.integration.hour.clock import false_time
from tests.integration.hour.house import Caller, House, every, held
from tests.integration.protocols.clients import frame
from tests.real_redis import admin

_LOOKS = 6
_SETTLED = 2
"""Looks after which all that is bounded has reached its bound."""
_NOT_OURS = (ModuleType, type, FunctionType, asyncio.AbstractEventLoop, Link)


def seconds() -> int:
    """Return the simulated seconds: `make hour` asks for an hour.

    That costs minutes of processor time; then all bounds are the usual ones.
    """
    return int(os.environ.get("HOUR", 300))


def slack() -> tuple[float, int]:
    """Return the growth that a measurement may show, as a factor and in bytes.

    A node of a stream has 4 kB, and all speech events of a leg have 330 kB at most, which one a
    second reaches after an hour.
    """
    return 1.1, 40_000 if seconds() < 3600 else 400_000


def _text(**fields: object) -> str:
    return json.dumps(fields)


def _update(silence_ms: int) -> str:
    turns = {"type": "server_vad", "silence_duration_ms": silence_ms}
    session = {"type": "transcription", "audio": {"input": {"turn_detection": turns}}}
    return _text(type="session.update", session=session)


_CONTROLS: dict[str, list[str | bytes]] = {
    "native": [
        '{"type": "flush"}',
        _text(type="config", silence_threshold=0.7, context="x" * 400),
        '{"type": "no such"}',
    ],
    "transcribe": ['{"type": "stop_recording"}', '{"type": "start_recording"}'],
    "deepgram": ['{"type": "Finalize"}', '{"type": "KeepAlive"}'],
    "flux": ['{"type": "ForceEndTurn"}', '{"type": "Configure"}'],
    "assemblyai": ['{"type": "ForceEndpoint"}', '{"type": "UpdateConfiguration"}'],
    "openai_realtime": [
        _text(type="input_audio_buffer.commit"),
        _update(300),
        _update(700),
        _text(type="input_audio_buffer.clear"),
        _text(type="input_audio_buffer.append", audio=b64encode(b"").decode()),
    ],
    "stream_tcp": [b""],
    "stream_ws": ["flush"],
    "vosk": ['{"reset" : 1}', '{"config": {"words": 0}}'],
    "vosk_ws": ['{"reset" : 1}'],
    "twilio": [
        _text(event="dtmf", dtmf={"track": "inbound_track", "digit": "5"}),
        _text(event="mark", mark={"name": "x"}),
    ],
    "audiosocket": [frame(0x03, b"5")],
    "asterisk": ["DTMF_END digit:5", "GET_STATUS"],
    "audiofork": [_text(event="dtmf", digit="5"), _text(any="thing")],
}
"""What a client of each protocol can say without audio."""


async def _rude(caller: Caller) -> None:
    """Send controls as fast as they are read, below the rate at which a connection is closed."""
    await every(0.03, caller, *_CONTROLS[caller.protocol])


async def _muted(caller: Caller) -> None:
    """Flush by a timer, while nothing is said."""
    await every(0.4, caller, *(caller.said.flush or _CONTROLS[caller.protocol][:1]))


async def _silent(caller: Caller) -> None:
    """Send digital silence at its own pace."""
    second = bytes(caller.second) if caller.sound.encoding == "pcm16" else b"\xff" * caller.second
    await every(1.0, caller, *caller.said.audio(second, caller.sound))


async def _idle(caller: Caller) -> None:
    """Say nothing more."""


async def _paused(caller: Caller) -> None:
    """Want to send, and not be read, as while Redis is full."""
    caller.conversation.throttle.set_paused("memory", True)
    await _rude(caller)


async def _resuming(caller: Caller) -> None:
    """Lose the connection each half minute, with controls under way, and resume."""
    while caller.closed is None:
        rude = asyncio.create_task(_rude(caller))
        await asyncio.sleep(27)
        rude.cancel()
        await caller.resume(after=3)


_KINDS: dict[str, Callable[[Caller], Coroutine[Any, Any, None]]] = {
    "rude": _rude,
    "muted": _muted,
    "silent": _silent,
    "idle": _idle,
    "paused": _paused,
    "resuming": _resuming,
}


@dataclass
class _Seen:
    """What was held at each look, in bytes."""

    gateway: list[int] = field(default_factory=list)
    redis: list[int] = field(default_factory=list)


async def _hour(house: House, client: redis.Redis) -> dict[str, _Seen]:
    await house.start()
    callers = {
        f"{kind} {protocol.name}": Caller(house, protocol.name)
        for protocol in PROTOCOLS
        for kind in _KINDS
        if protocol.resumable or kind != "resuming"
    }
    await asyncio.gather(*(caller.speak() for caller in callers.values()))
    acting = [
        asyncio.create_task(_KINDS[name.split()[0]](caller)) for name, caller in callers.items()
    ]
    house.clock.skipping = True
    seen = {name: _Seen() for name in ("all", *callers)}
    for _ in range(_LOOKS):
        await asyncio.sleep(seconds() / _LOOKS)
        seen["all"].gateway.append(held(house.gateway, shared=_NOT_OURS))
        for name, caller in callers.items():
            seen[name].gateway.append(caller.held())
            seen[name].redis.append(caller.stored(client))
    for task in acting:
        task.cancel()
    await asyncio.gather(*acting, return_exceptions=True)
    await house.stop()
    return seen


def _grows(looks: Sequence[int]) -> bool:
    factor, bytes_ = slack()
    early, late = looks[:_SETTLED], looks[_SETTLED:]
    return max(late, default=0) > max(early, default=0) * factor + bytes_


@pytest.fixture(autouse=True)
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is bounded reach its bound within the first looks of a short run."""
    if seconds() < 3600:
        for stream in (SPEECH, TRACE):
            monkeypatch.setattr(stream, "most", 100)
        monkeypatch.setattr(publisher, "ANSWERS_KEPT", 50)


@pytest.mark.timeout(3600)
def test_an_hour_holds_no_more_than_its_first_minutes(redis_url):
    client = admin(redis_url)
    with false_time() as (clock, runner):
        seen = runner.run(_hour(House(redis_url, clock), client))
    client.close()
    if "HOUR_OUT" in os.environ:
        Path(os.environ["HOUR_OUT"]).write_text(json.dumps(seen, default=vars, indent=1))
    grown = {name: s for name, s in seen.items() if _grows(s.gateway) or _grows(s.redis)}
    assert grown == {}
