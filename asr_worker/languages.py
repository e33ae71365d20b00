"""The languages Qwen3-ASR knows by name, with the codes other recognisers know them by."""

from types import MappingProxyType

CODES = MappingProxyType(
    {
        "Arabic": "ar",
        "Cantonese": "yue",
        "Chinese": "zh",
        "Czech": "cs",
        "Danish": "da",
        "Dutch": "nl",
        "English": "en",
        "Filipino": "fil",
        "Finnish": "fi",
        "French": "fr",
        "German": "de",
        "Greek": "el",
        "Hindi": "hi",
        "Hungarian": "hu",
        "Indonesian": "id",
        "Italian": "it",
        "Japanese": "ja",
        "Korean": "ko",
        "Macedonian": "mk",
        "Malay": "ms",
        "Persian": "fa",
        "Polish": "pl",
        "Portuguese": "pt",
        "Romanian": "ro",
        "Russian": "ru",
        "Spanish": "es",
        "Swedish": "sv",
        "Thai": "th",
        "Turkish": "tr",
        "Vietnamese": "vi",
    }
)

_NAMES = {code: name for name, code in CODES.items()}


def code_of(language: str) -> str:
    """Return the ISO 639 code of an English name; anything else is taken for a code."""
    return CODES.get(language.strip().title(), language.strip().lower())


def name_of(code: str) -> str:
    """Return the English name of an ISO 639 code, or the code where the table has no name."""
    return _NAMES.get(code, code)
