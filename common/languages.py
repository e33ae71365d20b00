"""The languages that recognisers know: English names, ISO 639 codes, and how people spell them.

Qwen3-ASR's names are as in QwenLM/Qwen3-ASR, qwen_asr/inference/utils.py; its codes as in
transformers' qwen3_asr processor (ISO 639-1, or 639-3 where there is no shorter one). Whisper's are
those of openai/whisper, whisper/tokenizer.py.
"""

from difflib import get_close_matches
from types import MappingProxyType

from common.errors import PeerMisbehaved

QWEN_BY_CODE = MappingProxyType(
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

_WHISPER_ONLY = {
    "af": "Afrikaans",
    "am": "Amharic",
    "as": "Assamese",
    "az": "Azerbaijani",
    "ba": "Bashkir",
    "be": "Belarusian",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "bo": "Tibetan",
    "br": "Breton",
    "bs": "Bosnian",
    "ca": "Catalan",
    "cy": "Welsh",
    "et": "Estonian",
    "eu": "Basque",
    "fo": "Faroese",
    "gl": "Galician",
    "gu": "Gujarati",
    "ha": "Hausa",
    "haw": "Hawaiian",
    "he": "Hebrew",
    "hr": "Croatian",
    "ht": "Haitian",
    "hy": "Armenian",
    "is": "Icelandic",
    "jv": "Javanese",
    "ka": "Georgian",
    "kk": "Kazakh",
    "km": "Khmer",
    "kn": "Kannada",
    "la": "Latin",
    "lb": "Luxembourgish",
    "ln": "Lingala",
    "lo": "Lao",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "mg": "Malagasy",
    "mi": "Maori",
    "ml": "Malayalam",
    "mn": "Mongolian",
    "mr": "Marathi",
    "mt": "Maltese",
    "my": "Burmese",
    "ne": "Nepali",
    "nn": "Nynorsk",
    "no": "Norwegian",
    "oc": "Occitan",
    "pa": "Punjabi",
    "ps": "Pashto",
    "sa": "Sanskrit",
    "sd": "Sindhi",
    "si": "Sinhala",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sn": "Shona",
    "so": "Somali",
    "sq": "Albanian",
    "sr": "Serbian",
    "su": "Sundanese",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "tg": "Tajik",
    "tk": "Turkmen",
    "tt": "Tatar",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "uz": "Uzbek",
    "yi": "Yiddish",
    "yo": "Yoruba",
}
NAMES_BY_CODE = MappingProxyType(dict(sorted({**QWEN_BY_CODE, **_WHISPER_ONLY}.items())))
"""All that some recogniser knows; one that does not know a call's says so."""

WHISPER_CODES = MappingProxyType({"fil": "tl", "jv": "jw"})
"""Whisper's codes where they are not those of ISO 639: Tagalog for Filipino."""
_BY_WHISPER_CODE = {code: NAMES_BY_CODE[iso] for iso, code in WHISPER_CODES.items()}

SENTENCE_MARKS = (".", "?", "!", "。", "？", "！", "؟", "।")
"""What ends a sentence, in any script."""
QUESTION_MARKS = ("?", "？", "؟")
"""Those of them that end a question."""
UNSPACED = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
"""Codes of languages whose texts are joined without spaces."""

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
    """Return the English name of a code of ISO 639 or Whisper, or the code if it has none."""
    return NAMES_BY_CODE.get(code) or _BY_WHISPER_CODE.get(code, code)


WITH_NUMBERS = frozenset({"English", "French", "German", "Italian", "Russian", "Spanish"})
"""The languages in which numbers that are said in words are known."""

_AUTO = ("auto", "")
"""What a client may send instead of null to have the language detected."""

_ISO_639_2 = (
    *("ara ar", "ces cs", "cze cs", "dan da", "deu de", "ger de", "ell el", "gre el", "eng en"),
    *("spa es", "fas fa", "per fa", "fin fi", "fra fr", "fre fr", "hin hi", "hun hu", "ind id"),
    *("ita it", "jpn ja", "kor ko", "mkd mk", "mac mk", "msa ms", "may ms", "nld nl", "dut nl"),
    *("pol pl", "por pt", "ron ro", "rum ro", "rus ru", "swe sv", "tha th", "tur tr", "vie vi"),
    *("zho zh", "chi zh", "cmn zh", "ukr uk", "heb he", "cat ca", "bul bg", "hrv hr", "srp sr"),
    *("slk sk", "slo sk", "slv sl", "lit lt", "lav lv", "est et", "nor no", "nob no", "nno nn"),
    *("isl is", "ice is", "ben bn", "tam ta", "tel te", "urd ur", "mar mr", "guj gu", "pan pa"),
    *("swa sw", "afr af", "cym cy", "wel cy", "eus eu", "baq eu", "glg gl", "kat ka", "geo ka"),
    *("hye hy", "arm hy", "kaz kk", "aze az", "uzb uz", "sqi sq", "alb sq", "bel be", "lat la"),
)
_BY_SPELLING = {
    **NAMES_BY_CODE,
    **{name.lower(): name for name in NAMES_BY_CODE.values()},
    **{pair[:3]: NAMES_BY_CODE[pair[4:]] for pair in _ISO_639_2},
}
_SHORTEST_MISSPELT = 4
"""Characters; each short code is close to another one."""


class UnknownLanguage(PeerMisbehaved):
    """No such language; the message suggests one, or says what to write."""


def resolve(spelling: str) -> str | None:
    """Return the language's name (``English``) for a name or code in any case.

    None for "auto" and for an empty one, which leave it to be detected.

    A script or a region after the code is accepted and ignored (``zh-Hans``, ``pt-BR``). Raises
    `UnknownLanguage`.
    """
    wanted = spelling.strip().lower()
    if wanted in _AUTO:
        return None
    name = _BY_SPELLING.get(wanted) or _by_primary_subtag(wanted)
    if name is None:
        raise UnknownLanguage(f"unknown language {spelling[:40]!a}; {_suggestion(wanted)}")
    return name


def _by_primary_subtag(tag: str) -> str | None:
    code, *subtags = tag.replace("_", "-").split("-")
    # Only scripts and regions (BCP 47: four letters; two letters or three digits). Three letters
    # can name another language: zh-yue is Cantonese, not Chinese.
    passed_over = [
        (len(each) in (2, 4) and each.isalpha()) or (len(each) == 3 and each.isdigit())
        for each in subtags
    ]
    return _BY_SPELLING.get(code) if subtags and len(code) <= 3 and all(passed_over) else None


def _suggestion(wanted: str) -> str:
    close = get_close_matches(wanted[:40], _BY_SPELLING, n=1)
    if close and len(wanted) >= _SHORTEST_MISSPELT:
        return f"did you mean {_BY_SPELLING[close[0]]!r}?"
    return "write its English name or its ISO 639 code, such as 'German' or 'de', or auto"
