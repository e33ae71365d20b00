"""Whether Redis deletes keys of its own accord once its memory is full."""

from collections.abc import Iterable

from common.bus import commands
from common.redis.link import CommandError, Link, Reply
from common.telemetry.logs import Log

_WANTED = "noeviction"

_log = Log(__name__)


class Eviction:
    """Tells in the log when the policy of a server becomes one that deletes keys."""

    def __init__(self) -> None:
        self._policy: str | None = None

    def note(self, infos: Iterable[Reply]) -> None:
        """Look at what every server answered to `commands.memory()`."""
        former, self._policy = self._policy, evicting(infos)
        if self._policy is not None and self._policy != former:
            _log.warning("redis.evicts", reason=complaint(self._policy))


def evicting(infos: Iterable[Reply]) -> str | None:
    """Return the policy of a server that deletes keys, None if there is none."""
    for info in infos:
        if isinstance(info, CommandError):  # loading, failing over
            continue
        policy: str = info.partition(b"maxmemory_policy:")[2].partition(b"\r")[0].decode()
        if policy not in ("", _WANTED):
            return policy
    return None


def complaint(policy: str) -> str:
    """Say what is wrong with a policy."""
    return (
        f"maxmemory-policy is {policy}: when its memory is full Redis deletes audio and work of"
        f" running calls; set {_WANTED}"
    )


async def look(link: Link) -> str | None:
    """Return what is wrong with the policy of Redis, or None. Raises BusUnavailable."""
    policy = evicting(await link.everywhere(commands.memory()))
    return None if policy is None else complaint(policy)
