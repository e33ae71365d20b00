"""Writes a proved figure into the environment file that the services read."""

import re
from pathlib import Path

from asr_worker.settings import AsrSettings
from callscribe.commands.writable import check_writable
from common.errors import SettingsError
from common.settings import definitions

VARIABLE = definitions(AsrSettings)["asr_legs"].variable


def with_legs(text: str, legs: int) -> str:
    """Return the text of an environment file with the recognisers' legs, and nothing else changed.

    A file that names them several times has them once, at the first place.
    """
    line = f"{VARIABLE}={legs}\n"
    found = False
    lines = []
    for each in text.splitlines(keepends=True):
        if not re.match(rf"\s*(export\s+)?{VARIABLE}\s*=", each):
            lines.append(each if each.endswith("\n") else each + "\n")
        elif not found:
            found = True
            lines.append(line)
    return "".join([*lines, *([] if found else [line])])


def check(file: Path) -> None:
    """Raise SettingsError if the file cannot be read or written; it need not exist."""
    check_writable("--apply", file)
    try:
        if file.exists():
            file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--apply: {file} cannot be used: {error}") from error


def write(file: Path, legs: int) -> None:
    """Write the legs of each recogniser into the file. SettingsError if that is impossible."""
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        # In place, so that its owner and mode stay: such files hold passwords.
        file.write_text(with_legs(text, legs), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--apply: {file} cannot be written: {error}") from error
