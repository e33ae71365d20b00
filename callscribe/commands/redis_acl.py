"""`callscribe redis-acl`: the users of Redis with their rights, and a password for each."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from common.bus import acl
from common.errors import SettingsError
from common.settings import FlagParser


def main(argv: Sequence[str]) -> int:
    """Print an ACL file for Redis, make missing passwords, and return the exit code."""
    parser = FlagParser(prog="callscribe redis-acl", allow_abbrev=False)
    parser.description = (
        "Print an ACL file for Redis 7 or newer: a user for each service with the commands and keys"
        " that it needs. DIR has a file with the password of each user; missing ones are made. The"
        " services find theirs by --redis-url redis://HOST?passwords=DIR."
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="made if it is missing")
    print(acl_file(parser.parse_args(argv).directory), end="")
    return 0


def acl_file(directory: Path) -> str:
    """Return an ACL file for the passwords in a directory, where the missing ones are made."""
    users = [*acl.users(), acl.ADMIN, *acl.SERVERS]
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [user.line(_password(directory / user.name)) for user in users]
    except OSError as error:
        raise SettingsError(f"{error.filename}: {error.strerror}") from error
    return "\n".join([acl.LOCKED, *lines, ""])


def _password(path: Path) -> str:
    """Return the password in a file, which is made if it is missing."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    except FileExistsError:
        pass
    password = path.read_text().strip()
    if not password:
        raise SettingsError(f"{path} is empty")
    return password
