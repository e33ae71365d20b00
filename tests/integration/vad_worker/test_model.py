"""The batched model against the official package, which runs one file alone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import pytest_audioeval
import soundfile
import soxr

from common.audio import SAMPLE_RATE, FloatArray
from common.errors import Misuse, SettingsError
from vad_worker import model
from vad_worker.model import SileroVad, VadState

PACKAGE = Path(next(iter(pytest_audioeval.__path__)))
EVERYWHERE = PACKAGE / "samples" / "audio" / "en" / "counting.wav"
SHARED = ["librivox_0870.wav", "librivox_0930.wav", "osr_8k.wav", "noisy_snr0_48k.wav", "jfk.flac"]


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad(threads=1)


def load(path: Path) -> FloatArray:
    """Read a file as whole frames of 16 kHz mono, at most 12 s."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono: FloatArray = soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE)
    return mono[: min(len(mono), 12 * SAMPLE_RATE) // SileroVad.FRAME * SileroVad.FRAME]


def official(samples: FloatArray) -> FloatArray:
    """Return the probabilities of the package's own streaming ONNX wrapper."""
    import torch
    from silero_vad import load_silero_vad

    wrapper = load_silero_vad(onnx=True)
    frames = torch.from_numpy(samples).reshape(-1, SileroVad.FRAME)
    return np.array([wrapper(frame, SAMPLE_RATE).item() for frame in frames], np.float32)


def in_chunks(
    vad: SileroVad, files: list[FloatArray], seed: int, restart: bool = False
) -> list[FloatArray]:
    """Run files as legs that join, stall and burst at random; return each one's probabilities."""
    rng = np.random.default_rng(seed)
    states = [vad.open() for _ in files]
    done = [0] * len(files)
    got: list[list[FloatArray]] = [[] for _ in files]
    while any(at < len(file) for at, file in zip(done, files, strict=True)):
        batch: list[tuple[VadState, FloatArray]] = []
        for leg, file in enumerate(files):
            end = min(len(file), done[leg] + int(rng.integers(0, 9)) * SileroVad.FRAME)
            batch.append((states[leg], file[done[leg] : end]))
            done[leg] = end
        for leg, probabilities in enumerate(vad.run(batch)):
            got[leg].append(probabilities)
        if restart:
            states = [vad.load_state(state.dump()) for state in states]
    return [np.concatenate(each) for each in got]


def test_equals_the_official_model_on_a_public_file(vad: SileroVad) -> None:
    samples = load(EVERYWHERE)
    expected = official(samples)
    assert expected.max() > 0.9
    (alone,) = vad.run([(vad.open(), samples)])
    np.testing.assert_allclose(alone, expected, atol=1e-3)
    mixed = in_chunks(vad, [samples, samples[5 * SileroVad.FRAME :], samples * 0.3], seed=1)
    np.testing.assert_allclose(mixed[0], expected, atol=1e-3)


def test_equals_the_official_model_whatever_the_batch(vad: SileroVad, shared_speech: Path) -> None:
    files = [load(shared_speech / name) for name in SHARED]
    expected = [official(file) for file in files]
    assert min(each.max() for each in expected) > 0.9
    for seed in range(3):
        for got, want in zip(in_chunks(vad, files, seed), expected, strict=True):
            np.testing.assert_allclose(got, want, atol=1e-3)


def test_a_dumped_state_continues_identically(vad: SileroVad) -> None:
    files = [load(EVERYWHERE), load(EVERYWHERE)[::-1].copy()]
    steady = in_chunks(vad, files, seed=2)
    for got, want in zip(in_chunks(vad, files, seed=2, restart=True), steady, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_dump_is_small_and_exact(vad: SileroVad) -> None:
    state = vad.open()
    vad.run([(state, load(EVERYWHERE))])
    data = state.dump()
    assert len(data) == 1280
    assert vad.load_state(data).dump() == data
    with pytest.raises(Misuse, match="319"):
        vad.load_state(data[:-4])


def test_legs_without_frames_keep_their_state(vad: SileroVad) -> None:
    state = vad.open()
    vad.run([(state, load(EVERYWHERE))])
    before = state.dump()
    nothing = np.zeros(0, np.float32)
    assert vad.run([]) == []
    assert [len(each) for each in vad.run([(state, nothing), (vad.open(), nothing)])] == [0, 0]
    vad.run([(state, nothing), (vad.open(), load(EVERYWHERE))])
    assert state.dump() == before


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(513, np.float32), np.zeros((1, 512), np.float32), np.zeros(512, np.float64)],
)
def test_what_is_no_whole_frames_changes_nothing(vad: SileroVad, wrong: np.ndarray) -> None:
    state = vad.open()
    with pytest.raises(Misuse, match="float"):
        vad.run([(state, load(EVERYWHERE)), (vad.open(), wrong)])
    assert state.dump() == vad.open().dump()


def test_threads_are_explicit_and_do_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    session = onnxruntime.InferenceSession

    def spy(path: str, options: onnxruntime.SessionOptions, **kwargs: object) -> object:
        seen.append(options)
        return session(path, options, **kwargs)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    SileroVad(threads=2)
    (options,) = seen
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_loading_the_model_loads_neither_torch_nor_the_package() -> None:
    program = (
        "import sys; from vad_worker.model import SileroVad; SileroVad();"
        "assert not {'torch', 'silero_vad'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_missing_model_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"callscribe\[vad\]"):
        SileroVad()
