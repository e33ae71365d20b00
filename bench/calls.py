"""Real calls through the whole stack: the quality and the latency of the transcripts.

    python -m bench calls [FILE|DIRECTORY ...] [--repeat N] [--denoise] [--json FILE]

Each file is streamed at the pace it was spoken, one call at a time, through separate processes over
an embedded Redis; the baseline in the same run is the same engine decoding each whole channel
offline. A file's reference is the text beside it (``name.txt``), or what is known to be said in it;
without one the offline transcript is the reference. Without files it is the sample call and, in a
development tree, all recordings whose words are known.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import record, speech
from bench.accounting import quantile
from bench.offline import decode
from bench.options import parser_of
from bench.recordings import expand
from bench.stack import local_stack
from callscribe import sample
from callscribe.audiofile import AudioFile
from callscribe.client import Call as ClientCall
from callscribe.client import connect
from callscribe.client.latency import Latencies
from callscribe.client.messages import Final, Gap
from callscribe.client.options import Options
from callscribe.loadtest.scoring import word_errors
from callscribe.local.stack import Stack, running_stack
from common.audio import float_to_pcm16

_MESSAGE = 0.1
_AFTERWARDS = 2.0
"""Seconds of silence after each file."""


@dataclass
class Call:
    """One file's results, per channel."""

    path: Path
    references: list[str]
    offline: list[str]
    streamed: list[str] = field(default_factory=list)
    latencies: Latencies = field(default_factory=Latencies)
    problems: list[str] = field(default_factory=list)


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when an utterance was lost, doubled or out of order."""
    parser = parser_of("calls", __doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--denoise", action="store_true")
    options = parser.parse_args(argv)
    files = expand(options.files) if options.files else [sample.AUDIO, *speech.known()]
    calls = asyncio.run(_run(files * options.repeat, denoise=options.denoise))
    report = _report(calls)
    print(json.dumps(report, indent=2))
    if options.json:
        record.write(options.json, report)
    return 1 if any(call.problems for call in calls) else 0


async def _run(files: Sequence[Path], *, denoise: bool) -> list[Call]:
    offline = {path: each.texts for path, each in (await decode(files)).items()}
    calls: list[Call] = []
    async with running_stack(local_stack(denoise=int(denoise))) as stack:
        for path in files:
            said = speech.said(path, len(offline[path])) or offline[path]
            call = Call(path, said, offline[path])
            await stack.run(_stream(call, stack, denoise=denoise))
            print(f"{path.name}: {call.streamed}", file=sys.stderr)
            calls.append(call)
    return calls


async def _stream(call: Call, stack: Stack, *, denoise: bool) -> None:
    audio = AudioFile(call.path)
    options = Options(
        encoding="pcm16",
        sample_rate=audio.rate,
        channels=audio.channels,
        denoise=denoise,
        events=("speech_started", "speech_ended", "gap"),
    )
    url = stack.url.replace("http", "ws", 1) + "/ws/asr"
    texts: list[list[str]] = [[] for _ in range(audio.channels)]
    async with connect(url, options) as session:
        sending = asyncio.create_task(_send(session, audio, call))
        last_seq, last_utterance = 0, [0] * audio.channels
        async for event in session:
            call.latencies.note(event, time.monotonic())
            if isinstance(event, Gap):
                call.problems.append(f"gap {event.start}-{event.end}")
            if isinstance(event, Final):
                if event.seq <= last_seq or event.utterance <= last_utterance[event.channel]:
                    call.problems.append(f"final {event.seq} out of order")
                last_seq, last_utterance[event.channel] = event.seq, event.utterance
                texts[event.channel].append(event.text)
        await sending
    audio.close()
    call.streamed = [" ".join(each) for each in texts]


async def _send(session: ClientCall, audio: AudioFile, call: Call) -> None:
    start = time.monotonic()
    sent = 0.0
    for block in audio.blocks(_MESSAGE):
        sent += len(block) / audio.rate
        await asyncio.sleep(start + sent - time.monotonic())
        await session.send(float_to_pcm16(block.reshape(-1)))
        call.latencies.sending.sent(sent, time.monotonic())
    # The line stays open after the last word, so that the last endpoint is found like any other.
    silence = bytes(2 * audio.channels * round(audio.rate * _MESSAGE))
    for _ in range(round(_AFTERWARDS / _MESSAGE)):
        sent += _MESSAGE
        await asyncio.sleep(start + sent - time.monotonic())
        await session.send(silence)
        call.latencies.sending.sent(sent, time.monotonic())
    await session.finalize()


def _report(calls: Sequence[Call]) -> dict[str, object]:
    recordings = [_words(call) for call in calls]
    words, offline, streamed = (
        sum(each[name] for each in recordings)
        for name in ("words", "wrong_offline", "wrong_streamed")
    )
    measures: dict[str, list[float]] = {}
    for call in calls:
        for name, values in call.latencies.samples.items():
            measures.setdefault(name, []).extend(values)
    return {
        "calls": len(calls),
        "words": words,
        "recordings": recordings,
        "wer_offline_percent": round(100 * offline / words, 2),
        "wer_streamed_percent": round(100 * streamed / words, 2),
        "latency_ms": {
            name: {
                "n": len(values),
                "p50": round(1000 * quantile(values, 0.50)),
                "p95": round(1000 * quantile(values, 0.95)),
                "max": round(1000 * max(values, default=0.0)),
            }
            for name, values in measures.items()
        },
        "problems": [problem for call in calls for problem in call.problems],
    }


def _words(call: Call) -> dict[str, Any]:
    offline, words = word_errors(call.references, call.offline)
    streamed, _ = word_errors(call.references, call.streamed)
    return {
        "name": call.path.stem,
        "words": words,
        "wrong_offline": offline,
        "wrong_streamed": streamed,
    }
