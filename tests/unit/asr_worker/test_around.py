"""What utterances around one tell of its numbers, and what is hidden where that is not known."""

import pytest

from asr_worker.around import Around
from asr_worker.screening import TextScreen
from common.audio import samples
from common.options import Redacted, SessionOptions
from common.pipeline.speech import Ended, Paused, Resumed, SpeechEntry, Started
from common.pipeline.stream_ids import StreamId
from common.pipeline.text import End, Final

CUSTOMER, AGENT = 0, 1


def said(text: str, start_s: float = 0.0) -> Final:
    start = samples(start_s)
    return Final(start=start, end=start + 16_000, at=start, text=text, reason="silence")


def events(*happened: Started | Paused | Resumed | Ended) -> SpeechEntry:
    return SpeechEntry(StreamId(0, 0), happened)


def shown(around: Around, text: str, *kinds: Redacted) -> str:
    options = SessionOptions(language="English", redact=kinds or ("pci",))
    return TextScreen(options, around=around).final(said(text, 5.0)).text


@pytest.mark.parametrize(
    ("question", "kind", "answer", "expected"),
    [
        ("what is the security code on the back", "pci", "I see nine four seven there",
         "I see [CVV] there"),
        ("when does it expire", "pci", "that would be oh five twenty six I think",
         "that would be [EXPIRY] I think"),
        ("can I have your card number please", "pci", "mine is four five three two for now",
         "mine is [CREDIT_CARD] for now"),
        ("and your date of birth", "dob", "sure the fifth of march nineteen eighty four here",
         "sure [DATE_OF_BIRTH] here"),
        ("and your social", "ssn", "I know six seven eight nine only",
         "I know [SSN] only"),
        ("how are you", "pci", "I see nine four seven there", "I see nine four seven there"),
        ("what is the security code", "pci", "I paid 250 dollars then",
         "I paid 250 dollars then"),
    ],
)  # fmt: skip
def test_a_question_tells_what_the_answer_is(question, kind, answer, expected):
    around = Around(CUSTOMER, 1, samples(5.0))
    around.said(AGENT, 1, said(question, 3.0))
    assert shown(around, answer, kind) == expected


def test_a_number_goes_on_behind_a_pause():
    around = Around(CUSTOMER, 2, samples(5.0))
    around.said(CUSTOMER, 1, said("it starts with [NUMBER]", 3.0))
    assert shown(around, "next I have four five three two here") == "next I have [NUMBER] here"


def test_an_answer_ends_the_question():
    around = Around(CUSTOMER, 2, samples(5.0))
    around.said(AGENT, 1, said("when does it expire", 1.0))
    around.said(CUSTOMER, 1, said("that is [EXPIRY] for this one as far as I know", 3.0))
    assert shown(around, "I paid twenty five for it") == "I paid twenty five for it"


def test_what_was_said_long_before_tells_nothing():
    around = Around(CUSTOMER, 2, samples(60.0))
    around.said(CUSTOMER, 1, said("what is the security code", 3.0))
    assert not around.before.unsure
    assert shown(around, "I see nine four seven there") == "I see nine four seven there"


def test_its_own_text_and_later_ones_are_not_before_it():
    around = Around(CUSTOMER, 2, samples(5.0))
    around.said(CUSTOMER, 1, said("hello", 1.0))
    around.said(CUSTOMER, 2, said("the security code", 5.0))
    around.said(CUSTOMER, 3, End())
    assert around.before.words == ("hello",)


def test_numbers_are_hidden_while_a_text_before_is_not_known():
    around = Around(CUSTOMER, 2, samples(5.0))
    assert shown(around, "I see forty seven there") == "I see [NUMBER] there"
    around.said(CUSTOMER, 1, said("hello", 1.0))
    assert shown(around, "I see forty seven there") == "I see forty seven there"


@pytest.mark.parametrize(
    ("happened", "unsure"),
    [
        ([Started(1, 0, 0, 0.9)], False),
        ([Paused(1, 0, 9, 9)], True),
        ([Paused(1, 0, 9, 9), Resumed(1, 12)], False),
        ([Ended(1, 0, 9, 9, "silence")], True),
    ],
)
def test_a_question_without_a_text_yet_may_be_any(happened, unsure):
    around = Around(CUSTOMER, 1, samples(5.0))
    around.happened(events(*happened))
    assert around.before.unsure is unsure
    around.said(AGENT, 1, said("how are you", 3.0))
    assert not around.before.unsure
