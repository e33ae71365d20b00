"""How late results are with Redis far away, and whether the lag that workers report says so.

    python -m bench distance [--rtt MS ...] [--calls N] [--seconds S] [--json FILE] [--short]

The local stack as in `bench live`, with a proxy before its Redis that lets everything arrive half a
round trip later, for the gateway and the workers. The reported lag is read beside it, from Redis
itself. The baseline is the round trip of 0 in the same run, also through the proxy.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from bench import record
from bench.accounting import quantile
from bench.far import far_away
from bench.live import elastic_stack, load
from bench.options import parser_of
from callscribe.local.embedded_redis import EmbeddedRedis
from callscribe.local.stack import running_stack
from common.bus import commands, keys
from common.pipeline.report import WORKER_REPORT
from common.pipeline.stages import ASR, VAD
from common.redis.address import Address
from common.redis.link import Link
from common.settings import PREFIX

_STAGES = (VAD.name, ASR.name)
_LOOK_EVERY = 0.25
_MEASURES = ("first_partial", "partial_lag", "endpoint_to_final")


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when a call failed or an utterance was lost."""
    parser = parser_of("distance", __doc__, short="0 and 100 ms, for 15 seconds")
    distances = [0, 20, 50, 100, 200, 300]
    parser.add_argument("--rtt", type=int, nargs="+", default=distances, metavar="MS")
    parser.add_argument("--calls", type=int, default=1, metavar="N")
    parser.add_argument("--seconds", type=float, default=40.0, metavar="S")
    options = parser.parse_args(argv)
    rtts, seconds = ([0, 100], 15.0) if options.short else (options.rtt, options.seconds)
    print(_HEADER)
    runs = []
    for rtt in rtts:
        runs.append(asyncio.run(_run(rtt, options.calls, seconds)))
        print(_row(runs[-1]), flush=True)
    if options.json is not None:
        record.write(options.json, runs)
    broken = [run for run in runs if not run["complete"] or run["lost"]]
    if broken:
        print("a call failed, or an utterance was lost", file=sys.stderr)
    return 1 if broken else 0


async def _run(rtt: int, calls: int, seconds: float) -> dict[str, Any]:
    with EmbeddedRedis() as server:
        link = Link(Address.parse(server.url, keys.GATEWAY), "bench")
        await link.connect()
        async with far_away(server.port, rtt / 1000) as port:
            options = elastic_stack()
            env = {**options.env, PREFIX + "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
            far = replace(options, env=env, embedded_redis=False)
            async with running_stack(far) as stack:
                lags: dict[str, list[float]] = {stage: [] for stage in _STAGES}
                looking = asyncio.create_task(_look(link, lags))
                report = await load(stack, calls, seconds, ())
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking
        await link.close()
    words = report["words"]
    return {
        "rtt_ms": rtt,
        "calls": calls,
        "complete": report["complete"],
        "lost": report["results"]["lost_utterances"] + words["lost_passages"],
        "right_percent": 100 * (1 - (words["wer"] or 0.0)),
        "latency_ms": {
            name: {
                key: value if key == "count" else 1000 * value
                for key, value in report["latency_s"][name].items()
            }
            for name in _MEASURES
        },
        "lag_ms": {
            stage: {q: 1000 * quantile(seen, at) for q, at in (("p50", 0.5), ("p95", 0.95))}
            for stage, seen in lags.items()
        },
    }


async def _look(link: Link, lags: dict[str, list[float]]) -> None:
    """Note the lag that each stage's workers report, for ever."""
    while True:
        for stage, seen in lags.items():
            for packed in (await link.call(*commands.heartbeats(stage)))[1::2]:
                report = WORKER_REPORT.unpack(packed)
                if report.used:
                    seen.append(report.lag)
        await asyncio.sleep(_LOOK_EVERY)


_HEADER = (
    f"{'':>7} {'endpoint to':>15} {'partial':>15} {'lag reported, ms p50 / p95':>28} {'words':>7}\n"
    f"{'RTT ms':>7} {'final p50 / p95':>15} {'behind':>15} {'VAD':>15} {'ASR':>12}"
    f" {'right':>7}  lost"
)


def _row(run: dict[str, Any]) -> str:
    final, behind = (run["latency_ms"][name] for name in ("endpoint_to_final", "partial_lag"))
    pairs = [
        f"{each['p50']:.0f} / {each['p95']:.0f}"
        for each in (final, behind, *(run["lag_ms"][stage] for stage in _STAGES))
    ]
    return (
        f"{run['rtt_ms']:>7} {pairs[0]:>15} {pairs[1]:>15} {pairs[2]:>15} {pairs[3]:>12}"
        f" {run['right_percent']:>5.1f} %  {run['lost']}"
    )
