"""What the tests have measured, as tables for people."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.containers.calls import Tally


@dataclass
class Profile:
    """What was seen of a profile."""

    healthy_s: float = 0.0
    heard: str = "-"
    killed: int = 0
    restarted: int = 0
    tally: Tally = field(default_factory=Tally)

    def add(self, tally: Tally, *, killed: int = 0, restarted: int = 0) -> None:
        """Count the calls of a disturbance too."""
        self.killed += killed
        self.restarted += restarted
        self.tally.calls += tally.calls
        self.tally.words.add(tally.words)
        self.tally.resumed += tally.resumed
        self.tally.outage = max(self.tally.outage, tally.outage)
        self.tally.refused += tally.refused


@dataclass
class Results:
    """Profiles by their names, and the sizes of images in bytes."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)

    def of(self, name: str) -> Profile:
        """Return the figures of a profile."""
        return self.profiles.setdefault(name, Profile())

    def lines(self) -> Iterator[str]:
        """Yield the lines of the tables."""
        if self.profiles:
            yield (
                "profile    | healthy s | call  | kills | restarts | calls | words"
                " | lost | doubled | changed | resumed | longest outage s | refused"
            )
        for name, each in self.profiles.items():
            words = each.tally.words
            yield (
                f"{name:10} | {each.healthy_s:9.1f} | {each.heard:5} | {each.killed:5}"
                f" | {each.restarted:8} | {each.tally.calls:5} | {words.words:5}"
                f" | {words.lost:4} | {words.doubled:7} | {words.changed + words.reordered:7}"
                f" | {each.tally.resumed:7} | {each.tally.outage:16.1f} | {each.tally.refused:7}"
            )
        for name, size in self.images.items():
            yield f"{name:24} {size / 1e6:6.0f} MB"
