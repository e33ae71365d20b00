"""Whether a file has changed since it was read."""

from pathlib import Path


def stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file does; None without the file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size
