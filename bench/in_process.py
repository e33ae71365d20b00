"""A leg through the real stages in this process, without Redis: as fast as the processor allows.

What VAD decides and when the recogniser decodes is what the workers would do with a machine that is
never late: decodes take no time, and what was said before a pause reaches VAD a while later
(`answer_s`). The audio comes in messages of 50 ms.
"""

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from asr_worker.actions import Decode, PublishFinal, PublishPartial
from asr_worker.api import DecodeRequest, EngineError, Hypothesis
from asr_worker.cpu.stepwise import StepwiseEngine
from asr_worker.utterance import Utterance
from common.audio import FloatArray, float_to_pcm16, pcm16_to_float, samples
from common.bus.keys import Leg
from common.bus.wire import Chunk, Control
from common.options import SessionOptions
from common.pipeline.control import End, Hint
from common.pipeline.partial import PartialText
from common.pipeline.speech import SpeechEntry
from common.pipeline.text import Final
from common.pipeline.trace import Decoding
from common.pipeline.work import LegWork, UtteranceWork
from common.stage.api import Commit, Effect, Emit, Entry, Offer
from gateway.downlink.output import evidence_of
from gateway.endpointing.tail import hint
from gateway.feed.answers import LegAnswers
from gateway.protocols.events import Answer
from vad_worker.framing import FRAME, energies
from vad_worker.leg import VadLeg
from vad_worker.level import amplify
from vad_worker.tones import digits

_MESSAGE = samples(0.05)
_LEG = Leg("bench", 0)
_TOGETHER = 8


class Voicing(Protocol):
    """What a line needs of VAD."""

    def open(self) -> Any:
        """See `vad_worker.api.Engine`."""

    def run(
        self, states: Sequence[Any], counts: Sequence[int], samples: FloatArray, /
    ) -> FloatArray:
        """See `vad_worker.api.Engine`."""


class Decoder(Protocol):
    """What a line needs of an engine."""

    @property
    def in_clauses(self) -> bool:
        """See `asr_worker.api.Engine`."""

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `asr_worker.api.Engine`."""


@dataclass
class Heard:
    """What came of one utterance: its final, decided at `at`, and the partials before it.

    `answers`: what was told of an expected answer, and when.
    """

    start: int
    end: int = 0
    at: int = 0
    text: str = ""
    partials: list[PublishPartial] = field(default_factory=list)
    answers: list[tuple[int, Answer]] = field(default_factory=list)


class Line:
    """Engine and VAD for many legs, one after another."""

    def __init__(
        self,
        engine: Decoder,
        vad: Voicing,
        cadence_s: float = 0.5,
        answer_s: float = 0.15,
    ) -> None:
        self._engine = engine
        self._vad = vad
        self._cadence = samples(cadence_s)
        self._answer = samples(answer_s)

    async def hear(
        self, audio: FloatArray, options: SessionOptions, for_vad: FloatArray | None = None
    ) -> list[Heard]:
        """Return the utterances of float32 [n] at 16 kHz; `for_vad`: what VAD hears instead."""
        leg, model = VadLeg(_LEG, _work(options), None), self._vad.open()
        pcm = float_to_pcm16(audio)
        other = pcm if for_vad is None else float_to_pcm16(for_vad)
        heard: dict[int, Heard] = {}
        opened: list[Utterance] = []
        hints: list[tuple[int, Hint]] = []
        answers = LegAnswers(_LEG.channel)
        for at in range(0, len(pcm), 2 * _MESSAGE):
            end = min(len(pcm), at + 2 * _MESSAGE) // 2
            due = [hint for when, hint in hints if when <= at // 2]
            hints = [each for each in hints if each[0] > at // 2]
            entries: list[Entry] = [Control(at // 2, 2 + n, hint) for n, hint in enumerate(due)]
            entries.append(Chunk(end, other[at : 2 * end]))
            if 2 * end == len(pcm):
                entries.append(Control(end, 2, End()))
            effects = self._judged(leg, model, entries)
            emitted = [each.events for each in effects if isinstance(each, Emit)]
            spoken: list[Entry] = [each for each in emitted if isinstance(each, SpeechEntry)]
            for utterance in opened:
                utterance.feed([Chunk(end, pcm[at : 2 * end])])
            for work in (each.work for each in effects if isinstance(each, Offer)):
                assert isinstance(work, UtteranceWork)
                opened.append(self._opened(work))
                opened[-1].feed([Chunk(end, pcm[2 * work.start : 2 * end])])
                heard[work.utterance] = Heard(work.start)
            for utterance in list(opened):
                utterance.feed(spoken)
                one, told_at = heard[utterance.number], end + self._answer
                final, pauses = await self._advance(utterance, one)
                for said in pauses:
                    answer = answers.weighed(utterance.number, said)
                    one.answers += [
                        (told_at, each) for each in answers.partial(utterance.number, said)
                    ]
                    place = (_LEG.channel, utterance.number)
                    weighed = hint(*place, said, options, evidence_of(answer))
                    hints.append((told_at, weighed))
                if final is not None:
                    told_of = answers.item(utterance.number, final)
                    one.answers += [(told_at, each) for each in told_of]
                    opened.remove(utterance)
        return list(heard.values())

    def _opened(self, work: UtteranceWork) -> Utterance:
        return Utterance(
            _LEG, work, committed=0, cadence=self._cadence, in_clauses=self._engine.in_clauses
        )

    def _judged(self, leg: VadLeg, model: object, entries: Sequence[Entry]) -> list[Effect]:
        frames = pcm16_to_float(leg.ingest(entries))
        levels = energies(frames)
        tones = digits(frames, levels)
        frames.reshape(-1, FRAME)[tones] = 0.0
        counts = [len(levels)]
        amplify(frames, np.where(tones, 0.0, levels), [leg.level], counts)
        found = self._vad.run([model], counts, frames)
        return leg.conclude(found.tolist(), levels.tolist())

    async def _advance(
        self, utterance: Utterance, heard: Heard
    ) -> tuple[Final | None, list[PartialText]]:
        """Do what is due until nothing is.

        Return the final, if it is there, and what was said before new pauses.
        """
        pauses: list[PartialText] = []
        while actions := utterance.scheduler.due():
            for action in actions:
                match action:
                    case Decode():
                        found = await self._engine.decode(utterance.request(action))
                        stamps = Decoding(begun=0.0, ended=0.0, worker="")
                        utterance.decoded(action.token, found, 0, stamps)
                    case PublishPartial():
                        heard.partials.append(action)
                        shown = utterance.partial(action).text
                        pauses += [shown] if action.paused else []
                    case PublishFinal():
                        heard.end, heard.text = action.end, action.hypothesis.text
                        heard.at = utterance.decided_at
                        commit = utterance.final(action)
                        assert isinstance(commit, Commit)
                        assert isinstance(commit.item, Final)
                        return commit.item, pauses
        return None, pauses


def _work(options: SessionOptions) -> LegWork:
    return LegWork(options=options, gateway="", source="audio", events=False)


class Together:
    """An engine for many lines: decodes of lines that all wait share their steps; equal ones, too.

    `lines`: how many lines run. A line that has ended is told by `ended`.
    """

    def __init__(self, engine: StepwiseEngine, lines: int) -> None:
        self.in_clauses = engine.in_clauses
        self._engine = engine
        self._lines = lines
        self._waiting: list[tuple[DecodeRequest, asyncio.Future[Hypothesis]]] = []
        self._known: dict[Hashable, Hypothesis] = {}

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `asr_worker.api.Engine`."""
        key = request.audio.tobytes(), request.final, request.previous and request.previous.text
        if (known := self._known.get(key)) is not None:
            return known
        answer: asyncio.Future[Hypothesis] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        await self._decode_if_all_wait()
        self._known[key] = found = await answer
        return found

    async def ended(self) -> None:
        """Note that a line has ended."""
        self._lines -= 1
        await self._decode_if_all_wait()

    async def _decode_if_all_wait(self) -> None:
        if len(self._waiting) < self._lines or not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        waiting.sort(key=lambda each: (each[0].final, len(each[0].audio)))
        for at in range(0, len(waiting), _TOGETHER):
            batch = waiting[at : at + _TOGETHER]
            batches: list[list[Any]] = [[each for each in batch if each[0].final]]
            batches.append([each for each in batch if not each[0].final])
            for some in filter(None, batches):
                found = await self._engine.decode_together([request for request, _ in some])
                for (_, answer), each in zip(some, found, strict=True):
                    if isinstance(each, EngineError):
                        answer.set_exception(each)
                    else:
                        answer.set_result(each)
