from tests.chaos.progress import ENDED, Progress, Spread, last


def a_call() -> Progress:
    """Speaks a second of audio per second from 10 on; hears of it half a second later."""
    call = Progress()
    for second in range(1, 6):
        call.sent(10.0 + second, float(second))
        if second != 3:
            call.store(10.5 + second, float(second))
    call.tell(13.0, 1.0)
    call.tell(15.2, 4.0)
    return call


def test_until_what_was_sent_afterwards_is_stored():
    assert a_call().stored_after(11.0) == 1.5
    # Nothing was acknowledged of the third second alone, but a transcript tells of it.
    assert a_call().stored_after(12.0) == 2.5


def test_until_what_was_sent_afterwards_has_a_transcript():
    assert a_call().answered_after(11.0) == 15.2 - 11.0


def test_a_call_that_never_goes_on_has_no_answer():
    assert a_call().answered_after(15.0) is None


def test_the_end_answers_everything():
    call = a_call()
    call.tell(20.0, ENDED)
    assert call.answered_after(15.0) == 5.0
    assert call.over


def test_a_call_runs_from_its_first_word_to_its_end():
    call = a_call()
    assert [call.runs(moment) for moment in (10.0, 11.0, 99.0)] == [False, True, True]
    call.tell(20.0, ENDED)
    assert [call.runs(moment) for moment in (19.0, 20.0)] == [True, False]


def test_last():
    assert last([None, 1.0, 3.0, None]) == 3.0
    assert last([None]) is None


def test_spread_has_values_that_occurred():
    assert Spread.of([5.0]) == Spread(1, 5.0, 5.0, 5.0)
    assert Spread.of([float(n) for n in range(1, 101)]) == Spread(100, 50.0, 95.0, 100.0)
