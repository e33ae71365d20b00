"""The bare chain's workers: one network for all calls, and a text for each utterance."""

import asyncio
import json
import os
from typing import Any

from asr_worker.api import EngineSettings
from bench import speech
from bench.bare.chain import (
    ENDED,
    GROUP,
    OUT,
    READY,
    TIMEOUT,
    audio_of,
    connected,
    offers_to,
    ticks,
)
from bench.dummies import FixedTextEngine, LoudnessVad
from bench.load import MIN_SPEECH_S, SILENCE_S
from common.audio import SAMPLE_RATE, pcm16_to_float, seconds
from common.redis.address import Address
from common.redis.pipe import Pipe
from common.redis.resp import Command, encode
from vad_worker.framing import FRAME

_TICK_S = 0.016
_HEARTBEAT_S = 0.5
_BLOCK_MS = 500
_MOST_ENTRIES = 8
_MOST_RUNG = 1_000
_CHECKPOINT = os.urandom(1_100)
_CHECKPOINT_EVERY = SAMPLE_RATE
_LOUD_FRAMES = round(MIN_SPEECH_S * SAMPLE_RATE / FRAME)
_QUIET_FRAMES = round(SILENCE_S * SAMPLE_RATE / FRAME)


class _Leg:
    """One call as VAD sees it."""

    __slots__ = ("call", "cursor", "key", "loud", "quiet", "saved", "serial", "start", "utterance")

    def __init__(self, call: bytes) -> None:
        self.call = call
        self.key = audio_of(call)
        self.cursor = b"0-0"
        self.loud = self.quiet = 0
        self.start: int | None = None
        """Where its open utterance begins."""
        self.utterance = 0
        self.serial = self.saved = 0


class _Owned:
    """The calls that one worker has taken; their leases are renewed."""

    def __init__(self, kind: str, pipe: Pipe, blocking: Pipe) -> None:
        self.new: list[bytes] = []
        self._kind = kind
        self._pipe = pipe
        self._blocking = blocking

    async def prepare(self) -> None:
        """Create the consumer group, and say that this worker is up."""
        create = ("XGROUP", "CREATE", offers_to(self._kind), GROUP, "0", "MKSTREAM")
        commands: list[Command] = [create, ("INCR", READY)]
        await self._pipe.send(encode(commands), len(commands), TIMEOUT)

    async def take(self) -> None:
        """Take every call that is offered, again and again."""
        while True:
            block = ("COUNT", 50, "BLOCK", _BLOCK_MS, "STREAMS", offers_to(self._kind), ">")
            read = ("XREADGROUP", "GROUP", GROUP, "worker", *block)
            (news,) = await self._blocking.send(encode([read]), 1, TIMEOUT)
            for _, entries in news or ():
                self.new += [fields[1] for _, fields in entries]

    async def renew(self) -> None:
        """Renew the leases, again and again."""
        mine: Command = ("COUNT", 100_000, "STREAMS", offers_to(self._kind), "0")
        read = encode([("XREADGROUP", "GROUP", GROUP, "worker", *mine)])
        async for _ in ticks(_HEARTBEAT_S):
            await self._pipe.send(read, 1, TIMEOUT)


class _Vad:
    def __init__(self, pipe: Pipe, owned: _Owned) -> None:
        self._pipe = pipe
        self._owned = owned
        self._legs: dict[bytes, _Leg] = {}
        self._model = LoudnessVad()
        self._commands: list[Command] = []
        self._out: list[bytes] = []
        self._ended: list[bytes] = []

    async def run(self) -> None:
        """Read all calls, decide on their frames, and write what was decided, at each tick."""
        async for _ in ticks(_TICK_S):
            for leg in map(_Leg, self._owned.new):
                self._legs[leg.key] = leg
            self._owned.new.clear()
            if not self._legs:
                continue
            cursors = [leg.cursor for leg in self._legs.values()]
            streams = (*self._legs, *cursors)
            read: Command = ("XREAD", "COUNT", _MOST_ENTRIES, "STREAMS", *streams)
            (news,) = await self._pipe.send(encode([read]), 1, TIMEOUT)
            if news:
                self._step(news)
                self._write()

    def _step(self, news: Any) -> None:
        audio = b"".join([fields[1] for _, entries in news for _, fields in entries])
        loud = iter((self._model.run([], [], pcm16_to_float(audio)) >= 0.5).tolist())
        for key, entries in news:
            leg = self._legs[key]
            for leg.cursor, fields in entries:
                end = int(leg.cursor.partition(b"-")[0])
                for at in range(end - len(fields[1]) // 2 + FRAME, end + 1, FRAME):
                    self._decide(leg, next(loud), at)
            if end - leg.saved >= _CHECKPOINT_EVERY:
                leg.saved = end
                leg.serial += 1
                own = b"1-%d" % leg.serial
                body = ("p", leg.cursor, "s", _CHECKPOINT)
                self._commands.append(
                    ("XADD", b"bare:saved:{%b}" % leg.call, "MAXLEN", 1, own, *body)
                )

    def _decide(self, leg: _Leg, loud: bool, at: int) -> None:
        leg.loud, leg.quiet = (leg.loud + 1, 0) if loud else (0, leg.quiet + 1)
        if leg.start is None and leg.loud == _LOUD_FRAMES:
            leg.utterance += 1
            leg.start = at - _LOUD_FRAMES * FRAME
            self._tell(leg, "speech_started", at)
        elif leg.start is not None and leg.quiet == _QUIET_FRAMES:
            self._tell(leg, "speech_ended", at)
            self._ended += (leg.call, b"%d %d %d" % (leg.utterance, leg.start, at))
            leg.start = None

    def _tell(self, leg: _Leg, kind: str, at: int) -> None:
        told = {"type": kind, "utterance": leg.utterance, "at": seconds(at)}
        message = json.dumps(told, separators=(",", ":")).encode()
        leg.serial += 1
        key = b"bare:events:{%b}" % leg.call
        self._commands.append(("XADD", key, b"1-%d" % leg.serial, "e", message))
        self._out += (leg.call, message)

    def _write(self) -> None:
        for doorbell, rung in ((ENDED, self._ended), (OUT, self._out)):
            if rung:
                self._commands.append(("XADD", doorbell, "MAXLEN", "~", _MOST_RUNG, "*", *rung))
                rung.clear()
        if self._commands:
            self._pipe.send(encode(self._commands), len(self._commands), TIMEOUT)
            self._commands.clear()


async def run_vad(address: Address) -> None:
    """Run the VAD worker until the process is killed."""
    pipe = await connected(address)
    owned = _Owned("vad", pipe, await connected(address))
    await owned.prepare()
    await asyncio.gather(owned.take(), owned.renew(), _Vad(pipe, owned).run())


async def run_asr(address: Address) -> None:
    """Run the recogniser until the process is killed."""
    pipe, blocking = await connected(address), await connected(address)
    owned = _Owned("asr", pipe, await connected(address))
    await owned.prepare()
    await asyncio.gather(owned.take(), owned.renew(), _recognise(pipe, blocking))


async def _recognise(pipe: Pipe, blocking: Pipe) -> None:
    engine = FixedTextEngine(EngineSettings())
    last = b"0-0"
    while True:
        read = ("XREAD", "BLOCK", _BLOCK_MS, "STREAMS", ENDED, last)
        (news,) = await blocking.send(encode([read]), 1, TIMEOUT)
        if not news:
            continue
        entries = news[0][1]
        last = entries[-1][0]
        ended = [
            (call, *map(int, utterance.split()))
            for _, fields in entries
            for call, utterance in zip(fields[::2], fields[1::2], strict=True)
        ]
        ranges: list[Command] = [
            ("XRANGE", audio_of(call), f"{start}", f"{end}") for call, _, start, end in ended
        ]
        found = await pipe.send(encode(ranges), len(ranges), TIMEOUT)
        commands: list[Command] = []
        rung: list[bytes] = []
        for (call, utterance, _, _), audio in zip(ended, found, strict=True):
            pcm = b"".join([fields[1] for _, fields in audio])
            said = await engine.decode(speech.request(pcm16_to_float(pcm)))
            told = {"type": "final", "utterance": utterance, "text": said.text}
            message = json.dumps(told, separators=(",", ":")).encode()
            commands.append(("XADD", b"bare:text:{%b}" % call, "*", "r", message))
            rung += (call, message)
        commands.append(("XADD", OUT, "MAXLEN", "~", _MOST_RUNG, "*", *rung))
        pipe.send(encode(commands), len(commands), TIMEOUT)
