"""A call's trace, fetched from a gateway: all finals, or one word on its way to its final."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from callscribe.commands.following import resource
from callscribe.commands.server_flags import Server
from callscribe.commands.trace_svg import svg
from callscribe.commands.trace_text import legend, stacked, table, waterfall
from callscribe.commands.trace_timeline import Timeline, of_utterance, of_word
from common.errors import SettingsError
from common.lifecycle import EXIT_OK


def run(server: Server, call: str, *, word: int | None, as_json: bool, picture: Path | None) -> int:
    """Print a call's trace, or that of one word; return the exit code.

    Raises what `resource` does, CallscribeError for a word that is not there, and SettingsError for
    a picture that cannot be written.
    """
    trace = resource(server, f"/v1/sessions/{quote(call, safe='')}/trace", "utterances")
    utterances: Sequence[Mapping[str, Any]] = trace["utterances"]
    if word is None:
        timelines = [of_utterance(each) for each in utterances]
        printed = trace
    else:
        timelines = [of_word(utterances, word)]
        printed = timelines[0].as_json()
    if picture is not None:
        try:
            picture.write_text(svg(timelines))
        except OSError as error:
            raise SettingsError(f"--picture: {picture} cannot be written: {error}") from error
    print(json.dumps(printed, indent=2) if as_json else _text(timelines))
    return EXIT_OK


def _text(timelines: Sequence[Timeline]) -> str:
    if not timelines:
        return "the call has no finals yet"
    width = shutil.get_terminal_size((100, 24)).columns
    if len(timelines) == 1:
        return f"{table(timelines)}\n\n{waterfall(timelines[0], width)}"
    return f"{table(timelines)}\n\n{stacked(timelines, width)}\n{legend(timelines)}"
