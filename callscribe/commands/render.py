"""Transcripts as they arrive: in place on a terminal, as lines in a pipe, or as JSON lines.

A terminal shows finals above and, per channel, the open utterance below, redrawn as it changes.
Several calls may be shown together; a call is named by its session id.
"""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from callscribe.client.messages import Error, Event, Final, Gap, Keyword, Partial, Resumed
from callscribe.commands.event_lines import Parties, line_of, printable, span, tail

# ECMA-48: SGR for colour, CUU and ED to go back to the top of the live part and clear it.
_RESET, _BOLD, _DIM, _RED = "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"
_CHANNEL_COLOURS = ("\x1b[36m", "\x1b[33m", "\x1b[35m", "\x1b[32m")
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLEAR_BELOW = "\r\x1b[J"


class Sheet(Protocol):
    """Where the events of calls are written."""

    def begin(
        self, call: str, names: Sequence[str], body: Mapping[str, Any], title: str | None
    ) -> None:
        """Begin a call whose channels have these names: `body` for programs, `title` for people."""

    def show(self, call: str, event: Event, latencies: Mapping[str, float]) -> None:
        """Show an event with the latencies, in seconds, that its arrival told."""

    def end(self, call: str, *, complete: bool) -> None:
        """End a call; `complete` tells whether the server has ended it in order."""


class Display(Sheet, Protocol):
    """Where people or programs read along; a context manager that restores the terminal."""

    def tell(self, line: str) -> None:
        """Tell people something about the command itself."""

    def summarise(self, body: Mapping[str, Any], text: str) -> None:
        """Show the summary at the end: `body` for programs, `text` for people."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def in_place(out: TextIO, env: Mapping[str, str]) -> bool:
    """Whether `out` is a terminal that moves its cursor (TERM is not "dumb")."""
    return out.isatty() and env.get("TERM", "dumb") != "dumb"


def display_for(out: TextIO, env: Mapping[str, str], *, as_json: bool = False) -> Display:
    """Choose the display for `out`.

    NO_COLOR (no-color.org) removes the colours and nothing else.
    """
    if as_json:
        return JsonLines(out)
    if in_place(out, env):
        return Live(out, colour=not env.get("NO_COLOR"))
    return Lines(out)


def to_stderr(line: str) -> None:
    """Write a line to stderr."""
    print(line, file=sys.stderr, flush=True)


class _Plain:
    """A display that leaves nothing to restore on the terminal."""

    def __init__(self, out: TextIO, tell: Callable[[str], None] | None = None) -> None:
        self._out = out
        self._tell = tell or to_stderr

    def tell(self, line: str) -> None:
        """Tell it where the transcript does not go."""
        self._tell(line)

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
    """Every event as one JSON object a line, with its call and its latencies in seconds."""

    def show(self, call: str, event: Event, latencies: Mapping[str, float]) -> None:
        """Write the event, with `type` as in the protocol."""
        body = {name: value for name, value in asdict(event).items() if value is not None}
        rounded = {name: round(value, 4) for name, value in latencies.items()}
        latency = {"latency": rounded} if rounded else {}
        self._write(event.kind, {"session_id": call, **body, **latency})

    def begin(
        self, call: str, names: Sequence[str], body: Mapping[str, Any], title: str | None
    ) -> None:
        """Write a line of type `call`."""
        self._write("call", {"session_id": call, **body, "names": names})

    def end(self, call: str, *, complete: bool) -> None:
        """Write a line of type `end`."""
        self._write("end", {"session_id": call, "complete": complete})

    def summarise(self, body: Mapping[str, Any], text: str) -> None:
        """Write a line of type `summary`."""
        self._write("summary", body)

    def _write(self, kind: str, body: Mapping[str, Any]) -> None:
        print(json.dumps({"type": kind, **body}, ensure_ascii=False), file=self._out, flush=True)


class Lines(_Plain):
    """Finals, gaps, keywords and digits as one line each; `tell` gets lines about the call."""

    def __init__(self, out: TextIO, tell: Callable[[str], None] | None = None) -> None:
        super().__init__(out, tell)
        self._parties = Parties()

    def begin(
        self, call: str, names: Sequence[str], body: Mapping[str, Any], title: str | None
    ) -> None:
        """Write the title, if any, above the lines to come."""
        self._parties.join(call, names)
        if title:
            print(f"# {printable(title)}", file=self._out, flush=True)

    def show(self, call: str, event: Event, latencies: Mapping[str, float]) -> None:
        """Write finals and the like, not partials."""
        line = line_of(event, self._parties.name(call, event))
        if line and isinstance(event, Error | Resumed):
            self._tell(line)
        elif line:
            print(line, file=self._out, flush=True)

    def end(self, call: str, *, complete: bool) -> None:
        """Do nothing: what was said stands there."""

    def summarise(self, body: Mapping[str, Any], text: str) -> None:
        """Tell `text`."""
        self._tell(text)


class Live:
    """The terminal display."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._parties = Parties()
        self._colour = colour
        self._partials: dict[tuple[str, int], Partial] = {}
        self._drawn = 0

    def show(self, call: str, event: Event, latencies: Mapping[str, float]) -> None:
        """Print a final, redraw a partial."""
        line = line_of(event, self._parties.name(call, event))
        match event:
            case Partial():
                self._partials[call, event.channel] = event
            case Final():
                self._drop_partial(call, event)
                line = line and self._final(line, self._hue(call, event.channel), latencies)
            case Error() | Gap():
                line = line and self._paint(_RED, line)
            case Keyword():
                line = line and self._paint(_BOLD, line)
            case Resumed():
                line = line and self._paint(_DIM, line)
        self._redraw(line)

    def begin(
        self, call: str, names: Sequence[str], body: Mapping[str, Any], title: str | None
    ) -> None:
        """Write the title, if any."""
        self._parties.join(call, names)
        self._redraw(title and printable(title))

    def end(self, call: str, *, complete: bool) -> None:
        """Forget the partials of the call."""
        self._partials = {key: each for key, each in self._partials.items() if key[0] != call}
        self._parties.leave(call)
        self._redraw(None)

    def tell(self, line: str) -> None:
        """Write it as a line of its own."""
        self._redraw(self._paint(_DIM, line))

    def summarise(self, body: Mapping[str, Any], text: str) -> None:
        """Write `text` below the transcript."""
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

    def _drop_partial(self, call: str, final: Final) -> None:
        shown = self._partials.get((call, final.channel))
        if shown is not None and shown.utterance <= final.utterance:
            del self._partials[call, final.channel]

    def _hue(self, call: str, channel: int) -> str:
        return _CHANNEL_COLOURS[self._parties.number(call, channel) % len(_CHANNEL_COLOURS)]

    def _final(self, line: str, hue: str, latencies: Mapping[str, float]) -> str:
        line = self._paint(hue, line)
        lag = latencies.get("endpoint_to_final")
        return line if lag is None else f"{line} {self._paint(_DIM, f'+{lag * 1000:.0f} ms')}"

    def _redraw(self, line: str | None) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        width = shutil.get_terminal_size().columns
        order = sorted(self._partials, key=lambda key: self._parties.number(*key))
        live = [self._partial(call, self._partials[call, leg], width) for call, leg in order]
        rows = ([line] if line else []) + live
        self._out.write(up + _CLEAR_BELOW + "".join(f"{row}\n" for row in rows))
        self._out.flush()
        self._drawn = len(live)

    def _partial(self, call: str, partial: Partial, width: int) -> str:
        """One row, never wrapped: wrapped rows could not be erased."""
        name = self._parties.name(call, partial)
        head = f"{span(partial.start, partial.end)} {name}: "[: width - 1]
        text, unsure = printable(partial.text), len(partial.text) - partial.stable
        shown = tail(text, width - 1 - len(head))
        certain = max(0, len(shown) - unsure)
        painted = shown[:certain] + self._paint(_DIM, shown[certain:])
        return self._paint(self._hue(call, partial.channel), head) + painted

    def _paint(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self._colour and text else text
