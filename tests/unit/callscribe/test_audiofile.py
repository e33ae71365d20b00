import numpy as np
import pytest
import soundfile

from callscribe.audiofile import MIX, AudioFile, AudioFileError

RATE = 8_000


def write(path, channels=1, seconds=0.25, rate=RATE, **arguments):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.stack([tone] * channels, axis=1), rate, **arguments)
    return path


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"),
        ("a.wav", "FLOAT"),
        ("a.wav", "ULAW"),
        ("a.flac", "PCM_24"),
        ("a.ogg", "VORBIS"),
        ("a.ogg", "OPUS"),
        ("a.mp3", "MPEG_LAYER_III"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_formats(tmp_path, name, subtype, channels):
    path = write(tmp_path / name, channels, subtype=subtype)
    with AudioFile(path) as audio:
        rate = 48_000 if subtype == "OPUS" else RATE  # a decoder of Opus has no other
        assert (audio.rate, audio.channels) == (rate, channels)
        assert audio.duration == pytest.approx(0.25, abs=0.1)
        samples = np.concatenate(list(audio.blocks(0.1)))
    assert samples.dtype == np.float32
    assert samples.shape == (pytest.approx(0.25 * rate, abs=0.1 * rate), channels)
    assert 0.4 < np.abs(samples).max() < 0.65


def test_blocks_are_of_the_length_asked_for_and_the_rest(tmp_path):
    path = write(tmp_path / "a.wav", subtype="FLOAT")
    with AudioFile(path) as audio:
        blocks = list(audio.blocks(0.1))
    assert [len(block) for block in blocks] == [800, 800, 400]
    whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_what_cannot_be_used_is_named_with_the_reason(tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("not audio at all")
    nothing = tmp_path / "nothing.wav"
    nothing.touch()
    cases = {
        tmp_path / "missing.wav": "no such file",
        tmp_path: "not a file",
        text: "not an audio file",
        nothing: "not an audio file",
        write(tmp_path / "empty.wav", seconds=0): "no audio",
        write(tmp_path / "three.wav", channels=3): "3 channels",
        write(tmp_path / "slow.wav", rate=3_999): "3999 Hz; a call has 4000 to 192000",
        write(tmp_path / "fast.wav", rate=192_001): "192001 Hz; a call has 4000 to 192000",
    }
    for path, reason in cases.items():
        with pytest.raises(AudioFileError, match=reason) as error:
            AudioFile(path)
        assert str(path) in str(error.value)


@pytest.mark.parametrize("rate", [4_000, 192_000])
def test_the_rates_of_calls_are_taken_up_to_their_limits(tmp_path, rate):
    with AudioFile(write(tmp_path / "a.wav", rate=rate)) as audio:
        assert audio.rate == rate


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_named_with_its_place(tmp_path, value):
    samples = np.zeros((2_000, 2))
    samples[1_700:, 1] = value
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with AudioFile(tmp_path / "a.wav") as audio:
        blocks = audio.blocks(0.1)
        assert [len(next(blocks)) for _ in range(3)] == [800, 800, 100]
        damaged = r"a\.wav: damaged at 0\.212 s: sample 1700 is infinite or not a number"
        with pytest.raises(AudioFileError, match=damaged):
            next(blocks)


def test_what_is_beyond_full_scale_is_clipped(tmp_path):
    samples = np.array([0.5, 3e38, -1.5, 1.0], np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with AudioFile(tmp_path / "a.wav") as audio:
        (block,) = audio.blocks(1)
    assert block.ravel().tolist() == [0.5, 1.0, -1.0, 1.0]


def test_one_channel_or_the_mean_of_all_is_read(tmp_path):
    samples = np.array([[0.5, 0.25], [-0.5, 0.75]])
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    for channel, values in ((1, [0.5, -0.5]), (2, [0.25, 0.75]), (MIX, [0.375, 0.125])):
        with AudioFile(tmp_path / "a.wav", channel) as audio:
            assert audio.channels == 1
            (block,) = audio.blocks(1)
        assert block.shape == (2, 1)
        assert block.ravel().tolist() == values
    with pytest.raises(AudioFileError, match=r"a\.wav: no channel 3; it has 2"):
        AudioFile(tmp_path / "a.wav", 3)
