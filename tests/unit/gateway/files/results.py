"""Finals and transcripts to format."""

from typing import Any

from common.pipeline.text import TimedWord
from gateway.files.transcript import Transcript
from gateway.protocols.events import Final

SECOND = 16_000


def final(text: str, start: float, *, channel: int = 0, utterance: int = 1, **more: Any) -> Final:
    """An English final that lasts a second for each word, with the times of its words."""
    parts, at = text.split(), round(start * SECOND)
    words = [
        TimedWord(part, at + n * SECOND, at + n * SECOND + 8_000, 0.5)
        for n, part in enumerate(parts)
    ]
    given: dict[str, Any] = {
        "channel": channel,
        "utterance": utterance,
        "seq": utterance,
        "start": at,
        "end": at + len(parts) * SECOND,
        "at": at,
        "text": text,
        "language": "English",
        "words": tuple(words),
        "reason": "silence",
    }
    return Final(**(given | more))


def transcript(*finals: Final, channels: int = 1, language: str | None = None) -> Transcript:
    """The transcript of a file of ten seconds."""
    whole = Transcript("call", 1_700_000_000.5, "ab" * 32, channels, language)
    for each in finals:
        whole.hear(each)
    whole.finish(10 * SECOND)
    return whole
