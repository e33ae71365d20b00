"""The protocols the gateway speaks, one module each; adding a front is adding a file here.

A front module exposes ``PATH`` (the request path it answers) and ``build(defaults)``, which
returns a fresh `gateway.fronts.api.Front` for one connection.
"""

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module

from common.options import SessionOptions
from gateway.fronts.api import Front

FrontBuilder = Callable[[SessionOptions], Front]

_NOT_FRONTS = frozenset({"api"})


def by_path() -> Mapping[str, FrontBuilder]:
    """Return the builder of every front by the request path it answers."""
    modules = [
        import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
        if found.name not in _NOT_FRONTS
    ]
    return {module.PATH: module.build for module in modules}
