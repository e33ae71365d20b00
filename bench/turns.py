"""When utterances end, by silence alone and by what was said: false cuts, and how long that takes.

    python -m bench turns [--engine NAME] [--answer S] [--language NAME] [--wide] [--tuned]
        [--json FILE] [--short]

Turns of recorded voices (`bench.turn_set`) go through the real stages in this process
(`bench.in_process`). A false cut is an utterance that ends in a pause within a turn. The delay is
from the end of a turn's speech to the decision that ends its utterance; the final follows as soon
as its text is there, which `--answer` stands for. Dictations are whole if no pause cuts them.

Each way is run with many settings. A budget is a mean delay: the figure is the least share of false
cuts of a setting within it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from statistics import fmean

import numpy as np

from asr_worker import engines
from asr_worker.api import DecodeRequest, EngineSettings, Hypothesis
from bench import record
from bench.accounting import quantile
from bench.in_process import Decoder, Heard, Line
from bench.options import parser_of
from bench.turn_set import Turn, turns
from common.audio import SAMPLE_RATE, FloatArray
from common.options import SessionOptions
from vad_worker.model import SileroVad

_SILENCES = (0.25, 0.4, 0.55, 0.6, 0.8, 1.0, 1.25, 1.6)
_SHORTEST_S = 0.36
"""The least silence in which the words before it can count."""
_BUDGETS_S = (0.3, 0.6)
_CUTS = 0.05
_USUAL = SessionOptions().silence_threshold


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One way to end utterances, with one setting; shares in 0..1, delays in s.

    `cuts`: of the pauses within sentences, by their length in s.
    """

    silence: float
    least: float | None
    pauses: int
    false_cuts: float
    cuts: dict[str, float]
    ends: int
    delay_mean: float
    delay_p95: float
    whole: float
    dictations: int


class Remembering:
    """An engine that decodes the same audio once; without `marks` it does not tell them."""

    def __init__(self, engine: Decoder) -> None:
        self.in_clauses = engine.in_clauses
        self.marks = True
        self._engine = engine
        self._known: dict[bytes, Hypothesis] = {}

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `asr_worker.api.Engine`."""
        key = request.audio.tobytes()
        if key not in self._known:
            self._known[key] = await self._engine.decode(replace(request, mark=True))
        found = self._known[key]
        return found if self.marks else replace(found, mark=None)


@dataclass(eq=False)
class Listened:
    """A digest of all that a leg has heard."""

    digest: bytes = b""


class RememberingVad:
    """VAD that computes what legs hear from their beginning on once."""

    def __init__(self) -> None:
        self._vad = SileroVad()
        self._known = {b"": (np.zeros(0, np.float32), self._vad.open().dump())}

    def open(self) -> Listened:
        """See `vad_worker.api.Engine`."""
        return Listened()

    def run(
        self, states: Sequence[Listened], counts: Sequence[int], samples: FloatArray
    ) -> FloatArray:
        """See `vad_worker.api.Engine`; of one leg at a time."""
        (leg,) = states
        before, leg.digest = leg.digest, sha256(leg.digest + samples.tobytes()).digest()
        if leg.digest not in self._known:
            state = self._vad.load_state(self._known[before][1])
            found = self._vad.run([state], counts, samples)
            self._known[leg.digest] = found, state.dump()
        return self._known[leg.digest][0]


class Mute:
    """An engine for what silence alone decides."""

    in_clauses = False

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `asr_worker.api.Engine`."""
        return Hypothesis("")


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when words make the delay longer than silence does."""
    parser = parser_of("turns", __doc__, short="two sentences of each language", engine=True)
    parser.add_argument("--answer", type=float, default=0.15, metavar="S")
    parser.add_argument("--language", metavar="NAME", help="this one alone, such as English")
    parser.add_argument("--wide", action="store_true", help="recorded at 16 kHz instead of 8")
    parser.add_argument("--tuned", action="store_true", help="what the rules were tuned with")
    options = parser.parse_args(argv)
    most, spelled = (2, 1) if options.short else (24, 10)
    spoken = turns(most=most, spelled=spelled, held_out=not options.tuned, wide=options.wide)
    alone = "English" if options.engine == "moonshine" else options.language
    if alone is not None:
        spoken = [turn for turn in spoken if turn.language == alone]
    figures = asyncio.run(measure(spoken, options.engine, options.answer))
    print(_HEADER)
    for name, rows in figures.items():
        print(_row(name, rows))
    if options.json:
        written = {name: [asdict(row) for row in rows] for name, rows in figures.items()}
        record.write(options.json, written)
    silent, said = (usual(figures[way]).delay_mean for way in ("silence", "text, marks"))
    return 0 if said < silent else 1


async def measure(
    spoken: Sequence[Turn], name: str, answer: float
) -> Mapping[str, Sequence[Figures]]:
    """Return the figures of each way, with all its settings."""
    vad = RememberingVad()
    figures: dict[str, list[Figures]] = {}
    line = Line(Mute(), vad)
    figures["silence"] = [await _way(spoken, line, each) for each in _settings("silence")]
    engine = engines.build(name, EngineSettings(concurrency=1))
    await engine.start()
    remembering = Remembering(engine)
    line = Line(remembering, vad, answer_s=answer)
    for way, marks in (("text", False), ("text, marks", True)):
        remembering.marks = marks
        figures[way] = [await _way(spoken, line, each) for each in _settings("turn")]
    await engine.close()
    return figures


def usual(rows: Sequence[Figures]) -> Figures:
    """Return the figures of the setting that is the default."""
    return next(row for row in rows if row.silence == _USUAL and row.least is None)


def within(rows: Sequence[Figures], budget: float) -> float | None:
    """Return the least share of false cuts within a mean delay of `budget` s; None without one."""
    return min((row.false_cuts for row in rows if row.delay_mean <= budget), default=None)


def delay(rows: Sequence[Figures], cuts: float) -> float | None:
    """Return the least mean delay with at most this share of false cuts; None without one."""
    return min((row.delay_mean for row in rows if row.false_cuts <= cuts), default=None)


def _settings(endpointing: str) -> Iterator[SessionOptions]:
    for silence in _SILENCES:
        options = SessionOptions(silence_threshold=silence, interim_results=False)
        if endpointing == "silence":
            yield options
            continue
        options = replace(options, endpointing="turn")
        yield options
        if options.turn_silence[0] > _SHORTEST_S:
            yield replace(options, min_turn_silence=_SHORTEST_S)


async def _way(spoken: Sequence[Turn], line: Line, options: SessionOptions) -> Figures:
    cuts: dict[float, list[bool]] = {}
    whole: list[bool] = []
    delays: list[float] = []
    for turn in spoken:
        told = replace(options, language=turn.language)
        heard = await line.hear(turn.audio, told)
        cut = [_ends_within(pause, heard) for pause in turn.pauses]
        if turn.spelled:
            whole.append(not any(cut))
            continue
        for (start, end), falsely in zip(turn.pauses, cut, strict=True):
            cuts.setdefault((end - start) / SAMPLE_RATE, []).append(falsely)
        after = [each.at for each in heard if each.at > turn.over]
        delays += [(min(after) - turn.over) / SAMPLE_RATE] if after else []
    every = [each for some in cuts.values() for each in some]
    return Figures(
        silence=options.silence_threshold,
        least=options.min_turn_silence,
        pauses=len(every),
        false_cuts=fmean(every),
        cuts={f"{length:g}": fmean(some) for length, some in sorted(cuts.items())},
        ends=len(delays),
        delay_mean=fmean(delays),
        delay_p95=quantile(delays, 0.95),
        whole=fmean(whole) if whole else 1.0,
        dictations=len(whole),
    )


def _ends_within(pause: tuple[int, int], heard: Sequence[Heard]) -> bool:
    """Tell whether an utterance was ended in a pause, or by the first frame after it."""
    start, end = pause
    return any(start < each.at <= end for each in heard)


_HEADER = (
    f"{'':>12} {'--- as it is by default ---':^36} {'false cuts within':>19} {'delay at':>9}\n"
    f"{'':>12} {'false cuts':>10} {'delay, mean / p95':>18} {'whole':>6}"
    f" {'0.3 s':>9} {'0.6 s':>9} {'5 %':>9}"
)


def _row(name: str, rows: Sequence[Figures]) -> str:
    row = usual(rows)
    found = [within(rows, budget) for budget in _BUDGETS_S]
    shares = " ".join(f"{'–' if each is None else f'{each:.1%}':>9}" for each in found)
    least = delay(rows, _CUTS)
    delays = f"{row.delay_mean:.2f} / {row.delay_p95:.2f}"
    return (
        f"{name:>12} {row.false_cuts:>10.1%} {delays:>18} {row.whole:>6.0%}"
        f" {shares} {'–' if least is None else f'{least:.2f} s':>9}"
    )
