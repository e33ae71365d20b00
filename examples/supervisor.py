"""Read along with a call, by any of its names: session id, conversation id, callSid or UUID.

First comes what is final already, then what is said next. A broken connection loses nothing.
"""

import json
import sys
import time
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

SILENT_S = 60.0
"""Seconds without a byte after which a connection counts as broken; a server sends one in 15 s."""
PAUSE_S = 1.0


def events(server: str, name: str) -> Iterator[dict[str, Any]]:
    """Yield the events of all calls of that name until they have ended."""
    url, place = f"{server}/v1/sessions/{quote(name, safe='')}/events", "0"
    while True:
        try:
            with urlopen(
                Request(url, headers={"Last-Event-ID": place}), timeout=SILENT_S
            ) as answer:
                if answer.status == 204:  # all is told
                    return
                for line in answer:
                    field, _, value = line.decode().rstrip("\n").partition(": ")
                    if field == "id":
                        place = value
                    elif field == "data":
                        yield json.loads(value)
        except (OSError, HTTPException) as error:
            if isinstance(error, HTTPError) and error.code in (400, 404):
                raise SystemExit(f"{name}: {error.read().decode()}") from None
            time.sleep(PAUSE_S)


def main(name: str, server: str = "http://localhost:8000") -> None:
    """Print the calls of that name as they are spoken."""
    for event in events(server, name):
        who = event.get("label") or f"channel {event.get('channel', 0)}"
        match event["type"]:
            case "session_created":
                print("listening to", event["session_id"], flush=True)
            case "final" if event["text"]:
                print(f"{event['start']:7.1f} {who}: {event['text']}", flush=True)
            case "dtmf":
                print(f"{event['at']:7.1f} {who} pressed {event['digit']}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
