"""What of an expected answer was said, as it stands beside an utterance's text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """The `value` of this kind, empty if none was said; see `common.expectation`.

    `valid`: it is as was expected. `complete`: nothing can come behind it.
    """

    kind: str
    value: str
    valid: bool
    complete: bool
