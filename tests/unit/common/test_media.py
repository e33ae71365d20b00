"""Recordings as programs really write them: odd chunks, clocks with holes, channels that cancel."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from common.audio import FloatArray
from common.media import Media, NotAudio
from tests.unit.gateway.files.recordings import file, tones

Samples = np.ndarray[tuple[int, ...], np.dtype[np.int16]]
RATE = 16_000
TONE = np.round(8_000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.int16)


def chunk(name: bytes, data: bytes, order: str = "<", *, size: int | None = None) -> bytes:
    return name + struct.pack(order + "I", len(data) if size is None else size) + data


def wav(*chunks: bytes, order: str = "<", bits: int = 16, channels: int = 1, tag: int = 1) -> bytes:
    each = channels * bits // 8
    form = struct.pack(order + "HHIIHH", tag, channels, RATE, RATE * each, each, bits)
    body = b"WAVE" + chunk(b"fmt ", form, order) + b"".join(chunks)
    return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(order + "I", len(body)) + body


def read(data: bytes, *, mono: bool = False) -> tuple[FloatArray, Media]:
    media = Media(io.BytesIO(data))
    try:
        return np.concatenate(list(media.blocks(mono=mono))), media
    finally:
        media.close()


@pytest.mark.parametrize(
    "data",
    [
        wav(chunk(b"data", TONE.tobytes())),
        wav(chunk(b"data", TONE.astype(">i2").tobytes(), ">"), order=">"),
        wav(chunk(b"data", TONE.tobytes(), size=0)),
        wav(chunk(b"data", TONE.tobytes(), size=0xFFFF_FFFF)),
        wav(chunk(b"note", b"odd\0", size=3), chunk(b"data", TONE.tobytes())),
        wav(chunk(b"note", b"odd", size=3), chunk(b"data", TONE.tobytes())),
        wav(chunk(b"data", TONE[:99].tobytes()), chunk(b"data", TONE[99:].tobytes())),
    ],
    ids=["RIFF", "RIFX", "size 0", "no size", "an odd chunk", "no pad", "a second data chunk"],
)
def test_a_wav_file_is_read_whatever_wrote_it(data):
    samples, media = read(data)
    np.testing.assert_array_equal(np.round(samples[:, 0] * 32_768), TONE)
    assert (media.rate, media.channels, media.damage) == (RATE, 1, None)


@pytest.mark.parametrize(("bits", "tag"), [(24, 1), (32, 1), (32, 3), (64, 3)])
def test_samples_of_any_width_are_read_in_the_other_order(bits: int, tag: int):
    if tag == 3:
        data = (TONE / 32_768).astype(f">f{bits // 8}").tobytes()
    else:
        wide = (TONE.astype(np.int64) << (bits - 16)).astype(">i8").view(np.uint8).reshape(-1, 8)
        data = wide[:, 8 - bits // 8 :].tobytes()
    samples, media = read(wav(chunk(b"data", data, ">"), order=">", bits=bits, tag=tag))
    np.testing.assert_array_equal(np.round(samples[:, 0] * 32_768), TONE)
    assert media.damage is None
    cut = wav(chunk(b"data", data[:-1], ">"), order=">", bits=bits, tag=tag)
    np.testing.assert_array_equal(read(cut)[0][:-1], samples[: len(read(cut)[0]) - 1])


def test_the_end_that_a_file_lacks_is_told():
    whole = wav(chunk(b"data", TONE.tobytes()))
    samples, media = read(whole[: len(whole) // 2])
    assert media.damage == f"broken off at {len(samples) / RATE:.1f} s"
    assert read(whole)[1].damage is None


def test_what_is_no_number_is_told_behind_what_was_read():
    floats = np.zeros(RATE, np.float32)
    floats[12_000] = np.inf
    samples, media = read(wav(chunk(b"data", floats.tobytes()), bits=32, tag=3))
    assert len(samples) == 12_000
    assert media.damage == "damaged at 0.750 s: sample 12000 is infinite or not a number"


def test_a_file_whose_first_sample_is_no_number_holds_no_audio():
    floats = np.full(RATE, np.nan, np.float32)
    with pytest.raises(NotAudio, match="sample 0 is infinite"):
        read(wav(chunk(b"data", floats.tobytes()), bits=32, tag=3))


def test_an_empty_file_is_called_so():
    with pytest.raises(NotAudio, match="it is empty"):
        Media(io.BytesIO())


def video(pieces: list[tuple[float, Samples]], late: float) -> bytes:
    """Return a video whose sound begins `late` s after the picture, in pieces with their times."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        picture = output.add_stream("mpeg4", rate=1)
        picture.width = picture.height = 32
        sound = output.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number in range(12):
            image = av.VideoFrame(32, 32, "yuv420p")
            image.pts = number
            output.mux(picture.encode(image))
        output.mux(picture.encode(None))
        for start, samples in pieces:
            frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = RATE
            frame.time_base = Fraction(1, RATE)
            frame.pts = round((late + start) * RATE)
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(("late", "hole"), [(4.0, 0.0), (0.0, 3.0), (2.0, 5.0)])
def test_times_are_those_of_the_container(late, hole):
    data = video([(0.0, TONE), (1.0 + hole, TONE)], late)
    samples, _ = read(data)
    loud = np.abs(samples[:, 0]) > 0.1
    first, last = np.flatnonzero(loud)[[0, -1]] / RATE
    assert first == pytest.approx(late, abs=0.01)
    assert last == pytest.approx(late + hole + 2, abs=0.01)
    silent = RATE * (late + hole)
    assert len(samples) == pytest.approx(silent + 2 * RATE, abs=RATE * 0.01)


def test_channels_that_cancel_each_other_out_are_not_mixed_to_silence():
    stereo = np.stack([TONE, -TONE], axis=1)
    samples, media = read(wav(chunk(b"data", stereo.tobytes()), channels=2), mono=True)
    assert media.cancelled
    assert samples.shape == (RATE, 1)
    assert np.abs(samples).max() == pytest.approx(8_000 / 32_768, rel=0.01)


def test_a_voice_on_one_channel_is_mixed():
    stereo = np.stack([TONE, np.zeros_like(TONE)], axis=1)
    samples, media = read(wav(chunk(b"data", stereo.tobytes()), channels=2), mono=True)
    assert not media.cancelled
    assert np.abs(samples).max() == pytest.approx(4_000 / 32_768, rel=0.01)


@pytest.mark.parametrize(("container", "codec"), [("adts", "aac"), ("mp3", "mp3")])
def test_what_comes_behind_damage_is_read(container, codec):
    whole = file(np.tile(tones(48_000, 440), (3, 1)), 48_000, container, codec)
    garbage = np.random.default_rng(1).bytes(6_000)
    samples, media = read(whole[: len(whole) // 2] + garbage + whole[len(whole) // 2 :])
    assert len(samples) / media.rate == pytest.approx(6, abs=0.3)
    assert media.damage is not None
    assert media.damage.startswith("damaged at ")
