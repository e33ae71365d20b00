"""One utterance in an ASR worker: its audio by position, its schedule, its results."""

from collections.abc import Iterator, Sequence
from hashlib import sha1

from asr_worker.actions import Decode, PublishFinal, PublishPartial
from asr_worker.api import DecodeRequest, Hypothesis, Spoken
from asr_worker.around import Around
from asr_worker.clauses import Clauses, quietest
from asr_worker.loudness import amplified
from asr_worker.placing import placed
from asr_worker.prompting import distinct, without_circles
from asr_worker.recording import GONE, Recording
from asr_worker.redactor import Redactor
from asr_worker.scheduler import UtteranceScheduler
from asr_worker.screening import screen_for
from asr_worker.slots.listening import slot
from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16, samples
from common.bus.keys import Leg
from common.bus.wire import Chunk
from common.languages import ALIGNABLE
from common.pipeline import stages
from common.pipeline.partial import PartialText
from common.pipeline.slot import Slot
from common.pipeline.speech import (
    Dtmf,
    Ended,
    Gap,
    Paused,
    Resumed,
    SpeechEntry,
    UtteranceEvent,
)
from common.pipeline.text import Final, Voice
from common.pipeline.trace import Decoding, Endpoint
from common.pipeline.work import TextWork, UtteranceWork
from common.stage.api import (
    Assignment,
    Beside,
    Commit,
    DeadLetter,
    Done,
    Effect,
    Entry,
    Offer,
    Said,
    Show,
)
from common.stage.screen import UNCHANGED

POISONED = "every attempt ended the recogniser"
BROKEN = "it could not be processed"


class Utterance:
    """State of one work item. Pure: entries and answers in, effects and decodes out."""

    def __init__(
        self,
        leg: Leg,
        work: UtteranceWork,
        *,
        committed: int,
        cadence: int,
        candidate: bool = False,
        in_clauses: bool = False,
        shown: PartialText | None = None,
        likely: Spoken | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        """Begin; `shown` is the last partial that a former owner showed of it.

        `likely` is the language of the leg's last final, None if not known. `redactor` finds more
        to hide.
        """
        self._work = work
        self.leg = leg
        self.number = work.utterance
        self.source = work.source
        self.start = work.start
        self.after = work.after
        """Id in the speech stream; all entries about this utterance lie behind it."""
        self.settled = committed >= self.number
        """Whether an earlier owner has already put the final into the text."""
        self.id = f"{leg}/{self.number}"
        self.candidate = candidate or work.replay
        """Whether it is a poison candidate: it is then decoded only after its end."""
        self.live = work.live
        """Whether its leg's audio arrived about as fast as it was spoken when it began."""
        self._offered: set[str] = set()
        self._options = work.options
        hides = bool(work.options.redact)
        self.around = Around(leg.channel, work.utterance, work.start) if hides else None
        """What is said around it, if that matters."""
        self.screen = screen_for(work.options, shown, self.around, redactor)
        """What its texts pass before they are stored."""
        self._likely = likely
        self._context = without_circles(work.options.context)
        self._keywords = distinct(work.options.keywords)
        self._by_words = self._options.weighs_pauses and self.live
        self.spare = 0.0 if self._by_words else self._options.silence_threshold / 2
        """Seconds from an announced pause to when its text is needed, at least."""
        self._recording = Recording(self.start)
        self._clauses = Clauses(self.start, self._quietest if in_clauses else None)
        self._pause = self.start
        """End of speech according to the last pause."""
        self._pauses: list[int] = []
        """Of a candidate: ends of pauses that were not the end."""
        self.scheduler = UtteranceScheduler(
            self.start,
            interim=self._options.interim_results and not self.candidate,
            cadence=cadence,
            first=samples(self._options.min_speech_duration),
            clauses=self._clauses,
            live=self.live and not self.candidate,
            tells_pauses=self._by_words and not self.candidate,
            # VAD cuts a long utterance somewhere in its last third.
            stable_until=self.start + 2 * samples(self._options.max_utterance) // 3,
            # A screen goes on by itself from what was shown: its words are not the engine's.
            shown=shown if self.screen is UNCHANGED else None,
            silence=samples(min(self._options.turn_silence[0], self._options.silence_threshold)),
        )
        self.trouble = ""
        """Why the last decode failed, for the client to read."""
        self.broken = ""
        """Why it cannot be worked on, for the operator; empty if it can."""
        self.poison = ""
        """What its decode does to the engine, for the operator; empty if nothing is known."""
        self._ended: Ended | None = None
        self.decided_at = self.start
        """Where its end was decided, once it was."""
        self._endpoint: Endpoint | None = None
        self._decodings: dict[int, Decoding] = {}
        """When the decodes that gave an answer ran, by token."""

    @property
    def seconds(self) -> float:
        """How much audio of it there is."""
        return (self._recording.end - self.start) / SAMPLE_RATE

    def feed(self, entries: Sequence[Entry]) -> None:
        """Take entries of the leg's speech and audio streams."""
        # Audio first: an event is written only after the audio that caused it.
        for entry in entries:
            match entry:
                case Chunk():
                    self._recording.add(entry)
                case Said(channel, number, item) if self.around is not None:
                    self.around.said(channel, number, item)
                case Beside(_, SpeechEntry() as events) if self.around is not None:
                    self.around.happened(events)
        self.scheduler.audio(self._recording.end)
        if self._recording.gone:
            self.trouble = GONE
            self.scheduler.gone()
        for event, endpoint in self._events(entries):
            self._happened(event, endpoint)

    def request(self, decode: Decode) -> DecodeRequest:
        """Return the decode the scheduler asked for, with its audio, amplified if it is quiet."""
        final = decode.kind is not decode.kind.PARTIAL
        # A recorder has to know where a secret is spoken, an answer how sure it is.
        return DecodeRequest(
            utterance=self.id,
            audio=amplified(self._recording.until(decode.end, decode.start)),
            priority=decode.priority,
            tenant=self._work.tenant,
            language=self._options.language or decode.language,
            languages=self._options.languages,
            likely=self._likely,
            context=self._context,
            keywords=self._keywords,
            words=self._options.words
            or (final and (self.screen.hides or bool(self._options.expect))),
            mark=self._by_words and decode.kind is decode.kind.TENTATIVE,
            previous=decode.previous,
            unfixed_s=self._options.unfixed_chunk_num * self._options.chunk_size_sec,
            unfixed_token_num=self._options.unfixed_token_num,
            final=final,
        )

    def decoded(self, token: int, hypothesis: Hypothesis, took: int, decoding: Decoding) -> None:
        """Take the answer of a decode; `took` is its time in samples."""
        self._decodings[token] = decoding
        self.scheduler.decoded(token, hypothesis, took)

    def partial(self, action: PublishPartial) -> Show:
        """Return the effect of showing a partial."""
        whole = self.scheduler.whole if action.paused else None
        answer = None if whole is None else self._slot(action.text, whole[1])
        told = (action.text, action.stable, action.language, action.paused, answer, action.mark)
        text = PartialText(self.start, action.end, *told)
        return Show(self.number, text, self._work.gateway)

    def alignment(self) -> list[Effect]:
        """Return the offers of the whole utterance's text to the optional stages, once per text.

        It is made before the end is certain, so that the words are ready with the final.
        """
        if (whole := self.scheduler.whole) is None:
            return []
        end, hypothesis = whole
        digest, _ = self._words_later(end, hypothesis)
        if digest is None or hypothesis.language is None or digest in self._offered:
            return []
        self._offered.add(digest)
        work = TextWork(
            utterance=self.number,
            digest=digest,
            source=self.source,
            start=self.start,
            end=end,
            text=hypothesis.text,
            language=hypothesis.language,
            gateway=self._work.gateway,
        )
        beside = stages.offered_beside(self._work.beside, stages.ASR)
        return [Offer(spec.name, f"{self.id}/{digest}", work) for spec in beside]

    @property
    def diarized(self) -> bool:
        """Whether its speakers are to be told apart."""
        return self._options.diarize

    def audio(self, end: int) -> FloatArray:
        """Return its audio before position `end`, float32 [n] in [-1, 1) at 16 kHz."""
        return self._recording.until(end)

    def final(self, action: PublishFinal, voices: tuple[Voice, ...] | None = None) -> Effect:
        """Return the effect of publishing the final, with the voices in it if they are known."""
        hypothesis, failed = action.hypothesis, action.failed
        digest, unavailable = self._words_later(action.end, hypothesis)
        heard = hypothesis.words
        asked = self._options.words or self.screen.hides
        words = placed(heard, action.start, action.end) if heard is not None and asked else None
        final = Final(
            start=action.start,
            end=action.end,
            at=self.decided_at,
            text="" if failed else hypothesis.text,
            language=hypothesis.language,
            language_confidence=hypothesis.language_confidence,
            words=words,
            align=None if failed else digest,
            unavailable="" if failed else unavailable,
            reason=action.reason,
            failed=failed,
            trouble=self.trouble if failed else "",
            slot=None if failed else self._slot(hypothesis.text, hypothesis),
            voices=voices,
            # Noise taken for speech gets no message, unless a flush waits for one.
            shown=bool(hypothesis.text) or failed or action.reason in ("flush", "finish"),
            endpoint=self._endpoint,
            decoding=None if action.token is None else self._decodings.get(action.token),
        )
        return Commit(self.number, final, self._work.gateway)

    def _slot(self, text: str, hypothesis: Hypothesis) -> Slot | None:
        """Return what a text has of what was expected when the utterance began."""
        sure = [word.probability for word in hypothesis.words or ()]
        return slot(self._options.expect, text, hypothesis.language, sure)

    def given_up(self, reason: str, end: int) -> list[Effect]:
        """Return the effect of dead-lettering [start, end) with its audio, before its final.

        An utterance replayed from a dead letter makes no new one.
        """
        if self._work.replay:
            return []
        return [DeadLetter(reason, float_to_pcm16(self._recording.until(end)))]

    def abandoned(self, entries: Sequence[Entry]) -> list[Effect]:
        """Return the effects that end a `broken` utterance once its end is known.

        Not earlier: a client that flushes waits for a final of that reason.
        """
        for event, endpoint in self._events(entries):
            if isinstance(event, Ended):
                self._note_end(event, endpoint)
        if self._ended is None:
            return []
        self.trouble = BROKEN
        end, reason = self._ended.end, self._ended.reason
        action = PublishFinal(self.start, end, reason, Hypothesis(""), failed=True)
        return [*self.given_up(self.broken, end), self.final(action), Done()]

    def _happened(self, event: UtteranceEvent, endpoint: Endpoint | None) -> None:
        match event:
            case Paused(end=end):
                self._pause = end
                if not self.candidate:
                    self.scheduler.paused(end)
            case Resumed() if self.candidate:
                self._pauses.append(self._pause)
            case Resumed():
                self.scheduler.resumed()
            case Ended(end=end, reason=reason):
                self._note_end(event, endpoint)
                for pause in self._pauses:
                    self._clauses.resumed(pause)
                self.scheduler.ended(end, reason)

    def _events(self, entries: Sequence[Entry]) -> Iterator[tuple[UtteranceEvent, Endpoint | None]]:
        """Yield what happened to this utterance, with the stamps of its end."""
        for entry in entries:
            if isinstance(entry, SpeechEntry):
                for event in entry.events:
                    if not isinstance(event, Gap | Dtmf) and event.utterance == self.number:
                        yield event, entry.endpoint

    def _note_end(self, event: Ended, endpoint: Endpoint | None) -> None:
        self._ended, self.decided_at, self._endpoint = event, event.at, endpoint

    def _quietest(self, start: int, end: int) -> int:
        return start + quietest(self._recording.until(end, start))

    def _words_later(self, end: int, hypothesis: Hypothesis) -> tuple[str | None, str]:
        """Return the digest under which the words come later, or None and why they do not."""
        if not self._options.words or hypothesis.words is not None or not hypothesis.text:
            return None, ""
        if hypothesis.language not in ALIGNABLE:
            return None, f"no word times for {hypothesis.language or 'an unknown language'}"
        if not self._work.beside:
            return None, "no aligner is running"
        # A digest of what is hidden could be searched for.
        text = self.screen.text(hypothesis.text, hypothesis.language)
        identity = f"{self.start} {end} {hypothesis.language} {text}"
        return sha1(identity.encode(), usedforsecurity=False).hexdigest()[:16], ""


def unreadable(assignment: Assignment[UtteranceWork | None]) -> Effect:
    """Return the effect of a failed final; the work item may be unreadable."""
    number = int(assignment.key.rpartition("/")[2])
    start = assignment.work.start if assignment.work else 0
    gateway = assignment.work.gateway if assignment.work else ""
    return Commit(number, Final.lost(start, BROKEN), gateway)
