"""Short signs of a listener, such as "mm-hm" and "I see", by which nobody takes the turn. Pure.

A turn is one (a backchannel: Yngve 1970, "On getting a word in edgewise") if it is at most
`MOST_WORDS` words of the lists, at most `LONGEST` long, and no question. The same words answer a
question that was asked before; nothing here knows that.

The lists of all languages count in every call: what language so short a text is in is often
mistaken, and not known yet to a reader that has missed a partial.
"""

from common.audio import SAMPLE_RATE
from common.languages import QUESTION_MARKS
from common.pipeline.speech import LEAD, TAIL
from gateway.feed.folding import fold, spelled

MOST_WORDS = 2
LONGEST = 2 * SAMPLE_RATE + LEAD + TAIL
"""Samples of an utterance with 2 s of sound."""

_WORDS = {
    "English": """
        mm mmm mhm hm hmm uh huh ah aha oh ooh wow yeah yep yup yes ok okay right sure really
        exactly absolutely true great good nice cool fine indeed totally definitely""",
    "Spanish": """
        mm mmm mhm hm hmm ah aja ajá eh oh uy sí ya claro vale bueno bien exacto exactamente cierto
        correcto perfecto entiendo comprendo ok okay""",
    "French": """
        mm mmm mhm hm hmm hum ah aha oh oui ouais ok okay bien bon voilà exactement
        effectivement absolument parfait super vraiment""",
    "German": """
        mm mmm mhm hm hmm ah aha oh ach ja jaja jawohl jep ok okay gut genau klar richtig stimmt
        natürlich sicher schön super prima eben wirklich""",
    "Italian": """
        mm mmm mhm hm hmm ah aha oh eh sì già ok okay bene certo esatto esattamente giusto vero
        capito capisco perfetto davvero""",
    "Russian": """
        мм ммм мгм гм хм угу ага а о ну да так ясно понятно понял поняла хорошо ладно конечно
        точно верно правда именно окей ок""",
}
_WHOLES = {
    "English": "i see|of course|got it|go on|no way|i know|that's right|fair enough",
    "Spanish": "por supuesto|de acuerdo|ya veo|muy bien|en serio|lo sé",
    "French": "d'accord|bien sûr|je vois|je comprends|c'est vrai|très bien|ça marche",
    "German": "alles klar|ach so|ich verstehe|na klar|sehr gut|in ordnung|ich weiß",
    "Italian": "va bene|ho capito|d'accordo|lo so|molto bene|ci credo",
    "Russian": "я понимаю|я понял|я поняла|вот как|ещё бы|само собой|очень хорошо",
}


def _folded(text: str) -> str:
    return " ".join(each.folded for each in spelled(text))


_SIGNS = frozenset(fold(word) for words in _WORDS.values() for word in words.split())
_SIGNS_AS_A_WHOLE = frozenset(
    _folded(whole) for wholes in _WHOLES.values() for whole in wholes.split("|")
)


def is_backchannel(text: str, length: int) -> bool:
    """Tell whether a text of `length` samples is no more than a listener's sign."""
    if length > LONGEST or text.rstrip().endswith(QUESTION_MARKS) or len(text.split()) > MOST_WORDS:
        return False
    words = _folded(text)
    return words in _SIGNS_AS_A_WHOLE or (bool(words) and _SIGNS.issuperset(words.split()))
