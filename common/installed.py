"""Files from installed packages whose code is not used."""

from importlib.util import find_spec
from pathlib import Path


def data_file(package: str, name: str) -> Path | None:
    """Return a file of a top-level package, `name` relative to its folder; None if it is missing.

    The package is not imported: that might load a model's whole runtime.
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / name
        if path.is_file():
            return path
    return None
