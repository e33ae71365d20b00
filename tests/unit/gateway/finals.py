"""A final to tell clients of, where a test cares for little of it."""

from typing import Any

from gateway.protocols.events import Final


def a_final(**given: Any) -> Final:
    """Return the first final of a call, half a second long: its fields are `given`, or usual."""
    usual: dict[str, Any] = {
        **{"channel": 0, "utterance": 1, "seq": 1, "start": 0, "end": 8_000, "at": 9_000},
        **{"text": "hello", "language": None, "words": None, "reason": "silence"},
    }
    return Final(**(usual | given))
