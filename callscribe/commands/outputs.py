"""Where transcripts go: each into a file of its own, or whole to stdout."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeAlias, cast

from callscribe.client.messages import Error, Event, Gap, Resumed
from callscribe.commands.event_lines import Parties, line_of
from callscribe.commands.forms import WHOLE, Transcript
from callscribe.commands.render import JsonLines, Lines, Sheet
from common.errors import CallscribeError, SettingsError

Write: TypeAlias = Callable[[str], None]
FORMATS = ("txt", "jsonl", *WHOLE)


class OutputError(CallscribeError):
    """A transcript cannot be written; the message names its file."""


def destinations(
    sources: Sequence[Path], form: str, output: Path | None
) -> Sequence[Path] | Sequence[None]:
    """Return the file for the transcript of each source, None where stdout gets it.

    A directory gets one file for each source, of its name and the form's ending. SettingsError if
    several transcripts would be one file, or one on stdout that no program could take apart.
    """
    if output is None:
        if form in WHOLE and len(sources) > 1:
            raise SettingsError(f"--format {form}: several files need --output DIRECTORY")
        return [None] * len(sources)
    if not output.is_dir():
        if len(sources) > 1:
            raise SettingsError(f"--output: several files need a directory, {output} is none")
        if not output.parent.is_dir():
            raise SettingsError(f"--output: there is no directory {output.parent}")
        _check_apart(output, sources)
        return [output]
    found: dict[Path, Path] = {}
    for source in sources:
        path = output / f"{source.stem}.{form}"
        if path in found:
            raise SettingsError(f"--output: {found[path]} and {source} would both be {path}")
        _check_apart(path, sources)
        found[path] = source
    return list(found)


def _check_apart(path: Path, sources: Sequence[Path]) -> None:
    if path.resolve() in [source.resolve() for source in sources]:
        raise SettingsError(f"--output: {path} is what is to be transcribed")


@contextmanager
def written(form: str, path: Path | None, write: Write, tell: Write) -> Iterator[Sheet]:
    """Write one call in `form` to `path`, as it goes on if the form allows that.

    Without a path, `write` gets the whole text when the call has ended. `tell` gets lines about the
    call that are no part of the transcript. OutputError if the file cannot be written.
    """
    if form in WHOLE:
        yield Whole(form, path, write, tell)
    elif path is None:
        kept = io.StringIO()
        try:
            yield _lines(form, kept, tell)
        finally:
            write(kept.getvalue())
    else:
        with _named(path):
            file = path.open("w", encoding="utf-8")
        try:
            yield _lines(form, cast(TextIO, _File(file, path)), tell)
        finally:
            with _named(path):
                file.close()


def _lines(form: str, out: TextIO, tell: Write) -> Sheet:
    return JsonLines(out) if form == "jsonl" else Lines(out, tell)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: {(error.strerror or str(error)).lower()}") from error


class _File:
    """A file whose errors name it."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file = file
        self._path = path

    def write(self, text: str) -> int:
        with _named(self._path):
            return self._file.write(text)

    def flush(self) -> None:
        with _named(self._path):
            self._file.flush()


class Whole:
    """Writes the transcript of a call when it ends, in a form of `WHOLE`."""

    def __init__(self, form: str, path: Path | None, write: Write, tell: Write) -> None:
        self._form = form
        self._path = path
        self._write = write
        self._tell = tell
        self._parties = Parties()
        self._transcript: Transcript | None = None

    def begin(
        self, call: str, names: Sequence[str], body: Mapping[str, Any], title: str | None
    ) -> None:
        """Begin the transcript."""
        self._parties.join(call, names)
        self._transcript = Transcript(names, {"session_ids": [call], **body})

    def show(self, call: str, event: Event, latencies: Mapping[str, float]) -> None:
        """Take note of the event; tell what went wrong."""
        assert self._transcript is not None
        self._transcript.hear(event)
        if isinstance(event, Error | Gap | Resumed):
            self._tell(line_of(event, self._parties.name(call, event)) or "")

    def end(self, call: str, *, complete: bool) -> None:
        """Write the transcript."""
        assert self._transcript is not None
        text = self._transcript.written(self._form, ended=complete)
        if self._path is None:
            self._write(text)
            return
        with _named(self._path):
            self._path.write_text(text, encoding="utf-8")
