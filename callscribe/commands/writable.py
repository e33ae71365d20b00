"""Whether a file can be written, before the work whose result it gets."""

import os
from pathlib import Path

from common.errors import SettingsError


def check_writable(flag: str, file: Path) -> None:
    """Raise SettingsError if the file of `flag` cannot be written; nothing is made or changed."""
    folder = file.parent
    try:
        if file.exists():
            file.open("ab").close()
        elif not folder.is_dir():
            raise SettingsError(f"{flag}: there is no folder {folder}")
        elif not os.access(folder, os.W_OK | os.X_OK):
            raise SettingsError(f"{flag}: no file can be made in {folder}")
    except OSError as error:
        raise SettingsError(f"{flag}: {file} cannot be used: {error}") from error
