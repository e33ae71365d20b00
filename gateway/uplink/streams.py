"""From a compressed stream, in pieces cut anywhere, to PCM16LE at 16 kHz. Blocking: for a thread.

FFmpeg reads containers and codecs. It is told what the stream is, and looks at no more of it than
it needs for the first packet: left alone it waits for seconds of audio.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16, rounded_to_16_bits
from common.containers import HEAD, Form, begins, form_of
from common.media import mixed
from gateway.protocols.api import ClientError
from gateway.protocols.commands import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, Coding
from gateway.uplink import sync, wav
from gateway.uplink.resampler import Resampler

_INVALID_DATA = 1007
"""RFC 6455, 7.4.1: data inconsistent with the type of the message."""
MOST_UNHEARD = 1 << 20
"""Bytes without any audio, such as a picture in a header. FFmpeg keeps some of them."""
MOST_TOLD = 10
"""Places of damage that a client is told of."""
_BLOCK = 8_000
"""Frames at 16 kHz of a piece at most: a few bytes can be an hour of silence."""
_MOST_ERRORS = 4_096
"""Times that a reader may find no packet, one after another. Each time it leaves out some bytes."""
_STEREO = 2
_BUFFER = 1 << 16
"""Bytes in which FFmpeg can go back. In fewer than twice 32 KiB it forgets all at each read."""
_MP3_HEAD = 512
"""Bytes that FFmpeg must get together to tell a tag from the first frame."""
_OPTIONS = {
    "probesize": "32",
    "analyzeduration": "1",
    "protocol_whitelist": "none",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What streams of a coding are: how they begin, and FFmpeg's name where they need not so."""

    forms: tuple[Form, ...]
    bare: str = ""
    packets: bool = False
    """Whether else a message is a packet of Opus."""


_FRAMED = frozenset({Form.MP3, Form.AAC})
"""What may begin anywhere."""
_FILES = frozenset({Form.RIFX, Form.CAF, Form.AIFF})
"""What is no live stream."""
_SYNC_STEP = 64
"""Bytes more in which a second header is looked for."""
_KINDS: Mapping[Coding, _Kind] = {
    "webm": _Kind((Form.WEBM,)),
    "ogg": _Kind((Form.OGG,)),
    "opus": _Kind((Form.OGG, Form.WEBM), packets=True),
    "flac": _Kind((Form.FLAC, Form.OGG)),
    "mp3": _Kind((Form.MP3,)),
    "aac": _Kind((Form.AAC,)),
    "mp4": _Kind((Form.MP4,)),
    "amr-nb": _Kind((Form.AMR,), bare="amrnb"),
    "amr-wb": _Kind((Form.AMR,), bare="amrwb"),
    "g729": _Kind((), bare="g729"),
    "any": _Kind(tuple(form for form in Form if form not in _FILES)),
}


def decoded(
    source: Callable[[], bytes], coding: Coding, channels: int
) -> Iterator[bytes | ClientError]:
    """Yield PCM16LE at 16 kHz, `channels` interleaved, until `source` returns no bytes.

    It is asked for more only when nothing more can be decoded from what it gave. With one channel
    all of the stream's are mixed. What is damaged is left out, and a ClientError tells of it, as of
    a stream that has ended without any audio. One that is raised ends the stream.
    """
    pipe = _Pipe(source)
    silent = True
    for item in _decoded_from(pipe, coding, channels):
        silent = silent and isinstance(item, ClientError)
        yield item
    if silent and pipe.came:
        text = "the compressed audio ended before any of it could be decoded"
        yield ClientError("invalid_audio", text)


def _decoded_from(pipe: "_Pipe", coding: Coding, channels: int) -> Iterator[bytes | ClientError]:
    kind = _KINDS[coding]
    if len(pipe.head(HEAD)) < HEAD:
        return
    form = _form(pipe, kind)
    if form not in kind.forms and not (kind.bare or kind.packets):
        raise _invalid(_unlike(coding, form))
    output = _Output(channels, pipe)
    for found in _frames(pipe, form, kind):
        if isinstance(found, ClientError):
            yield found
        else:
            yield from output.push(found)
    yield from output.flush()
    if pipe.lost:
        text = f"{MOST_UNHEARD} bytes came without any audio in them"
        raise _invalid(text)


def _form(pipe: "_Pipe", kind: _Kind) -> Form | None:
    """Return what a stream is, and let what its reader needs together be read together."""
    head = pipe.head(HEAD)
    form = form_of(head)
    if form is None and not _FRAMED.isdisjoint(kind.forms):
        form = _synchronised(pipe)
    if form is Form.MP3:
        pipe.head(_MP3_HEAD)
    elif form is Form.MP4:
        _gather_head_of_mp4(pipe)
    return form if form is not None and begins(form, head) else None


def _synchronised(pipe: "_Pipe") -> Form | None:
    """Leave out what comes before the first whole frame; return what frames there are."""
    for size in range(HEAD, sync.MOST + 1, _SYNC_STEP):
        data = pipe.head(size)
        if (found := sync.find(data)) is not None:
            pipe.drop(found.at)
            return found.form
        if len(data) < size:
            break
    return None


def _frames(pipe: "_Pipe", form: Form | None, kind: _Kind) -> Iterator[AudioFrame | ClientError]:
    if form is None or form not in kind.forms:
        return _demuxed(pipe, kind.bare) if kind.bare else _opus_packets(pipe)
    return _wav(pipe) if form is Form.WAV else _demuxed(pipe, form.value)


class _Pipe:
    """What FFmpeg reads from: a file without an end to seek to."""

    def __init__(self, source: Callable[[], bytes]) -> None:
        self._source = source
        self._rest = b""
        self._unheard = 0
        self.over = False
        """Whether the client has sent all."""
        self.came = False
        """Whether it has sent anything."""
        self.lost = False
        """Whether too much came without any audio."""

    def head(self, size: int) -> bytes:
        """Return the first bytes, which are then read again, together."""
        while len(self._rest) < size and (more := self._more()):
            self._rest += more
        return self._rest[:size]

    def drop(self, size: int) -> None:
        """Leave out bytes of the head."""
        self._rest = self._rest[size:]

    def message(self) -> bytes:
        """Return what came as one message; empty at the end."""
        whole, self._rest = self._rest or self._more(), b""
        return whole

    def read(self, size: int) -> bytes:
        """Return what there is, at most `size` bytes; empty at the end."""
        whole = self._rest or self._more()
        self._rest = whole[size:]
        return whole[:size]

    def heard(self) -> None:
        """Take note of audio in what was read."""
        self._unheard = 0

    def _more(self) -> bytes:
        if self.lost:
            return b""
        more = self._source()
        self._unheard += len(more)
        self.over = not more
        self.came = self.came or not self.over
        self.lost = self._unheard > MOST_UNHEARD
        return b"" if self.lost else more


class _Output:
    """Frames of any format, rate and layout, as PCM of one."""

    def __init__(self, channels: int, pipe: _Pipe) -> None:
        self._channels = channels
        self._pipe = pipe
        self._form: tuple[str, str, int] | None = None
        self._layout = ""
        self._converter: AudioResampler | None = None
        self._resampler: Resampler | None = None

    def push(self, frame: AudioFrame) -> Iterator[bytes]:
        """Yield what a frame comes to. Raises ClientError for channels or a rate of no use."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            yield from self.flush()
            self._begin(frame, form)
        if frame.samples:
            self._pipe.heard()
        assert self._converter is not None
        for each in self._converter.resample(frame):
            floats = each.to_ndarray().astype(np.float32, copy=False)
            yield from self._pieces(_finite(floats.reshape(-1, each.layout.nb_channels)))

    def flush(self) -> Iterator[bytes]:
        """Yield what waits for later frames."""
        if self._resampler is not None:
            yield float_to_pcm16(self._resampler.flush())

    def _begin(self, frame: AudioFrame, form: tuple[str, str, int]) -> None:
        rate, width = frame.sample_rate, frame.layout.nb_channels
        if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
            limits = f"{MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} are read"
            raise _invalid(f"the stream's sample rate is {rate} Hz; {limits}")
        if self._channels > 1 and width != self._channels:
            text = f"the stream has {width} of the {self._channels} channels that were asked for"
            raise _invalid(text)
        self._form = form
        layout = frame.layout.name if width <= _STEREO else "mono"
        self._converter = AudioResampler("flt", layout, rate)
        self._resampler = None if rate == SAMPLE_RATE else Resampler(rate, self._channels)

    def _pieces(self, floats: FloatArray) -> Iterator[bytes]:
        frames = mixed(floats) if self._channels == 1 else floats
        for at in range(0, len(frames), _BLOCK):
            piece = frames[at : at + _BLOCK]
            if self._resampler is not None:
                piece = self._resampler.push(rounded_to_16_bits(piece))
            if len(piece):
                yield float_to_pcm16(piece)


def _finite(floats: FloatArray) -> FloatArray:
    finite: FloatArray = np.nan_to_num(floats, posinf=1, neginf=-1)
    return np.clip(finite, -1, 1)


def _gather_head_of_mp4(pipe: _Pipe) -> None:
    """Let FFmpeg read all in front of the first fragment together, since it goes back there."""
    end = 8
    while end <= MOST_UNHEARD and len(head := pipe.head(end)) == end:
        size, name = int.from_bytes(head[-8:-4]), head[-4:]
        if name == b"moof" or size < 8:
            pipe.head(end + 8)
            return
        end += size


def _demuxed(pipe: _Pipe, form: str) -> Iterator[AudioFrame | ClientError]:
    try:
        container = av.open(
            pipe,
            "r",
            format=form,
            container_options=_OPTIONS,
            buffer_size=_BUFFER,
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError, OSError):
        if pipe.over or pipe.lost:
            return
        raise _invalid("the stream's beginning is damaged or missing") from None
    with container:
        yield from _decoded(container, pipe)


def _decoded(container: InputContainer, pipe: _Pipe) -> Iterator[AudioFrame | ClientError]:
    streams = container.streams.audio
    if not streams or not isinstance(streams[0].codec_context, AudioCodecContext):
        raise _invalid("the stream has no audio that can be decoded")
    streams[0].codec_context.thread_count = 1  # more threads are more frames of delay
    damage = _Damage()
    for packet in _packets(container, streams[0]):
        try:
            frames = [] if packet is None else packet.decode()
        except av.FFmpegError:
            frames, packet = [], None
        if packet is None:
            yield from damage.found()
        damage.over(frames)
        yield from frames
    if not (pipe.over or pipe.lost):
        raise _invalid("the stream is damaged, or has ended before its client did")


def _packets(
    container: InputContainer, stream: AudioStream
) -> Iterator["Packet[AudioStream] | None"]:
    """Yield packets, and None for what is none; a reader that finds nothing more gives up."""
    errors = 0
    while errors < _MOST_ERRORS:
        try:
            for packet in container.demux(stream):
                errors = 0
                yield packet
        except av.InvalidDataError:
            errors += 1
            yield None
        except (av.FFmpegError, OSError):
            return
        else:
            return


def _wav(pipe: _Pipe) -> Iterator[AudioFrame]:
    try:
        yield from wav.samples(pipe.read)
    except (wav.NotWav, av.FFmpegError):
        if not pipe.over:
            raise _invalid("the header of this WAV is damaged, or not of samples") from None


def _opus_packets(pipe: _Pipe) -> Iterator[AudioFrame | ClientError]:
    """Decode messages of one packet each (RFC 6716, 3); they do not tell their channels."""
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout = 48_000, "stereo"
    damage = _Damage()
    while message := pipe.message():
        try:
            frames = decoder.decode(av.Packet(message))
        except av.FFmpegError:
            yield from damage.found()
            continue
        damage.over(frames)
        yield from frames


class _Damage:
    """Places where a stream is damaged; each is told once."""

    def __init__(self) -> None:
        self._amid = False
        self._told = 0

    def found(self) -> Iterator[ClientError]:
        if not self._amid and self._told < MOST_TOLD:
            self._told += 1
            text = "a part of the compressed audio is damaged, and was left out"
            yield ClientError("invalid_audio", text)
        self._amid = True

    def over(self, frames: object) -> None:
        self._amid = self._amid and not frames


def _unlike(coding: Coding, form: Form | None) -> str:
    if coding == "any":
        return (
            "no encoding was named, and by its first bytes the audio is in no container that is "
            "known: name the encoding and sample rate of raw audio, and begin a stream with its "
            "header"
        )
    seen = "unlike one" if form is None else f"like {form.name}"
    return f"the audio was named {coding}, and begins {seen}: a stream begins with its header"


def _invalid(text: str) -> ClientError:
    return ClientError("invalid_audio", text, close_code=_INVALID_DATA)
