"""The commands of one consumer in the group over a stage's work items."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from common.bus import keys
from common.redis.resp import Command

_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Consumer:
    """A worker as a member of its stage's consumer group."""

    stage: str
    name: str
    stream: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stream", keys.work_items(self.stage))

    def create_group(self) -> Command:
        """Create the group, and the stream if missing; BUSYGROUP if the group exists."""
        return ("XGROUP", "CREATE", self.stream, self.stage, "0", "MKSTREAM")

    def members(self) -> Command:
        """List the group's members, how long each was idle and how much it has pending."""
        return ("XINFO", "CONSUMERS", self.stream, self.stage)

    def expel(self, member: bytes) -> Command:
        """Remove a member, which must have nothing pending: that would never get an owner again."""
        return ("XGROUP", "DELCONSUMER", self.stream, self.stage, member)

    def read_new(self, count: int) -> tuple[Command, Command]:
        """Adopt work items without an owner; returns the parts before and after BLOCK."""
        return self._read(count), ("STREAMS", self.stream, ">")

    def read_own(self) -> Command:
        """Read all work items that this consumer owns; resets their idle time."""
        return (*self._read(_ALL), "STREAMS", self.stream, "0")

    def acknowledge(self, entries: Sequence[bytes]) -> Command:
        """Give up the ownership of these entries."""
        return ("XACK", self.stream, self.stage, *entries)

    def take_over(self, idle_ms: int, cursor: bytes, count: int) -> Command:
        """Adopt work items idle for `idle_ms` or longer; the answer begins with the next cursor."""
        group = (self.stream, self.stage, self.name)
        return ("XAUTOCLAIM", *group, idle_ms, cursor, "COUNT", count)

    def age(self, entries: Sequence[bytes], idle_ms: int) -> Command:
        """Have own work items count as idle for `idle_ms`."""
        group = (self.stream, self.stage, self.name)
        return ("XCLAIM", *group, 0, *entries, "IDLE", idle_ms, "JUSTID")

    def _read(self, count: int) -> Command:
        return ("XREADGROUP", "GROUP", self.stage, self.name, "COUNT", count)
