"""Options of another library, as one setting holds them."""

import json
from typing import Any

from common.errors import SettingsError


def json_object(text: str | None, source: str) -> dict[str, Any]:
    """Read a JSON object, empty for None; SettingsError names `source`, the flag."""
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise SettingsError(f"{source}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise SettingsError(f"{source}: {text!r} is not a JSON object")
    return value
