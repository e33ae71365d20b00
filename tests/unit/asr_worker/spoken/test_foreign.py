"""Numbers and secrets of other languages; what numbers are called comes from num2words."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from asr_worker.spoken.before import Before
from asr_worker.spoken.rendering import growing, rendered
from common.languages import WITH_NUMBERS

GOLDEN = [
    line.split("\t")
    for line in Path(__file__).with_name("foreign.tsv").read_text("utf-8").splitlines()
]
DIGITS = {
    "Spanish": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "French": "zéro un deux trois quatre cinq six sept huit neuf",
    "Italian": "zero uno due tre quattro cinque sei sette otto nove",
    "German": "null eins zwei drei vier fünf sechs sieben acht neun",
    "Russian": "ноль один два три четыре пять шесть семь восемь девять",
}
CARD, CODE, PHONE = "4556737586899855", "947", "6125550143"
SENTENCES = {
    "Spanish": (
        "bueno mi tarjeta es {card} y nada más",
        "creo que el código de seguridad es {code} me parece",
        "puede llamarme al {phone} por la tarde",
        "escríbame a zoltan punto kiprax arroba gmail punto com cuando quiera",
        "nací el cinco de marzo de mil novecientos ochenta y cuatro en Lugo",
    ),
    "French": (
        "alors ma carte est {card} et c'est tout",
        "je crois que le cryptogramme est {code} voyez-vous",
        "vous pouvez m'appeler au {phone} le soir",
        "écrivez à zoltan point kiprax arobase gmail point com quand vous voulez",
        "ma date de naissance est le cinq mars mille neuf cent quatre-vingt-quatre à Lyon",
    ),
    "Italian": (
        "allora la mia carta è {card} ed è tutto",
        "credo che il codice di sicurezza sia {code} mi pare",
        "può chiamarmi al {phone} la sera",
        "scriva a zoltan punto kiprax chiocciola gmail punto com quando vuole",
        "la data di nascita è il cinque marzo millenovecentottantaquattro a Roma",
    ),
    "German": (
        "also meine kreditkarte hat die {card} das wäre alles",
        "ich glaube die prüfnummer ist {code} sehe ich gerade",
        "sie können mich unter {phone} abends anrufen",
        "schreiben sie an zoltan punkt kiprax at gmail punkt com wann sie wollen",
        "mein geburtsdatum ist der fünfte märz neunzehnhundertvierundachtzig in Köln",
    ),
    "Russian": (
        "значит номер карты такой {card} вот так вот",
        "кажется код безопасности там {code} написано",
        "звоните мне на {phone} вечером домой",
        "пишите на золтан точка кипракс собака gmail точка com когда угодно",
        "дата рождения пятого марта тысяча девятьсот восемьдесят четвёртого в Пскове",
    ),
}
ALL = frozenset({"pci", "phone", "email", "dob"})
MASKS = ("[CREDIT_CARD]", "[CVV]", "[PHONE]", "[EMAIL]", "[DATE_OF_BIRTH]")


@pytest.mark.parametrize(("language", "said", "written"), GOLDEN)
def test_a_number_is_written_in_figures(language: str, said: str, written: str):
    assert rendered(said, "digits", frozenset(), language=language).text == written


def test_every_language_is_tried():
    assert {language for language, _, _ in GOLDEN} == WITH_NUMBERS - {"English"} == {*DIGITS}
    assert len(GOLDEN) >= 300


def each(language: str, digits: str) -> str:
    names = DIGITS[language].split()
    return " ".join(names[int(digit)] for digit in digits)


def fours(language: str, digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


@pytest.mark.parametrize("say", [each, fours])
@pytest.mark.parametrize("language", SENTENCES)
def test_a_secret_gets_a_mask(language, say):
    numbers = {"card": CARD, "code": CODE, "phone": PHONE}
    spoken = {name: say(language, digits) for name, digits in numbers.items()}
    for sentence, mask in zip(SENTENCES[language], MASKS, strict=True):
        text = sentence.format(**spoken)
        shown = rendered(text, "engine", ALL, language=language).text
        assert mask in shown, text
        left = shown.replace(mask, "").lower().split()
        assert not any(number in " ".join(left) for number in spoken.values())
        assert not {"kiprax", "кипракс", "zoltan", "золтан", "março", "marzo", "märz"} & {*left}
        assert nothing_is_seen_of(spoken.values(), text, language)


def nothing_is_seen_of(secrets, text: str, language: str) -> bool:
    """Whether no partial shows more than one word of a number."""
    words = text.split()
    for count in range(1, len(words) + 1):
        stable = len(" ".join(words[: max(0, count - 3)]))
        shown = growing(" ".join(words[:count]), stable, "engine", ALL, language=language).text
        for secret in secrets:
            parts: Sequence[str] = secret.split()
            pairs = (" ".join(parts[at : at + 2]) for at in range(len(parts) - 1))
            if any(pair in shown for pair in pairs):
                return False
    return True


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("Spanish", "dígame el código de seguridad"),
        ("French", "quel est le code de sécurité"),
        ("Italian", "qual è il codice di sicurezza"),
        ("German", "wie lautet die prüfnummer"),
        ("Russian", "назовите код безопасности"),
    ],
)
def test_a_question_tells_what_an_answer_is(language, question):
    before = Before(tuple(question.split()))
    answer = f"mm {each(language, CODE)} mm okay so"
    assert "[CVV]" in rendered(answer, "engine", ALL, before, language=language).text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("Spanish", "tengo dos hijos y una casa o algo así"),
        ("Spanish", "cuesta veinticinco euros y nada más por hoy"),
        ("French", "il n'y a plus personne à six heures du soir"),
        ("Italian", "sei sicuro che costa venti euro o no davvero"),
        ("German", "ich habe ein kind und zwei hunde so ist das eben"),
        ("Russian", "у меня один вопрос и два ответа на него"),
    ],
)
def test_what_is_no_secret_stays(language, said):
    assert rendered(said, "engine", ALL, language=language).text == said


def test_english_digits_are_hidden_in_any_language():
    said = "mi tarjeta es four five five six seven three seven five y nada más"
    assert rendered(said, "engine", ALL, language="Spanish").text == (
        "mi tarjeta es [CREDIT_CARD] y nada más"
    )


@pytest.mark.parametrize(
    ("language", "said", "shown"),
    [
        ("English", "it is A B one two three four five six C for that", "it is [SSN] for that"),
        ("English", "flight BA2490 is late today", "flight BA2490 is late today"),
        ("Italian", "il codice è RSSMRA85M10H501Z per lei", "il codice è [SSN] per lei"),
        ("Italian",
         "il mio è R S S M R A otto cinque M uno zero H cinque zero uno Z per lei",
         "il mio è [SSN] per lei"),
        ("Spanish", "tengo 12345678Z para usted", "tengo [SSN] para usted"),
        ("Spanish", "es X1234567L para usted", "es [SSN] para usted"),
        ("French", "mon numéro 1 85 05 78 006 084 36 pour vous", "mon numéro [SSN] pour vous"),
        ("German", "ich habe die 12 345 678 901 hier stehen", "ich habe die [SSN] hier stehen"),
        ("Russian", "вот мой 112 233 445 95 такой вот", "вот мой [SSN] такой вот"),
    ],
)  # fmt: skip
def test_numbers_of_people_differ_by_country(language, said, shown):
    assert rendered(said, "engine", frozenset({"ssn"}), language=language).text == shown
