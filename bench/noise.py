"""Words wrong in noise: what noise suppression changes, by what VAD and the recogniser hear.

    python -m bench noise [--noise NAME ...] [--snr DB ...] [--engine NAME] [--json FILE]
    python -m bench noise --short       two noises at 5 dB and less speech

Speech with known words (`bench.noisy`) goes through the real stages in this process, without Redis
and as fast as the processor allows; only finals are decoded. The noise suppressor runs once for
each signal: an attenuation limit is a mixture of what it gives and what it was given. All ways of a
condition are decoded together. `alone` counts words in 20 s of the noise without any speech.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from asr_worker.api import EngineSettings
from asr_worker.cpu.stepwise import StepwiseEngine
from asr_worker.engines import moonshine, whisper
from bench import noisy, record, speech
from bench.denoise import denoised
from bench.in_process import Heard, Line, Together
from bench.noisy import SpokenLine
from bench.options import parser_of
from callscribe.loadtest.scoring import score
from callscribe.loadtest.tally import Spoken
from common.audio import SAMPLE_RATE, FloatArray
from common.options import SessionOptions
from denoise_worker.api import share_kept
from denoise_worker.model import DeepFilter
from vad_worker.model import SileroVad

_OPTIONS = SessionOptions(language="English", interim_results=False)
_ENGINES = {"whisper": whisper.build, "moonshine": moonshine.build}
_OFF, _FULL = 0.0, 100.0
WAYS: dict[str, tuple[float, float]] = {
    "off": (_OFF, _OFF),
    "VAD only": (_FULL, _OFF),
    "6 dB": (6.0, 6.0),
    "9 dB": (9.0, 9.0),
    "12 dB": (12.0, 12.0),
    "no limit": (_FULL, _FULL),
}
"""The attenuation limit, in dB, of what VAD hears and of what the recogniser hears."""
_SNRS, _SHORT_SNRS = (15.0, 10.0, 5.0, 0.0), (5.0,)
_SHORT_NOISES = ("pink", "babble of 4")
_ALONE_S = 20


@dataclass(frozen=True)
class Cell:
    """What came of one condition in one way; `alone`: words heard in the noise without speech."""

    noise: str
    snr: float | None
    way: str
    words: int
    wrong: int
    missed_passages: int
    alone: int

    @property
    def percent(self) -> float:
        """Words wrong of those said."""
        return 100 * self.wrong / self.words


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when clean speech is not understood."""
    parser = parser_of("noise", __doc__, short="a little of everything")
    parser.add_argument("--noise", nargs="*", choices=noisy.NAMES, default=noisy.NAMES)
    parser.add_argument("--snr", nargs="*", type=float, default=_SNRS, metavar="DB")
    parser.add_argument("--engine", choices=_ENGINES, default="whisper")
    options = parser.parse_args(argv)
    noises, snrs = options.noise, options.snr
    if options.short:
        noises, snrs = _SHORT_NOISES, _SHORT_SNRS
    conditions = [("none", None), *((noise, snr) for noise in noises for snr in snrs)]
    engine = _ENGINES[options.engine](EngineSettings(concurrency=1))
    cells = asyncio.run(_run(engine, conditions, short=options.short))
    if options.json:
        record.write(options.json, [asdict(each) for each in cells])
    return 0 if all(each.percent < 10 for each in cells if each.snr is None) else 1


async def _run(
    engine: StepwiseEngine, conditions: Sequence[tuple[str, float | None]], *, short: bool
) -> list[Cell]:
    await engine.start()
    suppressor, vad = DeepFilter(), SileroVad()
    lines = [each for each in noisy.lines(short=short) if short or each.name != "telephone call"]
    print(f"{'noise':<14}{'SNR':>4}" + "".join(f"{way:>16}" for way in WAYS))
    cells: list[Cell] = []
    for noise, snr in conditions:
        heard = _signals(suppressor, lines, noise, snr)
        both = Together(engine, len(WAYS) * len(heard))

        jobs = [(way, signal) for way in WAYS for signal in heard]
        found = iter(await asyncio.gather(*(_through(both, vad, *job) for job in jobs)))
        row = [_cell(noise, snr, way, lines, [next(found) for _ in heard]) for way in WAYS]
        cells += row
        shown = (f"{c.percent:.1f} {c.missed_passages} {c.alone}" for c in row)
        print(
            f"{noise:<14}{'' if snr is None else f'{snr:g}':>4}"
            + "".join(f"{each:>16}" for each in shown),
            flush=True,
        )
    await engine.close()
    return cells


async def _through(
    engine: Together, vad: SileroVad, way: str, signal: tuple[FloatArray, FloatArray]
) -> list[Heard]:
    for_vad, for_asr = (_mixture(*signal, limit) for limit in WAYS[way])
    found = await Line(engine, vad).hear(for_asr, _OPTIONS, for_vad)
    await engine.ended()
    return found


def _signals(
    suppressor: DeepFilter, lines: Sequence[SpokenLine], noise: str, snr: float | None
) -> list[tuple[FloatArray, FloatArray]]:
    """Return each line, and then the noise alone, as it is and denoised."""
    signals = [noisy.mixed(line, noise, snr) for line in lines]
    if snr is not None:
        quiet = SpokenLine("alone", lines[0].audio[: _ALONE_S * SAMPLE_RATE], ())
        signals.append(noisy.mixed(quiet, noise, snr) - quiet.audio)
    return [(each, denoised(suppressor, each)) for each in signals]


def _mixture(noisy_signal: FloatArray, clean: FloatArray, limit: float) -> FloatArray:
    kept = np.float32(share_kept(limit))
    mixture: FloatArray = kept * noisy_signal + (1 - kept) * clean
    return mixture


def _cell(
    noise: str,
    snr: float | None,
    way: str,
    lines: Sequence[SpokenLine],
    heard: Sequence[Sequence[Heard]],
) -> Cell:
    texts = [speech.one_notation(" ".join(each.text for each in one)) for one in heard]
    words = score(_spoken(lines, texts))
    alone = sum(len(text.split()) for text in texts[len(lines) :])
    return Cell(noise, snr, way, words.reference, words.errors, words.lost_passages, alone)


def _spoken(lines: Sequence[SpokenLine], texts: Sequence[str]) -> Iterator[Spoken]:
    for line, text in zip(lines, texts, strict=False):
        yield Spoken(tuple(map(speech.one_notation, line.passages)), text)
