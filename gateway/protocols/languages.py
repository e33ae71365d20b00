"""What a client may write for a language, and which language it means."""

from difflib import get_close_matches

from common.errors import PeerMisbehaved
from common.languages import NAMES_BY_CODE

_AUTO = ("auto", "")
"""What a client may send instead of null to have the language detected."""

_BY_SPELLING = dict(NAMES_BY_CODE) | {name.lower(): name for name in NAMES_BY_CODE.values()}


class UnknownLanguage(PeerMisbehaved):
    """No such language; the message suggests one, or lists all."""


def resolve(spelling: str) -> str | None:
    """Return the language's name (``English``) for a name or code in any case.

    None for "auto" and for an empty one, which leave it to be detected.

    A region after the code is accepted and ignored (``pt-BR``). Raises `UnknownLanguage`.
    """
    wanted = spelling.strip().lower()
    if wanted in _AUTO:
        return None
    name = _BY_SPELLING.get(wanted) or _by_primary_subtag(wanted)
    if name is None:
        raise UnknownLanguage(f"unknown language {spelling[:40]!a}; {_suggestion(wanted)}")
    return name


def _by_primary_subtag(tag: str) -> str | None:
    code, hyphen, region = tag.replace("_", "-").partition("-")
    # Only a region (BCP 47: two letters or three digits). A longer subtag can name another
    # language: zh-yue is Cantonese, not Chinese.
    is_region = (len(region) == 2 and region.isalpha()) or (len(region) == 3 and region.isdigit())
    return NAMES_BY_CODE.get(code) if hyphen and is_region else None


def _suggestion(wanted: str) -> str:
    close = get_close_matches(wanted[:40], _BY_SPELLING, n=1)
    if close:
        return f"did you mean {_BY_SPELLING[close[0]]!r}?"
    known = ", ".join(f"{name} ({code})" for code, name in NAMES_BY_CODE.items())
    return f"known are auto, {known}"
