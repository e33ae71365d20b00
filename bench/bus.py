"""What the bus costs: the real gateway and workers with dummy engines, under real-time load.

Redis, gateway, VAD worker and ASR worker are processes of their own; the callers are in this one.
CPU is in ms per session-second, so 1.0 is a thousandth of a core per call. V is the time from
writing the frame that decided a speech event until the event is there, R until the utterance's
final is. Everything is counted over the steady window; events before and after it are still
checked for completeness.

`--pattern dense`: an utterance each second on every line; `talk`: one each six seconds, as in
conversations. `--workers N` has N of every process but Redis, and CPU counts all of a kind.

`--redis none acl tls` runs each size with an open Redis, with one that has a user for each service,
and with one that has TLS as well: by turns, so that a machine that slows down slows all of them.

`--bare` runs each size with the bare chain too (`bench.bare`), by turns, and says in the end how
many times as much ours costs.

`--followers none sse websocket webhook`: runs each size with nobody who follows a call beside its
caller, with a reader of each over server-sent events or a WebSocket, and with a webhook for each,
by turns; `file` is a folder that gets every call. In the end it says what a follower costs the
gateway. Readers and the receiver are in this process.

`--clients`: what commands cost through our Redis client and through redis-py, instead.

`--keys`: what it costs the gateway to check who opens a call, instead.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter

import uvloop

from bench import keys_of_calls, record, redis_clients
from bench.accounting import cpu_seconds, quantile, resident_bytes
from bench.followers import KINDS, Kind, followers
from bench.load import MIN_SPEECH_S, SILENCE_S, Client, Pattern, pace
from bench.options import parser_of
from bench.processes import bare_commands_of, commands_of, ready, running_process
from bench.redis_server import PROTECTIONS, GuardedRedis, Protection
from bench.table import Figures, beside, followed, kept_up, show
from callscribe.local.child import free_ports
from common.audio import SAMPLE_RATE
from common.bus import commands, keys
from common.redis.address import Address
from common.redis.link import Link

PATTERNS = {"dense": (32, 16), "talk": (192, 112)}
_WARM_UP_S = 2.0
_POLL = 0.05
_ANSWER_POLLS = 100
CONFIG = {
    "encoding": "pcm16",
    "silence_threshold": SILENCE_S,
    "min_speech_duration": MIN_SPEECH_S,
    "events": ["speech_started", "speech_ended"],
}


@dataclass(frozen=True)
class Stack:
    """A running system: process ids by name, its ports, and a connection to its Redis."""

    pids: dict[str, list[int]]
    ports: Sequence[int]
    redis: Link

    def cpu(self) -> dict[str, float]:
        """Return CPU seconds so far by kind of process."""
        return {name: sum(map(cpu_seconds, pids)) for name, pids in self.pids.items()}

    async def redis_bytes(self) -> int:
        """Return what Redis has allocated."""
        info: bytes = await self.redis.call(*commands.memory())
        lines = dict(line.split(b":", 1) for line in info.split() if b":" in line)
        return int(lines[b"used_memory"])


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 if all expected events came that could in time, and no others."""
    parser = parser_of("bus", __doc__, short="20 sessions for 5 seconds")
    parser.add_argument("--sessions", type=int, nargs="+", default=[50, 200, 500], metavar="N")
    parser.add_argument("--seconds", type=float, default=12.0, help="steady window of each run")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="of each kind")
    parser.add_argument("--pattern", choices=PATTERNS, default="dense", help="see above")
    parser.add_argument("--message-ms", type=int, choices=(32, 100), default=32, metavar="MS")
    parser.add_argument("--interim", action="store_true", help="with partials, every 0.5 s")
    parser.add_argument(
        "--redis", choices=PROTECTIONS, nargs="+", default=["none"], help="see above"
    )
    parser.add_argument("--followers", choices=KINDS, nargs="+", default=["none"], help="see above")
    parser.add_argument("--bare", action="store_true", help="ours by turns with the bare chain")
    parser.add_argument("--clients", action="store_true", help="our client beside redis-py")
    parser.add_argument("--keys", action="store_true", help="calls with keys beside those without")
    options = parser.parse_args(argv)
    sizes, seconds = ([20], 5.0) if options.short else (options.sessions, options.seconds)
    if options.clients:
        return _compare_clients(sizes, options.json)
    if options.keys:
        return _compare_keys(options.json, short=options.short)
    rows = []
    chains = (True, False) if options.bare else (False,)
    kinds = options.followers
    for sessions, protection, follower, bare in product(sizes, options.redis, kinds, chains):
        run = measure(
            sessions,
            seconds,
            bare=bare,
            protection=protection,
            follower=follower,
            interim=options.interim,
            pattern=options.pattern,
            message_ms=options.message_ms,
            workers=options.workers,
        )
        rows.append(uvloop.run(run))
        print(show(rows[-1:], header=len(rows) == 1), flush=True)
    if options.bare:
        print(beside(rows))
    if {*kinds} > {"none"}:
        print(followed(rows))
    if options.json is not None:
        record.write(options.json, [asdict(row) for row in rows])
    broken = [row for row in rows if row.unexpected or (row.lost and kept_up(row))]
    return 1 if broken else 0


def _compare_clients(sizes: Sequence[int], file: Path | None) -> int:
    rows: list[redis_clients.Comparison] = []
    for sessions in sizes:
        new = uvloop.run(redis_clients.measure(sessions))
        print(redis_clients.show(new, header=not rows), flush=True)
        rows += new
    if file is not None:
        record.write(file, [asdict(row) for row in rows])
    return 0


def _compare_keys(file: Path | None, *, short: bool) -> int:
    found = uvloop.run(keys_of_calls.measure(*((20, 2) if short else ())))
    print(keys_of_calls.show(found))
    if file is not None:
        record.write(file, asdict(found))
    return 0


async def measure(
    sessions: int,
    seconds: float,
    *,
    bare: bool = False,
    protection: Protection = "none",
    follower: Kind = "none",
    interim: bool = False,
    pattern: str = "dense",
    message_ms: int = 32,
    workers: int = 1,
) -> Figures:
    """Run `sessions` calls on a system of their own, and measure `seconds` of them.

    `bare`: the system is the bare chain, see `bench.bare`.
    """
    config = {**CONFIG, "interim_results": interim}
    said = Pattern(*PATTERNS[pattern], message=round(message_ms * SAMPLE_RATE / 1000))
    async with (
        followers(follower) as there,
        running_stack(sessions, workers, protection, there.flags, bare=bare) as stack,
    ):
        empty = await stack.redis_bytes()
        clients = await open_clients(stack.ports, said, sessions, config)
        try:
            async with there.following(stack.ports):
                begin = perf_counter()
                warm = round(_WARM_UP_S / said.message_s)
                end = round((_WARM_UP_S + seconds) / said.message_s)
                await pace(clients, said, begin, 0, warm)
                before, told, since = stack.cpu(), there.told, perf_counter()
                late = await pace(clients, said, begin, warm, end)
                after, window = stack.cpu(), perf_counter() - since
                told = there.told - told
                resident = {
                    name: sum(map(resident_bytes, pids)) / 1e6 for name, pids in stack.pids.items()
                }
            held = (await stack.redis_bytes() - empty) / sessions / 1e3
            await _answered(clients, said, end)
            balance = _balance(clients, said, end)
        finally:
            for client in clients:
                client.close()
    used = {name: after[name] - before[name] for name in before}
    v, r = _latencies(clients, said, warm)
    return Figures(
        sessions=sessions,
        workers=workers,
        pattern=pattern,
        message_ms=message_ms,
        seconds=window,
        cpu={name: 1e3 * each / sessions / window for name, each in used.items()},
        machine_percent=100 * sum(used.values()) / window,
        v=v,
        r=r,
        late=1e3 * late,
        **balance,
        resident_mb=resident,
        redis_kb_per_session=held,
        redis=protection,
        follower=follower,
        told=told / sessions / window,
        bare=bare,
    )


@asynccontextmanager
async def running_stack(
    sessions: int,
    workers: int = 1,
    protection: Protection = "none",
    flags: Sequence[str] = (),
    *,
    bare: bool = False,
) -> AsyncIterator[Stack]:
    """Start Redis, gateways with `flags`, and workers, and end them on leaving."""
    ports = free_ports(workers)
    with GuardedRedis(protection) as server, ExitStack() as running:
        pids: dict[str, list[int]] = {}
        for port in ports:
            commands_there = (
                bare_commands_of(port) if bare else commands_of(port, 2 * sessions, flags)
            )
            for name, module, *own in commands_there:
                process = running_process(module, *own, "--redis-url", server.url)
                pids.setdefault(name, []).append(running.enter_context(process).pid)
        redis = Link(Address.parse(server.url, keys.GATEWAY), "bench")
        await redis.connect()
        try:
            for port in ports:
                await ready(port)
            yield Stack({**pids, "redis": [server.pid], "callers": [os.getpid()]}, ports, redis)
        finally:
            await redis.close()


async def open_clients(
    ports: Sequence[int], pattern: Pattern, count: int, config: dict[str, object]
) -> list[Client]:
    """Open `sessions` calls, spread over the gateways; return once all are open."""
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    for number in range(count):
        caller = partial(Client, pattern, pattern.first(number), config)
        port = ports[number % len(ports)]
        clients.append((await loop.create_connection(caller, "127.0.0.1", port))[1])
    await asyncio.gather(*(client.opened for client in clients))
    return clients


async def _answered(clients: Sequence[Client], pattern: Pattern, messages: int) -> None:
    """Wait until all expected events have arrived, or until the time for them is over."""
    due = sum(len(pattern.decisions(client.first, messages)) for client in clients)
    for _ in range(_ANSWER_POLLS):
        if sum(len(client.received) for client in clients) >= due:
            return
        await asyncio.sleep(_POLL)


def _latencies(
    clients: Sequence[Client], pattern: Pattern, first: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return p50 and p99 (ms) of V and of R, for decisions from message `first` on."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    for client in clients:
        due = pattern.decisions(client.first, len(client.sent_at))
        decided = {(d.kind, d.utterance): d.at for d in due}
        for kind, utterance, _, when in client.received:
            message = pattern.ends_in(decided.get((kind, utterance), 0))
            if message >= first:
                taken[kind == "final"].append(1e3 * (when - client.sent_at[message]))
    v, r = ((quantile(taken[f], 0.5), quantile(taken[f], 0.99)) for f in (False, True))
    return v, r


def _balance(clients: Sequence[Client], pattern: Pattern, messages: int) -> dict[str, int]:
    """Count the expected events, the missing ones, and the unexpected ones."""
    balance = {"expected": 0, "lost": 0, "unexpected": 0}
    for client in clients:
        due = set(pattern.decisions(client.first, messages))
        ends = {decision.utterance: decision.at for decision in due if decision.kind == "final"}
        got = Counter(
            (kind, utterance, ends.get(utterance) if at is None else at)
            for kind, utterance, at, _ in client.received
        )
        balance["expected"] += len(due)
        balance["lost"] += len(due - got.keys())
        balance["unexpected"] += got.total() - len(due & got.keys())
        if client.trouble is not None:
            print(f"a call failed: {client.trouble}", file=sys.stderr)
    return balance
