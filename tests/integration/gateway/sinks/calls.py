"""A call in Redis without a gateway or a worker, as sinks read it."""

from dataclasses import replace

from common.bus import commands, keys, scripts
from common.bus.keys import Leg
from common.options import SessionOptions
from common.pipeline import text
from common.pipeline.record import pack
from common.pipeline.streams import META
from common.pipeline.text import ANSWERS_KEPT
from common.redis.link import Link
from gateway.calls.directory import Known
from gateway.protocols.commands import About, AudioFormat
from gateway.record import SessionRecord

LEG = Leg("s", 0)
META_KEY = keys.session_key("s", META)


async def opened(link: Link, sink: str, about: About | None = None) -> Known:
    """Write a running call, which is due to a sink."""
    record = SessionRecord(
        options=SessionOptions(),
        audio=AudioFormat("pcm16", 16_000, 1),
        events=frozenset(),
        about=about or About(),
        stages=frozenset(),
        doorbell="gw",
    )
    described_by = {"session": record.pack(), "options": record.pack_options(), "secret": b"x"}
    described = commands.describe(META_KEY, **described_by, gateway="gw", opened=5_000, owner="o")
    await link.insist([described, *commands.renew([META_KEY]), commands.due(sink, "s")])
    return Known("s", record, "gw", 5_000)


async def say(link: Link, number: int, item: text.Item) -> None:
    """Put an item into its text, as a recogniser does."""
    names = (LEG.key("text"), LEG.key("parked"), META_KEY, LEG.key(f"part:{number}"))
    arguments = (number, pack(item), keys.SESSION_TTL, ANSWERS_KEPT)
    await link.evaluate([(scripts.COMMIT, names, arguments)])


def final(said: str) -> text.Final:
    """Return a final of one second."""
    return replace(text.Final.empty(16_000, "silence"), start=0, text=said)
