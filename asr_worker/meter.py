"""What the places of an engine were used for, and how late finals were: what admission goes by.

Pure: times are seconds of any monotonic clock, given as an argument.
"""

from math import exp

USUAL_S = 4.0
"""Audio of the utterance whose decode `cost` tells."""
_SPEECH = 2.0
"""How much dearer speech is than the silence of the probe. Measured: 0.09 s and 0.05 s at 4 s."""
_LATE = 0.5
"""A final is late so many seconds after the end is known, its decode on an idle worker left out."""
_SMOOTHING = 0.2
_FORGETTING = 10.0
"""Time constant (s) with which the cost returns to the idle worker's while nothing is decoded."""


class Meter:
    """Counts what decodes took. One engine.

    `held`: place-seconds of all decodes, `work`: of finals, tentative and given up ones too.
    `ends`: utterances of live calls whose final came, `late`: those of them whose final was late.
    """

    def __init__(self) -> None:
        self.held = 0.0
        self.work = 0.0
        self.ends = 0
        self.late = 0
        self.idle = 0.0
        """What a final of 4 s of speech takes on the idle worker (s); 0 if not known."""
        self._cost = 0.0
        self._costed = 0.0
        self._awaited: dict[str, tuple[float, float]] = {}
        """Utterances that ended and have no final yet: when, and how much audio they are."""

    def calibrated(self, took: float, now: float) -> None:
        """Take in what a final of 4 s of silence took before there was any load."""
        self.idle = self._cost = _SPEECH * took
        self._costed = now

    def spent(self, seconds: float, *, final: bool) -> None:
        """Count place-seconds of a decode."""
        self.held += seconds
        if final:
            self.work += seconds

    def decoded(self, audio_s: float, took: float, now: float) -> None:
        """Take in that finals of so much audio together took so many place-seconds."""
        each = took * USUAL_S / max(USUAL_S, audio_s)
        before = self.cost(now)
        self._cost = before + _SMOOTHING * (each - before) if before else each
        self._costed = now

    def cost(self, now: float) -> float:
        """Return what a final of 4 s takes now; 0 if not known.

        What it took under load says nothing once the load is gone, and without calls nothing
        newer is measured: it returns to what it was on the idle worker.
        """
        if not self.idle:
            return self._cost
        return self.idle + (self._cost - self.idle) * exp((self._costed - now) / _FORGETTING)

    def ended(self, utterance: str, audio_s: float, now: float) -> None:
        """Note that the end of a live call's utterance is known: its final is awaited now."""
        self._awaited.setdefault(utterance, (now, audio_s))

    def published(self, utterance: str, now: float) -> None:
        """Count an utterance whose final is there, if it was awaited."""
        if (awaited := self._awaited.pop(utterance, None)) is not None:
            self.ends += 1
            self.late += self._is_late(*awaited, now)

    def forget(self, utterance: str) -> None:
        """Await no final of an utterance that is not this worker's any more."""
        self._awaited.pop(utterance, None)

    def overdue(self, now: float) -> int:
        """Return how many finals are late and not there yet."""
        return sum(self._is_late(*awaited, now) for awaited in self._awaited.values())

    def _is_late(self, since: float, audio_s: float, now: float) -> bool:
        return now - since > _LATE + self.idle * max(1.0, audio_s / USUAL_S)
