"""What a telephone's mu-law at 8 kHz costs in words, beside the same speech at 16 kHz.

    python -m bench narrowband [FILE|DIRECTORY ...] [--json FILE]

Each file is streamed through the whole local stack twice: as PCM16 at 16 kHz, the baseline, and as
mu-law at 8 kHz. A file's reference is the text beside it (``name.txt``). Of files without one, the
words that come out otherwise than at 16 kHz are counted. Without files: English clips of
pytest-audioeval, but the one whose numbers are written as digits.
"""

import asyncio
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import soundfile
import soxr

from bench.options import parser_of
from bench.recordings import channels, expand, references
from bench.stack import local_stack
from callscribe.client import connect
from callscribe.client.messages import Final
from callscribe.client.options import Options
from callscribe.loadtest.scoring import word_errors
from callscribe.local.stack import Stack, running_stack
from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16

TELEPHONE = 8_000
"""Hz."""
_WIDE = Options(encoding="pcm16", sample_rate=SAMPLE_RATE, language="English")
_NARROW = Options(encoding="mulaw", sample_rate=TELEPHONE, language="English")
_CLIPS = ("hello_world", "quick_brown_fox")
_MESSAGE_S = 0.1
_PACE = 4.0
"""How many times faster than spoken."""
_AROUND_S = 1.0
"""Seconds of silence before and after a file."""


@dataclass(frozen=True)
class Heard:
    """The text of one channel in both forms; `reference` is None where it is not known."""

    reference: str | None
    wide: str
    narrow: str


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero if nothing was recognised."""
    parser = parser_of("narrowband", __doc__)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args(argv)
    with as_file(files("pytest_audioeval") / "samples" / "audio" / "en") as clips:
        chosen = options.files or [clips / f"{name}.wav" for name in _CLIPS]
        heard = asyncio.run(_run(expand(chosen)))
    report = _report(heard)
    print(json.dumps(report, indent=2))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))
    return 0 if any(each.wide for each in heard) else 1


async def _run(paths: Sequence[Path]) -> list[Heard]:
    heard: list[Heard] = []
    async with running_stack(local_stack(ASR_LOAD="0")) as stack:
        for path in paths:
            spoken = channels(path)
            known = references(path)
            for number, audio in enumerate(spoken):
                reference = known[number] if known else None
                quiet = np.zeros(round(_AROUND_S * SAMPLE_RATE), np.float32)
                line = np.concatenate([quiet, audio, quiet])
                wide = await stack.run(_text(stack, _WIDE, float_to_pcm16(line)))
                narrow = await stack.run(_text(stack, _NARROW, mulaw(line)))
                heard.append(Heard(reference, wide, narrow))
                print(f"{path.name}\n  {wide}\n  {narrow}", flush=True)
    return heard


def mulaw(audio: FloatArray) -> bytes:
    """Encode float32 [n] at 16 kHz as ITU-T G.711 mu-law at 8 kHz."""
    narrow = soxr.resample(audio, SAMPLE_RATE, TELEPHONE)
    file = io.BytesIO()
    soundfile.write(file, narrow, TELEPHONE, format="RAW", subtype="ULAW")
    return file.getvalue()


async def _text(stack: Stack, options: Options, data: bytes) -> str:
    url = stack.url.replace("http", "ws", 1) + "/ws/asr"
    size = round(_MESSAGE_S * options.sample_rate) * options.frame_bytes
    async with connect(url, options) as call:

        async def speak() -> None:
            for at in range(0, len(data), size):
                await call.send(data[at : at + size])
                await asyncio.sleep(_MESSAGE_S / _PACE)
            await call.finalize()

        speaking = asyncio.create_task(speak())
        texts = [event.text async for event in call if isinstance(event, Final)]
        await speaking
    return " ".join(text for text in texts if text)


def _report(heard: Sequence[Heard]) -> dict[str, object]:
    known = [each for each in heard if each.reference is not None]
    said = [each.reference or "" for each in known]
    wide, words = word_errors(said, [each.wide for each in known])
    narrow, _ = word_errors(said, [each.narrow for each in known])
    otherwise, all_words = word_errors(
        [each.wide for each in heard], [each.narrow for each in heard]
    )
    return {
        "words": words,
        "wer_16k_percent": _percent(wide, words),
        "wer_mulaw_8k_percent": _percent(narrow, words),
        "all_words": all_words,
        "otherwise_percent": _percent(otherwise, all_words),
    }


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None
