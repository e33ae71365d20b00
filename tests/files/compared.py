"""What came of every file on every way, side by side."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.files.recordings import Recording
from tests.files.ways import COMMAND, NATIVE, WAYS, Heard, Way, heard


@dataclass(frozen=True, slots=True)
class Row:
    """A file, its channels mixed or kept `apart`, and what came of it on each way."""

    recording: Recording
    apart: bool
    found: Mapping[Way, Heard]

    @property
    def differences(self) -> list[str]:
        """How the ways differ from each other, and from what is known of the file."""
        problems = []
        if len({each.finals for each in self.found.values()}) > 1:
            problems.append("texts or times")
        if {each.refused for each in self.found.values()} != {self.recording.refused}:
            problems.append("whether it is audio")
        if not self.recording.refused and not all(each.finals for each in self.found.values()):
            problems.append("whether anything was said")
        if len(self.remarks) > 1:
            problems.append("what is wrong with it")
        return problems

    @property
    def remarks(self) -> set[str]:
        """What was told of the file itself."""
        ways = {COMMAND} if self.recording.uploaded else {*self.found} - {NATIVE}
        return {self.found[way].remark or "" for way in ways if way in self.found}

    def as_json(self) -> dict[str, Any]:
        """Return it for a file."""
        first = next(iter(self.found.values()))
        return {
            "name": self.recording.name,
            "file": self.recording.text,
            "apart": self.apart,
            "ways": [way for way in WAYS if way in self.found],
            "differences": self.differences,
            "refused": first.refused,
            "told": sorted(self.remarks)[0],
            "finals": [[each.channel, each.start, each.end, each.text] for each in first.finals],
        }


async def compared(port: int, recordings: Sequence[Recording]) -> list[Row]:
    """Send files to a gateway's port on every way, mixed, and where there are two channels apart.

    A file of two channels follows itself.
    """
    rows: dict[tuple[str, bool], Row] = {}
    for apart in (False, True):
        chosen = [each for each in recordings if each.channels == 2 or not apart]
        if not chosen:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = await heard(port, chosen, Path(folder), apart=apart)
        for each in chosen:
            rows[each.name, apart] = Row(each, apart, found[each.name])
    return [
        rows[each.name, apart]
        for each in recordings
        for apart in (False, True)
        if (each.name, apart) in rows
    ]
