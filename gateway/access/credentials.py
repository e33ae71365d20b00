"""Where clients put their credential: each protocol's own way, in one place. Pure."""

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

_SCHEMES = ("bearer", "token")
"""Of the `Authorization` header, and of the WebSocket subprotocol that stands for it."""
_PREFIXES = ("openai-insecure-api-key.", "token.")
"""How a subprotocol begins that has the credential in its name: OpenAI's, and ours."""
IN_QUERY = ("token", "api_key")
"""Parameters of a URL, for protocols whose clients can set nothing else: URLs end up in logs."""


def credential(
    headers: Mapping[str, Sequence[str]],
    query: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Return the key or token that came with a request; empty for none.

    A client sends it as `X-Api-Key` or `Authorization`, there with a scheme or alone; a browser,
    which cannot, as the second of two WebSocket subprotocols, or in the name of one. `headers` by
    their names in lower case. `query`: parameters, for a protocol that allows them.
    """
    split = [value.partition(" ") for value in headers.get("authorization", ())]
    offered = ",".join(headers.get("sec-websocket-protocol", ())).split(",")
    split += [(scheme.strip(), "", key) for scheme, key in pairwise(offered)][:1]
    names = [name.strip() for name in offered]
    split += [
        ("bearer", "", name[len(prefix) :])
        for name in names
        for prefix in _PREFIXES
        if name.startswith(prefix)
    ]
    values = [value.strip() for value in headers.get("authorization", ())]
    alone = (each for each in values if " " not in each and each.lower() not in _SCHEMES)
    tokens = (key.strip() for scheme, _, key in split if scheme.lower() in _SCHEMES)
    told = (value for name in IN_QUERY for value in (query or {}).get(name, ()))
    return next(filter(None, chain(headers.get("x-api-key", ()), tokens, alone, told)), "")
