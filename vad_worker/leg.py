"""One leg through voice activity detection: audio in by position, endpointing events out.

Done in two halves, so that the model can run over the frames of all legs at once in between:
`take` cuts new audio into frames and notes what happens between them, `conclude` walks the same
course with the frames' probabilities. Probabilities depend on the audio alone, never on controls.
"""

from collections.abc import Sequence
from typing import TypeAlias

from common.audio import samples
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Body, Chunk, Control, Mark, entry_id
from common.errors import Misuse
from common.options import SessionOptions
from common.stage.api import Commit, Done, Effect, Emit, Entry, Offer, Recovery, Snapshot
from vad_worker.endpointer import Endpointer, EndpointerParams
from vad_worker.events import Event, Flushed, SpeechStarted
from vad_worker.framing import FRAME_BYTES, Framer, Gap

_ALIGNED_WITHIN = 10
"""Looks at its text, one a second, by which an utterance's audio outlives its final where aligners
read it: a claim they have no place for at once, or whose aligner dies (found out within 2 s), is
still worth taking. Not seconds of audio: of an upload these pass too quickly."""


_Step: TypeAlias = int | Gap | Control
"""A number is that of frames, whose probabilities and energies come in this order."""


class VadLeg:
    """The state of one leg, apart from the model's recurrent state."""

    def __init__(self, leg: Leg, body: Body, recovery: Recovery) -> None:
        saved = recovery.state or body
        self._leg = leg
        self._source: str = body["source"]
        self._events: bool = body["events"]
        self._align: bool = body["align"]
        self._gateway: str = saved["gateway"]
        self._options = SessionOptions.from_wire(saved["options"])
        self._begun = Mark(*saved["read"]) if recovery.state else NOTHING
        self._last: Chunk | Control | None = None
        self._course: list[_Step] = []
        self._offers: dict[int, Body] = {
            offer["utterance"]: offer for offer in saved.get("offers", ())
        }
        """What was offered of every utterance whose final is not in the text yet."""
        self._unsure = list(self._offers.values())
        """Offers of a former owner: Redis may have lost them, and they may be made again."""
        self._settled: dict[int, tuple[int, int]] = {
            number: (start, looks) for number, start, looks in saved.get("settled", ())
        }
        """First position of utterances that aligners may still read, and for how many looks."""
        if recovery.state is None:
            self._framer = Framer()
            self._endpointer = Endpointer(_params(self._options))
        else:
            self._framer = Framer.restore(saved["framer"])
            self._endpointer = Endpointer.restore(saved["endpointer"])

    @property
    def source(self) -> str:
        """Kind of the stream this leg's audio is read from."""
        return self._source

    @property
    def cursor(self) -> bytes:
        """Id of the last entry of the source that was taken."""
        return entry_id(*self._read)

    @property
    def _read(self) -> Mark:
        return self._begun if self._last is None else self._last.mark

    def take(self, entries: Sequence[Entry]) -> bytes:
        """Take new entries; return the whole frames in them, PCM16LE of 512 samples each."""
        audio: list[bytes] = []
        for entry in entries:
            if isinstance(entry, Chunk):
                gap, _, pcm = self._framer.push(entry.start, entry.pcm)
            elif isinstance(entry, Control):
                # No audio, but a gap if the audio before the control never came.
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

    def conclude(self, probabilities: Sequence[float], energies: Sequence[float]) -> list[Effect]:
        """Take probability and energy of each frame `take` returned; return what was decided."""
        course, self._course = self._course, []
        effects: list[Effect] = []
        if self._unsure:
            # Before any event: they are then read from the beginning of the speech stream.
            effects += map(self._offered, self._unsure)
            self._unsure = []
        push = self._endpointer.push
        heard = 0
        for step in course:
            match step:
                case int():
                    for frame in range(heard, heard + step):
                        if events := push(probabilities[frame], energies[frame]):
                            effects += self._decided(events, 0)
                    heard += step
                case Gap(start, end):
                    gap: Body = {"t": "gap", "start": start, "end": end}
                    effects += self._decided(self._endpointer.skip(start, end), 0, gap)
                case Control():
                    effects += self._obey(step)
        return effects

    def committed(self, number: int) -> None:
        """Learn, once a second, that items up to `number` are in the text.

        Their audio is not needed any more; with aligners it is kept for a while.
        """
        looked = {n: (start, looks - 1) for n, (start, looks) in self._settled.items()}
        self._settled = {n: each for n, each in looked.items() if each[1]}
        if self._align:
            done = {n: start for n, start in self._pins.items() if n <= number}
            self._settled |= {n: (start, _ALIGNED_WITHIN) for n, start in done.items()}
        self._offers = {n: offer for n, offer in self._offers.items() if n > number}

    def snapshot(self, model_state: bytes) -> Snapshot:
        """Return what a new owner needs to go on at `position`."""
        state: Body = {
            "gateway": self._gateway,
            "options": self._options.to_wire(),
            "framer": self._framer.snapshot(),
            "endpointer": self._endpointer.snapshot(),
            "offers": list(self._offers.values()),
            "settled": [(number, *each) for number, each in self._settled.items()],
            "read": self._read,
            "model": model_state,
        }
        settled = {number: start for number, (start, _) in self._settled.items()}
        return Snapshot(state, self._endpointer.keep_from, settled | self._pins)

    @property
    def _pins(self) -> dict[int, int]:
        """First position of every utterance whose final is not in the text yet."""
        return {number: offer["start"] for number, offer in self._offers.items()}

    def _obey(self, control: Control) -> list[Effect]:
        body = control.body
        match body["t"]:
            case "flush":
                events = self._endpointer.flush(control.position)
                return self._decided(events, control.order, answer="flush")
            case "config":
                self._options = SessionOptions.from_wire(body["options"])
                self._endpointer.configure(_params(self._options))
                return []
            case "end":
                events = self._endpointer.finish(control.position)
                effects = self._decided(events, control.order, answer="finish")
                last = self._endpointer.utterances + 1
                return [*effects, Commit(last, {"t": "end", "shown": False}, self._gateway), Done()]
            case unknown:
                raise Misuse(f"control {unknown!r} in the audio of {self._leg}")

    def _decided(
        self, events: Sequence[Event], order: int, *others: Body, answer: str = ""
    ) -> list[Effect]:
        """Turn what was decided in one place into one speech entry and what follows from it.

        `order` is that of the control which decided, 0 for audio. `answer` is the reason of the
        empty final that a flush with nothing open gets.
        """
        if not events and not others:
            return []
        bodies = (*others, *(event.to_wire() for event in events))
        at = Mark(events[0].at if events else others[0]["end"], order)
        notify = self._gateway if self._events else None
        effects: list[Effect] = [Emit(at, bodies, wake=("asr",), notify=notify)]
        for event in events:
            match event:
                case SpeechStarted(utterance=utterance, start=start):
                    effects.append(self._offer(utterance, start))
                case Flushed(utterance=utterance, at=position):
                    effects.append(self._empty_final(utterance, position, answer))
        return effects

    def _offer(self, utterance: int, start: int) -> Offer:
        body: Body = {
            "utterance": utterance,
            "start": start,
            "source": self._source,
            "gateway": self._gateway,
            "options": self._options.to_wire(),
            "align": self._align,
        }
        self._offers[utterance] = body
        return self._offered(body)

    def _offered(self, body: Body) -> Offer:
        return Offer("asr", f"{self._leg}/{body['utterance']}", body)

    def _empty_final(self, utterance: int, position: int, reason: str) -> Commit:
        """A flush with nothing to say is answered all the same."""
        body: Body = {
            "t": "final",
            "start": position,
            "end": position,
            "at": position,
            "text": "",
            "language": None,
            "words": None,
            "align": None,
            "unavailable": "",
            "reason": reason,
            "failed": False,
            "trouble": "",
            "shown": True,
        }
        return Commit(utterance, body, self._gateway)


def _params(options: SessionOptions) -> EndpointerParams:
    return EndpointerParams(
        threshold=options.vad_threshold,
        silence=samples(options.silence_threshold),
        min_speech=samples(options.min_speech_duration),
        max_utterance=samples(options.max_utterance),
    )
