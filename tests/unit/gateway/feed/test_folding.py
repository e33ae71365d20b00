import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.feed.folding import fold, resemble, spelled


def folded(text):
    return [word.folded for word in spelled(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" ... ", []),
        ("Hello, world!", ["hello", "world"]),
        ("don't New-York a_b", ["don", "t", "new", "york", "a", "b"]),
        ("10,50 €", ["10", "50"]),
        ("CAFÉ Müller Straße", ["cafe", "muller", "strasse"]),
        ("cafe\N{COMBINING ACUTE ACCENT} ok", ["cafe", "ok"]),
        ("½ 10² naïve", ["1⁄2", "102", "naive"]),
        ("İstanbul ёлка", ["istanbul", "елка"]),
        ("退款。我要", ["退", "款", "我", "要"]),
        ("환불 해주세요", [fold("환불"), fold("해주세요")]),
        ("दिन दन", ["दिन", "दन"]),
        ("がか", [fold("が"), "か"]),
    ],
)
def test_a_text_is_split_into_folded_words(text, words):
    assert folded(text) == words


def test_a_voiced_kana_is_another_word_than_the_plain_one():
    assert fold("が") != fold("か")


def test_a_mark_belongs_to_the_character_before_it():
    (word, other) = spelled("ก\N{THAI CHARACTER MAI EK}ข")
    assert (word.start, word.end, other.start) == (0, 2, 2)


@given(st.text())
def test_words_stand_where_they_say_in_order_and_apart(text):
    until = 0
    for word in spelled(text):
        assert until <= word.start < word.end <= len(text)
        assert word.folded == fold(text[word.start : word.end])
        assert word.folded
        until = word.end


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF)))
def test_a_text_without_marks_is_split_as_one_with_a_mark_behind_it(text):
    assert spelled(text) == spelled(f"{text} \N{COMBINING ACUTE ACCENT}")


words = st.text(alphabet="abcd", max_size=5)


def edits_between(one: str, other: str) -> int:
    """The distance as its definition says it."""
    if not one or not other:
        return len(one) + len(other)
    same = one[-1] == other[-1]
    ways = [
        edits_between(one[:-1], other) + 1,
        edits_between(one, other[:-1]) + 1,
        edits_between(one[:-1], other[:-1]) + (not same),
    ]
    if len(one) > 1 and len(other) > 1 and one[-2:] == other[-2:][::-1]:
        ways.append(edits_between(one[:-2], other[:-2]) + 1)
    return min(ways)


@given(words, words)
def test_resemblance_is_the_distance_by_definition(one, other):
    edits = edits_between(one, other)
    for most in range(3):
        assert resemble(one, other, most) is (edits <= most)


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [
        ("refund", "refund", 0),
        ("refund", "refnd", 1),
        ("refund", "refunds", 1),
        ("refund", "rafund", 1),
        ("refund", "refudn", 1),
        ("refund", "rafunds", 2),
        ("refund", "erfudn", 2),
        ("refund", "refuse", 2),
        ("refund", "re", 4),
        ("abcd", "dcba", 4),
    ],
)
def test_words_resemble_each_other_within_their_distance(one, other, edits):
    for most in range(3):
        assert resemble(one, other, most) is (edits <= most)
        assert resemble(other, one, most) is (edits <= most)
