"""Files of real containers and codecs, and files that are none."""

import io

import numpy as np
import pytest

from gateway.files.decode import AudioFile
from gateway.files.refusal import FileRefused
from gateway.files.transcript import Raw
from gateway.protocols.commands import AudioFormat
from gateway.uplink.decoder import AudioDecoder
from tests.unit.gateway.files.recordings import Samples, file, tones

KINDS = [
    ("wav", "pcm_s16le", 8_000),
    ("wav", "pcm_s16le", 16_000),
    ("wav", "pcm_s24le", 44_100),
    ("wav", "pcm_f32le", 48_000),
    ("wav", "pcm_mulaw", 8_000),
    ("flac", "flac", 44_100),
    ("mp3", "mp3", 44_100),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("ipod", "aac", 44_100),
    ("adts", "aac", 48_000),
]
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"


def decoded(
    data: bytes, *, apart: bool = False, most: float = 60.0, raw: Raw | None = None
) -> Samples:
    """Return int16 [n, channels]."""
    audio = AudioFile(io.BytesIO(data), apart=apart, most=most, raw=raw)
    try:
        whole = b"".join(iter(audio.read, b""))
        assert audio.read() == b""
    finally:
        audio.close()
    return np.frombuffer(whole, "<i2").reshape(-1, audio.channels)


def pitch(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 16_000 / len(samples))


@pytest.mark.parametrize(("container", "codec", "rate"), KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_kind_of_file_is_read_as_one_channel(container, codec, rate, channels):
    samples = decoded(file(tones(rate, *(440, 1200)[:channels]), rate, container, codec))
    assert samples.shape[1] == 1
    assert len(samples) / 16_000 == pytest.approx(2, abs=0.06)
    loudness = np.sqrt(np.mean(samples.astype(float) ** 2))
    assert loudness == pytest.approx(8_000 / np.sqrt(2 * channels), rel=0.1)


@pytest.mark.parametrize(("container", "codec", "rate"), KINDS)
def test_two_channels_are_kept_apart(container, codec, rate):
    samples = decoded(file(tones(rate, 440, 1200), rate, container, codec), apart=True)
    assert [pitch(samples[:, channel]) for channel in (0, 1)] == pytest.approx([440, 1200], abs=2)


def test_one_channel_stays_one():
    assert decoded(file(tones(16_000, 440), 16_000, "wav", "pcm_s16le"), apart=True).shape[1] == 1


def test_three_channels_cannot_be_kept_apart():
    three = Raw("pcm16", 16_000, 3)
    with pytest.raises(FileRefused) as refused:
        decoded(bytes(60_000), apart=True, raw=three)
    assert refused.value.status == 400
    assert decoded(bytes(60_000), raw=three).shape == (10_000, 1)


@pytest.mark.parametrize(("container", "codec"), [("wav", "pcm_s16le"), ("flac", "flac")])
def test_samples_at_16_khz_are_those_of_the_file(container, codec):
    noise = np.random.default_rng(1).integers(-32_768, 32_767, (40_000, 2), np.int16)
    assert (decoded(file(noise, 16_000, container, codec), apart=True) == noise).all()


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_another_rate_is_converted_as_in_a_live_call(rate):
    noise = np.random.default_rng(1).integers(-9_000, 9_000, (rate, 1), np.int16)
    live = AudioDecoder(AudioFormat("pcm16", rate, 1))
    expected = live.push(noise.tobytes())[0] + live.flush()[0]
    assert decoded(file(noise, rate, "wav", "pcm_s16le")).tobytes() == expected


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (Raw("pcm16", 16_000, 1), np.arange(8_000, dtype="<i2").tobytes()),
        (Raw("mulaw", 8_000, 2), bytes(range(256)) * 40),
        (Raw("alaw", 8_000, 1), bytes(range(256)) * 40),
        (Raw("float32", 16_000, 1), np.linspace(-0.9, 0.9, 8_000, dtype="<f4").tobytes()),
    ],
)
def test_samples_without_a_container_are_those_of_a_live_call(raw, data):
    live = AudioDecoder(AudioFormat(raw.encoding, raw.rate, raw.channels))
    legs = [a + b for a, b in zip(live.push(data), live.flush(), strict=True)]
    expected = np.stack([np.frombuffer(leg, "<i2") for leg in legs], 1)
    found = decoded(data, apart=True, raw=raw)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"RIFF" + bytes(1000),
        np.random.default_rng(1).bytes(100_000),
        PLAYLIST,
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        file(tones(44_100, 440), 44_100, "ipod", "aac")[:10_000],
        file(tones(16_000, 440), 16_000, "wav", "pcm_s16le")[:44],
    ],
    ids=["empty", "text", "zeros", "noise", "playlist", "list", "no index", "only a head"],
)
def test_what_is_no_audio_is_refused(data):
    with pytest.raises(FileRefused) as refused:
        decoded(data)
    assert (refused.value.status, refused.value.code) == (415, "not_audio")


def test_a_codec_that_nobody_knows_is_refused():
    data = bytearray(file(tones(16_000, 440), 16_000, "wav", "pcm_s16le"))
    data[20:22] = b"\x34\x12"  # the tag of the format
    with pytest.raises(FileRefused, match="its codec is not known") as refused:
        decoded(bytes(data))
    assert (refused.value.status, refused.value.code) == (415, "not_audio")


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [kind for kind in KINDS if kind[0] != "ipod"]
)
def test_of_a_truncated_file_the_rest_is_read(container, codec, rate):
    data = file(tones(rate, 440), rate, container, codec)
    assert 0.5 < len(decoded(data[: len(data) // 2])) / 16_000 < 1.3


@pytest.mark.parametrize(("container", "codec", "rate"), [("mp3", "mp3", 44_100), KINDS[-1]])
def test_damage_in_the_middle_costs_little(container, codec, rate):
    data = bytearray(file(tones(rate, 440), rate, container, codec))
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    assert len(decoded(bytes(data))) / 16_000 > 1.8


def remarks(data: bytes) -> list[str]:
    audio = AudioFile(io.BytesIO(data), apart=False, most=60.0)
    try:
        assert all(iter(audio.read, b""))
        return audio.remarks
    finally:
        audio.close()


def test_what_is_wrong_with_a_file_is_told():
    tone = tones(16_000, 440)
    whole = file(tone, 16_000, "wav", "pcm_s16le")
    assert remarks(whole) == []
    (broken_off,) = remarks(whole[: len(whole) // 2])
    assert broken_off.startswith("the file is broken off at ")
    opposed = np.concatenate([tone, -tone], axis=1)
    (cancelled,) = remarks(file(opposed, 16_000, "wav", "pcm_s16le"))
    assert "cancel each other" in cancelled


def test_a_file_that_says_it_is_too_long_is_refused_unread():
    data = file(tones(16_000, 440), 16_000, "flac", "flac")
    with pytest.raises(FileRefused) as refused:
        AudioFile(io.BytesIO(data), apart=False, most=1.0)
    assert (refused.value.status, refused.value.code) == (413, "audio_too_long")


def test_a_file_that_does_not_say_how_long_it_is_stops_at_the_limit():
    silence = np.zeros((16_000 * 60, 1), np.int16)
    data = file(silence, 16_000, "flac", "flac", seekable=False)
    assert len(data) < 20_000
    audio = AudioFile(io.BytesIO(data), apart=False, most=10.0)
    with pytest.raises(FileRefused) as refused:
        b"".join(iter(audio.read, b""))
    audio.close()
    assert refused.value.status == 413


def test_a_piece_is_small():
    data = file(tones(48_000, 440, seconds=10), 48_000, "wav", "pcm_s16le")
    audio = AudioFile(io.BytesIO(data), apart=False, most=60.0)
    pieces = [*iter(audio.read, b"")]
    audio.close()
    assert max(map(len, pieces)) < 32_000


@pytest.mark.parametrize("container", ["wav", "flac", "webm", "ogg"])
def test_an_encoding_does_not_make_samples_of_a_container(container):
    codec = {"wav": "pcm_s16le", "flac": "flac"}.get(container, "libopus")
    data = file(tones(48_000, 440), 48_000, container, codec)
    expected = decoded(data)
    assert (decoded(data, raw=Raw("mulaw", 8_000, 1)) == expected).all()
