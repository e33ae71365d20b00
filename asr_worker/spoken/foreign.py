"""Numbers of other languages, word by word, as English says them: the grammar is the same.

`drei` is `three`, `einundzwanzig` and `ventuno` are `twenty-one`, `deux cents` is `two hundred`.
What is no number stays, but is kept apart from English words that are spelled alike.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product

from asr_worker.spoken import english
from asr_worker.spoken.english import words

LANGUAGES = frozenset({"French", "German", "Italian", "Russian", "Spanish"})

LINK = "and_"
"""What stands between tens and ones: "treinta y dos"."""
APART = "_"
"""Ends a word that English has with another meaning."""

_EN_ONES = words("one two three four five six seven eight nine")
_EN_TEENS = [*english.TEENS]
_EN_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")


def _below_hundred(value: int) -> str:
    if value < 10:
        return ["zero", *_EN_ONES][value]
    if value < 20:
        return _EN_TEENS[value - 10]
    tens, ones = divmod(value, 10)
    return f"{_EN_TENS[tens - 2]}-{_EN_ONES[ones - 1]}" if ones else _EN_TENS[tens - 2]


def _listed(first: int, text: str) -> dict[str, str]:
    """Return the words of a text as numbers from `first` on; alternatives have a slash between."""
    return {
        each: _below_hundred(first + n)
        for n, alternatives in enumerate(text.split())
        for each in alternatives.split("/")
    }


def _tens(text: str) -> dict[str, str]:
    return dict(zip(text.split(), _EN_TENS, strict=True))


def _hundreds(text: str) -> dict[str, str]:
    """Return words for 100, 200 and so on up to 900."""
    return {
        each: f"{one}-hundred"
        for one, alternatives in zip(_EN_ONES, text.split(), strict=True)
        for each in alternatives.split("/")
    }


_SPANISH = {
    **_listed(0, "cero un/uno/una dos tres cuatro cinco seis siete ocho nueve diez once doce"),
    **_listed(13, "trece catorce quince dieciséis/dieciseis diecisiete dieciocho diecinueve"),
    **_tens("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa"),
    **_listed(21, "veintiuno/veintiún/veintiuna veintidós/veintidos veintitrés/veintitres"),
    **_listed(24, "veinticuatro veinticinco veintiséis/veintiseis veintisiete veintiocho"),
    "veintinueve": "twenty-nine",
    **_hundreds(
        "cien/ciento doscientos/doscientas trescientos/trescientas cuatrocientos/cuatrocientas"
        " quinientos/quinientas seiscientos/seiscientas setecientos/setecientas"
        " ochocientos/ochocientas novecientos/novecientas"
    ),
    "y": LINK, "mil": "thousand", "millones": "million", "doble": "double", "triple": "triple",
    "primero": "one", "más": "plus", "coma": "uh",
    "arroba": "at", "punto": "dot", "guion": "dash", "guión": "dash",
}  # fmt: skip

_FRENCH_TENS = "vingt trente quarante cinquante soixante"


def _french() -> Iterator[tuple[str, str]]:
    """Yield the numbers of French below a hundred that hyphens join."""
    ones = words("un deux trois quatre cinq six sept huit neuf")
    teens = words("dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf")
    for (t, tens), (n, one) in product(enumerate(words(_FRENCH_TENS), 2), enumerate(ones, 1)):
        yield f"{tens}-{one}", _below_hundred(10 * t + n)
        yield f"{tens}-et-{one}", _below_hundred(10 * t + n)
    for n, one in enumerate([*ones, *teens], 1):
        yield f"quatre-vingt-{one}", _below_hundred(80 + n)
        yield f"quatre-vingts-{one}", _below_hundred(80 + n)
    for n, teen in enumerate(teens, 10):
        yield teen, _below_hundred(n)
        yield f"soixante-{teen}", _below_hundred(60 + n)
        yield f"soixante-et-{teen}", _below_hundred(60 + n)


_FRENCH = {
    **dict(_french()),
    **_listed(0, "zéro/zero un/une deux trois quatre cinq six sept huit neuf dix onze douze"),
    **_listed(13, "treize quatorze quinze seize"),
    **_tens("vingt trente quarante cinquante soixante septante huitante nonante"),
    "quatre-vingt": "eighty", "quatre-vingts": "eighty", "octante": "eighty",
    "et": LINK, "cent": "hundred", "cents": "hundred", "mille": "thousand",
    "millions": "million", "double": "double", "triple": "triple", "premier": "one",
    "plus": "plus", "virgule": "uh",
    "arobase": "at", "arrobas": "at", "point": "dot", "tiret": "dash",
}  # fmt: skip

_ITALIAN_TENS = words("venti trenta quaranta cinquanta sessanta settanta ottanta novanta")
_ITALIAN_ONES = words("uno due tre quattro cinque sei sette otto nove")


def _italian() -> Iterator[tuple[str, str]]:
    """Yield the numbers of Italian from 21 to 99; the last vowel of the tens may go."""
    for (t, tens), (n, one) in product(enumerate(_ITALIAN_TENS, 2), enumerate(_ITALIAN_ONES, 1)):
        stem = tens[:-1] if one[0] in "uo" else tens
        yield stem + one, _below_hundred(10 * t + n)
        if n == 3:
            yield f"{stem}tré", _below_hundred(10 * t + n)
        if n == 1:
            yield f"{stem}un", _below_hundred(10 * t + n)


_ITALIAN = {
    **dict(_italian()),
    **_listed(0, "zero un/uno/una due tre quattro cinque sei sette otto nove dieci undici dodici"),
    **_listed(13, "tredici quattordici quindici sedici diciassette diciotto diciannove"),
    **_tens(" ".join(_ITALIAN_TENS)),
    "cento": "one-hundred", **{f"{one}cento": f"{e}-hundred"
                               for one, e in zip(_ITALIAN_ONES[1:], _EN_ONES[1:], strict=True)},
    "mille": "thousand", "mila": "thousand", "milioni": "million",
    "doppio": "double", "triplo": "triple", "primo": "one", "più": "plus", "virgola": "uh",
    "chiocciola": "at", "punto": "dot", "trattino": "dash", "underscore": "underscore",
}  # fmt: skip

_GERMAN_ONES = words("ein zwei drei vier fünf sechs sieben acht neun")
_GERMAN_TENS = words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")


def _german() -> Iterator[tuple[str, str]]:
    """Yield the numbers of German from 21 to 99, and its ordinals up to 12, which dates have."""
    both = product(enumerate(_GERMAN_TENS, 2), enumerate(_GERMAN_ONES, 1))
    for (t, tens), (n, one) in both:
        yield f"{one}und{tens}", _below_hundred(10 * t + n)
        yield f"{one}und{tens}".replace("ß", "ss"), _below_hundred(10 * t + n)
    stems = words("ers zwei drit vier fünf sechs sieb ach neun zehn elf zwölf")
    for n, stem in enumerate(stems, 1):
        for ending in ("te", "ten", "ter"):
            yield stem + (ending[1:] if stem == "drit" else ending), _below_hundred(n)


_GERMAN = {
    **dict(_german()),
    **_listed(0, "null ein/eins/eine/einen zwei/zwo drei vier fünf sechs sieben acht neun zehn"),
    **_listed(11, "elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn"),
    **_tens(" ".join(_GERMAN_TENS)), "dreissig": "thirty",
    "hundert": "hundred", **{f"{one}hundert": f"{e}-hundred"
                             for one, e in zip(_GERMAN_ONES, _EN_ONES, strict=True)},
    "tausend": "thousand", "eintausend": "one-thousand", "millionen": "million", "und": "and",
    "doppel": "double", "doppelt": "double", "plus": "plus", "komma": "uh",
    "at": "at", "ät": "at", "klammeraffe": "at", "punkt": "dot", "bindestrich": "dash",
    "unterstrich": "underscore",
}  # fmt: skip

_RUSSIAN = {
    **_listed(0, "ноль/нуль один/одна/одно два/две три четыре пять шесть семь восемь девять"),
    **_listed(10, "десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать"),
    **_listed(16, "шестнадцать семнадцать восемнадцать девятнадцать"),
    **_tens(
        "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто"
    ),
    **_hundreds("сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот"),
    "тысяча": "thousand", "тысячи": "thousand", "тысяч": "thousand", "миллионов": "million",
    "дважды": "double", "трижды": "triple", "плюс": "plus", "запятая": "uh",
    "собака": "at", "точка": "dot", "тире": "dash", "дефис": "dash",
    **_listed(
        1,
        "первого второго третьего четвёртого/четвертого пятого шестого седьмого восьмого девятого"
        " десятого одиннадцатого двенадцатого тринадцатого четырнадцатого пятнадцатого",
    ),
    **_listed(16, "шестнадцатого семнадцатого восемнадцатого девятнадцатого двадцатого"),
    "тридцатого": "thirty",
}  # fmt: skip

_NUMBERS: Mapping[str, Mapping[str, str]] = {
    "Spanish": _SPANISH,
    "French": _FRENCH,
    "Italian": _ITALIAN,
    "German": _GERMAN,
    "Russian": _RUSSIAN,
}
_OTHERS: Mapping[str, frozenset[str]] = {
    "Spanish": frozenset(
        words("eh este pues luego entonces bueno sí vale es el la número gracias por favor espacio")
    ),
    "French": frozenset(
        words("euh ben alors puis donc oui voilà c'est est le la numéro merci espace ensuite")
    ),
    "Italian": frozenset(
        words("eh ehm allora poi e sì ecco è il la numero grazie spazio quindi dunque")
    ),
    "German": frozenset(
        words("äh ähm also dann ja genau ist das die der nummer danke bitte leerzeichen nochmal")
    ),
    "Russian": frozenset(words("э ээ ну вот потом и да это номер спасибо пробел дальше затем")),
}
"""What is said between the digits of one number, or around it, and says nothing itself."""
_MONTHS: Mapping[str, list[str]] = {
    "Spanish": words(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
        " de del"
    ),
    "French": words(
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
    ),
    "Italian": words(
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre"
        " dicembre del"
    ),
    "German": words(
        "januar februar märz april mai juni juli august september oktober november dezember"
    ),
    "Russian": words(
        "января февраля марта апреля мая июня июля августа сентября октября ноября декабря года"
    ),
}
_A_MONTH, _A_FILLER = "march", "uh"
_RESERVED = frozenset(
    words("o oh ten second point plus dash and euro euros dollar dollars cent cents percent pound")
)
"""English words that these languages have, too, or say otherwise beside a number. Others stay, as
people read numbers in English anywhere."""
UNITS = frozenset(
    words(
        "euro euros dólares pesos dollars francs dollari franken rubel рубль рубля рублей доллара"
        " долларов евро процент процента процентов prozent cento ciento pour"
    )
)
"""What is counted or measured by the number before."""


@lru_cache(maxsize=8192)
def as_english(word: str, language: str, digit: bool, number: bool) -> str:
    """Return what English says for a word in lower case, behind a digit, or any number."""
    found = _found(word, language)
    if found is None:
        return word + APART if word in _RESERVED else word
    if (found == "hundred" and not digit) or (found == "thousand" and not number):
        return f"one-{found}"
    return found


def _found(word: str, language: str) -> str | None:
    known = _NUMBERS[language]
    if (number := known.get(word)) is not None:
        return number
    if word in _OTHERS[language]:
        return _A_FILLER
    if word in _MONTHS[language]:
        return _A_MONTH
    return _compound(word, language) if language in _JOINED else None


_JOINED: Mapping[str, tuple[str, str]] = {
    "German": ("tausend", "hundert"),
    "Italian": ("mila", "cento"),
}
"""The languages that write a number as one word, and its thousand and hundred."""


def _compound(word: str, language: str) -> str | None:
    """Return a number of one word: `zweihundertvierunddreißig`, `milleduecento`."""
    thousand, hundred = _JOINED[language]
    if language == "Italian" and word.startswith("mille") and word != "mille":
        rest = _compound_of(word.removeprefix("mille"), hundred, language)
        return None if rest is None else f"one-thousand-{rest}"
    head, found, tail = word.partition(thousand)
    if not found:
        return _compound_of(word, hundred, language) if hundred in word else None
    before = _compound_of(head, hundred, language)
    behind = _compound_of(tail.removeprefix("und"), hundred, language) if tail else ""
    if before is None or behind is None:
        return None
    return "-".join(filter(None, (before, "thousand", behind)))


def _compound_of(word: str, hundred: str, language: str) -> str | None:
    """Return a number below a thousand."""
    known = _NUMBERS[language]
    if word in known:
        return known[word]
    head, found, tail = word.partition(hundred)
    if not found:
        return None
    before = known.get(head) if head else "one"
    tail = tail.removeprefix("und")
    behind = known.get(tail) if tail else ""
    if language == "Italian" and behind is None and tail.startswith("t"):  # centottanta
        behind = known.get(f"o{tail}")
    if before is None or behind is None:
        return None
    return "-".join(filter(None, (before, "hundred", behind)))
