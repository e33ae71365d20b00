"""What is settled stays, whatever is said next, and nothing secret is shown meanwhile."""

from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.spoken import english
from asr_worker.spoken.rendering import growing, rendered
from common.options import Numbers, Redacted

ALL: frozenset[str] = frozenset(get_args(Redacted))
SOME = [frozenset[str](), ALL, frozenset({"pci"}), frozenset({"email"}), frozenset({"phone"})]
CARD = "4556737586899855"

_VOCABULARY = sorted(
    {
        *english.DIGITS,
        *english.OH,
        *english.TEENS,
        *english.TENS,
        *english.SCALES,
        *english.ORDINALS,
        *english.REPEATS,
        *english.CONNECTORS,
        *english.FILLERS,
        *("hundred", "hundredth", "point", "plus", "percent", "per", "cent", "dollars", "cents"),
        *("p", "m", "a", "b", "o'clock", "am", "bravo", "victor", "for", "as", "in", "at"),
        *("4532", "12,345", "$25.50", "3:30", "21st", "555-1234", "a@b.com", "AB12", "5.", "3."),
        *("my", "card", "email", "gmail", "com", "john", "security", "code", "social", "call"),
        *("hello", "world.", "seven,", "five?", "twenty-five", "(two", "x-ray", "…", "-", "é"),
    }
)
words = st.lists(st.sampled_from(_VOCABULARY), max_size=14)
numbers = st.sampled_from(get_args(Numbers))
kinds = st.sampled_from(SOME)


@given(words, st.integers(0, 14), st.integers(0, 14), numbers, kinds)
def test_what_is_settled_begins_every_longer_text(said, count, unstable, style, hidden):
    whole = " ".join(said)
    begun = " ".join(said[:count])
    stable = len(" ".join(said[: max(0, count - unstable)]))
    shown = growing(begun, stable, style, hidden)
    settled = shown.text[: shown.settled]
    assert rendered(whole, style, hidden).text.startswith(settled)
    for longer in range(count, len(said) + 1):
        text = " ".join(said[:longer])
        assert growing(text, len(text), style, hidden).text.startswith(settled)


@given(words, words, st.integers(0, 3), numbers, kinds)
def test_the_unstable_end_of_a_text_settles_nothing(said, other, kept, style, hidden):
    stable = len(" ".join(said[:kept]))
    one = growing(" ".join([*said[:kept], *said[kept:]]), stable, style, hidden)
    two = growing(" ".join([*said[:kept], *other]), stable, style, hidden)
    assert one.text[: one.settled] == two.text[: two.settled]


@given(words, numbers)
def test_nothing_is_hidden_unasked(said, style):
    assert rendered(" ".join(said), style, frozenset()).hidden == []
    assert rendered(" ".join(said), "engine", frozenset()).text == " ".join(said)


def groupings(digits: str) -> "st.SearchStrategy[list[str]]":
    """Cut digits at any places, and say each group in one of the ways there are."""
    cuts = st.sets(st.integers(1, len(digits) - 1)).map(lambda at: [0, *sorted(at), len(digits)])
    groups = cuts.map(lambda at: [digits[a:b] for a, b in pairwise(at)])
    return groups.flatmap(lambda parts: st.tuples(*map(_ways, parts)).map(list))


def _ways(group: str) -> "st.SearchStrategy[str]":
    each = " ".join(
        english.words("zero one two three four five six seven eight nine")[int(d)] for d in group
    )
    ways = [group, each, each.replace("zero", "oh"), " ".join(group), "-".join(group)]
    if len(group) == 2 and "0" not in group:
        tens = {value: word for word, value in english.TENS.items()}
        teens = {value: word for word, value in english.TEENS.items()}
        number = int(group)
        ways.append(teens.get(number) or f"{tens[number - number % 10]} {each.split()[1]}")
    return st.sampled_from(ways)


def exposed(text: str) -> int:
    """Return how many digits a text shows one after the other, in figures and in words."""
    plain = rendered(text.replace("[", " ").replace("]", " "), "digits", frozenset()).text
    longest = run = 0
    for word in plain.split():
        digits = sum(map(str.isdigit, word))
        run = run + digits if digits else 0
        longest = max(longest, run)
    return longest


FILLERS = st.lists(st.sampled_from(["uh", "and", "then", ",", "um"]), max_size=2)


@pytest.mark.parametrize("kind", ["pci", "numbers"])
@pytest.mark.parametrize("style", get_args(Numbers))
@given(data=st.data())
def test_a_card_is_never_seen_however_it_is_said(kind, style, data):
    hidden = frozenset({kind})
    groups = data.draw(groupings(CARD))
    said = ["my", "card", "is"] if data.draw(st.booleans()) else []
    for group in groups:
        said += [*group.split(), *data.draw(FILLERS)]
    said += ["thats", "what", "it", "says"] if data.draw(st.booleans()) else []
    for count in range(1, len(said) + 1):
        text = " ".join(said[:count])
        for stable in (0, len(" ".join(said[: count - 2])), len(text)):
            shown = growing(text, stable, style, hidden).text
            assert exposed(shown) <= 1, shown
    final = rendered(" ".join(said), style, hidden)
    assert exposed(final.text) == 0
    assert len(final.hidden) == 1
