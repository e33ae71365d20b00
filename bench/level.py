"""Words wrong at the levels that lines have, and what is heard in quiet noise without speech.

    python -m bench level [--engine NAME] [--short] [--json FILE]

Speech with known words (`bench.noisy`) is scaled so that its loudest sample has the level, rounded
to 16 bits, and goes through the real stages in this process; only finals are decoded. Then each
noise of `bench.noises` does, for 20 s at -60 dBFS (root mean square).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from asr_worker import engines
from asr_worker.api import EngineSettings
from bench import noises, noisy, record, speech
from bench.in_process import Line
from bench.options import parser_of
from callscribe.loadtest.scoring import score
from callscribe.loadtest.tally import Spoken
from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16, pcm16_to_float
from common.options import SessionOptions
from vad_worker.model import SileroVad

LEVELS = (-6, -20, -35, -50, -60)
_OPTIONS = SessionOptions(language="English", interim_results=False)
_NOISE = -60.0
_NOISE_S = 20


@dataclass(frozen=True)
class Row:
    """What came of all lines at one level of their loudest sample, in dBFS."""

    level: int
    words: int
    wrong: int
    missed_passages: int


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when words are heard in noise."""
    parser = parser_of("level", __doc__, short="a little of everything", engine=True)
    options = parser.parse_args(argv)
    rows, invented = asyncio.run(_run(options.engine, short=options.short))
    if options.json:
        record.write(options.json, {"rows": [asdict(row) for row in rows], "invented": invented})
    return 1 if invented else 0


async def _run(engine_name: str, *, short: bool) -> tuple[list[Row], list[str]]:
    engine = engines.build(engine_name, EngineSettings(concurrency=1))
    await engine.start()
    through = Line(engine, SileroVad())
    lines = noisy.lines(short=short)
    rows = []
    print(f"{'peak dBFS':>9} {'wrong':>7} missed")
    for level in LEVELS[2:4] if short else LEVELS:
        spoken = []
        for line in lines:
            heard = await through.hear(_peaking(line.audio, level), _OPTIONS)
            text = speech.one_notation(" ".join(each.text for each in heard))
            spoken.append(Spoken(tuple(map(speech.one_notation, line.passages)), text))
        words = score(spoken)
        rows.append(Row(level, words.reference, words.errors, words.lost_passages))
        percent = 100 * words.errors / words.reference
        print(f"{level:>9} {percent:>5.1f} % {words.lost_passages:>6}", flush=True)
    invented = []
    for name, noise in noises.noises().items():
        heard = await through.hear(_quiet(noise), _OPTIONS)
        invented += [f"{name}: {each.text}" for each in heard if each.text]
    print("\n".join(invented) or f"nothing is heard in noise at {_NOISE:g} dBFS")
    await engine.close()
    return rows, invented


def _peaking(audio: FloatArray, level: float) -> FloatArray:
    gain = np.float32(10 ** (level / 20)) / np.abs(audio).max()
    return pcm16_to_float(float_to_pcm16(gain * audio))


def _quiet(noise: FloatArray) -> FloatArray:
    long = np.resize(noise, _NOISE_S * SAMPLE_RATE)
    power = float(np.sqrt(np.mean(np.square(long)))) or 1.0
    return pcm16_to_float(float_to_pcm16(long * np.float32(10 ** (_NOISE / 20) / power)))
