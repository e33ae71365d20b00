"""Guards against text of Qwen3-ASR that was not spoken: endless, repeated or from the prompt."""

import math
import re
import unicodedata

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray

# Tokens of one and the same text (the first article of the Universal Declaration of Human Rights)
# in Qwen's vocabulary: English 33, Chinese 27, median of the 30 languages 55, Greek 163, Hindi 171.
# Speech carries about the same information per second in every language (Coupé et al., "Different
# languages, similar encoding efficiency", Science Advances 2019), and 300 English words a minute,
# twice the usual pace, say that text in 6 s: Hindi needs 28.5 tokens per second, English 5.5.
_TOKENS_PER_SECOND = 30
# `language Macedonian<asr_text>` and the end of the answer are 6 tokens; the rest is for a short
# word that fills its audio.
_TOKENS_BESIDES = 16

# As the official parser (QwenLM/Qwen3-ASR 7c6daf7, qwen_asr/inference/utils.py,
# `detect_and_fix_repetitions`): nobody says anything 20 times in a row.
_REPEATS = 20
_LONGEST_UNIT = 80
# An answer at its length limit is far longer than speech because of its end. So fewer repeats prove
# a runaway there, though "no no no no" and the zeros of a telephone number do not.
_REPEATS_AT_LIMIT = 10
_REPEATS_OF_LONG_RUN = 4
_LONG_RUN = 40

# The quietest of 38 recordings of speech reaches -22 dBFS in its loudest 0.1 s, while the pauses of
# a telephone recording lie at -60: a caller 28 dB quieter than any of them is line noise.
_SILENCE_DBFS = -50.0
_LOUDNESS_WINDOW = SAMPLE_RATE // 10
# The text above takes at most 33 letters per second at 300 English words a minute, and 29 where
# a syllable or ideograph counts for two. Nobody speaks twice as fast.
_LETTERS_PER_SECOND = 60

# Thai, kana and Han are written without spaces: a character is a word.
_UNSPACED = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def token_limit(seconds: float, most: int) -> int:
    """Return how many tokens an answer about `seconds` of audio may have, `most` at most.

    It is enough for the fastest speech in the language that takes the most tokens; an answer that
    reaches it is a runaway.
    """
    return min(most, _TOKENS_BESIDES + math.ceil(_TOKENS_PER_SECOND * seconds))


def untangled(text: str, complete: bool) -> str:
    """Return `text` with every runaway repetition cut to one occurrence.

    A unit of 1 to 80 characters that repeats at least 20 times counts. If the decode hit its length
    limit (`complete` False), at the end of the text 10 repeats count too, or 4 over at least 40
    characters. `text` may be a raw answer or plain text. Linear in len(text): one comparison per
    character and unit length.
    """
    if not complete:
        text = text.rstrip("\ufffd")
    fewest = _REPEATS if complete else _REPEATS_OF_LONG_RUN
    # Short units first: "no no no" is also a loop of "no no ", but its unit is "no".
    for unit in range(1, _LONGEST_UNIT + 1):
        if unit * fewest > len(text):
            break
        runs = _runs(text, unit, fewest)
        if not complete and runs and runs[-1][1] == len(text):
            text = _without_tail(text, *runs.pop(), unit)
        text = _without_loops(text, runs, unit)
    return text


def is_echo(text: str, system: str, audio: FloatArray) -> bool:
    """Tell whether `text` was read off the system turn instead of heard in `audio`.

    `audio` is float32 [n] at 16 kHz, all that was decoded. True only if the words of `text` are
    consecutive words of `system` (case, punctuation and marks aside) and no voice can have said
    them: the loudest 0.1 s stay below -50 dBFS, or there are more than 60 letters per second.
    So a caller who does say a keyword is never taken for an echo.
    """
    words = _words(text)
    if not words or f" {' '.join(words)} " not in f" {' '.join(_words(system))} ":
        return False
    letters = sum(1 + (unicodedata.east_asian_width(c) == "W") for c in "".join(words))
    return letters > _LETTERS_PER_SECOND * len(audio) / SAMPLE_RATE or _is_silent(audio)


def _runs(text: str, unit: int, fewest: int) -> list[tuple[int, int]]:
    """Return [start, end) of each stretch that repeats `unit` characters at least `fewest` times.

    A stretch extends to both sides as far as the period lasts. Two stretches may overlap by less
    than one unit.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    same = np.zeros(len(codes) - unit + 2, dtype=np.int8)
    same[1:-1] = codes[unit:] == codes[:-unit]
    starts, ends = np.flatnonzero(np.diff(same)).reshape(-1, 2).T
    long = ends - starts >= (fewest - 1) * unit
    return [
        (int(start), int(end) + unit) for start, end in zip(starts[long], ends[long], strict=True)
    ]


def _without_loops(text: str, runs: list[tuple[int, int]], unit: int) -> str:
    """Cut each run that is a loop to its last unit and the partial one behind it."""
    kept: list[str] = []
    done = 0
    for start, end in runs:
        if end - start >= _REPEATS * unit:
            first = _first_unit(text, start, unit)
            kept.append(text[done:first])
            done = first + ((end - first) // unit - 1) * unit
    return "".join([*kept, text[done:]])


def _without_tail(text: str, start: int, end: int, unit: int) -> str:
    """Cut the run at the end of a text at its length limit to its first unit."""
    if end - start < _REPEATS_AT_LIMIT * unit and end - start < _LONG_RUN:
        return text
    return text[: _first_unit(text, start, unit) + unit].rstrip()


def _first_unit(text: str, start: int, unit: int) -> int:
    """Return the start of the first unit of whole words in a run from `start` on.

    The period may reach into the word before: "so no no no" repeats `o n`, but the word is "no".
    """
    edges = (at for at in range(start, start + unit) if _starts_word(text, at))
    return next(edges, start)


def _starts_word(text: str, at: int) -> bool:
    return not text[at].isspace() and (at == 0 or text[at - 1].isspace())


def _words(text: str) -> list[str]:
    """Split into words without case, punctuation and marks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall("".join(c for c in folded if unicodedata.category(c)[0] != "M"))


def _is_silent(audio: FloatArray) -> bool:
    window = min(_LOUDNESS_WINDOW, len(audio))
    energy = np.cumsum(np.concatenate([[0.0], np.square(audio, dtype=np.float64)]))
    loudest = float(np.max(energy[window:] - energy[: len(energy) - window]))
    return loudest <= window * 10 ** (_SILENCE_DBFS / 10)
