"""A phone number of Twilio whose calls are transcribed: its webhook, and what is said.

Give Twilio ``https://…/voice`` of this server as the number's webhook. The gateway hears both
parties of each call; this program reads the call's events there, by the callSid.
"""

import asyncio
import json
import sys
from xml.sax import saxutils

from aiohttp import ClientSession, ClientTimeout, web

OPENING_S = 30  # in which a call's stream must have begun
TWIML = """<Response>
  <Start><Stream url={stream} track="both_tracks"/></Start>
  <Dial>{number}</Dial>
</Response>"""


async def follow(call: str, server: str) -> None:
    """Print what is said in one call."""
    url = f"{server}/v1/sessions/{call}/events"
    async with ClientSession(timeout=ClientTimeout(total=None)) as http:
        for _ in range(OPENING_S):
            async with http.get(url) as answer:
                async for line in answer.content:
                    if line.startswith(b"data: "):
                        show(call, json.loads(line.removeprefix(b"data: ")))
                if answer.ok:
                    return
            await asyncio.sleep(1)  # the gateway does not know the call yet


def show(call: str, event: dict[str, str]) -> None:
    """Print a final; Twilio's tracks are called customer and agent."""
    if event["type"] == "final" and event["text"]:
        print(f"{call} {event['label']}: {event['text']}", flush=True)


def main(stream: str, number: str, server: str = "http://localhost:8000", port: str = "80") -> None:
    """Serve; `stream` is the gateway's public address, `wss://…/twilio`; `number` answers."""
    following: set[asyncio.Task[None]] = set()

    async def voice(request: web.Request) -> web.Response:
        """Answer a call. A real server checks the header X-Twilio-Signature here."""
        call = str((await request.post())["CallSid"])
        following.add(task := asyncio.create_task(follow(call, server)))
        task.add_done_callback(following.discard)
        twiml = TWIML.format(stream=saxutils.quoteattr(stream), number=saxutils.escape(number))
        return web.Response(text=twiml, content_type="text/xml")

    app = web.Application()
    app.router.add_post("/voice", voice)
    web.run_app(app, port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
