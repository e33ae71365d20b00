"""A directory that keeps a self-signed certificate; several processes may share it."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from common.errors import SettingsError
from gateway.tls import CERTIFICATE, KEY
from gateway.tls.certificate import Certificate, make

_LOCK = ".lock"


def kept(directory: Path, names: Sequence[str]) -> Certificate:
    """Return the directory's certificate; make one if there is none, or if it no longer serves.

    The names of the former one stay, so that gateways with different ones can share it. Waits while
    another process is here. Raises SettingsError if it cannot be read or written, or if it is not
    one of ours.
    """
    now = datetime.now(UTC)
    try:
        with _alone(directory):
            former = read(directory)
            if former is None:
                wanted = list(names)
            elif not former.is_ours:
                raise SettingsError(
                    f"{directory / CERTIFICATE}: callscribe did not make this certificate"
                )
            elif former.serves(names, now):
                return former
            else:
                wanted = [*names, *former.names]
            certificate = make(wanted, now)
            # In this order: what is left if the machine ends in between is known as ours, and does
            # not serve without its key.
            _write(directory / CERTIFICATE, certificate.pem, 0o644)
            _write(directory / KEY, certificate.key, 0o600)
            return certificate
    except OSError as error:
        raise _unusable(directory, error) from None


def read(directory: Path) -> Certificate | None:
    """Return the certificate that lies in a directory, None if there is none.

    Raises SettingsError for a file that cannot be read or holds no certificate, and for a key
    without a certificate beside it.
    """
    try:
        return _read(directory / CERTIFICATE, directory / KEY)
    except OSError as error:
        raise _unusable(directory, error) from None


def _read(certfile: Path, keyfile: Path) -> Certificate | None:
    if not certfile.exists():
        if keyfile.exists():
            raise SettingsError(f"{keyfile}: there is no {CERTIFICATE} beside this key")
        return None
    certificate = Certificate(
        certfile.read_bytes(), keyfile.read_bytes() if keyfile.exists() else b""
    )
    try:
        certificate.is_ours  # noqa: B018 - parses it
    except ValueError:
        raise SettingsError(f"{certfile}: it holds no PEM certificate") from None
    return certificate


def _unusable(directory: Path, error: OSError) -> SettingsError:
    place = error.filename or directory
    return SettingsError(f"{place}: {(error.strerror or str(error)).lower()}")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Make the directory if it is missing, and let nobody else in; the kernel ends a lock."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file in one step: readers without the lock see the old one or the new one."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
