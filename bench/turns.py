"""When utterances end, by silence alone and by what was said: false cuts, and how long that takes.

    python -m bench turns [--engine NAME] [--answer S] [--json FILE] [--short]

Turns of recorded voices (`bench.turn_set`) go through the real stages in this process
(`bench.in_process`). A false cut is an utterance that ends in a pause within a turn. The delay is
from the end of a turn's speech to the decision that ends its utterance; the final follows as soon
as its text is there, which `--answer` stands for. Dictations are whole if no pause cuts them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean

from asr_worker import engines
from asr_worker.api import DecodeRequest, EngineSettings, Hypothesis
from bench import record
from bench.accounting import quantile
from bench.in_process import Decoder, Heard, Line
from bench.options import parser_of
from bench.turn_set import Turn, turns
from common.audio import SAMPLE_RATE
from common.options import SessionOptions
from vad_worker.model import SileroVad

_SILENCES = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.6)
_TURNS = (0.6, 0.8, 1.0)
_LANGUAGES = ("English",)
"""What an engine of English alone hears."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One way to end utterances; shares in 0..1, delays in s.

    `cuts`: of the pauses within sentences, by their length in s.
    """

    pauses: int
    false_cuts: float
    cuts: dict[str, float]
    ends: int
    delay_mean: float
    delay_p95: float
    whole: float
    dictations: int


class Remembering:
    """An engine that decodes the same audio once."""

    def __init__(self, engine: Decoder) -> None:
        self.in_clauses = engine.in_clauses
        self._engine = engine
        self._known: dict[bytes, Hypothesis] = {}

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `asr_worker.api.Engine`."""
        key = request.audio.tobytes()
        if key not in self._known:
            self._known[key] = await self._engine.decode(request)
        return self._known[key]


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
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    most, spelled = (2, 1) if options.short else (24, 10)
    spoken = turns(most=most, spelled=spelled, seed=options.seed)
    if options.engine == "moonshine":
        spoken = [turn for turn in spoken if turn.language in _LANGUAGES]
    figures = asyncio.run(measure(spoken, options.engine, options.answer))
    print(_HEADER)
    for name, row in figures.items():
        print(_row(name, row))
    if options.json:
        record.write(options.json, {name: asdict(row) for name, row in figures.items()})
    return 0 if figures["turn, 0.8 s"].delay_mean < figures["silence, 0.8 s"].delay_mean else 1


async def measure(spoken: Sequence[Turn], name: str, answer: float) -> dict[str, Figures]:
    """Return the figures of each way, by its name."""
    vad = SileroVad()
    figures: dict[str, Figures] = {}
    for silence in _SILENCES:
        options = SessionOptions(silence_threshold=silence, interim_results=False)
        line = Line(Mute(), vad)
        figures[f"silence, {silence:g} s"] = await _way(spoken, line, options)
    engine = engines.build(name, EngineSettings(concurrency=1))
    await engine.start()
    line = Line(Remembering(engine), vad, answer_s=answer)
    for silence in _TURNS:
        options = SessionOptions(
            silence_threshold=silence, endpointing="turn", interim_results=False
        )
        figures[f"turn, {silence:g} s"] = await _way(spoken, line, options)
    await engine.close()
    return figures


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
    f"{'':>15} {'false cuts':>11} {'by length of the pause':^45} {'delay, s':>15}"
    f" {'dictations':>11}\n{'':>15} {'':>11} {'':^45} {'mean / p95':>15} {'whole':>11}"
)


def _row(name: str, row: Figures) -> str:
    cuts = "  ".join(f"{length} s {share:.0%}" for length, share in row.cuts.items())
    delay = f"{row.delay_mean:.2f} / {row.delay_p95:.2f}"
    return f"{name:>15} {row.false_cuts:>11.1%} {cuts:^45} {delay:>15} {row.whole:>11.0%}"
