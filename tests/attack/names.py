"""Kin of names: values that clients choose, where they could become labels, lines or paths."""

import json
from itertools import count
from urllib.parse import quote

from tests.attack import wire
from tests.attack.registry import attack
from tests.attack.rude import PATH, Rude, Target

_PAUSE = 0.02
_HARM = '\n{"level":"error"}\r\n\x1b[2J\x9b31m\u2028\u202e"\\'


@attack("another path, query, header and method in each request, 4 sockets", short=True)
async def new_names(target: Target) -> None:
    numbers = count()

    async def visit(rude: Rude) -> None:
        name = f"n{next(numbers)}"
        coded = quote(name + _HARM, safe="")
        method = name.upper() if rude.tally.messages % 4 == 3 else "GET"
        paths = (f"/{coded}", f"/page/{coded}", f"/v1/sessions/{coded}", f"{PATH}?{coded}={coded}")
        path = paths[rude.tally.messages % 4]
        await rude.send(wire.request(path, (f"X-{name}: {coded}",), method=method), 1)
        await rude.status()
        await rude.ended()

    await target.again_and_again(visit, sockets=4, pause=_PAUSE)


@attack("another type, option and value in each first message, 4 sockets")
async def new_options(target: Target) -> None:
    numbers = count()

    async def visit(rude: Rude) -> None:
        number = next(numbers)
        name = f"n{number}{_HARM}"
        messages = (
            {"type": name},
            {"type": "config", name: name},
            {"type": "config", "language": name},
            {"type": "config", "conversation_id": name},
            {"type": "config", "webhook": f"http://{name}/"},
        )
        if await rude.upgrade():
            await rude.send(wire.text(json.dumps(messages[number % len(messages)])), 1)
            await rude.ended()

    await target.again_and_again(visit, sockets=4)


@attack("paths that mean to leave the page's folder, 4 sockets")
async def traversals(target: Target) -> None:
    ups, numbers = ("..", "%2e%2e", "%252e%252e", "..%5c", "%c0%ae%c0%ae", "..%00"), count()

    async def visit(rude: Rude) -> None:
        up = ups[next(numbers) % len(ups)]
        await rude.send(wire.request(f"/page/{'/'.join([up] * 9)}/etc/passwd"), 1)
        await rude.status()
        await rude.ended()

    await target.again_and_again(visit, sockets=4, pause=_PAUSE)


@attack("requests with another one hidden inside, 4 sockets", short=True)
async def smuggled_requests(target: Target) -> None:
    hidden, numbers = wire.request("/metrics"), count()
    chunked = "Transfer-Encoding: chunked"
    heads = (
        (f"Content-Length: {len(hidden) + 5}", chunked),
        (chunked, "Content-Length: 4"),
        ("Content-Length: 0", f"Content-Length: {len(hidden)}"),
        ("X: y", f" Content-Length: {len(hidden)}"),
        ("Transfer-Encoding : chunked",),
    )

    async def visit(rude: Rude) -> None:
        number = next(numbers)
        method = "POST" if number % 2 else "GET"
        head = wire.request("/health", heads[number % len(heads)], method=method)
        await rude.send(head + b"0\r\n\r\n" + hidden, 1)
        await rude.status()
        await rude.ended()

    await target.again_and_again(visit, sockets=4, pause=_PAUSE)
