"""`callscribe certificate`: a self-signed certificate in a directory, for a proxy or a gateway."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import SettingsError
from common.settings import FlagParser


def main(argv: Sequence[str]) -> int:
    """Make a certificate unless there is one, print where it is, and return the exit code."""
    parser = FlagParser(prog="callscribe certificate", allow_abbrev=False)
    parser.description = (
        "Make a self-signed certificate, DIR/fullchain.pem, with its key, DIR/privkey.pem. One"
        " that is there stays, unless it was made here and ends soon or lacks a name."
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="made if it is missing")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="host names and addresses besides those of this machine",
    )
    arguments = parser.parse_args(argv)
    try:
        from gateway.tls import CERTIFICATE, keeping
        from gateway.tls.names import own_names
    except ModuleNotFoundError as error:
        raise SettingsError(f"{error}; is callscribe[gateway] installed?") from error

    directory: Path = arguments.directory
    there = keeping.read(directory)
    if there is None or there.is_ours:
        there = keeping.kept(directory, own_names(*arguments.names))
    print(f"{directory / CERTIFICATE}: SHA-256 fingerprint {there.fingerprint}")
    return 0
