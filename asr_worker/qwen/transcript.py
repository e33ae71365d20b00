"""The text of a raw answer of Qwen3-ASR, and its language.

The model answers `language English<asr_text>the words`, or `language None<asr_text>` without
speech. As the official parser (QwenLM/Qwen3-ASR 7c6daf7, qwen_asr/inference/utils.py,
`parse_asr_output`): the part before the first tag does not belong to the text; an answer without a
tag is all text; if a language is forced, the prompt has the tag and the answer is all text.

Beyond that parser, which would show markup to readers:
- An answer cut inside its header (`langu`, `language Engl`, `language English<asr_`) has no text
  yet. Only the start of a header with a known language counts, so that a model without headers
  keeps all of "Language learning is fun".
- Further headers inside the text are removed, the text on both sides stays; the first known name
  counts.
- Bytes of an unfinished character (U+FFFD at the end) are removed.
"""

import re
from dataclasses import dataclass

from common.languages import QWEN_BY_CODE

_TAG = "<asr_text>"
_HEADER_WORD = "language"
_SPLIT = re.compile(_TAG, re.IGNORECASE)
_NAMES = {name.lower(): name for name in QWEN_BY_CODE.values()}
_NOBODY = "none"
_UNFINISHED = " \t\r\n\u00a0\u3000\ufffd"


@dataclass(frozen=True, slots=True)
class Transcript:
    """Stripped text, maybe empty, and its language.

    `language` is a name of `common.languages`; None for no speech and for any other name.
    """

    language: str | None
    text: str


def parse(raw: str, forced: str | None) -> Transcript:
    """Read the raw answer, rollback prefix included; `forced` is the language the prompt forced."""
    *headed, last = _SPLIT.split(raw.strip())
    last = _without_cut_tag(last)
    if forced is None and not headed and _starts_header(last):
        return Transcript(None, "")
    split = [_without_header(part) for part in headed]
    texts = [*(text for text, _ in split), last]
    named = next((name for _, name in split if name), None)
    text = "".join(texts[1:] if forced is None and headed else texts)
    return Transcript(forced or named, text.strip().rstrip(_UNFINISHED))


def _without_header(part: str) -> tuple[str, str | None]:
    """Split the part before a tag into text and the known language of its header."""
    words = part.rsplit(None, 1)
    if len(words) < 2 or words[0][-len(_HEADER_WORD) :].lower() != _HEADER_WORD:
        return part, None
    return words[0][: -len(_HEADER_WORD)], _NAMES.get(words[1].strip().lower())


def _without_cut_tag(text: str) -> str:
    """Drop an unfinished tag at the end of the answer."""
    start = text.rfind("<")
    cut = start >= 0 and _TAG.startswith(text[start:].lower())
    return text[:start] if cut else text


def _starts_header(answer: str) -> bool:
    """Tell whether an answer without a tag is a header, or the start of one."""
    word, name = [*answer.lower().split(None, 1), "", ""][:2]
    if not name:
        return _HEADER_WORD.startswith(word)
    return word == _HEADER_WORD and any(each.startswith(name) for each in (*_NAMES, _NOBODY))
