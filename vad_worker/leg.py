"""One leg through voice activity detection: audio in by position, endpointing events out.

A step has two halves, so that the model can run over the frames of all legs between them. `ingest`
cuts new audio into frames and notes what happens between them; `conclude` goes through the same
sequence with the frames' probabilities. These depend on the audio alone, never on controls.
"""

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from common.audio import samples
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, Control, StreamId, entry_id, read_denoised
from common.errors import Misuse
from common.options import SessionOptions
from common.pipeline import text
from common.pipeline.control import Configure, Digit, End, Flush, Hint
from common.pipeline.progress import Progress
from common.pipeline.record import pack
from common.pipeline.speech import (
    Dtmf,
    Ended,
    Event,
    Flushed,
    Gap,
    Likely,
    Paused,
    Resumed,
    SpeechEntry,
    Started,
    Trouble,
)
from common.pipeline.stages import ASR
from common.pipeline.streams import SPEECH
from common.pipeline.trace import Endpoint
from common.pipeline.work import LegWork, Source, UtteranceWork
from common.stage.api import Commit, Done, Effect, Emit, Entry, Offer, Snapshot
from vad_worker.checkpoint import Settled, VadCheckpoint
from vad_worker.endpointer import Endpointer, EndpointerParams
from vad_worker.framing import FRAME_BYTES, Framer
from vad_worker.level import Level
from vad_worker.line import REACH, LineWatch

_ALIGNED_WITHIN = 10
"""Looks at the text, one a second, for which an utterance's audio is kept after its final if
aligners read it. So a text still has audio if it waits for a place, or if its aligner dies (found
out within 2 s). Not counted in seconds of audio: those of an upload pass too quickly."""


Decision: TypeAlias = Event | Likely | Trouble
_Step: TypeAlias = int | Gap | Control
"""An int is a number of frames; their probabilities and energies come in this order."""


class VadLeg:
    """The state of one leg, apart from the model's recurrent state."""

    def __init__(
        self, leg: Leg, work: LegWork, saved: VadCheckpoint | None, worker: str = ""
    ) -> None:
        self._leg = leg
        self._worker = worker
        self._source = work.source
        self._events = work.events
        self._beside = work.beside
        self._tenant = work.tenant
        self._gateway = (saved or work).gateway
        self._options = (saved or work).options
        self._begun = saved.read if saved else NOTHING
        self.live = saved.live if saved else True
        """Whether the audio arrives about as fast as it is spoken, as far as its stage knows."""
        self.missing = 0
        """Samples that the audio of the last step lacked."""
        self._last: Chunk | Control | None = None
        self._course: list[_Step] = []
        self._denoised: list[tuple[int, bytes]] = []
        """Where denoised audio of this step ends, and its stamp."""
        self._heard = self._now = 0.0
        self._offers = {offer.utterance: offer for offer in (saved.offers if saved else ())}
        """The offer of every utterance whose final is not in the text yet."""
        self.level = Level(saved.level if saved else None)
        """Decides how much its audio is amplified before the model hears it."""
        self._line = LineWatch(saved.line if saved else None)
        self._unsure = list(self._offers.values())
        """Offers of a former owner, made again because Redis may have lost them."""
        self._settled = {each.number: each for each in (saved.settled if saved else ())}
        """Utterances that aligners may still read."""
        if saved is None:
            self._framer = Framer()
            self._endpointer = Endpointer(_params(self._options))
        else:
            self._framer = Framer.restore(saved.framer)
            self._endpointer = Endpointer.restore(saved.endpointer)

    @property
    def source(self) -> Source:
        """Kind of the stream this leg's audio is read from."""
        return self._source

    @property
    def cursor(self) -> bytes:
        """Id of the last source entry taken."""
        return entry_id(*self._read)

    @property
    def position(self) -> int:
        """End of the audio taken, in 16 kHz samples."""
        return self._read.position

    @property
    def unfinished(self) -> int:
        """How many utterances were offered and have no final yet, as far as this leg knows."""
        return len(self._offers)

    @property
    def awaited(self) -> dict[int, Offer]:
        """The offer of every utterance that has no final yet, as far as this leg knows."""
        return {number: self._offered(work) for number, work in self._offers.items()}

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return self._endpointer.speaking

    @property
    def _read(self) -> StreamId:
        return self._begun if self._last is None else self._last.stream_id

    def ingest(self, entries: Sequence[Entry]) -> bytes:
        """Take new entries; return the whole frames in them, PCM16LE of 512 samples each."""
        audio: list[bytes] = []
        for entry in entries:
            if isinstance(entry, Chunk):
                gap, _, pcm = self._framer.push(entry.start, entry.pcm)
                if entry.denoised:
                    self._denoised.append((entry.end, entry.denoised))
            elif isinstance(entry, Control):
                # It brings no audio, only a gap if the audio before the control never came.
                gap, _, pcm = self._framer.push(entry.position, b"")
            else:
                raise Misuse(f"{type(entry).__name__} in the audio of {self._leg}")
            self._last = entry
            if gap is not None:
                self._course.append(gap)
            if pcm:
                audio.append(pcm)
                self._course.append(len(pcm) // FRAME_BYTES)
            if isinstance(entry, Control):
                self._course.append(entry)
        return b"".join(audio)

    def conclude(
        self,
        probabilities: Sequence[float],
        energies: Sequence[float],
        clipped: Sequence[bool] | None = None,
        *,
        heard: float = 0.0,
        now: float = 0.0,
    ) -> list[Effect]:
        """Take probability and energy of each frame from `ingest`; return what was decided.

        `clipped` tells of each frame whether it is cut off at full scale; None: none is.
        `heard`: when the entries were read, and `now`, in s since 1970.
        """
        course, self._course = self._course, []
        self._heard, self._now = heard, now
        self.missing = 0
        effects: list[Effect] = []
        if self._unsure:
            # First, before any event: ASR then reads from the beginning of the speech stream.
            effects += map(self._offered, self._unsure)
            self._unsure = []
        push, levels = self._endpointer.push, self.level.speech
        watched = self._line.awake or clipped is not None or min(levels, default=0.0) < REACH
        judged = 0
        for step in course:
            match step:
                case int():
                    for frame in range(judged, judged + step):
                        decided: tuple[Decision, ...] = push(probabilities[frame], energies[frame])
                        if watched:
                            cut = clipped is not None and clipped[frame]
                            decided += self._trouble(probabilities[frame], levels[frame], cut)
                        if decided:
                            effects += self._decided(decided, 0)
                    judged += step
                case Gap(start, end):
                    self.missing += end - start
                    effects += self._decided([step, *self._endpointer.skip(start, end)], 0)
                case Control():
                    effects += self._obey(step)
        self._denoised.clear()
        return effects

    def committed(self, number: int) -> None:
        """Learn, once a second, that items up to `number` are in the text.

        Their audio is no longer needed; with aligners it is kept for a while.
        """
        looked = [each.looked_at() for each in self._settled.values()]
        self._settled = {each.number: each for each in looked if each.looks}
        if self._beside:
            done = [each for n, each in self._offers.items() if n <= number]
            self._settled |= {
                each.utterance: Settled(each.utterance, each.start, _ALIGNED_WITHIN)
                for each in done
                if each.options.words
            }
        self._offers = {n: offer for n, offer in self._offers.items() if n > number}

    def snapshot(self, model_state: bytes) -> Snapshot:
        """Return what a new owner needs to continue at `position`."""
        checkpoint = VadCheckpoint(
            gateway=self._gateway,
            options=self._options,
            framer=self._framer.snapshot(),
            endpointer=self._endpointer.snapshot(),
            offers=tuple(self._offers.values()),
            settled=tuple(self._settled.values()),
            read=self._read,
            model=model_state,
            live=self.live,
            level=self.level.snapshot(),
            line=self._line.snapshot(),
        )
        pins = {number: each.start for number, each in self._settled.items()} | self._pins
        progress = Progress(self._read)
        return Snapshot(pack(checkpoint), progress, self._endpointer.keep_from, pins)

    @property
    def _pins(self) -> dict[int, int]:
        """First position of every utterance whose final is not in the text yet."""
        return {number: offer.start for number, offer in self._offers.items()}

    def _obey(self, control: Control) -> list[Effect]:
        match control.command:
            case Flush():
                events = self._endpointer.flush(control.position)
                return self._decided(events, control.order, answer="flush")
            case Configure(options):
                self._options = options
                self._endpointer.configure(_params(options))
                return []
            case Hint() as hint:
                if hint.channel != self._leg.channel:
                    return []
                return self._decided(self._endpointer.hint(control.position, hint), control.order)
            case Digit(channel, digit):
                mine = channel == self._leg.channel
                signalled = [Dtmf(control.position, digit)] if mine else []
                return self._decided(signalled, control.order)
            case End():
                events = self._endpointer.finish(control.position)
                effects = self._decided(events, control.order, answer="finish")
                last = self._endpointer.utterances + 1
                return [*effects, Commit(last, text.End(), self._gateway), Done()]
            case _:
                assert_never(control.command)

    def _decided(
        self, decided: Sequence[Decision], order: int, answer: text.EndReason = "flush"
    ) -> list[Effect]:
        """Turn the decisions at one position into one speech entry and what follows from it.

        `order` is that of the deciding control, 0 for audio. `answer` is the reason of the empty
        final that answers a flush with nothing open.
        """
        if not decided:
            return []
        last = decided[-1]
        events = [each for each in decided if not isinstance(each, Likely | Trouble)]
        at = StreamId(last.end if isinstance(last, Gap) else last.at, order)
        notify = self._gateway if self._events else None
        ends = any(isinstance(event, Ended | Flushed) for event in events)
        endpoint = self._endpoint(at.position) if ends else None
        likely = next((each for each in decided if isinstance(each, Likely)), None)
        trouble = next((each for each in decided if isinstance(each, Trouble)), None)
        spoken = any(
            isinstance(each, Started | Paused | Resumed | Ended | Likely) for each in decided
        )
        voiced = self._endpointer.snapshot().memory.voiced if spoken else 0
        entry = SpeechEntry(at, tuple(events), endpoint, likely, trouble, voiced)
        wake = (ASR.name,) if events else ()
        effects: list[Effect] = [Emit(SPEECH, entry, wake=wake, notify=notify)]
        for event in events:
            match event:
                case Started(utterance, start):
                    effects.append(self._offer(utterance, start))
                case Flushed(utterance, position):
                    # A flush gets an answer even if nothing was open.
                    final = text.Final.empty(position, answer, endpoint)
                    effects.append(Commit(utterance, final, self._gateway))
        return effects

    def _trouble(self, probability: float, level: float, cut: bool) -> tuple[Trouble, ...]:
        """Show a frame to the watch; return what is wrong with the line, if it is to be told."""
        problem = self._line.watch(probability, level, cut)
        if problem is None:
            return ()
        at = self._endpointer.snapshot().memory.heard
        return (Trouble(at, problem, round(level, 1)),)

    def _endpoint(self, at: int) -> Endpoint:
        """Return the stamps of a decision that was made at a position."""
        stamp = next((stamp for end, stamp in self._denoised if end >= at), b"")
        denoised, denoiser = read_denoised(stamp) if stamp else (None, "")
        return Endpoint(
            heard=self._heard,
            decided=self._now,
            worker=self._worker,
            denoised=denoised,
            denoiser=denoiser,
        )

    def _offer(self, utterance: int, start: int) -> Offer:
        work = UtteranceWork(
            utterance=utterance,
            start=start,
            source=self._source,
            gateway=self._gateway,
            options=self._options,
            live=self.live,
            beside=self._beside,
            tenant=self._tenant,
        )
        self._offers[utterance] = work
        return self._offered(work)

    def _offered(self, work: UtteranceWork) -> Offer:
        return Offer(ASR.name, f"{self._leg}/{work.utterance}", work)


def _params(options: SessionOptions) -> EndpointerParams:
    return EndpointerParams(
        threshold=options.vad_threshold,
        silence=samples(options.silence_threshold),
        min_speech=samples(options.min_speech_duration),
        max_utterance=samples(options.max_utterance),
    )
