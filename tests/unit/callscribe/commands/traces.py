"""Traces as a gateway tells them."""

from typing import Any

AT = 1_795_264_658.0
STAMPS: dict[str, float | None] = {
    "spoken": AT,
    "received": AT + 0.8,
    "stored": AT + 0.803,
    "denoised": None,
    "heard": AT + 0.815,
    "endpoint": AT + 0.816,
    "decode_begun": AT + 0.3,
    "decode_ended": AT + 0.55,
    "committed": AT + 0.8211,
    "sent": AT + 0.8237,
}
LATE = STAMPS | {"decode_begun": AT + 0.82, "decode_ended": AT + 1.02} | {"committed": AT + 1.021}
LATE |= {"sent": AT + 1.0234}


def utterance(
    number: int, *, words: int = 0, stamps: dict[str, float | None] | None = None, **given: Any
) -> dict[str, Any]:
    """Return one utterance of a trace; its words were received 2 s before its end and later."""
    found: dict[str, Any] = {
        "session_id": "s",
        "channel": 0,
        "utterance": number,
        "seq": number,
        "start": 1.0,
        "end": 4.0,
        "reason": "silence",
        "text_length": 20,
        "stamps": STAMPS if stamps is None else stamps,
        "parts": [],
        "workers": {"gateway": "g", "denoise": None, "vad": "v", "asr": "a"},
        **given,
    }
    if words:
        found["words"] = [
            {"index": n + 1, "start": 1.0 + n, "end": 1.9 + n, "received": AT - 2.0 + n}
            for n in range(words)
        ]
    return found


def trace(*utterances: dict[str, Any]) -> dict[str, Any]:
    """Return a trace."""
    facts = {"session_ids": ["s"], "conversation_id": None, "complete": True}
    return {**facts, "utterances": list(utterances)}
