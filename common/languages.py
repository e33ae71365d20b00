"""The languages Qwen3-ASR knows: English names and ISO 639 codes.

Names as in QwenLM/Qwen3-ASR, qwen_asr/inference/utils.py; codes as in transformers'
qwen3_asr processor (ISO 639-1, or 639-3 where there is no shorter one).
"""

from types import MappingProxyType

NAMES_BY_CODE = MappingProxyType(
    {
        "ar": "Arabic",
        "cs": "Czech",
        "da": "Danish",
        "de": "German",
        "el": "Greek",
        "en": "English",
        "es": "Spanish",
        "fa": "Persian",
        "fi": "Finnish",
        "fil": "Filipino",
        "fr": "French",
        "hi": "Hindi",
        "hu": "Hungarian",
        "id": "Indonesian",
        "it": "Italian",
        "ja": "Japanese",
        "ko": "Korean",
        "mk": "Macedonian",
        "ms": "Malay",
        "nl": "Dutch",
        "pl": "Polish",
        "pt": "Portuguese",
        "ro": "Romanian",
        "ru": "Russian",
        "sv": "Swedish",
        "th": "Thai",
        "tr": "Turkish",
        "vi": "Vietnamese",
        "yue": "Cantonese",
        "zh": "Chinese",
    }
)

ALIGNABLE = frozenset(
    {
        "Cantonese",
        "Chinese",
        "English",
        "French",
        "German",
        "Italian",
        "Japanese",
        "Korean",
        "Portuguese",
        "Russian",
        "Spanish",
    }
)
"""Languages that Qwen3-ForcedAligner times words in, as its model card lists them."""

_CODES = {name: code for code, name in NAMES_BY_CODE.items()}


def code_of(language: str) -> str:
    """Return the ISO 639 code of an English name; any other text is returned as a code."""
    return _CODES.get(language.strip().title(), language.strip().lower())


def name_of(code: str) -> str:
    """Return the English name of an ISO 639 code, or the code if the table lacks it."""
    return NAMES_BY_CODE.get(code, code)
