"""The part of an answer that the next decode of a longer utterance continues.

Prefix rollback of the official streaming API (QwenLM/Qwen3-ASR 7c6daf7, qwen_asr/inference/
qwen3_asr.py, `streaming_transcribe`): the whole raw answer, header included, is encoded again and
its last tokens are dropped; the model writes them again with more audio. The cut may fall on any
token, so a short answer continues from `language`, from `language English`, or from nothing. The
published streaming error rates were measured in this way.
"""

from collections.abc import Callable, Sequence


def prefix(
    raw: str,
    count: int,
    encode: Callable[[str], Sequence[int]],
    decode: Callable[[Sequence[int]], str],
) -> str:
    """Return `raw` without its last `count` tokens, "" if it has no more.

    `encode` and `decode` are the tokenizer's, without special tokens added. Tokens may end inside
    a character, which `decode` shows as U+FFFD: more are dropped until the text does not end so.
    If an answer spells out a chat token (`<|…|>`), a prompt would turn it into that token: the
    answer is rolled back to before the first one.
    """
    ids = encode(raw.partition("<|")[0])
    for end in range(len(ids) - count, 0, -1):
        text = decode(ids[:end])
        # A byte-level cut can spoil nothing but the last character.
        if not text.endswith("\ufffd"):
            return text
    return ""
