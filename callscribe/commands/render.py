"""Transcripts as they arrive: in place on a terminal, as lines in a pipe, or as JSON.

A terminal shows finals above and, per channel, the open utterance below, redrawn as it changes.
"""

import json
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from callscribe.client.messages import Error, Event, Final, Gap, Partial, Resumed

# ECMA-48: SGR for colour, CUU and ED to go back to the top of the live part and clear it.
_RESET, _DIM, _RED = "\x1b[0m", "\x1b[2m", "\x1b[31m"
_CHANNEL_COLOURS = ("\x1b[36m", "\x1b[33m")
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLEAR_BELOW = "\r\x1b[J"


class Display(Protocol):
    """Where a call's events are shown; a context manager that leaves the terminal in order."""

    def begin(self, names: Sequence[str], body: Mapping[str, Any], title: str | None) -> None:
        """Begin a call whose channels have these names: `body` for programs, `title` for people."""

    def show(self, event: Event, latencies: Mapping[str, float]) -> None:
        """Show an event with the latencies, in seconds, that its arrival told."""

    def summarise(self, body: Mapping[str, Any], text: str) -> None:
        """Show the summary at the end: `body` for programs, `text` for people."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def display_for(out: TextIO, env: Mapping[str, str], *, as_json: bool = False) -> Display:
    """Choose the display for `out`.

    In place needs a terminal that moves its cursor (TERM is not "dumb"); NO_COLOR
    (no-color.org) removes the colours and nothing else.
    """
    if as_json:
        return JsonLines(out)
    if out.isatty() and env.get("TERM", "dumb") != "dumb":
        return Live(out, colour=not env.get("NO_COLOR"))
    return Lines(out)


class _Plain:
    """A display that leaves nothing to restore on the terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._out.flush()


class JsonLines(_Plain):
    """Every event as one JSON object a line, with its latencies in seconds."""

    def show(self, event: Event, latencies: Mapping[str, float]) -> None:
        """Write the event, with `type` as in the protocol."""
        body = {name: value for name, value in asdict(event).items() if value is not None}
        rounded = {name: round(value, 4) for name, value in latencies.items()}
        self._write(event.kind, body | ({"latency": rounded} if rounded else {}))

    def begin(self, names: Sequence[str], body: Mapping[str, Any], title: str | None) -> None:
        """Write a line of type `call`."""
        self._write("call", {**body, "names": names})

    def summarise(self, body: Mapping[str, Any], text: str) -> None:
        """Write a line of type `summary`."""
        self._write("summary", body)

    def _write(self, kind: str, body: Mapping[str, Any]) -> None:
        print(json.dumps({"type": kind, **body}, ensure_ascii=False), file=self._out, flush=True)


class Lines(_Plain):
    """Finals and gaps as one line each; everything else goes to stderr."""

    _names: Sequence[str] = ()

    def begin(self, names: Sequence[str], body: Mapping[str, Any], title: str | None) -> None:
        """Write the title, if any, above the lines to come."""
        self._names = names
        if title:
            print(f"# {title}", file=self._out, flush=True)

    def show(self, event: Event, latencies: Mapping[str, float]) -> None:
        """Write finals and gaps, not partials."""
        line = _line(event, self._names)
        if line:
            target = sys.stderr if isinstance(event, Error | Resumed) else self._out
            print(line, file=target, flush=True)

    def summarise(self, body: Mapping[str, Any], text: str) -> None:
        """Write `text` to stderr."""
        print(text, file=sys.stderr, flush=True)


class Live:
    """The terminal display."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._names: Sequence[str] = ()
        self._colour = colour
        self._partials: dict[int, Partial] = {}
        self._drawn = 0

    def show(self, event: Event, latencies: Mapping[str, float]) -> None:
        """Print a final, redraw a partial."""
        line = _line(event, self._names)
        match event:
            case Partial():
                self._partials[event.channel] = event
            case Final():
                self._drop_partial(event)
                line = line and self._final(line, event.channel, latencies)
            case Error() | Gap():
                line = line and self._paint(_RED, line)
            case Resumed():
                line = line and self._paint(_DIM, line)
        self._redraw(line)

    def begin(self, names: Sequence[str], body: Mapping[str, Any], title: str | None) -> None:
        """Forget the last call's partials and write the title, if any."""
        self._names = names
        self._partials.clear()
        self._redraw(title)

    def summarise(self, body: Mapping[str, Any], text: str) -> None:
        """Write `text` below the transcript."""
        self._partials.clear()
        self._redraw(text)

    def __enter__(self) -> Self:
        self._out.write(_HIDE_CURSOR)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._partials.clear()
        self._redraw(None)
        self._out.write(_SHOW_CURSOR)
        self._out.flush()

    def _drop_partial(self, final: Final) -> None:
        shown = self._partials.get(final.channel)
        if shown is not None and shown.utterance <= final.utterance:
            del self._partials[final.channel]

    def _final(self, line: str, channel: int, latencies: Mapping[str, float]) -> str:
        line = self._paint(_colour_of(channel), line)
        lag = latencies.get("endpoint_to_final")
        return line if lag is None else f"{line} {self._paint(_DIM, f'+{lag * 1000:.0f} ms')}"

    def _redraw(self, line: str | None) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        width = shutil.get_terminal_size().columns
        live = [self._partial(self._partials[channel], width) for channel in sorted(self._partials)]
        rows = ([line] if line else []) + live
        self._out.write(up + _CLEAR_BELOW + "".join(f"{row}\n" for row in rows))
        self._out.flush()
        self._drawn = len(live)

    def _partial(self, partial: Partial, width: int) -> str:
        """One row, never wrapped: wrapped rows could not be erased."""
        name = _name(partial.channel, self._names)
        head = f"{_span(partial.start, partial.end)} {name}: "[: width - 1]
        text, unsure = printable(partial.text), len(partial.text) - partial.stable
        shown = _tail(text, width - 1 - len(head))
        certain = max(0, len(shown) - unsure)
        painted = shown[:certain] + self._paint(_DIM, shown[certain:])
        return self._paint(_colour_of(partial.channel), head) + painted

    def _paint(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self._colour and text else text


def printable(text: str) -> str:
    """Replace what could move a cursor: the text comes from outside. Keeps the length."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)


def _line(event: Event, names: Sequence[str]) -> str | None:
    match event:
        case Final() if event.text:
            name = _name(event.channel, names)
            return f"{_span(event.start, event.end)} {name}: {printable(event.text)}"
        case Gap():
            return f"{_span(event.start, event.end)} {_name(event.channel, names)}: (audio lost)"
        case Error():
            return f"server: {printable(event.message)} ({printable(event.code)})"
        case Resumed():
            at = f"resumed at {event.position:.1f} s of audio"
            return f"connection lost for {event.after_s:.1f} s; {at}"
    return None


def _span(start: float, end: float) -> str:
    return f"[{start:7.2f} - {end:6.2f}]"


def _name(channel: int, names: Sequence[str]) -> str:
    return names[channel] if channel < len(names) else f"channel {channel}"


def _colour_of(channel: int) -> str:
    return _CHANNEL_COLOURS[channel % len(_CHANNEL_COLOURS)]


def _tail(text: str, columns: int) -> str:
    """Return the end of the text that fits, marked when something was left out."""
    if sum(map(_cells, text)) <= columns:
        return text
    start, free = len(text), columns - 1
    while start and _cells(text[start - 1]) <= free:
        start -= 1
        free -= _cells(text[start])
    return "…" + text[start:] if columns > 0 else ""


def _cells(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
