from callscribe.loadtest.scoring import Words, normalise, score, word_errors
from callscribe.loadtest.tally import Spoken


def test_words_are_compared_without_what_is_not_heard():
    assert normalise("Twenty-one, Sarah's!  OK?") == "twenty one sarah's ok"


def test_errors_of_pairs():
    assert word_errors(["a b c", "d"], ["a x c", "d e"]) == (2, 4)


def test_all_channels_of_all_calls_count_together():
    spoken = [
        Spoken(("One two three.", "Four five."), "one too three four five six"),
        Spoken(("seven eight",), "seven"),
        Spoken((), "nobody knows"),
    ]
    words = score(spoken)
    assert words == Words(reference=7, wrong=1, missing=1, added=1, passages=3)
    assert words.errors == 3


def test_a_passage_of_which_most_words_are_missing_is_lost():
    said = ("one two three", "four five six", "seven eight")
    words = score([Spoken(said, "one two three six seven")])
    assert (words.missing, words.lost_passages) == (3, 1)
    assert score([Spoken(said, "")]).lost_passages == 3


def test_without_a_reference_there_is_nothing_to_count():
    assert score([Spoken((), "text"), Spoken(("...",), "text")]) == Words()
