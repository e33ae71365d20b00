"""Words wrong in noise: what noise suppression changes, by what VAD and the recogniser hear.

    python -m bench noise [--noise NAME ...] [--snr DB ...] [--way NAME ...] [--json FILE]
    python -m bench noise --line read          read speech, or voice prompts, alone
    python -m bench noise --language Spanish   voice prompts in that language
    python -m bench noise --telephone          the same through mu-law at 8 kHz
    python -m bench noise --engine moonshine
    python -m bench noise --short              two noises at 5 dB and less speech

Speech with known words (`bench.noisy`) goes through the real stages in this process, without Redis
and as fast as the processor allows; only finals are decoded. The noise suppressor runs once for
each signal. A way mixes what it gives with what it was given: by how far speech is above the noise
(`denoise_worker.mixing`), or always as much. All ways of a condition are decoded together. `alone`
counts words in 20 s of the noise without any speech.
"""

import asyncio
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
import soundfile
import soxr

from asr_worker.api import EngineSettings
from asr_worker.cpu.stepwise import StepwiseEngine
from asr_worker.engines import moonshine, whisper
from bench import noisy, record, speech
from bench.denoise import denoised
from bench.in_process import Heard, Line, Together
from bench.narrowband import TELEPHONE, mulaw
from bench.noisy import SpokenLine
from bench.options import parser_of
from bench.prompts import VOICES
from callscribe.loadtest.scoring import score
from callscribe.loadtest.tally import Spoken
from common.audio import SAMPLE_RATE, FloatArray
from common.options import SessionOptions
from denoise_worker.mixing import NO_LIMIT, Mixer, share_kept
from denoise_worker.model import DeepFilter
from vad_worker.model import SileroVad

_ENGINES = {"whisper": whisper.build, "moonshine": moonshine.build}
_Mix: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]


def _off(noisy_signal: FloatArray, _: FloatArray) -> FloatArray:
    return noisy_signal


def _measured(limit: float) -> _Mix:
    return lambda noisy_signal, denoised: Mixer(limit).mix(noisy_signal, denoised)


def _always(limit: float) -> _Mix:
    kept = np.float32(share_kept(limit))
    return lambda noisy_signal, denoised: kept * noisy_signal + (1 - kept) * denoised


WAYS: dict[str, tuple[_Mix, _Mix]] = {
    "off": (_off, _off),
    "denoise": (_measured(6), _measured(6)),
    "denoise, 12 dB": (_measured(12), _measured(12)),
    "VAD only": (_measured(6), _off),
    "always 6 dB": (_always(6), _always(6)),
    "always all": (_always(NO_LIMIT), _always(NO_LIMIT)),
}
"""What VAD hears, and what the recogniser hears."""
_SNRS, _SHORT_SNRS = (20.0, 15.0, 10.0, 5.0, 0.0), (5.0,)
_SHORT_NOISES = ("pink", "babble of 4")
_LINES = ("read", "telephone prompts")
_ALONE_S = 20
_RAW = {"samplerate": TELEPHONE, "channels": 1, "format": "RAW", "subtype": "ULAW"}


@dataclass(frozen=True)
class Cell:
    """What came of one condition in one way; `alone`: words heard in the noise without speech."""

    noise: str
    snr: float | None
    way: str
    words: int
    wrong: int
    missed_passages: int
    utterances: int
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
    parser.add_argument("--way", nargs="*", choices=WAYS, default=[*WAYS])
    parser.add_argument("--engine", choices=_ENGINES, default="whisper")
    parser.add_argument("--line", choices=_LINES, nargs="*", default=_LINES)
    parser.add_argument("--language", choices=VOICES, default="English")
    parser.add_argument("--telephone", action="store_true", help="mu-law at 8 kHz")
    options = parser.parse_args(argv)
    noises, snrs = options.noise, options.snr
    if options.short:
        noises, snrs = _SHORT_NOISES, _SHORT_SNRS
    conditions = [("none", None), *((noise, snr) for noise in noises for snr in snrs)]
    engine = _ENGINES[options.engine](EngineSettings(concurrency=1))
    lines = noisy.lines(short=options.short)
    if options.language != "English":
        lines = [noisy.prompts_of(options.language)]
    elif not options.short:
        lines = [each for each in lines if each.name in options.line]
    bench = _Noise(engine, lines, options.language, telephone=options.telephone)
    cells = asyncio.run(bench.run(conditions, options.way))
    if options.json:
        record.write(options.json, [asdict(each) for each in cells])
    return 0 if all(each.percent < 10 for each in cells if each.snr is None) else 1


class _Noise:
    """Everything that hears, and what is said."""

    def __init__(
        self, engine: StepwiseEngine, lines: Sequence[SpokenLine], language: str, *, telephone: bool
    ) -> None:
        self._engine, self._lines, self._telephone = engine, lines, telephone
        self._options = SessionOptions(language=language, interim_results=False)
        self._suppressor, self._vad = DeepFilter(), SileroVad()

    async def run(
        self, conditions: Sequence[tuple[str, float | None]], ways: Sequence[str]
    ) -> list[Cell]:
        """Measure each condition in each way."""
        await self._engine.start()
        print(f"{'noise':<14}{'SNR':>4}" + "".join(f"{way:>16}" for way in ways))
        cells: list[Cell] = []
        for noise, snr in conditions:
            heard = self._signals(noise, snr)
            both = Together(self._engine, len(ways) * len(heard))
            jobs = [self._through(both, way, *signal) for way in ways for signal in heard]
            found = iter(await asyncio.gather(*jobs))
            row = [
                _cell(noise, snr, way, self._lines, [next(found) for _ in heard]) for way in ways
            ]
            cells += row
            shown = (f"{c.percent:.1f} {c.missed_passages} {c.alone}" for c in row)
            print(
                f"{noise:<14}{'' if snr is None else f'{snr:g}':>4}"
                + "".join(f"{each:>16}" for each in shown),
                flush=True,
            )
        await self._engine.close()
        return cells

    async def _through(
        self, engine: Together, way: str, noisy_signal: FloatArray, denoised: FloatArray
    ) -> list[Heard]:
        for_vad, for_asr = (mix(noisy_signal, denoised) for mix in WAYS[way])
        found = await Line(engine, self._vad).hear(for_asr, self._options, for_vad)
        await engine.ended()
        return found

    def _signals(self, noise: str, snr: float | None) -> list[tuple[FloatArray, FloatArray]]:
        """Return each line, and then the noise alone, as it is and denoised."""
        signals = [noisy.mixed(line, noise, snr) for line in self._lines]
        if snr is not None:
            first = self._lines[0].audio
            quiet = SpokenLine("alone", first[: _ALONE_S * SAMPLE_RATE], ())
            signals.append(noisy.mixed(quiet, noise, snr) - quiet.audio)
        if self._telephone:
            signals = [_narrowed(each) for each in signals]
        return list(zip(signals, denoised(self._suppressor, *signals), strict=True))


def _narrowed(audio: FloatArray) -> FloatArray:
    raw = io.BytesIO(mulaw(audio))
    heard, _ = soundfile.read(raw, dtype="float32", **_RAW)
    wide: FloatArray = soxr.resample(heard, TELEPHONE, SAMPLE_RATE)
    return np.clip(wide, -1, 1)


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
    utterances = sum(map(len, heard[: len(lines)]))
    return Cell(
        noise, snr, way, words.reference, words.errors, words.lost_passages, utterances, alone
    )


def _spoken(lines: Sequence[SpokenLine], texts: Sequence[str]) -> Iterator[Spoken]:
    for line, text in zip(lines, texts, strict=False):
        yield Spoken(tuple(map(speech.one_notation, line.passages)), text)
