"""Holding back a client that sends faster than it may."""


class PauseReasons:
    """The reasons for not reading a socket; it is read when there is none."""

    def __init__(self) -> None:
        self._reasons: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def add(self, reason: str) -> bool:
        """Add a reason; return whether it is the first, so that reading must stop."""
        first = not self._reasons
        self._reasons.add(reason)
        return first

    def beside(self, reason: str) -> bool:
        """Return whether there is another reason."""
        return not self._reasons <= {reason}

    def remove(self, reason: str) -> bool:
        """Take a reason away; return whether it was the last, so that reading may go on."""
        if reason not in self._reasons:
            return False
        self._reasons.discard(reason)
        return not self._reasons
