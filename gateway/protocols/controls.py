"""Controls that a client sends in binary messages, which are for audio."""

import json
import re

_BEGINS = re.compile(rb"\s*\{")


def is_object(data: bytes) -> bool:
    """Tell whether a binary message is a JSON object in UTF-8.

    Audio is none: it would have to begin and end with a brace, and be JSON in between.
    """
    if not _BEGINS.match(data) or not data.rstrip().endswith(b"}"):
        return False
    try:
        return isinstance(json.loads(data.decode()), dict)
    except (ValueError, RecursionError):
        return False
