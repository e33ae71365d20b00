"""The words of English that numbers, codes and addresses are said with, in lower case."""

from collections.abc import Mapping


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


_ONES = words("one two three four five six seven eight nine")
_TEENS = words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINAL_ONES = words("first second third fourth fifth sixth seventh eighth ninth")
_ORDINAL_TEENS = words(
    "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth"
    " nineteenth"
)
_ORDINAL_TENS = words(
    "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
)

DIGITS: Mapping[str, int] = {"zero": 0, "nought": 0, **{w: n for n, w in enumerate(_ONES, 1)}}
OH = frozenset({"oh", "o"})
"""A zero among other digits; an exclamation or a letter elsewhere."""
TEENS: Mapping[str, int] = {word: n for n, word in enumerate(_TEENS, 10)}
TENS: Mapping[str, int] = {
    **{word: 10 * n for n, word in enumerate(_TENS, 2)},
    "fourty": 40,
}
SCALES: Mapping[str, int] = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
ORDINALS: Mapping[str, int] = {
    **{word: n for n, word in enumerate(_ORDINAL_ONES, 1)},
    **{word: n for n, word in enumerate(_ORDINAL_TEENS, 10)},
    **{word: 10 * n for n, word in enumerate(_ORDINAL_TENS, 2)},
}
REPEATS: Mapping[str, int] = {"double": 2, "triple": 3, "treble": 3}

MONTHS = frozenset(
    words("january february march april june july august september october november december")
)
"""Without May, which is a verb more often."""
DATES = MONTHS | frozenset(words("may of the"))
"""What dates have beside numbers."""
CUES = frozenset(
    words(
        "number option press line extension room gate step page chapter section platform terminal"
        " channel route highway version level flat apartment building digit code size aisle seat"
        " dial enter terminal"
    )
)
"""Words before which stands no amount but a name: what follows is a figure even if it is small."""
CLOCK_CUES = frozenset(words("at by until till around before after"))
"""Words behind which an hour and a minute are a time."""
MERIDIEMS: Mapping[str, str] = {"am": "AM", "a.m": "AM", "pm": "PM", "p.m": "PM"}

NATO: Mapping[str, str] = {
    word: word[0].upper()
    for word in words(
        "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike"
        " november oscar papa quebec romeo sierra tango uniform victor whiskey whisky xray x-ray"
        " yankee zulu"
    )
}
CONNECTORS: Mapping[str, str] = {
    "dot": ".",
    "underscore": "_",
    "dash": "-",
    "hyphen": "-",
    "at": "@",
}
"""How the signs of an address are said."""
TOP_DOMAINS = frozenset(
    words("com org net edu gov io co uk de fr es it ru eu us info biz me ca au ch nl ie app dev")
)
UNITS = frozenset(
    words(
        "percent per cent cents dollar dollars euro euros pound pounds pence penny am pm a.m p.m"
        " o'clock million billion"
    )
)
"""What is counted or measured by the number before."""
PROVIDERS = frozenset(
    words("gmail hotmail outlook yahoo icloud aol gmx proton protonmail live msn googlemail")
)

FILLERS = frozenset(
    words(
        "uh um er erm ah hm hmm mm and then so ok okay yes yeah yep right like well it's its it is"
        " that's thats that the number again sorry please thanks thank you"
        " dash hyphen space slash comma"
    )
)
"""What is said between the digits of one number, or around it, and says nothing itself."""

HUNDRED, HUNDREDTH = "hundred", "hundredth"
AND, POINT, PLUS = "and", "point", "plus"
