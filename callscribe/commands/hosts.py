"""`callscribe hosts render`: the files of every host of a site, from one inventory."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from callscribe.commands import redis_acl
from callscribe.hosts.file import File, Files
from callscribe.hosts.inventory import SECRETS, Host, Inventory, parse
from callscribe.hosts.rendering import Given, render
from common.errors import SettingsError
from common.settings import FlagParser


def main(argv: Sequence[str]) -> int:
    """Write the files of each host below a directory, and return the exit code."""
    parser = FlagParser(prog="callscribe hosts", allow_abbrev=False)
    parser.description = (
        "Write the files of every host of a site. OUTPUT/HOST holds them as they are to lie below"
        " / on that host. OUTPUT/secrets keeps the site's authority, certificates and passwords,"
        " which stay the same from one time to the next: keep it, and keep it to yourself."
    )
    parser.add_argument("action", choices=["render"])
    parser.add_argument("inventory", type=Path, metavar="INVENTORY", help="docs/hosts.md has one")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="made if it is missing")
    parser.add_argument(
        "--deploy",
        type=Path,
        default=Path("deploy"),
        metavar="DIR",
        help="the folder deploy of a clone, which has the units (default ./deploy)",
    )
    arguments = parser.parse_args(argv)
    try:
        return _render(arguments.inventory, arguments.output, arguments.deploy)
    except OSError as error:
        raise SettingsError(f"{error.filename}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{arguments.inventory}: {error}") from None


def _render(inventory: Path, output: Path, deploy: Path) -> int:
    try:
        site = parse(inventory.read_text())
    except SettingsError as error:
        raise SettingsError(f"{inventory}: {error}") from None
    given = _given(site, inventory, output, deploy)
    for name, files in render(site, given).items():
        _replace(output / name, files)
        print(f"{output / name}: {len(files)} files")
    return 0


def _given(site: Inventory, inventory: Path, output: Path, deploy: Path) -> Given:
    """Return what the files are made of; make the secrets that are missing."""
    try:
        from callscribe.hosts.authority import Authority
    except ModuleNotFoundError as error:
        raise SettingsError(f"{error}; is callscribe[gateway] installed?") from error

    units, rules = _texts(deploy / "systemd"), _texts(deploy / "prometheus" / "rules")
    own = None if site.certificate is None else inventory.parent / site.certificate
    certificate = None if own is None else own.read_text()
    _check_output(output)
    secrets = output / SECRETS
    passwords = secrets / "redis"
    users = redis_acl.acl_file(passwords)
    authority = Authority(secrets)
    identities = {
        host.name: authority.identity(host.name, _names(site, host)) for host in site.hosts
    }
    return Given(
        passwords={path.name: path.read_text().strip() for path in passwords.iterdir()},
        users=users,
        authority=authority.pem.decode(),
        identities={
            name: (each.pem.decode(), each.key.decode()) for name, each in identities.items()
        },
        certificate=certificate,
        units=units,
        rules=rules,
    )


def _names(site: Inventory, host: Host) -> list[str]:
    """Return the names in a host's certificate; callers use those of the site at proxies."""
    return list(dict.fromkeys([host.name, host.address, *(site.names if host.proxy else ())]))


def _texts(directory: Path) -> dict[str, str]:
    """Return the text of each file below a directory of the clone."""
    if not directory.is_dir():
        raise SettingsError(f"--deploy: there is no {directory}; run it in a clone, or name one's")
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def _check_output(output: Path) -> None:
    """Make the directory; SettingsError for one with anything in it that is not of a site."""
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(output.iterdir()) and not (output / SECRETS).is_dir():
        raise SettingsError(f"{output} is neither empty nor what this command has written")
    output.chmod(0o700)


def _replace(directory: Path, files: Files) -> None:
    """Write a host's files in place of the former ones."""
    if directory.exists():
        shutil.rmtree(directory)
    # The directories become those of the host, whatever this user's mask.
    _folder(directory)
    for path, file in files.items():
        target = directory / path.removeprefix("/")
        for folder in reversed([each for each in target.parents if directory in each.parents]):
            _folder(folder)
        _write(target, file)


def _folder(path: Path) -> None:
    path.mkdir(exist_ok=True)
    path.chmod(0o755)


def _write(path: Path, file: File) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(file.text)
    path.chmod(file.mode)
