"""Files sent like live calls, their transcripts shown as they arrive."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callscribe.audiofile import AudioFile, AudioFileError
from callscribe.client import Call, Refused, connect
from callscribe.client.latency import MEASURES, Latencies, Sending, percentile
from callscribe.client.messages import Error, Gap, Options
from callscribe.commands.render import Display, display_for
from common.audio import float_to_pcm16
from common.errors import CallscribeError, SettingsError
from common.lifecycle import EXIT_FAILED, EXIT_MISUSE

MESSAGE_SECONDS = 0.1
"""Audio per message, as telephone and browser clients send; a longer one adds latency."""

_PATIENCE = 60.0
"""Seconds that a recording waits for room."""

_CHANNEL_NAMES = {1: ("speaker",), 2: ("agent", "caller")}


@dataclass(frozen=True, kw_only=True)
class TranscribeOptions:
    """What to transcribe, where and how."""

    files: Sequence[Path]
    url: str | Sequence[str]
    """URLs of the servers' native protocol, such as `ws://localhost:8000/ws/asr`."""
    api_key: str | None = field(default=None, repr=False)
    json: bool = False
    """Print every event as one line of JSON, instead of lines for people."""
    language: str | None = None
    context: str | None = None
    denoise: bool = False
    words: bool = False
    resume: bool = True
    """Resume the call after a broken connection."""
    speed: float = 1.0
    """Seconds of audio sent a second; 0 sends as fast as the server takes it."""


async def run(options: TranscribeOptions) -> int:
    """Transcribe the files one after another on stdout; return the exit code.

    0: done; 1: the call broke, was refused, or some of its audio went untranscribed; 2: a file,
    the URL or an option is unusable. An error is one line on stderr, except errors of stdout, which
    are raised. Cancelling ends the call immediately and leaves the terminal in order.
    """
    if sys.stdout is None:  # closed by the parent
        return _failed(CallscribeError("stdout is closed"), EXIT_FAILED)
    display = display_for(sys.stdout, os.environ, as_json=options.json)
    try:
        if options.speed < 0:
            raise SettingsError(f"speed is {options.speed:g}; it is 0 or more")
        for path in options.files:
            AudioFile(path).close()
        with display:
            complete = await _transcribe_all(options, display)
    except (AudioFileError, SettingsError) as error:
        return _failed(error, EXIT_MISUSE)
    except CallscribeError as error:
        return _failed(error, EXIT_FAILED)
    return 0 if complete else EXIT_FAILED


def _failed(error: CallscribeError, code: int) -> int:
    print(f"callscribe transcribe: {error}", file=sys.stderr)
    return code


async def _transcribe_all(options: TranscribeOptions, display: Display) -> bool:
    """Return whether every file was transcribed without an error or a gap."""
    results = [await _transcribe(path, options, display) for path in options.files]
    summary = _summary(results, paced=options.speed > 0)
    display.summarise(summary, _summary_text(summary))
    return all(result.complete for result in results)


@dataclass
class _Result:
    latencies: Latencies
    audio: float
    """Seconds of audio."""
    took: float = 0.0
    """Seconds by the clock."""
    complete: bool = True


async def _transcribe(path: Path, options: TranscribeOptions, display: Display) -> _Result:
    with AudioFile(path) as audio:
        wanted = Options(
            sample_rate=audio.rate,
            channels=audio.channels,
            language=options.language,
            context=options.context,
            denoise=options.denoise or None,
            words=options.words or None,
            events=("speech_started", "speech_ended", "gap"),
        )
        async with _admitted(options, wanted) as call:
            begun = {"file": str(path), "session_id": call.session_id, "duration": audio.duration}
            title = str(path) if len(options.files) > 1 else None
            display.begin(_CHANNEL_NAMES[audio.channels], begun, title)
            result = _Result(Latencies(), audio.duration)
            start = time.monotonic()
            recording = _recording(audio, options.speed, result.latencies.sending)
            async for event in call.transcribe(recording):
                display.show(event, result.latencies.note(event, time.monotonic()))
                result.complete = result.complete and not isinstance(event, Error | Gap)
            result.took = time.monotonic() - start
            return result


@asynccontextmanager
async def _admitted(options: TranscribeOptions, wanted: Options) -> AsyncIterator[Call]:
    """Open a call; a recording can wait while there is no room for it."""
    give_up = time.monotonic() + _PATIENCE
    async with AsyncExitStack() as opened:
        while True:
            try:
                calling = connect(
                    options.url, wanted, api_key=options.api_key, resume=options.resume
                )
                call = await opened.enter_async_context(calling)
                break
            except Refused as refused:
                if time.monotonic() + refused.retry_after > give_up:
                    raise
                again = f"trying again in {refused.retry_after:g} s"
                print(f"callscribe transcribe: {refused}; {again}", file=sys.stderr)
                await asyncio.sleep(refused.retry_after)
        yield call


async def _recording(audio: AudioFile, speed: float, sending: Sending) -> AsyncIterator[bytes]:
    """Yield each message when its last sample would have been recorded, on an absolute clock."""
    start, sent = time.monotonic(), 0
    for block in audio.blocks(MESSAGE_SECONDS):
        sent += len(block)
        position = sent / audio.rate
        due = start + position / speed if speed else 0.0
        await asyncio.sleep(max(0.0, due - time.monotonic()))  # 0 lets the receiver have its turn
        sending.sent(position, time.monotonic())
        yield float_to_pcm16(block.ravel())  # interleaved


def _summary(results: Sequence[_Result], *, paced: bool) -> dict[str, Any]:
    """Leave out latencies of audio sent faster than speech: they would only show the backlog."""
    summary: dict[str, Any] = {
        "files": len(results),
        "audio_seconds": round(sum(result.audio for result in results), 2),
        "seconds": round(sum(result.took for result in results), 2),
    }
    if paced:
        pooled = {m: [v for r in results for v in r.latencies.samples[m]] for m in MEASURES}
        summary["latency"] = {
            measure: {
                "count": len(samples),
                "p50": round(percentile(samples, 50), 4),
                "p95": round(percentile(samples, 95), 4),
            }
            for measure, samples in pooled.items()
            if samples
        }
    return summary


def _summary_text(summary: dict[str, Any]) -> str:
    audio, seconds = summary["audio_seconds"], summary["seconds"]
    lines = [f"{audio:.1f} s of audio in {seconds:.1f} s"]
    if summary.get("latency"):
        lines.append("  p50 ms   p95 ms  count  latency")
    for measure, figures in summary.get("latency", {}).items():
        p50, p95 = figures["p50"] * 1000, figures["p95"] * 1000
        lines.append(f"{p50:8.0f} {p95:8.0f} {figures['count']:6}  {MEASURES[measure]}")
    return "\n".join(lines)
