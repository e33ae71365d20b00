import numpy as np

from bench.speech import one_notation, trimmed


def test_a_number_is_the_same_in_words_and_in_digits():
    spelled = one_notation("One two three, four five six seven eight nine ten.")
    assert one_notation("1-2-34-567-8-9-10.") == spelled == "1 2 3 4 5 6 7 8 9 1 0"


def test_a_number_that_is_missing_is_seen():
    assert one_notation("One two four") != one_notation("1-2-3-4")


def test_the_silence_around_a_clip_is_left_out():
    silence, loud = np.full(9, 0.01, np.float32), np.full(3, 0.5, np.float32)
    clip = np.concatenate([silence, loud, silence, loud, silence])
    assert np.array_equal(trimmed(clip), clip[9:-9])
    assert np.array_equal(trimmed(silence), silence)


def test_other_words_are_as_they_were():
    assert one_notation("Someone's at ten-past the 2nd.") == "someone's at 1 0 past the 2 nd"
