"""Cutting a text into the units that the aligner places in time.

The units follow QwenLM/Qwen3-ASR, qwen_asr/inference/qwen3_forced_aligner.py
(`Qwen3ForceAlignProcessor`): pieces between whitespace, reduced to letters, digits and apostrophes,
and single ideographs. There nagisa cuts Japanese and soynlp Korean. Here

- Japanese is cut into single characters, kana too: nagisa is a compiled morphological analyser
  with models of its own, and a character is what the aligner places in Chinese anyway.
- Korean is cut at spaces (eojeol): soynlp divides those further into stem and particle, and words
  that are joined by spaces must not be.

Units cannot hold a control token: none of ``<``, ``|`` and ``>`` is a letter.
"""

import unicodedata
from dataclasses import dataclass

_UNSPACED = frozenset({"Cantonese", "Chinese", "Japanese"})

_IDEOGRAPHS = (
    (0x3400, 0x4DBF),  # extension A
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),  # compatibility
    (0x20000, 0x2A6DF),  # extension B
    (0x2A700, 0x2CEAF),  # extensions C, D, E
)
_KANA = ((0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D))


@dataclass(slots=True)
class Unit:
    """One unit to place in time, and its part in the client's words.

    `text` is what the model reads. `written` is its part of the original, with the punctuation
    around it. `begins` is False if it continues the word of the unit before it.
    """

    text: str
    written: str
    begins: bool


def units(text: str, language: str) -> list[Unit]:
    """Cut `text`, in a language by its English name; empty if nothing in it can be spoken.

    Nothing is lost: the words of all `written` parts give the text again, with single spaces for
    whitespace. They are joined by spaces, in Chinese, Cantonese and Japanese by nothing.
    """
    unspaced = language in _UNSPACED
    ranges = _IDEOGRAPHS + _KANA if language == "Japanese" else _IDEOGRAPHS
    found: list[Unit] = []
    unspoken = ""
    for piece in text.split():
        fresh, rest = _cut(piece, ranges)
        if not fresh:
            if found:
                found[-1].written += " " + rest
            else:
                unspoken += rest + " "
            continue
        fresh[0].written = unspoken + fresh[0].written
        fresh[-1].written += rest
        unspoken = ""
        for unit in fresh:
            unit.begins = unspaced or unit is fresh[0]
        if unspaced and found:
            found[-1].written += " "
        found += fresh
    for unit in found:
        unit.text = unicodedata.normalize("NFC", unit.text)
    return found


def _cut(piece: str, alone: tuple[tuple[int, int], ...]) -> tuple[list[Unit], str]:
    """Return the units of one piece without whitespace, and what follows the last of them."""
    found: list[Unit] = []
    pending = ""
    running = False
    for character in piece:
        category = unicodedata.category(character)
        if category[0] in "LN" and _is_in(character, alone):
            found.append(Unit(character, pending + character, True))
            pending, running = "", False
        elif category[0] in "LN" or (character == "'" and running):
            if not running:
                found.append(Unit("", "", True))
            found[-1].text += character
            found[-1].written += pending + character
            pending, running = "", True
        elif category[0] == "M" and found and not pending:
            # An accent that is a character of its own belongs to the letter before it.
            found[-1].text += character
            found[-1].written += character
        elif pending or not found or category in ("Ps", "Pi"):
            pending += character
        else:
            found[-1].written += character
    return found, pending


def _is_in(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)
