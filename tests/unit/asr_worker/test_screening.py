"""The texts of an utterance: what was shown as stable stays, whoever goes on with it."""

from dataclasses import replace
from typing import Any

import pytest

from asr_worker.screening import TextScreen, screen_for
from common.options import SessionOptions
from common.pipeline.partial import PartialText
from common.pipeline.text import Final, Hidden, TimedWord, Words
from common.pipeline.work import TextWork
from common.stage.screen import UNCHANGED, Screen

CARD = "four five three two one one one one two two two two three three three three"
DIGITS = SessionOptions(numbers="digits")
HIDDEN = SessionOptions(language="English", redact=("pci",))


def partial(text: str, stable: str = "", language: str | None = "English") -> PartialText:
    assert text.startswith(stable)
    return PartialText(0, 16_000, text, len(stable), language)


def final(text: str, language: str | None = "English", **fields: Any) -> Final:
    return Final(
        start=0, end=16_000, at=16_000, reason="silence", text=text, language=language, **fields
    )


def shown(screen: Screen, text: str, stable: str = "") -> tuple[str, str]:
    said = screen.partial(partial(text, stable))
    return said.text[: said.stable], said.text[said.stable :]


@pytest.mark.parametrize("options", [SessionOptions(), SessionOptions(language="German")])
def test_a_call_that_asks_for_nothing_has_no_screen(options):
    assert screen_for(options, partial("seven", "seven")) is UNCHANGED


def test_a_number_is_stable_once_it_is_over():
    screen = TextScreen(DIGITS)
    assert shown(screen, "I have twenty", "I have") == ("I", " have 20")
    assert shown(screen, "I have twenty five cats", "I have twenty five") == ("I", " have 25 cats")
    assert shown(screen, "I have twenty five cats", "I have twenty five cats") == (
        "I have 25",
        " cats",
    )
    assert screen.final(final("I have twenty five cats")).text == "I have 25 cats"


def test_what_was_stable_stays_where_the_recogniser_contradicts_it():
    screen = TextScreen(DIGITS)
    stable, _ = shown(screen, "I have twenty five cats and", "I have twenty five cats and")
    assert stable == "I have 25 cats"
    assert shown(screen, "I have thirty five cats and dogs")[0] == stable
    assert screen.final(final("I have thirty five cats and dogs")).text == f"{stable} and dogs"


@pytest.mark.parametrize("options", [DIGITS, HIDDEN])
def test_another_owner_goes_on_from_what_was_shown(options):
    screen = screen_for(options, partial("so my number is 42 and", "so my number is 42"))
    text = "so my number is forty two and that is all"
    assert shown(screen, text) == ("so my number is 42", text.partition("forty two")[2])
    assert screen.final(final(text)).text.startswith("so my number is")


def test_a_mask_that_was_shown_stays_with_another_owner():
    first = TextScreen(HIDDEN)
    text = f"my card is {CARD} he said to me"
    stable, _ = shown(first, text, text)
    assert stable == "my card is [CREDIT_CARD] he said to"
    second = screen_for(HIDDEN, partial(f"{stable} me", stable))
    assert shown(second, f"{text} today") == (stable, " me today")
    assert second.final(final(f"{text} today")).text == f"{stable} me today"


def test_words_behind_the_end_are_those_of_the_next_utterance():
    screen = TextScreen(DIGITS)
    early = PartialText(
        0, 16_000, "twenty five cats and more", len("twenty five cats and"), "English"
    )
    late = replace(early, end=40_000, text="twenty five cats and more dogs to", stable=30)
    assert screen.partial(early).stable == len("25 cats")
    assert screen.partial(late).text == "25 cats and more dogs to"
    assert screen.final(final("twenty five cats and")).text == "25 cats and"
    assert screen.final(replace(final("twenty five cats and"), end=80_000)).text.startswith(
        "25 cats and more"
    )


def test_other_languages_are_left_as_they_are():
    screen = TextScreen(DIGITS)
    assert (
        screen.partial(partial("eins zwei twenty", language="Hungarian")).text == "eins zwei twenty"
    )
    assert screen.final(final("twenty five", language="Hungarian")).text == "twenty five"
    assert screen.final(final("twenty five", language=None)).text == "twenty five"


def test_words_agree_with_the_text():
    said = ["it", "costs", "twenty", "five", "dollars", "today"]
    words = tuple(
        TimedWord(word, 100 * n, 100 * n + 80, 0.9 - n / 10) for n, word in enumerate(said)
    )
    shown = TextScreen(DIGITS).final(final(" ".join(said), words=words))
    assert shown.text == "it costs $25 today"
    assert shown.words == (
        words[0],
        words[1],
        TimedWord("$25", 200, 480, pytest.approx(0.5)),  # type: ignore[arg-type]
        words[5],
    )


def test_a_secret_is_in_no_part_of_a_final():
    said = f"it is {CARD} he said".split()
    words = tuple(TimedWord(word, 100 * n, 100 * n + 80, 0.9) for n, word in enumerate(said))
    screen = TextScreen(replace(HIDDEN, words=True))
    shown = screen.final(final(" ".join(said), words=words, trouble=CARD))
    assert shown.text == "it is [CREDIT_CARD] he said"
    assert shown.words is not None
    assert [word.text for word in shown.words] == shown.text.split()
    assert [word.start for word in shown.words] == [0, 100, 200, 1800, 1900]
    assert shown.trouble == "[CREDIT_CARD]"
    assert shown.hidden == (Hidden("credit_card", 0, 1780 + 3200),)


def test_what_was_hidden_has_a_place():
    said = f"so it is {CARD} he said to us".split()
    times = [(16_000 * n, 16_000 * n + 9_000) for n in range(len(said))]
    words = tuple(TimedWord(word, *time, 0.9) for word, time in zip(said, times, strict=True))
    whole = replace(final(" ".join(said), words=words), end=16_000 * len(said))
    shown = TextScreen(HIDDEN).final(whole)
    assert shown.words is None, "they were not asked for"
    assert shown.hidden == (Hidden("credit_card", 3 * 16_000 - 3_200, 18 * 16_000 + 9_000 + 3_200),)
    without = TextScreen(HIDDEN).final(replace(whole, words=None))
    assert without.hidden == (Hidden("credit_card", 0, 16_000 * len(said)),)


def test_what_is_dead_lettered_cannot_be_heard():
    screen = TextScreen(HIDDEN)
    assert screen.audio(b"pcm") == b""
    assert screen.reason(f"cannot read {CARD} from it") == "cannot read [CREDIT_CARD] from it"
    assert TextScreen(DIGITS).audio(b"pcm") == b"pcm"
    assert TextScreen(DIGITS).reason("twenty five tokens") == "twenty five tokens"


def test_the_text_to_align_is_that_of_the_final():
    work = TextWork(
        utterance=3,
        digest="d",
        source="audio",
        start=0,
        end=160,
        text=f"it is {CARD} he said",
        language="English",
        gateway="gw",
    )
    screen = TextScreen(HIDDEN)
    assert screen.request(work).text == screen.final(final(work.text)).text
    assert screen.text(work.text, "English") == "it is [CREDIT_CARD] he said"
    aligned = Words((TimedWord("it", 0, 100, 1.0),))
    assert screen.words(aligned) is aligned
