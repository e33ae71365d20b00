"""What each tenant uses, told to Redis again and again: telling it twice counts it once."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeAlias

from common.bus import commands, keys, scripts
from common.redis.link import Link, ScriptCall
from common.redis.replies import pairs
from gateway.access.principal import Principal
from gateway.access.tenant_metrics import Speech, TenantMetrics

Overdrawn: TypeAlias = Literal["key_audio", "key_calls", "spent_token"]

_USAGE_TTL = 400 * 86_400
_COUNTED_TTL = 86_400
"""Seconds; a call is told of at least once a minute as long as it runs."""
_SPENT_FOR = 86_400
_FIELDS = ("calls", "legs", "audio_ms", "speech_ms")


@dataclass(frozen=True, slots=True)
class Used:
    """What one call has used so far, in ms: audio of all legs, and the speech in it.

    `key`: the id of the API key that opened it.
    """

    session: str
    tenant: str
    key: str
    legs: int
    audio: int
    speech: int


class Meter:
    """Counts for one gateway. Every method waits while Redis is away."""

    def __init__(self, link: Link, metrics: TenantMetrics) -> None:
        self._link = link
        self._metrics = metrics

    async def may_call(self, who: Principal, session: str) -> Overdrawn | None:
        """Count a call that was admitted; return why it may not begin, or None.

        Asking again about the same call changes nothing: Redis may have gone away in between.
        """
        if who.once:
            (by,) = await self._link.insist([commands.spend(who.once, session, _SPENT_FOR)])
            if by not in (None, session.encode()):
                return "spent_token"
        limits = who.limits
        if not (limits.audio_s or limits.calls):
            return None
        minute = int(time.time() // 60)
        most = (limits.audio_s * 1000, limits.calls)
        arguments = (who.key, *most, minute, _USAGE_TTL, _COUNTED_TTL)
        (answer,) = await self._link.evaluate(
            [(scripts.MAY_CALL, _figures(who.tenant, session), arguments)]
        )
        reasons: dict[int, Overdrawn] = {1: "key_audio", 2: "key_calls"}
        return reasons.get(int(answer))

    async def forgo(self, who: Principal, session: str) -> None:
        """Take back what `may_call` counted: the call was refused after that."""
        if who.once:
            await self._link.evaluate([(scripts.GIVE_BACK, [keys.spent(who.once)], (session,))])
        if who.limits.calls:
            figures = _figures(who.tenant, session)
            await self._link.evaluate([(scripts.FORGO_CALL, figures, (who.key,))])

    async def tell(self, used: Iterable[Used]) -> dict[str, int]:
        """Tell what calls have used so far; return each key's audio of the day, in ms."""
        told = list(used)
        answers = await self._link.evaluate([_use(each) for each in told])
        totals = {}
        for each, answer in zip(told, answers, strict=True):
            total, calls, legs, audio, speech = (int(figure) for figure in answer)
            self._metrics.add(
                each.tenant, calls=calls, legs=legs, audio=audio / 1000, speech=speech / 1000
            )
            if each.key:
                totals[each.key] = total
        return totals

    def note_masks(self, tenant: str, entities: Iterable[str]) -> None:
        """Count what the finals of a tenant's call hide, as a metric alone."""
        for entity in entities:
            self._metrics.add_mask(tenant, entity)

    def note_turn_delay(self, speech: Speech, seconds: float) -> None:
        """Take note of how long silence took to end a turn, as a metric alone."""
        self._metrics.add_turn_delay(speech, seconds)

    def note_turn_end(self, speech: Speech, judged: str) -> None:
        """Count a turn that silence ended, as a metric alone."""
        self._metrics.add_turn_end(speech, judged)

    async def usage(self, tenant: str, first: date, days: int) -> list[dict[str, Any]]:
        """Return what a tenant used on each day with any use, oldest first."""
        named = [date.fromordinal(first.toordinal() + day).isoformat() for day in range(days)]
        replies = await self._link.insist([commands.used(tenant, day) for day in named])
        found = []
        for day, listed in zip(named, replies, strict=True):
            figures = dict(pairs(listed))
            if figures:
                counts = {name: int(figures.get(name.encode(), 0)) for name in _FIELDS}
                found.append({"day": day, **_shown(counts)})
        return found


def _use(used: Used) -> ScriptCall:
    return (
        scripts.USE,
        _figures(used.tenant, used.session),
        (used.key, used.legs, used.audio, used.speech, _USAGE_TTL, _COUNTED_TTL),
    )


def _figures(tenant: str, session: str) -> list[bytes]:
    """Return the keys of a tenant's usage of the day, and of what it has of one call."""
    return [keys.usage(tenant, _today()), keys.counted(tenant, session)]


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _shown(counts: dict[str, int]) -> dict[str, float]:
    return {
        "calls": counts["calls"],
        "legs": counts["legs"],
        "audio_s": counts["audio_ms"] / 1000,
        "speech_s": counts["speech_ms"] / 1000,
    }
