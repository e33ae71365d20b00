"""Latencies of a call as its client can see them, in seconds.

Audio counts as sent when the message with its last sample was handed to the connection. An event is
compared with the sending of its audio.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from callscribe.client.messages import Event, Final, Partial, SpeechEnded

MEASURES: Mapping[str, str] = {
    "first_partial": "first partial, from the start of speech (pre-roll included)",
    "partial_lag": "partial, from the newest audio it covers",
    "endpoint_to_final": "final, from the audio that decided the endpoint",
    "finalisation": "final, from the end of speech",
}
"""The measures' names and what they mean."""


@dataclass
class Sending:
    """When each part of one call's audio was sent."""

    _ends: "array[float]" = field(default_factory=lambda: array("d"))
    _times: "array[float]" = field(default_factory=lambda: array("d"))

    def sent(self, end: float, now: float) -> None:
        """Note that audio up to `end`, in seconds of audio, was sent at `now`."""
        self._ends.append(end)
        self._times.append(now)

    def time_of(self, position: float) -> float | None:
        """Return when the audio at `position` was sent; None when none was sent at all.

        A position past the last audio counts as sent with it.
        """
        if not self._times:
            return None
        # Half a millisecond: the protocol's times are rounded to whole ones.
        index = bisect_left(self._ends, position - 0.0005)
        return self._times[min(index, len(self._times) - 1)]

    def forget(self, before: float) -> None:
        """Forget audio before a position, except the newest."""
        index = min(bisect_left(self._ends, before), len(self._times) - 1)
        if index > 0:
            del self._ends[:index], self._times[:index]


@dataclass
class Latencies:
    """The latencies of one call's events; samples by measure, in order of arrival."""

    sending: Sending = field(default_factory=Sending)
    samples: dict[str, list[float]] = field(default_factory=lambda: {m: [] for m in MEASURES})
    _begun: set[tuple[int, int]] = field(default_factory=set)
    _decided: dict[tuple[int, int], float] = field(default_factory=dict)
    _finals: dict[tuple[int, int], float] = field(default_factory=dict)

    def note(self, event: Event, now: float) -> dict[str, float]:
        """Note an event that arrived at `now`; return the latencies it gives, by measure.

        An endpoint and its final may come in any order: the second one completes the pair.
        """
        found: dict[str, float | None] = {}
        match event:
            case Partial():
                found["partial_lag"] = self._since(event.end, now)
                if (key := (event.channel, event.utterance)) not in self._begun:
                    self._begun.add(key)
                    found["first_partial"] = self._since(event.start, now)
            case SpeechEnded():
                key = (event.channel, event.utterance)
                self._decided[key] = event.at
                if key in self._finals:
                    found["endpoint_to_final"] = self._since(event.at, self._finals[key])
            case Final() if event.end > event.start:
                key = (event.channel, event.utterance)
                self._finals[key] = now
                found["finalisation"] = self._since(event.end, now)
                if key in self._decided:
                    found["endpoint_to_final"] = self._since(self._decided[key], now)
        latencies = {name: value for name, value in found.items() if value is not None}
        for name, value in latencies.items():
            self.samples[name].append(value)
        return latencies

    def _since(self, position: float, now: float) -> float | None:
        sent = self.sending.time_of(position)
        return None if sent is None else now - sent


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that `percent` of them do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, ceil(percent / 100 * len(ordered)) - 1)]
