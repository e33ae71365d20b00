"""The package sounddevice, as far as it is used, with devices that a test speaks into."""

import threading
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

HEADSET = {
    **{"index": 3, "name": "headset", "max_input_channels": 2},
    "default_samplerate": 48_000.0,
}
SPEAKER = {
    **{"index": 0, "name": "speaker", "max_input_channels": 0},
    "default_samplerate": 48_000.0,
}


class PortAudioError(Exception):
    """As PortAudio's, with its text."""


class Stream:
    """An open stream; the test says what its device hears."""

    def __init__(self, callback: Callable[..., None], **opened: Any) -> None:
        self.opened = opened
        self.active = False
        self.closed = False
        self._callback = callback

    def start(self) -> None:
        self.active = True

    def close(self) -> None:
        self.active, self.closed = False, True

    def hear(self, *pieces: bytes, overflow: bool = False) -> None:
        """Give the callback these pieces, in a thread of its own as PortAudio does."""
        frame = 2 * self.opened["channels"]
        status = SimpleNamespace(input_overflow=overflow)

        def give() -> None:
            for piece in pieces:
                self._callback(memoryview(piece), len(piece) // frame, None, status)

        thread = threading.Thread(target=give)
        thread.start()
        thread.join()


class Sounddevice:
    """A stand-in for the package; `rates` are those that the devices can do."""

    PortAudioError = PortAudioError

    def __init__(
        self,
        devices: Iterable[dict[str, Any]] = (SPEAKER, HEADSET),
        *,
        rates: Iterable[int] = (16_000, 48_000),
        refuses: str = "",
    ) -> None:
        self._devices = list(devices)
        self._rates = set(rates)
        self._refuses = refuses
        self.streams: list[Stream] = []

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        if kind is None:
            return self._devices
        able = [each for each in self._devices if each["max_input_channels"]]
        if device is None:
            if not able:
                raise PortAudioError("Error querying device -1")
            return able[0]
        for each in able:
            if device == each["index"] or (isinstance(device, str) and device in each["name"]):
                return each
        if isinstance(device, int):
            raise PortAudioError(f"Error querying device {device}")
        raise ValueError(f"No input device matching {device!r}")

    def check_input_settings(self, *, samplerate: int, **others: Any) -> None:
        if samplerate not in self._rates:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    def RawInputStream(self, callback: Callable[..., None], **opened: Any) -> Stream:  # noqa: N802
        if self._refuses:
            raise PortAudioError(self._refuses)
        self.streams.append(Stream(callback, **opened))
        return self.streams[-1]
