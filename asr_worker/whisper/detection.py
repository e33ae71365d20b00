"""Which language was spoken, from how likely each one is. Pure.

A call goes on in its language, unless what it says now is clearly another. How clearly follows from
how sure the language was. Measured with 280 recordings in six languages, in calls of ten, as the
share of recordings whose language is right: 92 % if the most likely language of each is believed,
96 % so; where the speaker changes after five, 92 and 95 %.
"""

from collections.abc import Collection, Mapping
from math import exp

SURE = 0.5
"""How sure a language must be so that the next final does not look again."""
_STAYS = 16.0
"""How many times as likely as a certain language another must be to take over."""


def found(
    likely: Mapping[str, float],
    among: Collection[str],
    before: str | None,
    confidence: float | None,
) -> tuple[str, float]:
    """Return the code of the language, and how sure that is, 0..1.

    `likely`: how likely each language is, by its code. `among`: those that it can be; none: any.
    `before`: the call's so far, None if not known, with its `confidence`; None: it is certain.
    """
    possible = {code: each for code, each in likely.items() if not among or code in among}
    total = sum(possible.values()) or 1.0
    code = max(possible, key=lambda each: possible[each])
    stays = _STAYS * (1.0 if confidence is None else confidence)
    if before in possible and possible[code] < stays * possible[before]:
        code = before
    return code, possible[code] / total


def english(logprob: float) -> float:
    """Return how sure it is that a text was said in English, by what its model says of it.

    The model knows English alone; `logprob` is its mean over the tokens. Fitted to the same
    recordings, as if half of all speech were English: 0.5 at -0.62, 0.95 at -0.39.
    """
    return 1 / (1 + exp(-(8.0 + 13.0 * logprob)))
