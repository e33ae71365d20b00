import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asr_worker.align.units import units
from common.languages import ALIGNABLE


def read(text, language):
    return [unit.text for unit in units(text, language)]


def said(text, language):
    words: list[str] = []
    for unit in units(text, language):
        if unit.begins:
            words.append(unit.written)
        else:
            words[-1] += unit.written
    return words


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Hello, world! Don't.", "English", ["Hello", "world", "Don't"]),
        ("twenty-one 3.5 %", "English", ["twentyone", "35"]),
        ("¿Qué? «Señor»", "Spanish", ["Qué", "Señor"]),
        ("fin de l'été", "French", ["fin", "de", "l'été"]),
        ("fin de l'e\u0301te\u0301", "French", ["fin", "de", "l'été"]),
        ("你好，world 世界", "Chinese", ["你", "好", "world", "世", "界"]),
        ("GPT-4模型", "Cantonese", ["GPT4", "模", "型"]),
        ("はい、東京です。", "Japanese", ["は", "い", "東", "京", "で", "す"]),
        ("안녕하세요. 반갑습니다", "Korean", ["안녕하세요", "반갑습니다"]),
        ("the word 水 means water", "English", ["the", "word", "水", "means", "water"]),
        ("'quoted' text", "English", ["quoted'", "text"]),
        ("... — ' !", "English", []),
        ("", "English", []),
    ],
)
def test_what_the_model_reads(text, language, expected):
    assert read(text, language) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Hello,  world! Don't.", "English", ["Hello,", "world!", "Don't."]),
        ("well — «yes» … (no", "English", ["well —", "«yes» …", "(no"]),
        ("— yes", "English", ["— yes"]),
        ("say 你好吗 now", "English", ["say", "你好吗", "now"]),
        ("foo(bar) baz", "German", ["foo(bar)", "baz"]),
        ("你好，「世界」 world!", "Chinese", ["你", "好，", "「世", "界」 ", "world!"]),
    ],
)
def test_the_words_say_the_text(text, language, expected):
    assert said(text, language) == expected


@pytest.mark.parametrize("token", ["<timestamp>", "<|audio_pad|>", "<|im_end|>", "<asr_text>"])
def test_no_control_token_reaches_the_model(token):
    read_back = read(f"a {token} b{token}c <{token}{token}>", "English")
    assert not set("".join(read_back)) & set("<|>_")


@given(st.text(), st.sampled_from(sorted(ALIGNABLE)))
@example("\u0301a", "English")
@example("'", "Chinese")
@example("\ufada", "Cantonese")  # no character, among the ideographs
@example("\u30fb\u30a2\u30fb\u3099", "Japanese")  # punctuation and an accent among kana
def test_nothing_of_any_text_is_lost(text, language):
    found = units(text, language)
    joint = "" if language in ("Chinese", "Cantonese", "Japanese") else " "
    if found:
        assert joint.join(said(text, language)) == " ".join(text.split())
        assert found[0].begins
    for unit in found:
        assert any(character.isalnum() for character in unit.text)
        assert not set(unit.text) & set("<|> ")
