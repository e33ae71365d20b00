"""Showing and replaying dead letters."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from callscribe.commands.bus import connected
from common.audio import SAMPLE_RATE
from common.bus import commands, dead_letters, wire
from common.bus.dead_letters import Contents, Letter
from common.bus.keys import REPLAYED, Leg
from common.bus.offers import offer, offer_packed
from common.errors import CallscribeError, SettingsError, Unavailable
from common.lifecycle import EXIT_FAILED, EXIT_OK
from common.pipeline.record import pack
from common.pipeline.speech import Ended, SpeechEntry
from common.pipeline.stages import ASR, NAMES
from common.pipeline.stream_ids import BEGINNING, StreamId
from common.pipeline.streams import AUDIO, PARKED, PARTIAL, SPEECH, TEXT
from common.pipeline.text import FINAL, Final
from common.pipeline.work import UTTERANCE_WORK
from common.redis.link import Command, Link
from common.redis.replies import pairs

_PATIENCE = 300.0
"""Seconds to wait for the text of an utterance: poison candidates are decoded one by one."""
_LOOK_EVERY = 0.1
_TTL = 2 * round(_PATIENCE)


class _Filed(NamedTuple):
    stage: str
    letter: Letter

    @property
    def id(self) -> str:
        """The name of a dead letter on the command line."""
        return f"{self.stage}/{self.letter.id}"

    @property
    def where(self) -> tuple[Leg, int | None]:
        """The leg, and the utterance unless the work item was the leg."""
        leg, *rest = self.letter.key.split("/")
        return Leg.parse(leg), int(rest[0]) if rest else None

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(wire.id_halves(self.letter.id.encode())[0] / 1000, UTC)


class _NotReplayed(CallscribeError):
    """Why a dead letter was not replayed."""


async def show(url: str, stages: Sequence[str], *, as_json: bool) -> int:
    """Print the dead letters of these stages, the oldest first; return the exit code."""
    async with connected(url, "dead-letters") as link:
        filed = await _filed(link, stages)
    if as_json:
        for each in filed:
            print(json.dumps(_record(each)))
        return EXIT_OK
    for each in filed:
        leg, number = each.where
        utterance = "" if number is None else f"  utterance {number}"
        print(f"{each.id}  {each.at.astimezone():%Y-%m-%d %H:%M:%S}  call {leg}{utterance}")
        print(f"    {each.letter.attempts} attempts, the last by {each.letter.worker}")
        print(f"    {each.letter.reason}")
    if not filed:
        print("no dead letters", file=sys.stderr)
    return EXIT_OK


async def replay(url: str, ids: Sequence[str]) -> int:
    """Replay dead letters by id, or all of them without ids; return the exit code.

    The text of an utterance is printed, since its call has gone on without it. Replayed ones are
    removed. Each other one is a line on stderr, and the exit code is then 1.
    """
    async with connected(url, "dead-letters") as link:
        filed = await _filed(link, NAMES)
        if unknown := set(ids) - {each.id for each in filed}:
            raise SettingsError(f"no dead letter {sorted(unknown)[0]!r}")
        left = 0
        for each in filed:
            if ids and each.id not in ids:
                continue
            try:
                print(f"{each.id}  {each.letter.key}  {await _replayed(link, each)}", flush=True)
            except (_NotReplayed, Unavailable) as reason:
                print(f"{each.id}: not replayed: {reason}", file=sys.stderr)
                left += 1
    return EXIT_FAILED if left else EXIT_OK


async def _filed(link: Link, stages: Sequence[str]) -> list[_Filed]:
    filed = [_Filed(s, letter) for s in stages for letter in await dead_letters.letters(link, s)]
    return sorted(filed, key=lambda each: wire.id_halves(each.letter.id.encode()))


def _record(filed: _Filed) -> dict[str, Any]:
    leg, number = filed.where
    return {
        "id": filed.id,
        "time": filed.at.isoformat(timespec="milliseconds"),
        "stage": filed.stage,
        "session": leg.session,
        "channel": leg.channel,
        "utterance": number,
        "attempts": filed.letter.attempts,
        "worker": filed.letter.worker,
        "reason": filed.letter.reason,
    }


async def _replayed(link: Link, filed: _Filed) -> str:
    """Replay one dead letter and remove it; return the result."""
    contents = await dead_letters.contents_of(link, filed.stage, filed.letter)
    if contents is None:
        raise _NotReplayed("its work item is not kept any more")
    if filed.stage == ASR.name:
        outcome = await _recognised(link, filed.letter, contents)
    else:
        leg, _ = filed.where
        if not await link.call(*commands.unbroken(leg.meta)):
            raise _NotReplayed("its call is over")
        await link.evaluate([offer_packed(filed.stage, filed.letter.key, contents.body)])
        outcome = "offered again"
    await dead_letters.discard(link, filed.stage, filed.letter)
    return outcome


async def _recognised(link: Link, letter: Letter, contents: Contents) -> str:
    """Have an utterance recognised from the audio of its dead letter, as a separate call."""
    if not contents.audio:
        raise _NotReplayed("its audio is not kept")
    try:
        lost = UTTERANCE_WORK.unpack(contents.body)
    except ValueError:
        raise _NotReplayed("this release cannot read it") from None
    if not await link.call(*commands.count_workers(ASR.name)):
        raise Unavailable("no asr worker is running", stage=ASR.name)
    leg = Leg(f"{REPLAYED}{letter.id}", 0)
    await link.insist(_recording(leg, lost.start, contents.audio))
    work = replace(
        lost,
        utterance=1,
        source="audio",
        gateway="",
        after=BEGINNING,
        live=False,
        beside=frozenset(),
        replay=True,
    )
    try:
        await link.evaluate([offer(ASR.name, f"{leg}/1", work)])
        final = await _final(link, leg)
    finally:
        kinds = (AUDIO, SPEECH, TEXT, PARKED, PARTIAL.of(1))
        await link.insist([commands.remove(leg.meta, *map(leg.key, kinds))])
    if final.failed:
        raise _NotReplayed(f"it failed again: {final.trouble}")
    return final.text or "(nothing was said)"


def _recording(leg: Leg, start: int, pcm: bytes) -> list[Command]:
    """Return the commands that write a finished call with a single utterance."""
    end = start + len(pcm) // 2
    over = SpeechEntry(StreamId(end, 0), (Ended(1, start, end, end, "finish"),))
    audio, speech = leg.key(AUDIO), leg.key(SPEECH)
    made = [
        commands.remove(audio, speech),
        commands.describe(leg.meta, session=b"", secret=b""),
        commands.append(speech, wire.entry_id(1, 2), wire.BODY_FIELD, pack(over)),
    ]
    for first in range(0, len(pcm), 2 * SAMPLE_RATE):
        piece = pcm[first : first + 2 * SAMPLE_RATE]
        stream_id = wire.entry_id(start + (first + len(piece)) // 2, wire.AUDIO_ORDER)
        made.append(commands.append(audio, stream_id, wire.AUDIO_FIELD, piece))
    return [*made, *commands.renew((leg.meta, speech, audio), _TTL)]


async def _final(link: Link, leg: Leg) -> Final:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if found := await link.call(*commands.first(leg.key(TEXT))):
            fields = found[0][1]
            values = dict(pairs(fields))
            return FINAL.unpack(values[wire.BODY_FIELD])
        await asyncio.sleep(_LOOK_EVERY)
    raise _NotReplayed(f"no answer in {_PATIENCE:.0f} s")
