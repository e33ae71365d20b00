"""The protocols that the gateway speaks: pure codecs, one module each, listed in `PROTOCOLS`.

Such a module exposes ``PATH``, the request path that it answers, and ``build(defaults)``, which
returns a fresh `gateway.protocols.api.Front` for one connection.
"""

from collections.abc import Callable, Mapping

from common.options import SessionOptions
from gateway.protocols import native
from gateway.protocols.api import Front

FrontBuilder = Callable[[SessionOptions], Front]

PROTOCOLS = (native,)


def by_path() -> Mapping[str, FrontBuilder]:
    """Return the builder of every protocol by the request path that it answers."""
    return {module.PATH: module.build for module in PROTOCOLS}
