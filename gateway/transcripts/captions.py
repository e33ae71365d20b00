"""Captions of a transcript, as SubRip and as WebVTT. Pure.

SubRip has no standard. The form is the one that VLC and ffmpeg read. WebVTT is W3C's
(https://www.w3.org/TR/webvtt1).
"""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

_LINE = 42
"""Characters of a line: what subtitling guides allow at most."""
_LINES = 2
_LEAST = 12
"""Characters of the text that a first line has behind the longest label."""


@dataclass(frozen=True, slots=True)
class Caption:
    """A stretch of speech from `start` to `end`, in seconds. A `label` names who speaks.

    `words` has start and end of each word of the text, in seconds, where they are known.
    """

    start: float
    end: float
    text: str
    label: str = ""
    words: Sequence[tuple[float, float]] = ()


def named(label: str, speaker: int | None) -> str:
    """Return a label that names a channel's speaker, too, where one is known."""
    told = "" if speaker is None else f"speaker {speaker}"
    return ", ".join(filter(None, (label, told)))


def one_line(label: str) -> str:
    """Return a label without line ends, and with U+FFFD for what else is not printable.

    A client chose it, and others read it in a file or at a terminal.
    """
    text = " ".join(label.split())
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def srt(captions: Iterable[Caption]) -> str:
    """Return the captions as a SubRip file; empty without any."""
    return "".join(
        f"{number}\n{_span(cue, ',')}\n{_with_label(cue)}\n\n"
        for number, cue in enumerate(_cues(captions, _line_of_srt, _prefix), 1)
    )


def vtt(captions: Iterable[Caption]) -> str:
    """Return the captions as a WebVTT file."""
    cues = (
        f"{_span(cue, '.')}\n{_with_voice(cue)}\n\n"
        for cue in _cues(captions, _line_of_vtt, _no_prefix)
    )
    return "WEBVTT\n\n" + "".join(cues)


def _cues(
    captions: Iterable[Caption], line: Callable[[str], str], prefix: Callable[[str], str]
) -> Iterator[Caption]:
    """Split captions into what fits a screen, in the order of their starts.

    `prefix` gives what a label takes of a screen's first line.
    """
    cues = (cue for caption in captions for cue in _split(caption, line, prefix(caption.label)))
    return iter(sorted(cues, key=lambda cue: cue.start))


def _split(caption: Caption, line: Callable[[str], str], prefix: str) -> Iterator[Caption]:
    screens = list(_screens(caption.text, prefix))
    spans = _spans(caption, [" ".join(screen) for screen in screens])
    for screen, (start, end) in zip(screens, spans, strict=True):
        yield Caption(start, end, "\n".join(map(line, screen)), caption.label)


def _screens(text: str, prefix: str) -> Iterator[list[str]]:
    """Yield the lines of each screen, without the prefix that its first line has room for."""
    indent = " " * min(len(prefix), _LINE - _LEAST)
    rest = text
    while rest.strip():
        lines = textwrap.wrap(rest, _LINE, initial_indent=indent, break_on_hyphens=False)
        yield [each.strip() for each in lines[:_LINES]]
        rest = " ".join(lines[_LINES:])


def _spans(caption: Caption, texts: Sequence[str]) -> Iterator[tuple[float, float]]:
    """Yield start and end of each part of a caption's text."""
    counts = [len(text.split()) for text in texts]
    if len(texts) > 1 and sum(counts) == len(caption.words):
        first = 0
        for count in counts:
            yield caption.words[first][0], caption.words[first + count - 1][1]
            first += count
        return
    # Speech takes about as long as its text is.
    scale = (caption.end - caption.start) / max(1, sum(map(len, texts)))
    at = caption.start
    for text in texts[:-1]:
        yield at, (at := at + len(text) * scale)
    if texts:
        yield at, caption.end


def _span(cue: Caption, point: str) -> str:
    # A cue that ends when it begins is shown by no player.
    begin = round(cue.start * 1000)
    end = max(begin + 1, round(cue.end * 1000))
    return f"{_clock(begin, point)} --> {_clock(end, point)}"


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}{point}{rest:03}"


def _line_of_srt(text: str) -> str:
    return text.replace("-->", "->")


def _line_of_vtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _prefix(label: str) -> str:
    return f"{_line_of_srt(one_line(label))}: " if label else ""


def _no_prefix(label: str) -> str:
    return ""  # a voice tag is not shown


def _with_label(cue: Caption) -> str:
    return _prefix(cue.label) + cue.text


def _with_voice(cue: Caption) -> str:
    return f"<v {_line_of_vtt(one_line(cue.label))}>{cue.text}" if cue.label else cue.text
