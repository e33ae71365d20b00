import asyncio
import builtins

import pytest

from callscribe import microphone
from callscribe.microphone import Microphone, MicrophoneError, recorders, sounddevice
from common.errors import SettingsError
from tests.unit.callscribe.sounds import HEADSET, SPEAKER, Sounddevice

PIECE = b"\1\0" * 1_600


class Heard:
    """A microphone, what it told, and its stream."""

    def __init__(self, library=None, **options):
        self.told: list[str] = []
        self.library = library or Sounddevice()
        wanted = {"device": None, "channels": 1, "chunk_s": 0.1, **options}
        self.microphone = Microphone(self.library, tell=self.told.append, **wanted)
        self.stream = self.library.streams[0]

    async def first(self):
        return await anext(self.microphone.pieces())

    async def until_told(self, count):
        while len(self.told) < count:
            await asyncio.sleep(0.001)


async def test_what_is_recorded_is_yielded_until_it_is_stopped():
    heard = Heard()
    assert (heard.microphone.name, heard.microphone.rate) == ("headset", 16_000)
    assert heard.stream.opened == {
        **{"samplerate": 16_000, "channels": 1, "dtype": "int16"},
        **{"device": 3, "blocksize": 1_600},
    }
    assert not heard.stream.active
    pieces = heard.microphone.pieces()
    heard.stream.hear(PIECE, b"\2\0")
    assert await anext(pieces) == PIECE
    assert heard.stream.active
    heard.microphone.stop()
    heard.stream.hear(b"\3\0")
    assert [piece async for piece in pieces] == [b"\2\0"]
    assert heard.stream.closed
    assert heard.told == []


async def test_stopping_wakes_a_microphone_that_waits():
    heard = Heard()
    asyncio.get_running_loop().call_later(0.01, heard.microphone.stop)
    assert [piece async for piece in heard.microphone.pieces()] == []
    assert heard.stream.closed


async def test_cancelling_closes_the_device():
    heard = Heard()
    task = asyncio.create_task(heard.first())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.stream.closed


async def test_a_device_that_cannot_do_the_rate_is_asked_for_its_own():
    assert Heard(Sounddevice(rates=[48_000])).microphone.rate == 48_000


@pytest.mark.parametrize("device", ["3", "head"])
async def test_a_device_is_named_by_its_number_or_by_a_part_of_its_name(device):
    assert Heard(device=device).microphone.name == "headset"


async def test_what_waits_too_long_is_dropped_and_said(monkeypatch):
    monkeypatch.setattr(microphone, "KEPT_S", 0.3)
    heard = Heard()
    pieces = heard.microphone.pieces()
    heard.stream.hear(*[PIECE] * 5)
    heard.microphone.stop()
    assert len([piece async for piece in pieces]) == 3
    assert heard.told == ["0.2 s of audio dropped: the server accepts none for 0.3 s"]


async def test_an_overflow_is_said():
    heard = Heard()
    heard.stream.hear(PIECE, overflow=True)
    assert await anext(heard.microphone.pieces()) == PIECE
    assert heard.told == ["headset has lost audio: this machine is too busy"]


async def test_a_stalled_device_is_said_and_so_is_its_return(monkeypatch):
    monkeypatch.setattr(microphone, "STALL_S", 0.01)
    heard = Heard()
    first = asyncio.create_task(heard.first())
    await heard.until_told(1)
    heard.stream.hear(PIECE)
    assert await first == PIECE
    assert heard.told[0] == "headset has given no audio for 0.01 s"
    assert heard.told[1].startswith("headset goes on after 0.")


async def test_a_device_that_stops_is_an_error(monkeypatch):
    monkeypatch.setattr(microphone, "STALL_S", 0.01)
    heard = Heard()
    first = asyncio.create_task(heard.first())
    await heard.until_told(1)
    heard.stream.active = False
    with pytest.raises(MicrophoneError, match="headset has stopped; is it unplugged"):
        await first
    assert heard.stream.closed


async def test_zeros_are_said_once_and_only_at_the_beginning():
    for begin, told in ((bytes(3_200), 1), (PIECE, 0)):
        heard = Heard()
        pieces = heard.microphone.pieces()
        heard.stream.hear(begin, *[bytes(3_200)] * 70)
        heard.microphone.stop()
        assert len([piece async for piece in pieces]) == 71
        assert len(heard.told) == told
        assert all("allowed to use the microphone" in line for line in heard.told)


@pytest.mark.parametrize(
    ("library", "options", "kind", "line"),
    [
        (Sounddevice([]), {}, MicrophoneError, "there is no device that records, or this user"),
        (Sounddevice([SPEAKER]), {}, MicrophoneError, "there is no device that records"),
        (Sounddevice(), {"device": "kazoo"}, SettingsError, "--device: no device that records is"),
        (Sounddevice(), {"device": "0"}, SettingsError, "is '0'; see --list-devices"),
        (Sounddevice(), {"channels": 3}, SettingsError, "headset has 2 channels, 3 are asked for"),
        (
            Sounddevice(refuses="Device unavailable [PaErrorCode -9985]"),
            {},
            MicrophoneError,
            "headset cannot be opened: Device unavailable",
        ),
    ],
)
async def test_a_device_that_is_no_use_says_why(library, options, kind, line):
    with pytest.raises(kind) as caught:
        Heard(library, **options)
    assert line in str(caught.value)


def test_the_list_has_what_records():
    assert recorders(Sounddevice([SPEAKER, HEADSET])) == ["  3 headset (2 channels)"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ImportError("sounddevice"), r"sounddevice is missing: pip install 'callscribe\[mic\]'"),
        (OSError("PortAudio library not found"), "PortAudio is missing: install libportaudio2"),
    ],
)
def test_what_is_missing_is_named_with_the_cure(error, line, monkeypatch):
    real = builtins.__import__

    def fail(name, *others):
        if name == "sounddevice":
            raise error
        return real(name, *others)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(SettingsError, match=line):
        sounddevice()
