"""Showing what sinks lack, telling them again, and giving calls up."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from callscribe.commands.bus import connected
from common.bus import commands, keys, scripts, sinks
from common.bus.sinks import SinkState
from common.errors import SettingsError
from common.lifecycle import EXIT_FAILED, EXIT_OK
from common.pipeline.streams import META
from common.redis.link import Link
from common.redis.replies import pairs

_BATCH = 500
_ALIVE_S = 60.0
"""Seconds after which a sink that no gateway has looked after has none."""
_PATIENCE = 30.0
"""Seconds for a gateway to notice that a call is skipped: a lease, and the interval of renewals."""
_LOOK_EVERY = 0.1


class _Stuck(NamedTuple):
    """A call with a message that is tried in vain; `since` in ms since 1970."""

    session: str
    message: str
    since: int


@dataclass(slots=True)
class _Backlog:
    """What a sink lacks: `due` calls, the running ones among them, and `erasures`."""

    state: SinkState
    due: int
    erasures: int
    stuck: Sequence[_Stuck]
    """The oldest first."""


async def show(url: str, sink: str | None, *, as_json: bool) -> int:
    """Print what each sink lacks, of one sink also which calls; return the exit code."""
    async with connected(url, "sinks") as link:
        found = await _states(link)
        chosen = [_known(found, sink)] if sink is not None else list(found.values())
        backlogs = [await _backlog(link, state) for state in chosen]
    for backlog in backlogs:
        lines = [json.dumps(_record(backlog))] if as_json else _lines(backlog, sink is not None)
        print("\n".join(lines))
    if not backlogs:
        print("no sinks", file=sys.stderr)
    return EXIT_OK


async def replay(
    url: str, sink: str, calls: Sequence[str], since: datetime | None, first: int | None
) -> int:
    """Let a sink be told again of calls, or of all since a time; return the exit code.

    `first`: the first `seq` that is told, None for all. A line is printed for each call. One that
    Redis does not have any more is a line on stderr; the exit code is then 1 if it was named.
    """
    async with _sink(url, sink) as (link, state):
        every = list(calls) if since is None else await _since(link, sink, since)
        again = "" if first is None else first - 1
        arguments = (commands.again_of(sink), again, commands.skip_of(sink))
        there = await _marked(link, every, arguments)
        told = [session for session in every if session in there]
        await link.insist([commands.due_to_nobody(sink, session) for session in told])
    for session in every:
        if session in there:
            print(f"{session}  is told again")
        else:
            print(f"{session}: Redis does not have the call any more", file=sys.stderr)
    if not every:
        print(f"{sink} has got no call since then", file=sys.stderr)
    if not _served(state):
        print(f"no gateway has the sink {sink}: calls wait for one", file=sys.stderr)
    return EXIT_FAILED if since is None and len(there) < len(every) else EXIT_OK


async def skip(url: str, sink: str, calls: Sequence[str]) -> int:
    """Give calls up: the sink gets nothing more of them; return the exit code.

    Returns once a gateway has noticed, or none can be there.
    """
    async with _sink(url, sink) as (link, _):
        asked = [commands.lacks(sink, call) for call in calls]
        due = zip(calls, await link.insist(asked), strict=True)
        lacking = [call for call, since in due if since is not None]
        for call in sorted({*calls} - {*lacking}):
            print(f"{call}: {sink} lacks nothing of it", file=sys.stderr)
        there = await _marked(link, lacking, (commands.skip_of(sink), "1", commands.again_of(sink)))
        for call in lacking:
            await _wait(link, sink, call)
            what = "skipped" if call in there else "removed: Redis does not have the call any more"
            print(f"{call}  {what}", flush=True)
    return EXIT_OK if len(lacking) == len(calls) else EXIT_FAILED


async def _wait(link: Link, sink: str, session: str) -> None:
    end = time.monotonic() + _PATIENCE
    while await link.call(*commands.lacks(sink, session)) is not None:
        if time.monotonic() > end:  # no gateway has this sink
            dropped = sinks.count(sink, {"dropped": 1})
            await link.insist([commands.undue(sink, session), *dropped])
            return
        await asyncio.sleep(_LOOK_EVERY)


@asynccontextmanager
async def _sink(url: str, sink: str) -> AsyncIterator[tuple[Link, SinkState]]:
    async with connected(url, "sinks") as link:
        yield link, _known(await _states(link), sink)


def _served(state: SinkState) -> bool:
    """Tell whether a gateway looks after a sink."""
    return time.time() - state.seen / 1000 < _ALIVE_S


async def _states(link: Link) -> dict[str, SinkState]:
    return sinks.states(dict(pairs(await link.call(*sinks.read()))))


def _known(states: dict[str, SinkState], sink: str) -> SinkState:
    if sink not in states:
        there = ", ".join(states) or "none"
        raise SettingsError(f"no sink {sink!r}; there are {there}")
    return states[sink]


async def _backlog(link: Link, state: SinkState) -> _Backlog:
    due = [each.decode() for each in await link.call(*commands.due_calls(state.name))]
    calls = [each for each in due if sinks.erased(each) is None]
    stuck: list[_Stuck] = []
    for first in range(0, len(calls), _BATCH):
        some = calls[first : first + _BATCH]
        asked = [commands.trying(_meta(session), state.name) for session in some]
        for session, tried in zip(some, await link.insist(asked), strict=True):
            if tried is not None:
                since, _, message = tried.decode().partition(" ")
                stuck.append(_Stuck(session, message, int(since)))
    stuck.sort(key=lambda each: each.since)
    return _Backlog(state, len(calls), len(due) - len(calls), stuck)


async def _since(link: Link, sink: str, since: datetime) -> list[str]:
    """Return the calls that a sink has got since a time, and those that it still gets."""
    milliseconds = round(since.timestamp() * 1000)
    taken = await link.call(*commands.taken(sink, milliseconds))
    due = [each.decode() for each in await link.call(*commands.due_calls(sink))]
    still = (each for each in due if sinks.erased(each) is None)
    return list(dict.fromkeys([*(each.decode() for each in taken), *still]))


async def _marked(link: Link, sessions: Sequence[str], arguments: Sequence[str | int]) -> set[str]:
    """Set and remove fields of these calls; return those that Redis has."""
    there: set[str] = set()
    for first in range(0, len(sessions), _BATCH):
        some = sessions[first : first + _BATCH]
        marks = [(scripts.MARK_CALL, [_meta(session)], arguments) for session in some]
        found = await link.evaluate(marks)
        there |= {session for session, one in zip(some, found, strict=True) if one}
    return there


def _meta(session: str) -> bytes:
    return keys.session_key(session, META)


def _record(backlog: _Backlog) -> dict[str, Any]:
    counted = asdict(backlog.state)
    times = {name: _iso(counted.pop(name)) for name in ("seen", "failed_at")}
    return {
        "sink": counted.pop("name"),
        "served": _served(backlog.state),
        "due": backlog.due,
        "erasures": backlog.erasures,
        "stuck": [
            {"session": each.session, "message": each.message, "since": _iso(each.since)}
            for each in backlog.stuck
        ],
        **counted,
        **times,
    }


def _iso(milliseconds: int) -> str | None:
    if not milliseconds:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _lines(backlog: _Backlog, in_full: bool) -> list[str]:
    state = backlog.state
    due = f"{backlog.due} due, {len(backlog.stuck)} stuck"
    due += f", {backlog.erasures} to be erased" if backlog.erasures else ""
    lines = [f"{state.name}  {due}"]
    if backlog.stuck:
        oldest = backlog.stuck[0]
        lines.append(f"    oldest: {oldest.message}, since {_local(oldest.since)}")
    lines.append(
        f"    {state.delivered} delivered, {state.failed} failed, {state.dropped} calls dropped"
    )
    if state.failed_at:
        lines.append(f"    last failure {_local(state.failed_at)}: {state.reason}")
    if not _served(backlog.state):
        lines.append(f"    no gateway has it since {_local(state.seen)}")
    if in_full:
        lines += [
            f"{each.session}  {each.message}, since {_local(each.since)}" for each in backlog.stuck
        ]
    return lines


def _local(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
