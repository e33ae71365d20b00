"""Words that are heard, and turns that start, where nobody speaks; there should be none.

    python -m bench nobody [--engine NAME ...] [--seconds N] [--short] [--json FILE]

A minute of each of the sounds of `bench.noises`, and of Debian's hold music
(`asterisk-moh-opsound-wav`) if it is installed, goes through the real stages in this process, as it
is and denoised with the usual limit. Printed is what was heard. A turn starts with the first words
of a partial or final, so partials are on.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr_worker import engines
from asr_worker.api import EngineSettings
from bench import noises, record
from bench.denoise import denoised
from bench.in_process import Line
from bench.options import parser_of
from bench.recordings import channels
from common.audio import SAMPLE_RATE, FloatArray
from common.options import SessionOptions
from denoise_worker.mixing import Mixer
from denoise_worker.model import DeepFilter
from denoise_worker.settings import DenoiseSettings
from vad_worker.model import SileroVad

_ENGINES = ("whisper", "moonshine")
_MUSIC = Path("/usr/share/asterisk/moh")
_SHORT = ("pink noise", "music")
_OPTIONS = {
    "told": SessionOptions(language="English"),
    "detected": SessionOptions(),
}


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when words are heard or turns start."""
    parser = parser_of("nobody", __doc__, short="a little of everything")
    parser.add_argument("--engine", nargs="+", choices=_ENGINES, default=_ENGINES)
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="of each sound")
    options = parser.parse_args(argv)
    names, seconds = options.engine, options.seconds
    if options.short:
        names, seconds = names[:1], 8
    sounds = [each for each in _sounds(seconds) if not options.short or each[0].startswith(_SHORT)]
    report = asyncio.run(_run(names, sounds))
    print(json.dumps(report, indent=2, ensure_ascii=False))
    if options.json:
        record.write(options.json, report)
    return 1 if report["words"] or report["turns"] else 0


async def _run(names: Sequence[str], sounds: Sequence[tuple[str, FloatArray]]) -> dict[str, Any]:
    heard: list[dict[str, str]] = []
    turns = 0
    for name in names:
        engine = engines.build(name, EngineSettings(concurrency=1))
        await engine.start()
        through = Line(engine, SileroVad())
        for sound, audio in sounds:
            for way, options in _OPTIONS.items():
                if name == "moonshine" and way == "detected":
                    continue
                said = [
                    [each.text, *(partial.text for partial in each.partials)]
                    for each in await through.hear(audio, options)
                ]
                place = {"engine": name, "sound": sound, "language": way}
                turns += sum(map(any, said))
                heard += [{**place, "text": text} for text, *_ in said if text]
        await engine.close()
    words = sum(len(each["text"].split()) for each in heard)
    return {
        "seconds": sum(len(each) for _, each in sounds) // SAMPLE_RATE,
        "words": words,
        "turns": turns,
        "heard": heard,
    }


def _sounds(seconds: int) -> Iterator[tuple[str, FloatArray]]:
    """Yield each sound, as it is and denoised, float32 [n] at 16 kHz."""
    suppressor, limit = DeepFilter(), DenoiseSettings().dfn_attenuation_limit
    made = {**noises.noises(), "melody": noises.melody()}
    for path in sorted(_MUSIC.glob("*.wav")):
        made[f"hold music {path.stem}"] = channels(path)[0]
    for name, sound in made.items():
        audio = np.resize(sound, seconds * SAMPLE_RATE)
        yield name, audio
        yield f"{name}, denoised", Mixer(limit).mix(audio, *denoised(suppressor, audio))
