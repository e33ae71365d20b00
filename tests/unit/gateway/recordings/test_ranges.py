"""What is muted in a recording: masked words, or their utterances where nobody knows when."""

from dataclasses import replace

from common.pipeline.text import Hidden
from gateway.protocols.events import Dtmf, Event, Final
from gateway.recordings.ranges import Range, Utterance, muted, secret, utterances

CARD = (Hidden("credit_card", 220_000, 230_000),)


def final(number: int, *, channel: int = 0, failed: bool = False, hidden=()) -> Final:
    start = 100_000 * number
    return Final(
        channel=channel,
        utterance=number,
        seq=number,
        start=start,
        end=start + 50_000,
        at=start + 60_000,
        language="en",
        text="" if failed else "text",
        reason="failed" if failed else "silence",
        failed=failed,
        hidden=hidden,
        words=None,
    )


def of(*events: Event, hides: bool = True, ended: bool = True) -> list[Range]:
    return secret(events, 0, hides=hides, ended=ended)


def test_speech_is_what_utterances_say_it_is():
    noise = replace(final(3), text="")
    events = [final(1), final(1, channel=1), final(2), noise]
    assert utterances(events, 0) == [
        Utterance(1, Range(100_000, 150_000)),
        Utterance(2, Range(200_000, 250_000)),
    ]


def test_what_a_text_hides_is_muted_with_a_margin():
    expected = [Range(220_000 - 4_800, 230_000 + 4_800)]
    assert of(final(1), final(2, hidden=CARD)) == expected
    assert of(final(2, hidden=CARD), hides=False) == expected
    assert of(final(1, channel=1, hidden=CARD)) == []


def test_tones_of_digits_are_muted_where_a_call_hides_secrets():
    digit = Dtmf(channel=0, at=50_000, digit="")
    assert of(digit, Dtmf(channel=1, at=1, digit="")) == [Range(45_200, 54_800)]
    assert of(digit, hides=False) == []


def test_what_nobody_understood_is_muted_where_a_call_hides_secrets():
    assert of(final(1, failed=True)) == [Range(100_000, 150_000)]
    assert of(final(1, failed=True), hides=False) == []
    (rest,) = of(final(1), ended=False)
    assert rest.start == 150_000
    assert rest.end > 1 << 40
    assert of(final(1), hides=False, ended=False) == []


def test_muting_touches_nothing_else():
    pcm = bytes(range(1, 21))
    ranges = [Range(0, 102), Range(104, 105), Range(108, 1 << 62)]
    assert muted(pcm, 100, ranges) == bytes(4) + pcm[4:8] + bytes(2) + pcm[10:16] + bytes(4)
    assert muted(pcm, 100, []) == pcm
