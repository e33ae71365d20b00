"""Reading raw answers: headers, silence, cut headers, several tags, unfinished characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.qwen.transcript import Transcript, parse
from common.languages import QWEN_BY_CODE


@pytest.mark.parametrize(
    ("raw", "language", "text"),
    [
        ("language English<asr_text>Ask not.", "English", "Ask not."),
        ("language Chinese<asr_text>你好，世界。", "Chinese", "你好，世界。"),
        ("language None<asr_text>", None, ""),
        ("language None<asr_text>Uh huh.", None, "Uh huh."),
        ("no tag at all", None, "no tag at all"),
        (" language English \n", None, ""),
        ("", None, ""),
        ("  Language\tENGLISH <ASR_TEXT>\n Hi ", "English", "Hi"),
        ("language english<asr_text>Hi", "English", "Hi"),
        ("language Klingon<asr_text>Qapla'", None, "Qapla'"),
        ("<asr_text>Hi", None, "Hi"),
        ("language<asr_text>Hi", None, "Hi"),
        ("assistant\nlanguage Thai<asr_text>สวัสดี", "Thai", "สวัสดี"),
        ("language Hindi<asr_text>नमस्ते 👋", "Hindi", "नमस्ते 👋"),
        ("language Arabic<asr_text>مرحبا\ufffd\ufffd", "Arabic", "مرحبا"),
        ("language Chinese<asr_text>你\ufffd好 \ufffd", "Chinese", "你\ufffd好"),
        ("language English<asr_text>the language English", "English", "the language English"),
    ],
)
def test_detected_language(raw: str, language: str | None, text: str):
    assert parse(raw, None) == Transcript(language, text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Ask not. ", "Ask not."),
        ("language English", "language English"),
        ("lang", "lang"),
        ("language German<asr_text>Hallo", "Hallo"),
        ("ja<asr_text>nein", "janein"),
        ("", ""),
    ],
)
def test_under_a_forced_language_everything_is_text(raw: str, text: str):
    assert parse(raw, "German") == Transcript("German", text)


def test_further_headers_go_and_the_text_around_them_stays():
    raw = "language English<asr_text>Hello language German<asr_text>Hallo<asr_text>!"
    assert parse(raw, None) == Transcript("English", "Hello Hallo!")
    assert parse("language None<asr_text>language Thai<asr_text>ดี", None) == Transcript("Thai", "ดี")


@pytest.mark.parametrize("name", [*QWEN_BY_CODE.values(), "None"])
def test_an_answer_cut_anywhere_inside_its_header_shows_nothing(name: str):
    header = f"language {name}<asr_text>"
    for end in range(len(header)):
        assert parse(header[:end], None) == Transcript(None, ""), header[:end]


@pytest.mark.parametrize(
    "raw", ["Language learning is fun", "languages", "language Englishman", "I"]
)
def test_text_that_only_resembles_a_header_is_text(raw: str):
    assert parse(raw, None) == Transcript(None, raw)


def test_a_tag_cut_inside_the_text_does_not_show():
    assert parse("language English<asr_text>Hello<asr_te", None).text == "Hello"
    assert parse("Hello<", "English").text == "Hello"
    assert parse("1 <2", "English").text == "1 <2"


RAW = st.lists(
    st.sampled_from(
        [
            "language",
            " ",
            "English",
            "None",
            "<asr_text>",
            "<asr",
            "\ufffd",
            "你",
            "ไม่",
            "hi",
            "\u3000",
        ]
    ),
    max_size=14,
).map("".join)


@given(RAW, st.sampled_from([None, "Thai"]))
def test_no_markup_and_no_unfinished_character_is_shown(raw: str, forced: str | None):
    result = parse(raw, forced)
    assert "<asr_text>" not in result.text
    assert result.text == result.text.strip()
    assert not result.text.endswith("\ufffd")
    assert result.language in {forced, None, *QWEN_BY_CODE.values()}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["language ", " ", "language English<asr_text>", "<", "\ufffd "])
def test_hostile_answers_take_linear_time(piece: str):
    assert len(parse(piece * 100_000, None).text) <= len(piece) * 100_000
