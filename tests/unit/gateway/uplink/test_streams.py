"""Compressed streams: the same samples however they are cut, and named errors for the rest."""

import io
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio import SAMPLE_RATE
from common.media import Media
from gateway.protocols.api import ClientError
from gateway.protocols.commands import Coding
from gateway.uplink import streams
from tests.compressed import ENCODERS, encoded, opus_packets, wav

_PITCHES = (440, 1_000)
_SECONDS = 2
_CODINGS: tuple[Coding, ...] = ("webm", "ogg", "flac", "mp3", "aac", "mp4", "amr-nb")


@cache
def tones(rate: int, channels: int, length: float = _SECONDS) -> npt.NDArray[np.int16]:
    """Return a tone of its own on each channel, [n, channels]."""
    time = np.arange(round(rate * length)) / rate
    columns = [0.3 * np.sin(2 * np.pi * pitch * time) for pitch in _PITCHES[:channels]]
    return (np.stack(columns, 1) * 32_767).astype(np.int16)


@cache
def stream(name: str, channels: int = 1) -> bytes:
    return encoded(name, tones(ENCODERS[name].rate, channels))


def source(pieces: Iterable[bytes]) -> Callable[[], bytes]:
    waiting = iter(list(filter(None, pieces)))
    return lambda: next(waiting, b"")


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def heard(pieces: Iterable[bytes], coding: Coding, channels: int = 1) -> bytes:
    """Decode a stream in which nothing is damaged."""
    return b"".join(map(sound, streams.decoded(source(pieces), coding, channels)))


def sound(item: bytes | ClientError) -> bytes:
    assert isinstance(item, bytes), item
    return item


def pitch(pcm: bytes, channel: int = 0, channels: int = 1) -> float:
    samples = np.frombuffer(pcm, "<i2").reshape(-1, channels)[:, channel]
    return float(np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / len(samples))


def refusal(pieces: Iterable[bytes], coding: Coding, channels: int = 1) -> str:
    with pytest.raises(ClientError) as error:
        list(streams.decoded(source(pieces), coding, channels))
    assert (error.value.code, error.value.close_code) == ("invalid_audio", 1007)
    return error.value.message


def attempt(pieces: Iterable[bytes], coding: Coding) -> None:
    """Decode what may be no stream; anything but a ClientError is a fault of ours."""
    with suppress(ClientError):
        list(streams.decoded(source(pieces), coding, 1))


@pytest.mark.parametrize("coding", _CODINGS)
def test_a_stream_is_decoded_to_its_last_frame(coding: Coding) -> None:
    data = stream(coding)
    recording = Media(io.BytesIO(data))
    frames = sum(len(block) for block in recording.blocks(mono=True))
    pcm = heard(cut(data, 997), coding)
    assert len(pcm) // 2 == -(-frames * SAMPLE_RATE // recording.rate)
    assert pitch(pcm) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("coding", [each for each in _CODINGS if each != "amr-nb"])
def test_two_channels_stay_apart_or_are_mixed(coding: Coding) -> None:
    data = stream(coding, 2)
    apart = heard(cut(data, 997), coding, 2)
    assert [pitch(apart, each, 2) for each in (0, 1)] == pytest.approx([440, 1_000], abs=1)
    assert len(heard(cut(data, 997), coding, 1)) == len(apart) // 2


@pytest.mark.parametrize("size", [1, 5, 300])
@pytest.mark.parametrize("coding", ["ogg", "mp4", "any"])
def test_one_that_ends_before_any_sound_is_told(coding: Coding, size: int) -> None:
    begun = stream("mp4" if coding == "mp4" else "ogg")[:size]
    (told,) = streams.decoded(source([begun]), coding, 1)
    assert isinstance(told, ClientError)
    assert told.close_code is None, "the call ends as its client wants"
    assert "ended before any of it could be decoded" in told.message


def test_one_without_a_byte_is_silent() -> None:
    assert heard([], "ogg") == b""


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_any_cuts_give_the_same_samples(data: st.DataObject) -> None:
    coding = data.draw(st.sampled_from(_CODINGS))
    whole = stream(coding)
    places = data.draw(st.lists(st.integers(0, len(whole)), max_size=40))
    places += data.draw(st.lists(st.integers(0, 200), max_size=10))
    bounds = [0, *sorted(places), len(whole)]
    pieces = [whole[at:end] for at, end in pairwise(bounds)]
    assert heard(pieces, coding) == heard([whole], coding)


@pytest.mark.parametrize("coding", _CODINGS)
def test_without_an_encoding_the_first_bytes_tell(coding: Coding) -> None:
    assert heard(cut(stream(coding), 3), "any") == heard([stream(coding)], coding)


@pytest.mark.parametrize("width", [8, 16, 24, 32])
def test_a_wav_is_samples_behind_its_header(width: int) -> None:
    data = wav(tones(SAMPLE_RATE, 2), SAMPLE_RATE, width)
    pcm = heard(cut(data, 7), "any", 2)
    assert pcm == heard([data], "any", 2)
    assert len(pcm) == tones(SAMPLE_RATE, 2).nbytes
    assert [pitch(pcm, each, 2) for each in (0, 1)] == pytest.approx([440, 1_000], abs=1)


@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_what_follows_an_odd_chunk_of_a_wav_is_found_with_and_without_its_pad(pad: bytes) -> None:
    data = wav(tones(SAMPLE_RATE, 1), SAMPLE_RATE, 16)
    odd = b"abc" + pad + b"data"
    assert b"abc\0data" in data
    assert heard(cut(data.replace(b"abc\0data", odd), 7), "any") == heard([data], "any")


@pytest.mark.parametrize("coding", ["webm", "ogg", "aac", "mp4"])
def test_words_need_not_wait_for_more_than_the_audio_that_follows(coding: Coding) -> None:
    """What was given when the first samples come has at most a tenth of a second."""
    data, given_bytes = stream(coding), 0

    def next_piece() -> bytes:
        nonlocal given_bytes
        piece = data[given_bytes : given_bytes + 50]
        given_bytes += len(piece)
        return piece

    next(streams.decoded(next_piece, coding, 1))
    items = streams.decoded(source([data[:given_bytes]]), coding, 1)
    pcm = b"".join(each for each in items if isinstance(each, bytes))
    assert 0 < len(pcm) // 2 <= SAMPLE_RATE // 10


def test_messages_of_one_opus_packet_each() -> None:
    packets = opus_packets(tones(48_000, 1))
    pcm = heard(packets, "opus")
    assert len(pcm) // 2 == len(packets) * SAMPLE_RATE // 50
    assert pitch(pcm) == pytest.approx(440, abs=1)


def test_opus_may_be_in_ogg_or_webm() -> None:
    for form in ("ogg", "webm"):
        assert heard(cut(stream(form), 500), "opus") == heard([stream(form)], "any")


def test_a_stream_that_begins_again_goes_on() -> None:
    """As where a page starts its recorder anew on the same socket."""
    for form in ("webm", "ogg"):
        once, twice = (heard([stream(form)] * times, "any") for times in (1, 2))
        assert len(twice) == pytest.approx(2 * len(once), abs=SAMPLE_RATE // 10)


@pytest.mark.parametrize("coding", ["webm", "ogg", "flac", "mp4"])
def test_a_stream_without_its_header_is_refused(coding: Coding) -> None:
    assert "begins with its header" in refusal([stream(coding)[5_000:]], coding)
    assert "no encoding was named" in refusal([b"\0" + stream(coding)[5_000:]], "any")


@pytest.mark.parametrize("cut_at", [1, 500, 2_001])
@pytest.mark.parametrize("coding", ["mp3", "aac"])
def test_a_stream_may_begin_in_mid_frame(coding: Coding, cut_at: int) -> None:
    data = stream(coding)
    whole, rest = heard([data], coding), heard(cut(data[cut_at:], 100), coding)
    lost = (len(whole) - len(rest)) / len(whole)
    assert 0 <= lost < cut_at / len(data) + 0.1
    assert pitch(rest) == pytest.approx(440, abs=1)
    assert heard([data[cut_at:]], "any") == rest


@pytest.mark.parametrize("frames", [2, 3])
def test_a_stream_of_a_few_frames_is_no_less_one(frames: int) -> None:
    data = stream("aac")
    ends = [0]
    while len(ends) <= frames:
        head = data[ends[-1] :]
        ends.append(ends[-1] + ((head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5))
    assert len(heard([data[: ends[-1]]], "aac")) == frames * 1_024 * 2


@pytest.mark.parametrize("first", [b"\xff\xfb", b"\xff\xf1", b"\xff\xff"])
def test_samples_without_a_name_are_refused(first: bytes) -> None:
    samples = first + tones(SAMPLE_RATE, 1).tobytes()
    assert "no encoding was named" in refusal([samples], "any")


def test_another_container_than_was_named_is_refused() -> None:
    assert "named webm, and begins like OGG" in refusal([stream("ogg")], "webm")


def test_fewer_channels_than_were_asked_for_are_refused() -> None:
    assert "1 of the 2 channels" in refusal([stream("webm")], "webm", 2)


def test_bytes_without_audio_are_bounded() -> None:
    header = stream("webm").partition(b"\x1fC\xb6u")[0]  # all before the first cluster
    endless = header + b"\xec\x08\xff\xff\xff\xff" + bytes(2 * streams.MOST_UNHEARD)  # an EBML Void
    assert "without any audio" in refusal(cut(endless, 65_536), "webm")


@pytest.mark.parametrize("coding", ["webm", "ogg", "mp3", "aac"])
def test_damage_is_left_out_and_told(coding: Coding) -> None:
    data = stream(coding)
    middle = len(data) // 2
    noise = np.random.default_rng(1).bytes(2_000)
    broken = data[:middle] + noise + data[middle + 2_000 :]
    items = list(streams.decoded(source(cut(broken, 500)), coding, 1))
    pcm = b"".join(each for each in items if isinstance(each, bytes))
    assert len(pcm) > len(heard([data], coding)) // 2
    assert len([each for each in items if isinstance(each, ClientError)]) <= streams.MOST_TOLD


@given(st.binary(max_size=3_000), st.sampled_from((*_CODINGS, "opus", "amr-wb", "g729", "any")))
@settings(deadline=None, max_examples=150)
def test_garbage_is_decoded_or_refused(garbage: bytes, coding: Coding) -> None:
    attempt(cut(garbage, 100), coding)


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_changed_bytes_are_decoded_or_refused(data: st.DataObject) -> None:
    coding = data.draw(st.sampled_from(_CODINGS))
    changed = bytearray(stream(coding))
    for place in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=30)):
        changed[place] = data.draw(st.integers(0, 255))
    attempt(cut(bytes(changed), 1_000), coding)


def test_silence_of_an_hour_comes_in_small_pieces() -> None:
    """A few bytes can be a long time of it: each piece is to be waited with."""
    hour = encoded("flac", np.zeros((SAMPLE_RATE * 600, 1), np.int16))
    assert len(hour) < 200_000
    items = streams.decoded(source([hour]), "flac", 1)
    assert max(len(sound(next(items))) for _ in range(20)) <= SAMPLE_RATE
