"""A microphone as a source of audio, through PortAudio and the package sounddevice."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

from callscribe.errors import CallscribeError, SettingsError

RATE = 16_000
"""Hz: what the recognisers hear. A device that cannot do it is asked for its own rate."""
KEPT_S = 30.0
"""Seconds of audio that wait while the call accepts none; what comes after them is dropped."""
STALL_S = 2.0
"""Seconds without audio after which the device counts as stalled."""
SILENCE_S = 3.0
"""Seconds of zeros after which a program without permission is suspected: no device is so quiet."""
_CLOSE_S = 2.0
_NO_DEVICE = "there is no device that records, or this user may not use it"


class MicrophoneError(CallscribeError):
    """No audio comes from the device; the message says why."""


def sounddevice() -> Any:
    """Return the package; SettingsError says what is missing, and how to get it."""
    try:
        import sounddevice as library
    except ImportError:
        raise SettingsError("sounddevice is missing: pip install 'callscribe[mic]'") from None
    except OSError:
        text = "PortAudio is missing: install libportaudio2 (Debian) or portaudio (others)"
        raise SettingsError(text) from None
    return library


def recorders(library: Any) -> Sequence[str]:
    """Return a line for each device that records: its number, name and channels.

    MicrophoneError if there is none.
    """
    lines = [
        f"{each['index']:3} {each['name']} ({each['max_input_channels']} channels)"
        for each in library.query_devices()
        if each["max_input_channels"] > 0
    ]
    if not lines:
        raise MicrophoneError(_NO_DEVICE)
    return lines


class Microphone:
    """An open device; `rate` in Hz, `channels` and `name` are as opened.

    `device` is a number or a part of a name, None the usual one. `tell` gets a line when audio was
    lost, when none comes, and when it comes again. SettingsError for a device that is not there,
    MicrophoneError for one that cannot be opened. Nothing is recorded before `pieces`.
    """

    def __init__(
        self,
        library: Any,
        *,
        device: str | None,
        channels: int,
        chunk_s: float,
        tell: Callable[[str], None],
    ) -> None:
        found = _found(library, device)
        self.name: str = found["name"]
        self.channels = channels
        self._library = library
        self._tell = tell
        if channels > found["max_input_channels"]:
            there = found["max_input_channels"]
            raise SettingsError(f"{self.name} has {there} channels, {channels} are asked for")
        self.rate = self._fitting_rate(found)
        self._pieces: deque[bytes] = deque()
        self._most = max(1, round(KEPT_S / chunk_s))
        self._dropped = 0
        """Samples of each channel that were dropped and not yet told of."""
        self._overflows = 0
        self._silent = 0.0
        """Seconds of nothing but zeros since the beginning; -1 once it was not, or was told."""
        self._stopped = False
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        try:
            self._stream = library.RawInputStream(
                samplerate=self.rate,
                channels=channels,
                dtype="int16",
                device=found["index"],
                blocksize=round(chunk_s * self.rate),
                callback=self._take,
            )
        except library.PortAudioError as error:
            raise MicrophoneError(f"{self.name} cannot be opened: {error}") from error

    def _fitting_rate(self, found: dict[str, Any]) -> int:
        try:
            self._library.check_input_settings(
                device=found["index"], channels=self.channels, dtype="int16", samplerate=RATE
            )
        except self._library.PortAudioError:
            return round(float(found["default_samplerate"]))
        return RATE

    def _take(self, data: Any, frames: int, at: Any, status: Any) -> None:
        """Take audio from PortAudio, in a thread of its own, which must not wait."""
        if self._stopped:
            return
        if status.input_overflow:
            self._overflows += 1
        if len(self._pieces) < self._most:
            self._pieces.append(bytes(data))
        else:
            self._dropped += frames
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._arrived.set)

    def stop(self) -> None:
        """Record no more; what was recorded is still yielded."""
        self._stopped = True
        self._arrived.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Record, and yield interleaved PCM16 until `stop`; then close the device.

        MicrophoneError if the device stops by itself.
        """
        try:
            self._stream.start()
            while self._pieces or not self._stopped:
                await self._wait()
                while self._pieces:
                    piece = self._pieces.popleft()
                    self._tell_of_losses()
                    self._listen_for_silence(piece)
                    yield piece
        except self._library.PortAudioError as error:
            raise MicrophoneError(f"{self.name} cannot record: {error}") from error
        finally:
            self._close()

    async def _wait(self) -> None:
        """Wait for audio or `stop`; tell when none comes."""
        begun, told = time.monotonic(), False
        while not (self._pieces or self._stopped):
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(STALL_S):
                    await self._arrived.wait()
                continue
            if not self._stream.active:
                raise MicrophoneError(f"{self.name} has stopped; is it unplugged?")
            if not told:
                self._tell(f"{self.name} has given no audio for {STALL_S:g} s")
            told = True
        if told and self._pieces:
            self._tell(f"{self.name} goes on after {time.monotonic() - begun:.1f} s")

    def _tell_of_losses(self) -> None:
        dropped, self._dropped = self._dropped, 0
        overflows, self._overflows = self._overflows, 0
        if dropped:
            text = f"{dropped / self.rate:.1f} s of audio dropped: the server accepts none for"
            self._tell(f"{text} {KEPT_S:g} s")
        if overflows:
            self._tell(f"{self.name} has lost audio: this machine is too busy")

    def _listen_for_silence(self, piece: bytes) -> None:
        if self._silent < 0:
            return
        self._silent += len(piece) / (2 * self.channels * self.rate)
        if any(piece):
            self._silent = -1
        elif self._silent >= SILENCE_S:
            self._silent = -1
            text = "only zeros; is this program allowed to use the microphone?"
            self._tell(f"{self.name} gives {text}")

    def _close(self) -> None:
        """Close the device; one that does not answer is left."""
        closing = threading.Thread(target=self._stream.close, daemon=True)
        closing.start()
        closing.join(_CLOSE_S)


def _found(library: Any, device: str | None) -> dict[str, Any]:
    wanted = int(device) if device is not None and device.isdecimal() else device
    try:
        found: dict[str, Any] = library.query_devices(wanted, kind="input")
    except (ValueError, library.PortAudioError) as error:
        if device is None:
            raise MicrophoneError(_NO_DEVICE) from error
        text = "see --list-devices"
        raise SettingsError(f"--device: no device that records is {device!a}; {text}") from error
    return found
