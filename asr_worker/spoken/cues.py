"""The words behind which numbers must not be seen, of all languages together.

They mean nothing else in the other languages, or nothing that matters beside a number.
"""

import re


def _cue(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b")


CARD = _cue(
    r"card number|(?:credit|debit|visa|amex) card|visa|mastercard|amex|card is",
    r"tarjeta|número de (?:la )?tarjeta",
    r"carte (?:bancaire|bleue|de crédit)|numéro de (?:la |ma |votre )?carte|(?:la|ma|votre) carte",
    r"carta (?:di credito|di debito)|numero (?:di|della) carta|(?:mia|sua) carta",
    r"\w*karten?|\w*kartennummer",
    r"карт[аыуе]|карточк[аиуе]|номер карты",
)
CVV = _cue(
    r"security code|cvv2?|cvc2?|cv2|card code|verification (?:code|number)|pin|"
    r"(?:three|3) digits|digits on the back|back of (?:the|your|my|it) ?card",
    r"código de (?:seguridad|verificación)|(?:tres|3) (?:dígitos|cifras)",
    r"code de (?:sécurité|vérification)|cryptogramme|(?:trois|3) chiffres|code secret",
    r"codice di (?:sicurezza|verifica)|(?:tre|3) cifre",
    r"prüfnummer|prüfziffern?|sicherheitscode|kartenprüfnummer|(?:drei|3) ziffern|geheimzahl",
    r"код безопасности|проверочный код|(?:три|3) цифры|пин|пин-код",
)
EXPIRY = _cue(
    r"expir\w+|valid (?:through|thru|until|to)",
    r"caduc\w+|vence|vencimiento|válida hasta",
    r"date d'expiration|expire|valable jusqu'(?:au|en|à)?",
    r"scad\w+|valida fino",
    r"gültig bis|läuft ab|ablaufdatum|gültigkeit",
    r"срок действия|действует до|действительна до",
)
SOCIAL = _cue(
    r"social|ssn|socials",
    r"seguridad social|dni|nie|curp",
    r"sécurité sociale|sécu",
    r"codice fiscale",
    r"sozialversicherungsnummer|steuernummer|steueridentifikationsnummer|ausweisnummer",
    r"снилс|инн|паспорта?",
)
TELEPHONE = _cue(
    r"phone|telephone|mobile|cell|call|reach|text|fax|landline|ring|dial|callback",
    r"teléfono|móvil|celular|llam\w+",
    r"téléphone|portable|appel\w+|joindre|rappel\w+",
    r"telefono|cellulare|chiam\w+",
    r"telefon\w*|handy\w*|rufnummer|anrufen|erreich\w+|rückruf\w*",
    r"телефона?|мобильн\w+|позвон\w+|звон\w+|перезвон\w+",
)
BIRTH = _cue(
    r"birth|birthday|birthdate|born|dob|d o b",
    r"nacimiento|nací|nacid[oa]|cumpleaños",
    r"naissance|née?",
    r"nascita|nat[oa]",
    r"geburtsdatum|geboren|geburtstag",
    r"рождения|родил(?:ся|ась)",
)
IBAN = _cue(r"iban", r"ибан")
