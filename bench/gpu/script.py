"""The text of this benchmark: one endless text, spoken at the pace of real speech.

A model without weights writes nonsense of any length. Here it writes as many tokens as speech has,
and each of them stands for one piece of this text, which the tokenizer knows whole: so answers
grow, agree and are rolled back as real ones do.
"""

TOKENS_PER_SECOND = 3.5
"""English at 150 words a minute in Qwen's vocabulary."""

HEADER = ("language", " English", "<asr_text>")
"""How an answer begins."""

# No two neighbouring passages are alike, or the guard against runaway repetition would cut them.
_PASSAGE = (
    " please hold while I look for your order in our records and check when it left the warehouse"
    " because yesterday two parcels went out together one of them should reach you before Friday"
)
_WORDS = _PASSAGE.split()


def pieces(seconds: float) -> int:
    """Return how many tokens an answer about `seconds` of audio has, without its end."""
    return len(HEADER) + round(TOKENS_PER_SECOND * seconds)


def text(first: int, last: int) -> str:
    """Return the pieces [first, last) of the answer."""
    return "".join(_piece(index) for index in range(first, last))


def _piece(index: int) -> str:
    if index < len(HEADER):
        return HEADER[index]
    return " " + _WORDS[(index - len(HEADER)) % len(_WORDS)]
