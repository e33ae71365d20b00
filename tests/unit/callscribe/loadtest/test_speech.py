import numpy as np
import pytest
import soundfile

from callscribe import sample
from callscribe.audiofile import AudioFileError
from callscribe.loadtest import speech
from callscribe.loadtest.speech import Format
from common.audio import pcm16_to_float
from common.errors import SettingsError

RATE = 16_000


@pytest.fixture
def tone(tmp_path):
    """Writes a file of so many seconds and channels; channel n has the constant level (n + 1)/8."""

    def write(name, seconds=1.0, channels=1, rate=RATE):
        levels = (np.arange(channels, dtype=np.float32) + 1) / 8
        soundfile.write(tmp_path / name, np.tile(levels, (round(seconds * rate), 1)), rate)
        return tmp_path / name

    return write


def payload(frame):
    """Undo the framing, and check it."""
    size, begin = frame[1] & 0x7F, 2
    if size == 126:
        size, begin = int.from_bytes(frame[2:4], "big"), 4
    elif size == 127:
        size, begin = int.from_bytes(frame[2:10], "big"), 10
    assert frame[0] == 0x82
    assert frame[1] & 0x80
    assert frame[begin : begin + 4] == bytes(4)
    assert len(frame) == begin + 4 + size
    return frame[begin + 4 :]


@pytest.mark.parametrize(
    ("format", "size"),
    [
        (Format(), 3200),
        (Format(frame_ms=1000, stereo=True), 64_000),
        (Format(mulaw=True, frame_ms=20), 160),
        (Format(mulaw=True, frame_ms=10), 80),
        (Format(mulaw=True, stereo=True, frame_ms=20), 320),
    ],
)
def test_every_message_is_a_frame_of_the_same_size(format, size):
    loaded = speech.load([], format)
    assert {len(payload(frame)) for frame in loaded.frames} == {size}
    assert len(loaded.frames) == loaded.loop.messages
    assert loaded.loop.message_s == format.frame_ms / 1000


def test_the_sample_call_has_all_its_words():
    loop = speech.load([], Format()).loop
    texts = " ".join(passage.text or "" for passage in loop.passages[0])
    assert texts == " ".join(sample.references())
    ends = [passage.end for passage in loop.passages[0]]
    begins = [passage.start for passage in loop.passages[0]]
    assert all(begin - end >= 1.5 for end, begin in zip(ends, begins[1:], strict=False))


def test_in_stereo_the_sample_call_is_the_conversation_that_it_was():
    loaded = speech.load([], Format(mulaw=True, stereo=True, frame_ms=20))
    data = b"".join(payload(frame) for frame in loaded.frames)
    wav = sample.AUDIO.read_bytes()
    stored = np.frombuffer(wav[wav.index(b"data") + 8 :], np.uint8)[:900_000]
    ours = np.frombuffer(data, np.uint8)[: len(stored)]
    nothing = {0x7F: 0xFF}  # mu-law has a zero of either sign
    same = np.array([nothing.get(code, code) for code in range(256)], np.uint8)
    np.testing.assert_array_equal(same[ours], same[stored])
    agent, caller = loaded.loop.passages
    assert sorted(p.text or "" for p in agent) == sorted(p.text or "" for p in caller)
    assert caller[0].text is not None
    assert caller[0].text.startswith("Hello. My name is Daniel Carter.")
    assert caller[0].start == pytest.approx(6.701)


def test_every_channel_of_a_file_is_a_speaker(tone, tmp_path):
    (tmp_path / "two.txt").write_text("the first\n\nthe second\n")
    (tmp_path / "one.txt").write_text("only\none\n")
    files = [tone("two.wav", channels=2), tone("one.wav", rate=8000), tone("none.wav")]
    loaded = speech.load(files, Format())
    passages = loaded.loop.passages[0]
    assert [p.text for p in passages] == ["the first", "the second", "only one", None]
    assert [p.start for p in passages] == [0.0, 2.5, 5.0, 7.5]
    samples = pcm16_to_float(b"".join(payload(frame) for frame in loaded.frames))
    levels = [samples[round((second + 0.5) * RATE)] for second in (0.0, 2.5, 5.0, 7.5, 1.2)]
    assert levels == pytest.approx([1 / 8, 2 / 8, 1 / 8, 1 / 8, 0.0], abs=0.01)


def test_what_cannot_be_used_is_said(tone, tmp_path):
    with pytest.raises(AudioFileError, match="no such file"):
        speech.load([tmp_path / "nothing.wav"], Format())
    two = tone("two.wav", channels=2)
    (tmp_path / "two.txt").write_text("one line")
    with pytest.raises(SettingsError, match="1 lines of text for 2 channels"):
        speech.load([two], Format())
    (tmp_path / "two.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SettingsError, match="cannot be read as text"):
        speech.load([two], Format())
