"""How the places of an engine were used, and how late finals were; admission uses this.

Pure: times are seconds of any monotonic clock, given as an argument.
"""

from collections.abc import Sequence
from math import exp

USUAL_S = 4.0
"""Audio of the utterance whose decode `cost` tells."""
_LATE = 0.5
"""Seconds after the endpoint when a final is late, not counting its decode on an idle worker."""
_SMOOTHING = 0.2
_FORGETTING = 10.0
"""Time constant (s) with which the cost returns to that of an idle worker without decodes."""


class Meter:
    """Counts what decodes took. One engine, to which speech is `speech` times as dear as noise.

    `occupied`: place-seconds of all decodes, `work`: of finals, tentative and given up ones too,
    each once its utterance is over, since its audio is evidence for the cost of calls only then.
    `ends`: utterances of live calls whose final came, `late`: those of them whose final was late.
    """

    def __init__(self, speech: float = 1.0) -> None:
        self._speech = speech
        self.occupied = 0.0
        self.work = 0.0
        self.ends = 0
        self.late = 0
        self.idle = 0.0
        """Seconds that a final of 4 s of speech takes on an idle worker; 0 if not known."""
        self._cost = 0.0
        self._costed = 0.0
        self._open: dict[str, float] = {}
        """Work for utterances that are not over."""
        self._awaited: dict[str, tuple[float, float]] = {}
        """Utterances that ended and have no final yet: when, and how long their audio is."""

    def calibrated(self, took: float, now: float) -> None:
        """Note how long a final of 4 s of `probe.noise` took without load."""
        self.idle = self._cost = self._speech * took
        self._costed = now

    def opened(self, utterance: str) -> None:
        """Expect an utterance's decodes, until it is forgotten."""
        self._open[utterance] = 0.0

    def spent(self, seconds: float, finals_of: Sequence[str] = ()) -> None:
        """Count place-seconds of a decode for the finals of `finals_of`, or for partials."""
        self.occupied += seconds
        for utterance in finals_of:
            share = seconds / len(finals_of)
            if utterance in self._open:
                self._open[utterance] += share
            else:
                self.work += share

    def decoded(self, audio_s: float, took: float, now: float) -> None:
        """Note that finals of `audio_s` together took `took` place-seconds."""
        each = took * USUAL_S / max(USUAL_S, audio_s)
        before = self.cost(now)
        self._cost = before + _SMOOTHING * (each - before) if before else each
        self._costed = now

    def cost(self, now: float) -> float:
        """Return how long a final of 4 s takes now; 0 if not known.

        A cost under load is meaningless once the load is gone, and without calls there is no newer
        measurement. So it returns to the cost on an idle worker.
        """
        if not self.idle:
            return self._cost
        return self.idle + (self._cost - self.idle) * exp((self._costed - now) / _FORGETTING)

    def ended(self, utterance: str, audio_s: float, now: float) -> None:
        """Note the end of a live call's utterance: its final is awaited now."""
        self._awaited.setdefault(utterance, (now, audio_s))

    def published(self, utterance: str, now: float) -> None:
        """Count an utterance whose awaited final was published."""
        if (awaited := self._awaited.pop(utterance, None)) is not None:
            self.ends += 1
            self.late += self._is_late(*awaited, now)

    def forget(self, utterance: str) -> None:
        """Note that this worker no longer owns an utterance; its final is not awaited here."""
        self._awaited.pop(utterance, None)
        self.work += self._open.pop(utterance, 0.0)

    def overdue(self, now: float) -> int:
        """Return how many finals are late and not there yet."""
        return sum(self._is_late(*awaited, now) for awaited in self._awaited.values())

    def _is_late(self, since: float, audio_s: float, now: float) -> bool:
        return now - since > _LATE + self.idle * max(1.0, audio_s / USUAL_S)
