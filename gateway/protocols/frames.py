"""Counts a client's audio in frames, as the call does: parts of frames end at boundaries."""

from gateway.protocols.commands import AudioFormat


class Frames:
    """How much audio a client has sent in one format."""

    def __init__(self, audio: AudioFormat) -> None:
        self.whole = 0
        """Frames that came whole."""
        self._size = audio.frame_bytes
        self._part = 0

    @property
    def split(self) -> bool:
        """Whether the last frame lacks its rest."""
        return self._part > 0

    def push(self, size: int) -> None:
        """Count bytes of audio."""
        frames, self._part = divmod(self._part + size, self._size)
        self.whole += frames

    def cut(self) -> None:
        """Take note of a boundary, before which a part of a frame is not used."""
        self._part = 0
