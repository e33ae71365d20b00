"""The same audio has the same text over every protocol, however it is cut into messages."""

from collections.abc import Iterator

import pytest

from gateway.protocols import PROTOCOLS
from gateway.protocols.commands import AudioFormat
from tests.integration.conftest import RunningStack
from tests.integration.protocols.calls import Call, Ports, call, transcript
from tests.integration.protocols.clients import (
    CLIENTS,
    NARROW,
    NARROW_STEREO,
    STEREO,
    WIDE,
)
from tests.integration.protocols.conftest import listening, stored
from tests.integration.protocols.speech import cut, frame_bytes, seconds, spoken

SEEDS = (1, 2)
MIDDLE_S = 1.6
"""In the middle of the first sentence."""


def speaking(*formats: AudioFormat) -> list[tuple[str, AudioFormat]]:
    """Return each protocol with each of the formats that it carries."""
    return [(name, each) for name in CLIENTS for each in formats if each in CLIENTS[name].formats]


def named(value: object) -> str | None:
    if not isinstance(value, AudioFormat):
        return None
    return f"{value.encoding}-{value.sample_rate // 1000}k-{value.channels}"


def over(*formats: AudioFormat) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("name", "sound"), speaking(*formats), ids=named)


Texts = dict[tuple[AudioFormat, int], list[str]]


@pytest.fixture(scope="module")
def known() -> Texts:
    """What the native protocol told of each format, up to so many bytes."""
    return {}


async def native(ports: Ports, known: Texts, sound: AudioFormat, end: int) -> list[str]:
    """Return the text of each channel of the conversation's beginning; `end` in bytes."""
    if (sound, end) not in known:
        async with call("native", ports, sound) as ours:
            await ours.say(spoken(sound)[:end])
            await ours.finish([])
        known[sound, end] = [ours.told.text(channel) for channel in range(sound.channels)]
        assert all(known[sound, end])
    return known[sound, end]


async def check(ours: Call, ports: Ports, session: str, expected: list[str]) -> None:
    """Compare what the client was told, and what others read, with what is expected."""
    channels = range(len(expected))
    if not ours.client.silent:
        assert [ours.told.text(channel) for channel in channels] == expected, ours.told.messages
    assert await transcript(ports, session, len(expected)) == expected


def test_every_protocol_has_a_client_here():
    assert set(CLIENTS) == {protocol.name for protocol in PROTOCOLS}


@pytest.mark.parametrize("seed", SEEDS)
@over(WIDE, STEREO, NARROW, NARROW_STEREO)
async def test_any_chunking_gives_the_samples_of_the_native_protocol(
    exact: Ports, known: Texts, name: str, sound: AudioFormat, seed: int
):
    audio = spoken(sound)
    expected = await native(exact, known, sound, len(audio))
    # Where the tracks of a call are messages of their own, a message has whole frames.
    unit = frame_bytes(sound) if sound.channels == 2 else 1
    async with call(name, exact, sound) as ours:
        session = await ours.session()
        await ours.say(*cut(audio, seed, unit=unit))
        await ours.finish(expected)
    await check(ours, exact, session, expected)


@over(WIDE, NARROW)
async def test_a_flush_ends_the_utterance_there(
    exact: Ports, known: Texts, name: str, sound: AudioFormat
):
    if not CLIENTS[name].flush:
        pytest.skip("this protocol has no flush")
    audio, middle = spoken(sound), seconds(sound, MIDDLE_S)
    async with call("native", exact, sound) as reference:
        await reference.say(audio[:middle])
        await reference.flush()
        await reference.say(audio[middle:])
        await reference.finish([])
    expected = [reference.told.text()]
    (before,) = await native(exact, known, sound, middle)
    assert expected[0].startswith(before)
    assert expected != await native(exact, known, sound, len(audio))
    async with call(name, exact, sound) as ours:
        session = await ours.session()
        await ours.say(audio[:middle])
        await ours.flush()
        await ours.hear([before])
        assert ours.told.text() == before
        await ours.say(audio[middle:])
        await ours.finish(expected)
    await check(ours, exact, session, expected)


@over(WIDE, NARROW)
async def test_what_was_said_before_a_connection_broke_is_transcribed(
    exact: Ports, bus, known: Texts, name: str, sound: AudioFormat
):
    middle = seconds(sound, MIDDLE_S)
    expected = await native(exact, known, sound, middle)
    async with call(name, exact, sound) as ours:
        session = await ours.session()
        await ours.say(spoken(sound)[:middle])
        # The resampler keeps a few ms of narrow audio until more comes.
        await stored(bus, await ours.id(), MIDDLE_S - 0.01)
        ours.wire.cut()
        assert await transcript(exact, session) == expected


@pytest.fixture(scope="module")
def real(stack: RunningStack) -> Iterator[Ports]:
    """The same beside the default stack, with its recogniser."""
    with listening(stack.redis_url) as ports:
        yield ports


@pytest.mark.parametrize("sound", [WIDE, NARROW], ids=named)
async def test_the_recogniser_says_the_same_over_every_protocol(
    real: Ports, known: Texts, sound: AudioFormat
):
    texts: dict[str, str] = {}
    for name in [name for name, each in speaking(sound)]:
        async with call(name, real, sound) as ours:
            session = await ours.session()
            await ours.say(*cut(spoken(sound), seed=3, least=400))
            expected = [texts["native"]] if texts else []
            await ours.finish(expected)
        (texts[name],) = await transcript(real, session)
        if not ours.client.silent:
            assert ours.told.text() == texts[name]
    assert "fox" in texts["native"]
    assert set(texts.values()) == {texts["native"]}, texts
