"""What is simulated: calls of chance, or those of a recording."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from bench.scaler.load import Load, arrivals, length
from bench.scaler.recording import Recording
from bench.scaler.simulation import Pool, Told


@dataclass(frozen=True)
class Chance:
    """Calls that arrive and last at random, and metrics without lag that see each of them."""

    load: Load
    seed: int

    def calls(self) -> Iterator[list[float]]:
        """See `Traffic`."""
        rng = Random(self.seed)
        yield [length(rng) for _ in range(round(self.load.calls(0)))]
        for now, new in enumerate(arrivals(self.load, rng)):
            yield [now + length(rng) for _ in range(new)]

    def told(self, pool: Pool, now: int, scraped: int) -> Told:
        """See `Traffic`."""
        return Told(scraped * pool.per_call + pool.buffer, 0.0)


@dataclass(frozen=True)
class Replay:
    """Calls that begin and end as recorded, and the metrics that a real Prometheus gave.

    The pool's buffer replaces that of the day of the recording.
    """

    recording: Recording

    def calls(self) -> Iterator[list[float]]:
        """See `Traffic`."""
        first: list[float] = []
        new: list[list[float]] = [[] for _ in range(self.recording.seconds)]
        for start, end in self.recording.calls:
            (new[int(start)] if start > 0 else first).append(end)
        yield first
        yield from new

    def told(self, pool: Pool, now: int, scraped: int) -> Told:
        """See `Traffic`; gateways have no lag."""
        answers, look = self.recording.answers, int(now / self.recording.look_s)
        units = answers[f"{pool.name} units"][look]
        if units is not None:
            units += pool.buffer - self.recording.buffers[pool.name]
        lag = answers.get(f"{pool.name} lag")
        return Told(units, 0.0 if lag is None else lag[look])
