"""Partials of a long utterance: where they begin, and that no word is lost or doubled by it."""

import pytest

from asr_worker.qwen.span import MOST_WINDOWS, Mark, Span

HEADER = "language English<asr_text>"


def spoken(seconds: float, unit: str = "w{} ") -> str:
    """What was said in so many seconds: two words a second, each with its number."""
    return "".join(unit.format(number) for number in range(int(2 * seconds)))


def partials(header: str, unit: str, until: int, every: float = 0.5) -> list[tuple[Span, str]]:
    """Follow an utterance as the engine does; return span and answer of each partial."""
    span, answer, last = Span(), "", 0.0
    seen = []
    for step in range(1, int(until / every)):
        now = step * every
        span, answer = span.moved(answer, int(now // 8))
        # The rollback: two seconds of words.
        cut = answer.rfind(unit[0], 0, max(0, len(answer) - 4 * len(unit)))
        prefix = answer[:cut] if cut > len(header) else ""
        span = span.continued(prefix, last)
        answer = header + spoken(now, unit)[len(span.before) :]
        last = now
        seen.append((span, answer))
    return seen


@pytest.mark.parametrize("header", [HEADER, ""])
@pytest.mark.parametrize("unit", ["w{} ", "好{}"])
def test_every_partial_says_everything_once(header: str, unit: str):
    for step, (span, answer) in enumerate(partials(header, unit, 300), start=1):
        assert answer.startswith(header)
        assert span.before + answer.removeprefix(header) == spoken(step * 0.5, unit)


def test_no_more_than_the_most_windows_are_heard():
    seen = partials(HEADER, "w{} ", 300)
    for step, (span, answer) in enumerate(seen, start=1):
        assert int(step * 0.5 // 8) - span.first <= MOST_WINDOWS
        assert len(answer) <= len(HEADER) + len("w599 ") * 2 * 8 * (MOST_WINDOWS + 2)
    assert seen[-1][0].first >= 28


def test_the_cache_starts_over_seldom():
    starts = [span.first for span, _ in partials(HEADER, "w{} ", 300)]
    assert len(set(starts)) <= 300 / 8 / 4


def test_what_is_dropped_was_said_in_what_is_dropped():
    for span, _ in partials(HEADER, "w{} ", 300):
        assert len(span.before) <= len(spoken(8 * span.first))


def test_an_utterance_of_a_minute_is_heard_whole():
    assert {span.first for span, _ in partials(HEADER, "w{} ", 64)} == {0}


def test_without_a_mark_it_stays():
    answer = HEADER + spoken(100)
    assert Span().moved(answer, 12) == (Span(), answer)
    late = Span(marks=(Mark(99.0, 200),))
    assert late.moved(answer, 12) == (late, answer)
    assert Span(marks=(Mark(9.0, 5),)).moved(answer, 12)[0].first == 0
    given_up = Span(marks=(Mark(9.0, 50),))
    assert given_up.moved("", 12) == (given_up, "")


def test_the_cut_is_between_words():
    answer = HEADER + "the quick brown fox"
    span, rest = Span(marks=(Mark(5.0, len(HEADER) + 12),)).moved(answer, 9)
    assert (span.before, rest) == ("the quick ", HEADER + "brown fox")


def test_a_mark_inside_what_was_rolled_back_is_forgotten():
    span = Span().continued("a" * 50, 4.0).continued("a" * 60, 4.5).continued("a" * 40, 5.0)
    assert span.marks == (Mark(5.0, 40),)
    assert span.continued("", 5.5).marks == ()
