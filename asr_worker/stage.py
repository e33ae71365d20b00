"""The ASR stage: utterances in, partials and finals out; decodes run beside the turn."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from asr_worker import engines
from asr_worker.actions import Cancel, Decode, Kind, Prioritise, PublishFinal, PublishPartial
from asr_worker.api import (
    DecodeFailed,
    DecodePoisoned,
    DecodeRequest,
    Engine,
    EngineDead,
    LanguageUnsupported,
    Priority,
    Spoken,
)
from asr_worker.dispatch import Dispatcher, Dropped
from asr_worker.places import Decoded
from asr_worker.poison.isolation import IsolatedDecoder
from asr_worker.redactor import Redactor
from asr_worker.settings import AsrSettings
from asr_worker.utterance import POISONED, Utterance, unreadable
from asr_worker.voices.beside import Heard, Listener
from asr_worker.voices.encoder import VoiceEncoder
from common.audio import SAMPLE_RATE, samples
from common.bus import wire
from common.bus.keys import Leg
from common.errors import reason_of
from common.pipeline.partial import PARTIAL_TEXT
from common.pipeline.report import AsrLoad
from common.pipeline.stages import ASR
from common.pipeline.streams import SOURCES, SPEECH, TEXT
from common.pipeline.text import ITEM, Final
from common.pipeline.trace import Decoding
from common.pipeline.work import UtteranceWork
from common.stage.api import (
    LATELY,
    Assignment,
    Done,
    Effect,
    Recovery,
    Source,
    Stage,
    Work,
)
from common.stage.screen import Screen
from common.telemetry.logs import Log
from common.telemetry.metrics import AsrMetrics

_LIVE_AHEAD = 1.0
"""Seconds of audio that an utterance of a live call has at most when it is adopted."""

_log = Log(__name__)


class _InFlight(NamedTuple):
    request: DecodeRequest
    task: asyncio.Task[Decoded]


@dataclass(slots=True, eq=False)
class OwnedUtterance:
    """An utterance, its decode in flight, and answers that wait for the next step."""

    utterance: Utterance
    wake: Callable[[], None]
    began: float
    """When it was adopted (s); long ago for a repeated one, whose audio is all there already."""
    worker: str
    voices: Heard | None = None
    """None where speakers are not told apart."""
    awaiting: PublishFinal | None = None
    """The final, while its voices are not known."""
    decodes: dict[int, _InFlight] = field(default_factory=dict)
    answers: list[tuple[int, asyncio.Task[Decoded], float]] = field(default_factory=list)
    """The third is when it came, in s since 1970."""


class AsrStage(Stage[OwnedUtterance, UtteranceWork]):
    """Schedules the decodes of all owned utterances on one engine.

    `build` makes another engine, for poison candidates; it must be picklable. None if the engine
    is already isolated. `encoder` tells voices apart, None where it is not installed. `redactor`
    finds more to hide in calls that hide something.
    """

    spec = ASR

    def __init__(
        self,
        settings: AsrSettings,
        engine: Engine,
        metrics: AsrMetrics,
        build: Callable[[], Engine] | None = None,
        encoder: VoiceEncoder | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._redactor = redactor
        self.tick = settings.asr_tick_ms / 1000
        self._cadence = samples(settings.partial_cadence_s)
        self._legs = settings.asr_legs or 0
        self._metrics = metrics
        self._engine = engine
        self._dispatcher = Dispatcher(
            engine,
            bound=engines.slots(settings),
            patience=settings.partial_cadence_s,
            clock=time.monotonic,
            speech=engines.speech(settings.asr_engine),
        )
        self._isolated = IsolatedDecoder(self._dispatcher, build)
        self._listener = None if encoder is None else Listener(encoder)

    async def start(self) -> None:
        """Load and warm up the engine."""
        await self._engine.start()
        await self._dispatcher.calibrate()

    def open(
        self, assignment: Assignment[UtteranceWork], recovery: Recovery, wake: Callable[[], None]
    ) -> OwnedUtterance:
        """See `Stage.open`.

        `recovery.item` is the last item in the leg's text, `recovery.state` the newest partial.
        """
        utterance = Utterance(
            assignment.leg,
            assignment.work,
            committed=recovery.emitted.position,
            cadence=self._cadence,
            candidate=assignment.candidate,
            in_clauses=self._engine.in_clauses,
            shown=None if recovery.state is None else PARTIAL_TEXT.unpack(recovery.state),
            likely=_language(recovery.item),
            redactor=self._redactor,
        )
        self._dispatcher.meter.opened(utterance.id)
        began = time.monotonic() if assignment.epoch == 1 else 0.0
        owned = OwnedUtterance(utterance, wake, began, assignment.owner)
        if self._listener is not None and utterance.diarized:
            owned.voices = Heard(self._listener, utterance.start, wake)
        return owned

    def screen(self, state: OwnedUtterance) -> Screen:
        """See `Stage.screen`; the options in force where the utterance began decide."""
        return state.utterance.screen

    def give_up(self, assignment: Assignment[UtteranceWork | None]) -> Sequence[Effect]:
        """See `Stage.give_up`; the call goes on without this utterance's text."""
        return [unreadable(assignment)]

    def inputs(self, state: OwnedUtterance) -> Mapping[Source, bytes]:
        """See `Stage.inputs`."""
        utterance = state.utterance
        start = wire.before_position(utterance.start)
        own: dict[Source, bytes] = {SPEECH: utterance.after, SOURCES[utterance.source]: start}
        if not utterance.around:
            return own
        other = Leg(utterance.leg.session, 1 - utterance.leg.channel)
        around = ((utterance.leg, TEXT), (other, TEXT), (other, SPEECH))
        return own | dict.fromkeys(around, LATELY)

    async def step(self, work: Sequence[Work[OwnedUtterance]]) -> Sequence[Sequence[Effect]]:
        """Advance every utterance by its new entries and by the decodes that ended."""
        load = self._dispatcher.load()
        self._metrics.decodes_in_flight.set(self._dispatcher.in_flight)
        effects: list[list[Effect]] = []
        for owned, entries in work:
            try:
                if not owned.utterance.broken:
                    self._settle_answers(owned)
                    owned.utterance.feed(entries)
                    self._await(owned)
                    effects.append(self._act(owned, load))
                    continue
            except EngineDead:
                raise
            except Exception as error:
                # If it were raised, it would end one worker after the other, with all utterances.
                name, quoting = owned.utterance.id, not owned.utterance.screen.hides
                _log.exception("utterance.broken", error, quoting=quoting, utterance=name)
                owned.utterance.broken = reason_of(error, quoting=quoting)
            effects.append(owned.utterance.abandoned(entries))
        return effects

    def close(self, state: OwnedUtterance) -> None:
        """Abandon a decode in progress."""
        for decode in state.decodes.values():
            decode.task.cancel()
        if state.voices is not None:
            state.voices.forget()
        self._isolated.settled(state.utterance.id)
        self._dispatcher.meter.forget(state.utterance.id)

    def load(self) -> AsrLoad:
        """See `Stage.load` and `Dispatcher.report`."""
        voices = self._listener is not None
        return replace(self._dispatcher.report(), legs=self._legs, voices=voices)

    async def watch(self) -> None:
        """See `Stage.watch`; the cause of a death is published before the process ends.

        Only an isolated engine can hang apart from this process.
        """
        death = self._engine.watch()
        try:
            await (self._dispatcher.watchdog.watch(death) if self._engine.isolated else death)
        except EngineDead:
            await self._isolated.all_settled()
            raise

    async def stop(self) -> None:
        """Close the engine."""
        if self._listener is not None:
            self._listener.close()
        await self._isolated.close()
        await self._dispatcher.close()
        await self._engine.close()

    def _act(self, owned: OwnedUtterance, load: float) -> list[Effect]:
        utterance = owned.utterance
        if utterance.settled:
            return [Done()]
        if owned.awaiting is not None:
            return self._publish(owned, owned.awaiting)
        effects = utterance.alignment()
        for action in utterance.scheduler.due(load):
            match action:
                case Decode():
                    self._start_decode(owned, action)
                    if owned.voices is not None and action.kind in (Kind.TENTATIVE, Kind.FINAL):
                        owned.voices.until(action.end, utterance.audio)
                case Cancel(token):
                    owned.decodes.pop(token).task.cancel()
                case Prioritise(token, priority):
                    if (decode := owned.decodes.get(token)) is not None:
                        self._dispatcher.prioritise(decode.request, priority)
                case PublishPartial():
                    effects.append(utterance.partial(action))
                case PublishFinal():
                    effects += self._publish(owned, action)
        return effects

    def _publish(self, owned: OwnedUtterance, action: PublishFinal) -> list[Effect]:
        """Return the effects of a final, nothing while its voices are not known."""
        utterance, voices = owned.utterance, None
        if owned.voices is not None and action.hypothesis.text and not action.failed:
            owned.voices.until(action.end, utterance.audio)
            if not owned.voices.known:
                owned.awaiting = action
                return []
            voices = owned.voices.voices(utterance.id)
        self._dispatcher.meter.published(utterance.id, time.monotonic())
        effects: list[Effect] = []
        if action.failed and utterance.poison:
            effects += utterance.given_up(utterance.poison, action.end)
        return [*effects, utterance.final(action, voices), Done()]

    def _await(self, owned: OwnedUtterance) -> None:
        """Note that a live call's final is awaited; poison candidates do not count."""
        utterance = owned.utterance
        if not utterance.scheduler.awaited or utterance.settled or utterance.candidate:
            return
        seconds = utterance.seconds
        if _live(owned, seconds):
            rest = utterance.scheduler.rest / SAMPLE_RATE
            self._dispatcher.meter.ended(utterance.id, rest, time.monotonic())

    def _start_decode(self, owned: OwnedUtterance, decode: Decode) -> None:
        request = owned.utterance.request(decode)
        if owned.utterance.candidate:
            decoding = self._isolated.decode(request)
        else:
            spare = owned.utterance.spare if decode.kind is Kind.TENTATIVE else 0.0
            live = _live(owned, (decode.end - owned.utterance.start) / SAMPLE_RATE)
            decoding = self._dispatcher.decode(request, live=live, spare=spare)
        task = asyncio.create_task(decoding, name=f"decode:{request.utterance}")
        owned.decodes[decode.token] = _InFlight(request, task)

        def answered(task: asyncio.Task[Decoded]) -> None:
            if owned.decodes.pop(decode.token, None) is None or task.cancelled():
                return
            if task.exception() is None:
                self._observe(task.result())
            elif isinstance(dropped := task.exception(), Dropped):
                self._metrics.decodes_dropped.labels(_label(dropped.priority)).inc()
            owned.answers.append((decode.token, task, time.time()))
            owned.wake()

        task.add_done_callback(answered)

    def _observe(self, decoded: Decoded) -> None:
        priority = _label(decoded.priority)
        self._metrics.decode.labels(priority).observe(decoded.took)
        self._metrics.decode_wait.labels(priority).observe(decoded.waited)
        if (usage := decoded.hypothesis.usage) is not None:
            self._metrics.tokens.labels("prompt").inc(usage.prompt)
            self._metrics.tokens.labels("cached").inc(usage.cached)
            self._metrics.tokens.labels("generated").inc(usage.generated)

    def _settle_answers(self, owned: OwnedUtterance) -> None:
        answers, owned.answers = owned.answers, []
        for token, task, ended in answers:
            try:
                decoded = task.result()
            except Dropped:
                owned.utterance.scheduler.failed(token)
            except EngineDead:
                # Until it is settled, `watch` ends the process, after waiting for that.
                if not self._isolated.unsettled:
                    raise
            except DecodePoisoned as error:
                owned.utterance.poison = why = _why(owned, error)
                _log.error("decode.poisoned", utterance=owned.utterance.id, reason=why)
                owned.utterance.trouble = POISONED
                owned.utterance.scheduler.failed(token, again=False)
            except (DecodeFailed, LanguageUnsupported) as error:
                owned.utterance.trouble = why = _why(owned, error)
                _log.warning("decode.failed", utterance=owned.utterance.id, reason=why)
                again = isinstance(error, DecodeFailed)
                owned.utterance.scheduler.failed(token, again=again)
            else:
                took = round(decoded.took * SAMPLE_RATE)
                begun, worker = ended - decoded.lasted, owned.worker
                decoding = Decoding(begun=begun, ended=ended, worker=worker)
                owned.utterance.decoded(token, decoded.hypothesis, took, decoding)


def _why(owned: OwnedUtterance, error: Exception) -> str:
    """Return why a decode failed; only what it says of a language cannot quote what was said."""
    if owned.utterance.screen.hides and not isinstance(error, LanguageUnsupported):
        return reason_of(error, quoting=False)
    return str(error)


def _label(priority: Priority) -> str:
    return priority.name.lower()


def _live(owned: OwnedUtterance, seconds: float) -> bool:
    """Tell whether an utterance's first `seconds` arrived about as fast as they were spoken."""
    if not owned.utterance.live:
        return False
    return seconds < time.monotonic() - owned.began + _LIVE_AHEAD


def _language(item: bytes | None) -> Spoken | None:
    """Return the language of a leg's last final, None if it has none or says nothing."""
    last = None if item is None else ITEM.unpack(item)
    if not isinstance(last, Final) or last.language is None:
        return None
    return Spoken(last.language, last.language_confidence)
