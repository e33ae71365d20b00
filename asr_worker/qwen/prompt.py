"""The prompt of a Qwen3-ASR decode.

The prompt is that of the official SDK (QwenLM/Qwen3-ASR 7c6daf7, qwen_asr/inference/
qwen3_asr.py, `_build_messages` and `_build_text_prompt` with the checkpoint's chat template): the
system turn is there even when it is empty, and a forced language is the start of the answer.
"""

import re

from asr_worker.api import DecodeRequest, LanguageUnsupported
from common.errors import Misuse
from common.languages import QWEN_BY_CODE, code_of

_BRACKET = re.compile(r"([<>])")
_TAG_NAME = re.compile(r"/?\w+", re.ASCII)


def sanitised(text: str) -> str:
    """Return `text` free of control tokens, and of whatever could become part of one.

    `<|…|>`, `<asr_text>`, `<timestamp>` and every other `<name>` or `</name>` are removed,
    innermost first, so that nested ones go too. Every control token of the vocabulary starts with
    `<` and ends with `>`. So remaining brackets become spaces, and text around the result cannot
    complete a token either. Surrogates, which no tokenizer accepts, are removed too. Sanitising
    twice changes nothing. Linear in len(text).
    """
    text = text.encode("utf-8", "ignore").decode()
    done: list[str] = []
    opened: list[list[str]] = []  # the text before each `<` that may still be closed
    current: list[str] = []
    for index, part in enumerate(_BRACKET.split(text)):
        if index % 2 == 0:
            current.append(part)
        elif part == "<":
            opened.append(current)
            current = []
        elif opened and _is_tag("".join(current)):
            current = opened.pop()
        else:
            # Tags contain no brackets, so no `<` before this `>` can be closed behind it.
            done += ["".join(before) for before in [*opened, current]]
            opened, current = [], []
    return " ".join([*done, *("".join(before) for before in [*opened, current])])


def system_text(context: str, keywords: tuple[str, ...]) -> str:
    """Return the system turn: the context, then a line with the keywords, all sanitised."""
    listed = ", ".join(clean for word in keywords if (clean := sanitised(word).strip()))
    return "\n".join(line for line in (sanitised(context).strip(), listed) if line)


def language_name(language: str) -> str:
    """Return Qwen3-ASR's name of a language, from its name or ISO 639 code in any case.

    Raises LanguageUnsupported for any other.
    """
    name = QWEN_BY_CODE.get(code_of(language))
    if name is None:
        raise LanguageUnsupported(
            f"language {language[:40]!r}: Qwen3-ASR knows {len(QWEN_BY_CODE)} languages only"
        )
    return name


def languages(request: DecodeRequest) -> tuple[str, ...]:
    """Return Qwen3-ASR's names of the languages that a request can be in; none: any.

    One is told. Those that the model does not know are left out; LanguageUnsupported if that leaves
    none.
    """
    wanted = request.languages if request.language is None else (request.language,)
    codes = map(code_of, wanted)
    known = tuple(QWEN_BY_CODE[code] for code in codes if code in QWEN_BY_CODE)
    return known or tuple(map(language_name, wanted[:1]))


def prompt(system: str, clips: int, language: str | None, prefix: str = "") -> str:
    """Return the prompt of one decode over `clips` consecutive clips of one recording.

    `system` is a `system_text()`, `language` a `language_name()` to force or None to detect.
    `prefix` is the start of the answer to continue (`rollback.prefix()`): only text if a language
    is forced, else with its `language X<asr_text>`. Raises Misuse without a clip.
    """
    if clips < 1:
        raise Misuse(f"a prompt over {clips} clips")
    forced = "" if language is None else header(language)
    return (
        f"<|im_start|>system\n{system}<|im_end|>\n"
        f"<|im_start|>user\n<|audio_start|>{'<|audio_pad|>' * clips}<|audio_end|><|im_end|>\n"
        f"<|im_start|>assistant\n{forced}{prefix}"
    )


def header(language: str) -> str:
    """Return how an answer in a language begins."""
    return f"language {language}<asr_text>"


def _is_tag(inner: str) -> bool:
    piped = len(inner) > 1 and inner[0] == inner[-1] == "|"
    return piped or _TAG_NAME.fullmatch(inner) is not None
