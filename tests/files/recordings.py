"""The files of the suite, each with what it is and how a live client says the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from common.audio import SAMPLE_RATE
from tests.files import sounds
from tests.files.sounds import (
    cut,
    encoded,
    floats,
    frames,
    g711,
    inverted,
    overwritten,
    parts,
    rifx,
    speech,
    wav,
    without_page,
    written,
)


@dataclass(frozen=True, slots=True)
class Live:
    """How a client of the native protocol sends what is in a file: its config, and its audio."""

    config: Mapping[str, object]
    audio: Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A file. `channels`: 2 where both are heard apart as well as mixed.

    `bare`: what Deepgram's clients say of samples without a container; the others have no place for
    it. `live`: None where no live client can send it. `refused`: it is no audio. `uploaded`: an
    upload of it is refused in words of its own.
    """

    name: str
    suffix: str
    text: str
    make: Callable[[], bytes]
    channels: int = 1
    bare: Mapping[str, str] | None = None
    live: Live | None = None
    refused: bool = False
    uploaded: bool = False


def samples(rate: int = SAMPLE_RATE, channels: int = 1) -> Live:
    """Say it as bare samples."""
    facts = {"encoding": "pcm16", "sample_rate": rate, "channels": channels}
    return Live(facts, lambda: frames(speech(rate, channels)).tobytes())


def stream(coding: str, make: Callable[[], bytes], channels: int = 1) -> Live:
    """Say it as the bytes of the file."""
    return Live({"encoding": coding, "channels": channels}, make)


def _streamed(
    name: str, suffix: str, text: str, coding: str, make: Callable[[], bytes], channels: int = 1
) -> Recording:
    live = stream(coding, make, channels)
    return Recording(name=name, suffix=suffix, text=text, make=make, channels=channels, live=live)


def _wav(name: str, text: str, make: Callable[[], bytes], live: Live | None = None) -> Recording:
    return Recording(name=name, suffix="wav", text=text, make=make, live=live)


def _g711(encoding: str) -> Live:
    law = {"mulaw": "ULAW", "alaw": "ALAW"}[encoding]
    return Live({"encoding": encoding, "sample_rate": 8_000}, partial(g711, law))


def _beginning(seconds: float) -> Live:
    """Say so many seconds of it."""
    whole = samples()
    return Live(whole.config, lambda: whole.audio()[: 2 * round(seconds * SAMPLE_RATE)])


_CUT = 57_000
"""Samples that are left of a file that is broken off."""
_EIGHT = Live(samples().config, lambda: (frames(speech()) // 256 * 256).tobytes())
_OPUS = partial(encoded, "ogg", "libopus", 48_000, options={"page_duration": "200000"})
_LAME = partial(encoded, "mp3", "libmp3lame", 44_100)
_WEBM = partial(encoded, "webm", "libopus", 48_000)
_FRAGMENTS = {"movflags": "empty_moov+default_base_moof+frag_keyframe", "frag_duration": "100000"}
_LINEAR = {"encoding": "linear16", "sample_rate": "16000"}
_MULAW = {"encoding": "mulaw", "sample_rate": "8000"}


def _bare_wav() -> bytes:
    return sounds.riff(sounds.header(SAMPLE_RATE, 1, 2), sounds.chunk(b"data", b""))


RECORDINGS: Sequence[Recording] = (
    # --- WAV ---
    _wav("pcm16", "WAV, 16 bits, 16 kHz", wav, samples()),
    _wav("pcm16-8k", "WAV, 16 bits, 8 kHz", partial(wav, rate=8_000), samples(8_000)),
    _wav("pcm16-44k", "WAV, 16 bits, 44.1 kHz", partial(wav, rate=44_100), samples(44_100)),
    Recording(
        name="stereo",
        suffix="wav",
        text="WAV, 16 bits, two channels",
        make=partial(wav, channels=2),
        channels=2,
        live=samples(channels=2),
    ),
    _wav("pcm8", "WAV, 8 bits", partial(wav, 1), _EIGHT),
    _wav("pcm24", "WAV, 24 bits", partial(wav, 3), samples()),
    _wav("pcm24-extensible", "WAV, 24 bits, extensible", partial(wav, 3, tag=0xFFFE), samples()),
    _wav("pcm32", "WAV, 32 bits", partial(wav, 4), samples()),
    _wav("float32", "WAV, floats", partial(floats, "<f4"), samples()),
    _wav("float64", "WAV, doubles", partial(floats, "<f8"), samples()),
    _wav("float-loud", "WAV, floats beyond 1", partial(floats, "<f4", 12.0)),
    _wav("float-nan", "WAV, NaN at 4 s", partial(floats, "<f4", broken_at=4.0), _beginning(4.0)),
    _wav("mulaw", "WAV, mu-law, 8 kHz", partial(written, "WAV", "ULAW", 8_000), _g711("mulaw")),
    _wav("alaw", "WAV, A-law, 8 kHz", partial(written, "WAV", "ALAW", 8_000), _g711("alaw")),
    _wav("adpcm", "WAV, IMA ADPCM", partial(encoded, "wav", "adpcm_ima_wav", 16_000)),
    _wav("rifx", "RIFX, 16 bits", partial(rifx, 2), samples()),
    _wav("rifx24", "RIFX, 24 bits", partial(rifx, 3), samples()),
    _wav("odd-chunk", "WAV, an odd chunk with its pad", parts, samples()),
    _wav("unpadded", "WAV, an odd chunk without its pad", partial(parts, padded=False), samples()),
    _wav("two-data", "WAV, two `data` chunks", partial(parts, halves=True), samples()),
    _wav("size-0", "WAV, sizes of 0", partial(parts, size=0), samples()),
    _wav("size-endless", "WAV, sizes of 2³² − 1", partial(parts, size=0xFFFF_FFFF), samples()),
    _wav("cut", "WAV, broken off", lambda: wav()[: 44 + 2 * _CUT], _beginning(_CUT / SAMPLE_RATE)),
    _wav("inverted", "WAV, two channels that cancel out", inverted, samples()),
    # --- other files of samples ---
    Recording(name="aiff", suffix="aiff", text="AIFF", make=partial(written, "AIFF", "PCM_16")),
    Recording(
        name="au", suffix="au", text="AU, mu-law", make=partial(written, "AU", "ULAW", 8_000)
    ),
    Recording(name="caf", suffix="caf", text="CAF", make=partial(written, "CAF", "PCM_16")),
    Recording(
        name="bare-mulaw",
        suffix="ulaw",
        text="bare mu-law, named by `encoding`",
        make=partial(g711, "ULAW"),
        bare=_MULAW,
        live=_g711("mulaw"),
    ),
    Recording(
        name="bare-pcm16",
        suffix="raw",
        text="bare samples, named by `encoding`",
        make=lambda: frames(speech()).tobytes(),
        bare=_LINEAR,
        live=samples(),
    ),
    Recording(
        name="named-anyway",
        suffix="wav",
        text="WAV, with an `encoding` named that it has not",
        make=partial(wav, rate=8_000),
        bare=_LINEAR,
        live=samples(8_000),
    ),
    # --- compressed ---
    _streamed("flac", "flac", "FLAC", "flac", partial(encoded, "flac", "flac", 16_000)),
    Recording(
        name="flac-cut",
        suffix="flac",
        text="FLAC, broken off",
        make=lambda: cut(encoded("flac", "flac", 16_000), 0.5),
    ),
    _streamed("mp3-cbr", "mp3", "MP3, 64 kbit/s", "mp3", partial(_LAME, options={"b": "64000"})),
    _streamed(
        "mp3-vbr",
        "mp3",
        "MP3, variable rate",
        "mp3",
        partial(_LAME, options={"global_quality": str(9 * 118), "flags": "+qscale"}),
    ),
    _streamed(
        "mp3-damaged",
        "mp3",
        "MP3, noise over 1 kB of it",
        "mp3",
        lambda: overwritten(_LAME(options={"b": "64000"}), 0.6, 1_000),
    ),
    Recording(
        name="m4a",
        suffix="m4a",
        text="M4A, AAC, its index at the end",
        make=partial(encoded, "ipod", "aac", 44_100),
    ),
    _streamed(
        "mp4-fragments",
        "mp4",
        "MP4 in fragments, AAC",
        "mp4",
        partial(encoded, "mp4", "aac", 48_000, options=_FRAGMENTS),
    ),
    _streamed("aac", "aac", "AAC in ADTS", "aac", partial(encoded, "adts", "aac", 44_100)),
    _streamed("opus", "ogg", "Ogg, Opus", "ogg", _OPUS),
    _streamed(
        "opus-stereo", "ogg", "Ogg, Opus, two channels", "ogg", partial(_OPUS, channels=2), 2
    ),
    Recording(
        name="opus-lost",
        suffix="ogg",
        text="Ogg, Opus, a page lost",
        make=lambda: without_page(_OPUS(), 0.6),
    ),
    _streamed("vorbis", "ogg", "Ogg, Vorbis", "ogg", partial(written, "OGG", "VORBIS")),
    _streamed("webm", "webm", "WebM, Opus", "webm", _WEBM),
    _streamed("webm-live", "webm", "WebM, as of a recorder", "webm", partial(_WEBM, live=True)),
    Recording(
        name="webm-hole",
        suffix="webm",
        text="WebM, 5 s without packets",
        make=partial(_WEBM, holes=[(4.0, 5.0)]),
    ),
    Recording(
        name="amr",
        suffix="amr",
        text="AMR, 8 kHz",
        make=partial(encoded, "amr", "libopencore_amrnb", 8_000),
    ),
    Recording(
        name="film",
        suffix="mp4",
        text="MP4, pictures, sound from 4 s on",
        make=partial(encoded, "mp4", "aac", 48_000, holes=[(0.0, 4.0)], film=True),
    ),
    # --- no audio ---
    Recording(name="empty", suffix="wav", text="nothing", make=bytes, refused=True, uploaded=True),
    Recording(
        name="text", suffix="wav", text="a text", make=lambda: b"hello, world\n" * 99, refused=True
    ),
    Recording(
        name="no-samples", suffix="wav", text="WAV without samples", make=_bare_wav, refused=True
    ),
    Recording(
        name="no-sound",
        suffix="mkv",
        text="a film without sound",
        make=sounds.pictures,
        refused=True,
    ),
)
