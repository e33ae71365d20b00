"""One utterance in an ASR worker: its audio by position, its schedule, what it publishes."""

from collections.abc import Sequence
from hashlib import sha1

from asr_worker.api import DecodeRequest, Hypothesis, Word
from asr_worker.recording import Recording
from asr_worker.scheduler import (
    Decode,
    PublishFinal,
    PublishPartial,
    UtteranceScheduler,
)
from common.audio import SAMPLE_RATE, float_to_pcm16, samples
from common.bus.keys import Leg
from common.bus.wire import Body, Chunk, Happening
from common.languages import ALIGNABLE
from common.options import SessionOptions
from common.stage.api import Claim, Commit, DeadLetter, Done, Effect, Entry, Offer, Partial

POISONED = "every attempt ended the recogniser"
BROKEN = "it could not be processed"


class Utterance:
    """State of one claim. Pure: entries and answers in, effects and decodes out."""

    def __init__(
        self, leg: Leg, body: Body, *, committed: int, cadence: int, suspect: bool = False
    ) -> None:
        self.number: int = body["utterance"]
        self.source: str = body["source"]
        self.start: int = body["start"]
        self.after: bytes = body["after"]
        """Id in the speech stream after which everything about this utterance lies."""
        self.settled = committed >= self.number
        """Whether the final is in the text already: an earlier owner got that far."""
        self.id = f"{leg}/{self.number}"
        self._replayed: bool = body.get("replay", False)
        self.suspect = suspect or self._replayed
        """Whether it may have ended its former owners: it is then decoded once, when it is over."""
        self._gateway: str = body["gateway"]
        self._align: bool = body["align"]
        self._offered: set[str] = set()
        self._options = SessionOptions.from_wire(body["options"])
        self.scheduler = UtteranceScheduler(
            self.start,
            interim=self._options.interim_results and not self.suspect,
            cadence=cadence,
            first=samples(self._options.min_speech_duration),
        )
        self.trouble = ""
        """Why the last decode failed, for the client to read."""
        self.poison = ""
        """What its decode does to the engine, for the operator; empty as far as is known."""
        self._recording = Recording(self.start)
        self._decided_at = self.start

    def feed(self, entries: Sequence[Entry]) -> None:
        """Take entries of the leg's speech and audio streams."""
        # Audio first: an event is only written after the audio it was decided on.
        for entry in entries:
            if isinstance(entry, Chunk):
                self._recording.add(entry)
        self.scheduler.audio(self._recording.end)
        for entry in entries:
            if isinstance(entry, Happening):
                for event in entry.events:
                    if event.get("utterance") == self.number:
                        self._happened(event)

    def request(self, decode: Decode) -> DecodeRequest:
        """Return the decode the scheduler asked for, with its audio."""
        return DecodeRequest(
            utterance=self.id,
            audio=self._recording.until(decode.end),
            priority=decode.priority,
            language=self._options.language,
            context=self._options.context,
            keywords=self._options.keywords,
            words=self._options.words,
            previous=decode.previous,
            unfixed_s=self._options.unfixed_chunk_num * self._options.chunk_size_sec,
            unfixed_token_num=self._options.unfixed_token_num,
            final=decode.kind is not decode.kind.PARTIAL,
        )

    def partial(self, action: PublishPartial) -> Effect:
        """Return the effect of showing a partial."""
        body: Body = {
            "start": self.start,
            "end": action.end,
            "text": action.text,
            "stable": action.stable,
            "language": action.language,
        }
        return Partial(self.number, body, self._gateway)

    def alignment(self) -> list[Effect]:
        """Return the offer of what is known of the whole utterance to the aligners, once each.

        It is made before the end is certain: the words are then ready when the final is.
        """
        if (whole := self.scheduler.whole) is None:
            return []
        end, hypothesis = whole
        digest, _ = self._words_later(end, hypothesis)
        if digest is None or digest in self._offered:
            return []
        self._offered.add(digest)
        body: Body = {
            "utterance": self.number,
            "digest": digest,
            "source": self.source,
            "start": self.start,
            "end": end,
            "text": hypothesis.text,
            "language": hypothesis.language,
            "gateway": self._gateway,
        }
        return [Offer("align", f"{self.id}/{digest}", body)]

    def final(self, action: PublishFinal) -> Effect:
        """Return the effect of publishing the final."""
        hypothesis = action.hypothesis
        digest, unavailable = self._words_later(action.end, hypothesis)
        answer = action.failed or action.reason in ("flush", "finish")
        body: Body = {
            "t": "final",
            "start": action.start,
            "end": action.end,
            "at": self._decided_at,
            "text": "" if action.failed else hypothesis.text,
            "language": hypothesis.language,
            "words": self._words(hypothesis),
            "align": None if action.failed else digest,
            "unavailable": "" if action.failed else unavailable,
            "reason": action.reason,
            "failed": action.failed,
            "trouble": self.trouble if action.failed else "",
            # Noise taken for speech is not worth a message, unless somebody waits for one.
            "shown": bool(hypothesis.text) or answer,
        }
        return Commit(self.number, body, self._gateway)

    def given_up(self, reason: str, end: int) -> list[Effect]:
        """Return the effect of putting [start, end) aside with its audio, ahead of its final.

        One that is replayed from a dead letter makes no other.
        """
        if self._replayed:
            return []
        return [DeadLetter(reason, float_to_pcm16(self._recording.until(end)))]

    def abandoned(self, reason: str) -> list[Effect]:
        """Return what ends the utterance here and now, after a mistake of ours."""
        self.trouble = BROKEN
        end = self._recording.end
        action = PublishFinal(self.start, end, "failed", Hypothesis(""), failed=True)
        return [*self.given_up(reason, end), self.final(action), Done()]

    def _happened(self, event: Body) -> None:
        match event["t"]:
            case "paused" if not self.suspect:
                self.scheduler.paused(event["end"])
            case "resumed" if not self.suspect:
                self.scheduler.resumed()
            case "ended":
                self._decided_at = event["at"]
                self.scheduler.ended(event["end"], event["reason"])

    def _words(self, hypothesis: Hypothesis) -> list[tuple[str, int, int, float]] | None:
        if hypothesis.words is None:
            return None
        return [self._placed(word) for word in hypothesis.words]

    def _words_later(self, end: int, hypothesis: Hypothesis) -> tuple[str | None, str]:
        """Return the digest under which the words come later, or None and why they do not."""
        if not self._options.words or hypothesis.words is not None or not hypothesis.text:
            return None, ""
        if hypothesis.language not in ALIGNABLE:
            return None, f"no word times for {hypothesis.language or 'an unknown language'}"
        if not self._align:
            return None, "no aligner is running"
        identity = f"{self.start} {end} {hypothesis.language} {hypothesis.text}"
        return sha1(identity.encode(), usedforsecurity=False).hexdigest()[:16], ""

    def _placed(self, word: Word) -> tuple[str, int, int, float]:
        start = self.start + round(word.start * SAMPLE_RATE)
        end = self.start + round(word.end * SAMPLE_RATE)
        return (word.text, start, end, word.probability)


def unreadable(claim: Claim) -> Effect:
    """Return the effect of a failed final for a claim of which not even the body may be known."""
    number = int(claim.key.rpartition("/")[2])
    start = claim.body.get("start", 0)
    body: Body = {
        "t": "final",
        "start": start,
        "end": start,
        "at": start,
        "text": "",
        "language": None,
        "words": None,
        "align": None,
        "unavailable": "",
        "reason": "failed",
        "failed": True,
        "trouble": BROKEN,
        "shown": True,
    }
    return Commit(number, body, claim.body.get("gateway", ""))
