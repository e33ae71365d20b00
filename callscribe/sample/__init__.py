"""A short call of two parties, with its words."""

import json
from pathlib import Path
from typing import Any

AUDIO = Path(__file__).with_name("sample_call.wav")
"""8 kHz mu-law, the agent on channel 0, the caller on channel 1."""
DESCRIPTION = Path(__file__).with_name("sample_call.json")


def references() -> list[str]:
    """Return what is said on each channel."""
    description: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return list(description["text"])
