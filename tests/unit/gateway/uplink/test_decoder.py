"""AudioDecoder: every format, any split, every leg in step."""

from itertools import pairwise
from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocols.api import ClientError
from gateway.protocols.commands import ENCODINGS, AudioFormat
from gateway.uplink.decoder import _G711, AudioDecoder, resume_frame

FORMATS = [
    AudioFormat(encoding, rate, channels)
    for encoding in ENCODINGS
    for rate in (16_000, 8_000, 44_100)
    for channels in (1, 2)
]


def whole(audio: AudioFormat, data: bytes) -> list[bytes]:
    ingest = AudioDecoder(audio)
    return joined(audio, [ingest.push(data), ingest.flush()])


def joined(audio: AudioFormat, parts: list[list[bytes]]) -> list[bytes]:
    assert all(len(part) == audio.channels for part in parts)
    return [b"".join(part[c] for part in parts) for c in range(audio.channels)]


def speechlike(audio: AudioFormat, size: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    if audio.encoding == "float32":
        samples = rng.uniform(-1.5, 1.5, size // 4 + 1).astype("<f4").tobytes()
        return samples[:size]
    return rng.bytes(size)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.lists(st.integers(0, 400), max_size=12),
    st.integers(0, 2**32),
)
def test_any_split_of_the_same_bytes_gives_the_same_audio(audio, sizes, seed):
    data = speechlike(audio, sum(sizes), seed)
    split = AudioDecoder(audio)
    cuts = np.cumsum([0, *sizes])
    parts = [split.push(data[a:b]) for a, b in pairwise(cuts)]
    output = joined(audio, [*parts, split.flush()])
    assert output == whole(audio, data)
    assert {len(leg) for leg in output} == {2 * split.position}


def test_16_khz_pcm16_mono_is_not_copied():
    message = b"\x01\x02" * 160
    (leg,) = AudioDecoder(AudioFormat("pcm16", 16_000, 1)).push(message)
    assert leg is message


def test_a_split_sample_is_joined_on_the_fast_path():
    ingest = AudioDecoder(AudioFormat("pcm16", 16_000, 1))
    assert ingest.push(b"\x01\x02\x03") == [b"\x01\x02"]
    assert ingest.push(b"\x04\x05") == [b"\x03\x04"]
    assert ingest.position == 2


def test_channels_become_legs():
    frames = np.array([[1, -1], [2, -2], [3, -3]], dtype="<i2")
    legs = AudioDecoder(AudioFormat("pcm16", 16_000, 2)).push(frames.tobytes())
    assert [np.frombuffer(leg, "<i2").tolist() for leg in legs] == [[1, 2, 3], [-1, -2, -3]]


def test_legs_are_resampled_as_if_alone():
    rng = np.random.default_rng(1)
    frames = rng.integers(-20_000, 20_000, (1_000, 2)).astype("<i2")
    legs = whole(AudioFormat("pcm16", 8_000, 2), frames.tobytes())
    for channel in (0, 1):
        alone = whole(AudioFormat("pcm16", 8_000, 1), frames[:, channel].tobytes())
        assert legs[channel] == alone[0]


def test_float32_beyond_full_scale_is_clipped():
    samples = np.array([0.0, 0.5, 1.0, -1.0, 3.4e38, -3.4e38], dtype="<f4")
    (leg,) = AudioDecoder(AudioFormat("float32", 16_000, 1)).push(samples.tobytes())
    expected = [0, 16_384, 32_767, -32_768, 32_767, -32_768]
    assert np.frombuffer(leg, "<i2").tolist() == expected


@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_float_that_is_no_sample_is_named_and_nothing_is_taken(rate, bad):
    ingest = AudioDecoder(AudioFormat("float32", rate, 2))
    ingest.push(np.zeros(20, "<f4").tobytes())
    samples = np.zeros(10, "<f4")
    samples[5] = bad
    position = ingest.position
    with pytest.raises(ClientError, match=r"sample 12 of channel 1 is -?(nan|inf)") as caught:
        ingest.push(samples.tobytes())
    assert caught.value.code == "invalid_audio"
    assert caught.value.close_code == 1007
    assert ingest.position == position


def test_g711_anchors():
    # ITU-T G.711: full scale, quiet and the sign bit; expanded to 16 bits.
    mulaw, alaw = _G711["mulaw"], _G711["alaw"]
    assert [int(mulaw[code]) for code in (0x00, 0x80, 0x7F, 0xFF, 0x7E)] == [
        -32_124,
        32_124,
        0,
        0,
        -8,
    ]
    assert [int(alaw[code]) for code in (0x2A, 0xAA, 0x55, 0xD5, 0x54)] == [
        -32_256,
        32_256,
        -8,
        8,
        -24,
    ]


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_g711_is_odd_and_monotone_in_its_magnitude(law):
    table = _G711[law].astype(int)
    codes = np.arange(128)
    assert np.array_equal(table[codes], -table[codes | 0x80])
    toggle = 0x7F if law == "mulaw" else 0x55
    magnitude = table[(codes ^ toggle) | 0x80]
    assert (np.diff(magnitude) > 0).all()


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 44_100, 48_000, 15_999])
def test_nothing_is_lost_at_the_end(rate):
    frames = 1_234
    (leg,) = whole(AudioFormat("pcm16", rate, 1), b"\x10\x20" * frames)
    assert len(leg) // 2 == -(-frames * 16_000 // rate)


@pytest.mark.parametrize("audio", FORMATS)
def test_a_part_of_a_frame_before_a_boundary_is_dropped(audio):
    size = audio.frame_bytes
    before, after = speechlike(audio, 20 * size, 1), speechlike(audio, 30 * size, 2)
    cut, clean = AudioDecoder(audio), AudioDecoder(audio)
    for decoder, more in ((cut, before[: size - 1]), (clean, b"")):
        decoder.push(before + more)
        decoder.flush()
    assert cut.truncated is None
    assert cut.push(after) == clean.push(after)
    assert (cut.flush(), cut.position) == (clean.flush(), clean.position)


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"\x1aE\xdf\xa3\x9fB\x86\x81", "WebM"),
        (b"OggS\x00\x02\x00\x00", "Ogg"),
        (b"fLaC\x00\x00\x00\x22", "FLAC"),
        (b"ID3\x04\x00\x00\x00\x00", "MP3"),
        (b"\x00\x00\x00\x20ftypM4A ", "MP4"),
        (b"#!AMR\n\x3c\x08", "AMR"),
    ],
)
@pytest.mark.parametrize("step", [1, 3, 100])
@pytest.mark.parametrize("audio", [FORMATS[0], FORMATS[3], AudioFormat("pcm16", 16_000)])
def test_a_container_is_named_by_its_first_bytes(audio, head, named, step):
    ingest, data = AudioDecoder(audio), head + bytes(100)

    def push_all() -> None:
        for at in range(0, len(data), step):
            ingest.push(data[at : at + step])

    with pytest.raises(ClientError, match=f"the audio is {named}") as caught:
        push_all()
    assert (caught.value.code, caught.value.close_code) == ("invalid_audio", 1007)
    assert audio.encoding in caught.value.message


def test_a_container_is_only_looked_for_where_a_call_begins():
    audio = AudioFormat("pcm16", 16_000)
    for ingest in (AudioDecoder(audio, start=1), AudioDecoder(audio, origin=1)):
        ingest.push(b"OggS" * 10)
    ingest = AudioDecoder(audio)
    ingest.push(bytes(8))
    assert ingest.push(b"OggS" * 10) == [b"OggS" * 10]
    AudioDecoder(audio).push(b"RIFF" + bytes(4) + b"WAVEfmt ")


def test_another_format_goes_on_where_the_one_before_ended():
    first = AudioDecoder(AudioFormat("pcm16", 8_000))
    first.push(bytes(2 * 801))
    first.flush()
    second = AudioDecoder(AudioFormat("pcm16", 16_000), origin=first.position)
    assert second.position == first.position == 1_602
    second.push(bytes(20))
    second.skip(10)
    assert second.position == 1_622


def test_finishing_amid_a_frame_is_reported_and_not_fatal():
    audio = AudioFormat("float32", 16_000, 2)
    assert AudioDecoder(audio).truncated is None
    ingest = AudioDecoder(audio)
    ingest.push(bytes(11))
    error = ingest.truncated
    assert error is not None
    assert (error.code, error.fatal) == ("truncated_sample", False)
    assert "3 bytes into a frame of 8" in error.message


# --- an ingest that goes on where another one was cut off ---

RATES = (16_000, 8_000, 44_100, 48_000, 11_025, 7_919)


def resumed(audio: AudioFormat, data: bytes, held: int, flush_at: int) -> list[bytes]:
    """Return each leg's audio from position `held` on, as a second ingest gives it.

    It is sent the client's bytes from the frame that `resume_frame` names; `flush_at` is the frame
    at which the client flushes, and did so before if it lies behind.
    """
    start = resume_frame(audio, held)
    ingest = AudioDecoder(audio, start=start)
    begun = ingest.position
    assert begun <= held
    frame_bytes = len(data) // frames_of(audio, data)
    parts = []
    if flush_at > start:
        parts += [ingest.push(data[start * frame_bytes : flush_at * frame_bytes]), ingest.flush()]
        start = flush_at
    parts += [ingest.push(data[start * frame_bytes :]), ingest.flush()]
    return [leg[2 * (held - begun) :] for leg in joined(audio, parts)]


def frames_of(audio: AudioFormat, data: bytes) -> int:
    bytes_per_sample = {"float32": 4, "pcm16": 2, "mulaw": 1, "alaw": 1}
    return len(data) // (bytes_per_sample[audio.encoding] * audio.channels)


@pytest.mark.parametrize("rate", RATES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_from_the_held_position_on_nothing_tells_of_an_interruption(rate, data):
    encoding = data.draw(st.sampled_from(ENCODINGS), "encoding")
    channels = data.draw(st.sampled_from((1, 2)), "channels")
    audio = AudioFormat(encoding, rate, channels)
    # 7919 is prime: only once a second does an output fall on an input.
    seconds = 2.5 if rate == 7_919 else 0.5
    frames = round(rate * data.draw(st.floats(0.05, seconds), "seconds"))
    frame_bytes = {"float32": 4, "pcm16": 2, "mulaw": 1, "alaw": 1}[encoding] * channels
    sent = speechlike(audio, frames * frame_bytes, data.draw(st.integers(0, 2**32), "seed"))
    flush_at = data.draw(st.integers(0, frames), "flush")
    held = data.draw(st.integers(0, frames * 16_000 // rate), "held")
    uninterrupted = AudioDecoder(audio)
    parts = [uninterrupted.push(sent[: flush_at * frame_bytes]), uninterrupted.flush()]
    parts += [uninterrupted.push(sent[flush_at * frame_bytes :]), uninterrupted.flush()]
    expected = [leg[2 * held :] for leg in joined(audio, parts)]
    assert resumed(audio, sent, held, flush_at) == expected


@pytest.mark.parametrize("rate", [4_000, *RATES, 192_000])
def test_what_is_asked_for_again_is_little_and_never_too_little(rate):
    audio = AudioFormat("pcm16", rate, 1)
    assert resume_frame(audio, 0) == 0
    frames = [resume_frame(audio, position) for position in range(0, 160_000, 997)]
    assert frames == sorted(frames)
    for frame, position in zip(frames, range(0, 160_000, 997), strict=True):
        behind = position - frame * 16_000 / rate
        assert behind >= 0
        # A warm-up of the filter, and the way back to where outputs fall on inputs.
        assert behind <= 0.017 * 16_000 + 16_000 / gcd(rate, 16_000)
    assert resume_frame(AudioFormat("mulaw", 16_000, 2), 12_345) == 12_345


def test_a_sample_that_is_none_is_counted_from_the_beginning_of_the_call():
    ingest = AudioDecoder(AudioFormat("float32", 16_000, 1), start=1_000)
    with pytest.raises(ClientError, match="sample 1003 of channel 0"):
        ingest.push(np.array([0, 0, 0, np.nan], "<f4").tobytes())


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_audio_after_a_gap_lies_where_it_was_spoken(rate):
    decoder = AudioDecoder(AudioFormat("pcm16", rate, 1))
    pushed = decoder.push(bytes(2 * rate)) + decoder.flush()
    assert sum(map(len, pushed)) == 2 * 16_000
    decoder.skip(rate)
    assert decoder.position == 32_000
    pushed = decoder.push(bytes(2 * rate)) + decoder.flush()
    assert sum(map(len, pushed)) == 2 * 16_000
    assert decoder.position == 48_000
