"""What each protocol does not allow: it is refused, and no call is harmed that was in order."""

import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import InvalidStatus

from gateway.protocols.api import Transport
from gateway.protocols.commands import AudioFormat
from tests.integration.protocols.bad import BAD, Bad
from tests.integration.protocols.calls import BY_NAME, Call, Ports, Wire, answer, call, transcript
from tests.integration.protocols.clients import CLIENTS, NARROW, WIDE, Message, Told
from tests.integration.protocols.speech import seconds, spoken

CLOSED_FOR_IT = (1003, 1007, 1008, 3006)
"""Close codes of a client that made a mistake (RFC 6455, 7.4.1; AssemblyAI's own)."""
TOO_BIG = 1009


def with_some(kind: str) -> pytest.MarkDecorator:
    """Return a case for each protocol that has bad messages of a kind."""
    names = [name for name, bad in BAD.items() if getattr(bad, kind)]
    return pytest.mark.parametrize("name", names)


def format_of(name: str) -> AudioFormat:
    return WIDE if WIDE in CLIENTS[name].formats else NARROW


async def undisturbed(ports: Ports, sound: AudioFormat, end: int) -> str:
    async with call("native", ports, sound) as ours:
        await ours.say(spoken(sound)[:end])
        await ours.finish([])
    return ours.told.text()


def test_every_protocol_is_listed():
    assert set(BAD) == set(CLIENTS)
    without = {name for name, bad in BAD.items() if bad == Bad()}
    assert without == {"stream_tcp"}, "any bytes are audio there"


@with_some("first")
async def test_a_bad_beginning_ends_the_connection(exact: Ports, name: str):
    for message in BAD[name].first:
        wire = await connected(name, exact)
        await wire.send([message])
        code, _ = await wire.closed()
        await wire.leave()
        if BY_NAME[name].transport is Transport.WEBSOCKET:
            assert code in CLOSED_FOR_IT, message[:80]
        assert wire.told.finals == []
    assert (await answer(exact, ""))["sessions"] == []


@with_some("queries")
async def test_a_bad_request_is_refused(exact: Ports, name: str):
    for query in BAD[name].queries:
        url = f"ws://127.0.0.1:{exact.of(name)}{BY_NAME[name].path}?{query}"
        with pytest.raises(InvalidStatus) as caught:
            await ws.connect(url, proxy=None)
        assert caught.value.response.status_code == 400, query


@with_some("harmless")
async def test_a_call_goes_on_as_if_it_had_not_been_said(exact: Ports, name: str):
    sound = format_of(name)
    audio = spoken(sound)
    expected = await undisturbed(exact, sound, len(audio))
    bad = BAD[name].harmless
    step = len(audio) // (len(bad) + 1)
    step -= step % 2
    async with call(name, exact, sound) as ours:
        await ours.say(audio[:step])
        session = await ours.session()
        for number, message in enumerate(bad, 1):
            await ours.wire.send([message])
            await ours.say(audio[number * step : (number + 1) * step])
        await ours.say(audio[(len(bad) + 1) * step :])
        await ours.finish([expected])
    assert await transcript(exact, session) == [expected]
    if not ours.client.silent:
        assert ours.told.text() == expected


@pytest.mark.parametrize("name", [name for name, client in CLIENTS.items() if client.early])
async def test_what_comes_before_the_opening_message_is_heard(exact: Ports, name: str):
    sound = format_of(name)
    audio, early = spoken(sound), seconds(sound, 0.6)
    expected = await undisturbed(exact, sound, len(audio))
    ours = Call(name, exact, sound)
    await ours.connect()
    await ours.say(audio[:early])
    await ours.introduce()
    await ours.say(audio[early:])
    await ours.finish([expected])
    await ours.wire.leave()
    assert await transcript(exact, ours.name) == [expected]


FLUSHED = [
    pytest.param(name, sound, id=f"{name}-{sound.channels}")
    for name, client in CLIENTS.items()
    for sound in client.formats
    if client.flush and sound.encoding == "pcm16"
]


@pytest.mark.parametrize(("name", "sound"), FLUSHED)
async def test_odd_bytes_before_a_flush_shift_nothing_behind_it(
    exact: Ports, name: str, sound: AudioFormat
):
    expected = await flushed("native", exact, sound, b"")
    assert await flushed(name, exact, sound, bytes(sound.channels * 2 - 1)) == expected


async def flushed(name: str, ports: Ports, sound: AudioFormat, odd: bytes) -> list[str]:
    """Say something, flush, and say it again; return what was transcribed of each channel."""
    audio = spoken(sound)
    async with call(name, ports, sound) as ours:
        await ours.say(audio)
        session = await ours.session()
        await ours.flush(odd)
        await ours.say(audio)
        await ours.finish(["one two three four"] * sound.channels)
    return await transcript(ports, session, sound.channels)


@with_some("fatal")
async def test_what_was_said_before_a_fatal_mistake_is_kept(exact: Ports, name: str):
    sound = format_of(name)
    middle = seconds(sound, 1.6)
    expected = await undisturbed(exact, sound, middle)
    for message in BAD[name].fatal:
        code, texts = await broken_off(exact, name, spoken(sound)[:middle], message)
        assert texts == [expected], message[:80]
        if BY_NAME[name].transport is Transport.WEBSOCKET:
            assert code in CLOSED_FOR_IT, message[:80]


@pytest.mark.parametrize(
    "name", [each.name for each in BY_NAME.values() if each.transport is Transport.WEBSOCKET]
)
async def test_a_message_that_is_too_big_ends_the_connection_only(exact: Ports, name: str):
    sound = format_of(name)
    middle = seconds(sound, 1.6)
    expected = await undisturbed(exact, sound, middle)
    for message in (bytes(1 << 21), "x" * (1 << 21)):
        code, texts = await broken_off(exact, name, spoken(sound)[:middle], message)
        assert code == TOO_BIG
        assert texts == [expected]


async def connected(name: str, ports: Ports) -> Wire:
    """Connect without a word."""
    wire = Wire(name, Told())
    ours = Call(name, ports, format_of(name))
    await wire.connect(ports, ours.client.path(BY_NAME[name].path, ours.name, format_of(name)))
    return wire


async def broken_off(
    ports: Ports, name: str, audio: bytes, message: Message
) -> tuple[int, list[str]]:
    """Say something fatal in a call; return the close code, and what was transcribed."""
    async with call(name, ports, format_of(name)) as ours:
        await ours.say(audio[:320])
        session = await ours.session()
        await ours.say(audio[320:])
        await ours.wire.send([message])
        code, _ = await ours.wire.closed()
    return code, await transcript(ports, session)
