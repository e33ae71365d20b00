"""The part of an answer that the next decode of a longer utterance goes on from.

Prefix rollback of the official streaming API (QwenLM/Qwen3-ASR 7c6daf7, qwen_asr/inference/
qwen3_asr.py, `streaming_transcribe`): the whole raw answer, header included, is encoded again and
its last tokens are dropped; the model writes them anew with more audio to hear. The cut falls on
any token, so a short answer goes on from `language`, from `language English`, or from nothing:
that is what the published streaming error rates were measured with.
"""

from collections.abc import Callable, Sequence


def prefix(
    raw: str,
    count: int,
    encode: Callable[[str], Sequence[int]],
    decode: Callable[[Sequence[int]], str],
) -> str:
    """Return `raw` without its last `count` tokens, "" if it has no more than that.

    `encode` and `decode` are the tokenizer's, without special tokens added. Tokens may end inside
    a character, which `decode` shows as U+FFFD: as many more go as it takes not to end so.
    An answer that spells out a chat token (`<|…|>`) would be read as that token when it comes back
    in a prompt: it is rolled back to before the first.
    """
    ids = encode(raw.partition("<|")[0])
    for end in range(len(ids) - count, 0, -1):
        text = decode(ids[:end])
        # A byte-level cut can spoil nothing but the last character.
        if not text.endswith("\ufffd"):
            return text
    return ""
