"""Rollback by tokens, with a trained byte-level BPE and with bare bytes, the worst case."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from asr_worker.qwen.rollback import prefix

TEXTS = [
    "language English<asr_text>Ask not what your country can do for you.",
    "language Chinese<asr_text>你好，世界。今天天气很好。",
    "language Thai<asr_text>สวัสดีครับ วันนี้อากาศดี",
    "language Arabic<asr_text>مرحبا بالعالم",
    "language Hindi<asr_text>नमस्ते दुनिया",
    "language English<asr_text>fine 👍🏽 👩‍👩‍👧 🇩🇪",
]


def byte_ids(text: str) -> Sequence[int]:
    return list(text.encode())


def byte_text(ids: Sequence[int]) -> str:
    return bytes(ids).decode(errors="replace")


def trained() -> Tokenizer:
    """Return a tokenizer of the checkpoint's kind, too small to have a token per character."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens([AddedToken("<asr_text>", special=False, normalized=False)])
    return tokenizer


BPE = trained()


def bpe_ids(text: str) -> Sequence[int]:
    return BPE.encode(text, add_special_tokens=False).ids


def bpe_text(ids: Sequence[int]) -> str:
    return BPE.decode(list(ids), skip_special_tokens=False)


WORDS = ["language", " English", "<asr_text>", "Ask", " not", " what"]


def word_ids(text: str) -> Sequence[int]:
    assert text == "".join(WORDS)
    return range(len(WORDS))


def word_text(ids: Sequence[int]) -> str:
    return "".join(WORDS[each] for each in ids)


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        (0, "language English<asr_text>Ask not what"),
        (1, "language English<asr_text>Ask not"),
        (3, "language English<asr_text>"),
        (5, "language"),
        (6, ""),
        (7, ""),
    ],
)
def test_the_last_tokens_go_header_or_not(count: int, kept: str):
    assert prefix("".join(WORDS), count, word_ids, word_text) == kept


def test_a_cut_inside_a_character_moves_to_its_start():
    for count in (1, 2, 3):
        assert prefix("ok 你", count, byte_ids, byte_text) == "ok "
    assert prefix("ok 👍", 1, byte_ids, byte_text) == "ok "
    assert prefix("สว", 4, byte_ids, byte_text) == ""


def test_nothing_comes_of_nothing():
    assert prefix("", 5, byte_ids, byte_text) == ""
    assert prefix("\ufffd", 0, byte_ids, byte_text) == ""


def test_unfinished_characters_of_the_answer_itself_are_not_carried_on():
    assert prefix("好\ufffd", 0, byte_ids, byte_text) == "好"
    # In the middle they are text like any other, or a long answer would be lost for one of them.
    assert prefix("a\ufffdbcd", 2, byte_ids, byte_text) == "a\ufffdb"
    assert prefix("a\ufffdbcd", 3, byte_ids, byte_text) == "a"


def test_a_chat_token_that_was_spelled_out_is_never_carried_on():
    assert prefix("ab<|im_end|>c", 0, byte_ids, byte_text) == "ab"
    assert prefix("ab<|im_end|>c", 1, byte_ids, byte_text) == "a"


RAW = st.one_of(
    st.sampled_from(TEXTS).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda end: text[:end])
    ),
    st.text(max_size=30),
)


@pytest.mark.parametrize(
    ("encode", "decode"), [(byte_ids, byte_text), (bpe_ids, bpe_text)], ids=["bytes", "bpe"]
)
@given(raw=RAW, count=st.integers(0, 40))
def test_the_prefix_is_the_longest_that_is_whole(raw, count, encode, decode):
    result = prefix(raw, count, encode, decode)
    assert raw.startswith(result)
    assert not result.endswith("\ufffd")
    assert "<|" not in result
    if "\ufffd" not in raw and "<|" not in raw:
        ids = encode(raw)
        cuts = [decode(ids[:end]) for end in range(len(ids) - count + 1)]
        assert result in (cuts or [""])
        assert all("\ufffd" in cut for cut in cuts if len(cut) > len(result))


def test_the_small_vocabulary_does_cut_characters():
    cut = [decoded for end in range(60) if (decoded := bpe_text(bpe_ids(TEXTS[2])[:end]))]
    assert any(text.endswith("\ufffd") for text in cut)
