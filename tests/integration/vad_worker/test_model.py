"""Every engine against the official ONNX file, which runs one leg alone."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
import pytest
import pytest_audioeval
import soundfile
import soxr

from common.audio import SAMPLE_RATE, FloatArray
from common.errors import Misuse, SettingsError
from common.installed import data_file
from tests.conftest import ROOT
from tests.integration.vad_worker.engines import ENGINES, engine
from vad_worker import weights
from vad_worker.api import Engine, State
from vad_worker.framing import FRAME
from vad_worker.model import SileroVad

PACKAGE = Path(next(iter(pytest_audioeval.__path__)))
EVERYWHERE = PACKAGE / "samples" / "audio" / "en" / "counting.wav"
SHARED = ["librivox_0870.wav", "librivox_0930.wav", "osr_8k.wav", "noisy_snr0_48k.wav", "jfk.flac"]
Vad: TypeAlias = Engine[Any]
TOLERANCE = 1e-4
ALIKE = 1e-5
"""Between batches of other sizes, which round otherwise."""


@pytest.fixture(scope="module", params=ENGINES)
def vad(request: pytest.FixtureRequest) -> Vad:
    return engine(request.param)


def load(path: Path) -> FloatArray:
    """Read a file as whole frames of 16 kHz mono, at most 12 s."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono: FloatArray = soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE)
    return mono[: min(len(mono), 12 * SAMPLE_RATE) // FRAME * FRAME]


def official(samples: FloatArray) -> FloatArray:
    """Return the probabilities of the official ONNX file, run as its package's wrapper runs it."""
    file = data_file("silero_vad", "data/silero_vad.onnx")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    rate = np.array(SAMPLE_RATE, np.int64)
    state = np.zeros((2, 1, 128), np.float32)
    heard = np.zeros((1, 64), np.float32)
    said = []
    for frame in samples.reshape(-1, 1, FRAME):
        heard = np.concatenate((heard[:, -64:], frame), axis=1)
        output, state = session.run(None, {"input": heard, "state": state, "sr": rate})
        said.append(output[0, 0])
    return np.array(said, np.float32)


def run(vad: Vad, legs: Sequence[tuple[State, FloatArray]]) -> list[FloatArray]:
    """Run legs, each with its new samples; return the probabilities of each."""
    counts = [len(samples) // FRAME for _, samples in legs]
    samples = np.concatenate([samples for _, samples in legs])
    both = vad.run([state for state, _ in legs], counts, samples)
    return np.split(both, np.cumsum(counts)[:-1])


def in_chunks(
    vad: Vad, files: list[FloatArray], seed: int, restart: bool = False
) -> list[FloatArray]:
    """Run files as legs that join, stall and burst at random; return each one's probabilities."""
    rng = np.random.default_rng(seed)
    states = [vad.open() for _ in files]
    done = [0] * len(files)
    got: list[list[FloatArray]] = [[] for _ in files]
    while any(at < len(file) for at, file in zip(done, files, strict=True)):
        batch: list[tuple[State, FloatArray]] = []
        for leg, file in enumerate(files):
            end = min(len(file), done[leg] + int(rng.integers(0, 9)) * FRAME)
            batch.append((states[leg], file[done[leg] : end]))
            done[leg] = end
        for leg, probabilities in enumerate(run(vad, batch)):
            got[leg].append(probabilities)
        if restart:
            states = [vad.load_state(state.dump()) for state in states]
    return [np.concatenate(each) for each in got]


def test_the_official_model_is_what_its_package_says() -> None:
    torch = pytest.importorskip("torch", reason="the package needs PyTorch: make test-vllm has it")
    from silero_vad import load_silero_vad

    samples = load(EVERYWHERE)
    wrapper = load_silero_vad(onnx=True)
    frames = torch.from_numpy(samples).reshape(-1, FRAME)
    said = [wrapper(frame, SAMPLE_RATE).item() for frame in frames]
    np.testing.assert_allclose(official(samples), said, atol=ALIKE)


def test_equals_the_official_model_on_a_public_file(vad: Vad) -> None:
    samples = load(EVERYWHERE)
    expected = official(samples)
    assert expected.max() > 0.9
    (alone,) = run(vad, [(vad.open(), samples)])
    np.testing.assert_allclose(alone, expected, atol=TOLERANCE)
    mixed = in_chunks(vad, [samples, samples[5 * FRAME :], samples * 0.3], seed=1)
    np.testing.assert_allclose(mixed[0], expected, atol=TOLERANCE)


def test_equals_the_official_model_whatever_the_batch(vad: Vad, shared_speech: Path) -> None:
    files = [load(shared_speech / name) for name in SHARED]
    expected = [official(file) for file in files]
    assert min(each.max() for each in expected) > 0.9
    for seed in range(3):
        for got, want in zip(in_chunks(vad, files, seed), expected, strict=True):
            np.testing.assert_allclose(got, want, atol=TOLERANCE)


def test_stays_with_the_official_model_for_minutes(vad: Vad) -> None:
    rng = np.random.default_rng(4)
    speech = load(EVERYWHERE)
    hiss = rng.standard_normal(len(speech)).astype(np.float32)
    clicks = np.sign(rng.standard_normal(len(speech))).astype(np.float32)
    silence = np.zeros(100 * FRAME, np.float32)
    clipped = np.clip(speech * 100, -1, 1)
    parts = [speech, silence, speech + hiss * 0.05, hiss * 0.3, clipped, clicks, silence]
    parts += [speech * 1e-3, np.ones_like(silence), -clipped, np.clip(hiss * 9, -1, 1), speech]
    while sum(map(len, parts)) < 120 * SAMPLE_RATE:
        parts.append(speech * np.float32(rng.uniform(0.05, 1)))
    samples = np.concatenate(parts)
    expected = official(samples)
    others = [speech, clipped, silence]
    for got in (
        run(vad, [(vad.open(), samples)])[0],
        in_chunks(vad, [samples, *others], seed=5)[0],
    ):
        np.testing.assert_allclose(got, expected, atol=TOLERANCE)


def test_other_legs_change_nothing(vad: Vad) -> None:
    speech = load(EVERYWHERE)
    (alone,) = run(vad, [(vad.open(), speech)])
    frames = speech.reshape(-1, FRAME)
    for legs in (2, 16, 127, 300):
        states = [vad.open() for _ in range(legs)]
        others = np.random.default_rng(legs).uniform(-1, 1, (legs, FRAME)).astype(np.float32)
        for at in range(60):
            others[legs // 2] = frames[at]
            each = run(vad, list(zip(states, others, strict=True)))
            np.testing.assert_allclose(each[legs // 2], alone[at : at + 1], atol=ALIKE)


def test_a_dumped_state_continues_identically(vad: Vad) -> None:
    files = [load(EVERYWHERE), load(EVERYWHERE)[::-1].copy()]
    steady = in_chunks(vad, files, seed=2)
    for got, want in zip(in_chunks(vad, files, seed=2, restart=True), steady, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_dump_is_small_and_exact(vad: Vad) -> None:
    state = vad.open()
    run(vad, [(state, load(EVERYWHERE))])
    data = state.dump()
    assert len(data) == 1280
    assert vad.load_state(data).dump() == data
    with pytest.raises(Misuse, match="1276"):
        vad.load_state(data[:-4])


def test_legs_without_frames_keep_their_state(vad: Vad) -> None:
    state = vad.open()
    run(vad, [(state, load(EVERYWHERE))])
    before = state.dump()
    nothing = np.zeros(0, np.float32)
    assert len(vad.run([], [], nothing)) == 0
    assert [len(each) for each in run(vad, [(state, nothing), (vad.open(), nothing)])] == [0, 0]
    run(vad, [(state, nothing), (vad.open(), load(EVERYWHERE))])
    assert state.dump() == before


@pytest.mark.parametrize(
    "wrong",
    [np.ones(513, np.float32), np.ones((1, 512), np.float32), np.ones(512, np.float64)],
)
def test_what_is_no_whole_frames_changes_nothing(vad: Vad, wrong: np.ndarray) -> None:
    state = vad.open()
    with pytest.raises(Misuse, match="float"):
        vad.run([state], [1], wrong)
    assert state.dump() == vad.open().dump()


def test_products_stay_on_one_thread_whatever_the_environment_says() -> None:
    program = (
        "import threadpoolctl; from vad_worker.model import SileroVad; SileroVad();"
        "pools = threadpoolctl.threadpool_info();"
        "assert {p['num_threads'] for p in pools if p['user_api'] == 'blas'} <= {1}, pools"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_loading_the_model_loads_neither_torch_nor_the_package() -> None:
    program = (
        "import sys; from vad_worker.model import SileroVad; SileroVad();"
        "assert not {'torch', 'silero_vad', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_missing_model_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "data_file", lambda package, name: None)
    with pytest.raises(SettingsError) as refused:
        SileroVad()
    lines = (ROOT / "requirements-no-deps.txt").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("silero-vad"))
    assert str(refused.value).endswith(f": pip install --no-deps '{line}'")


@pytest.mark.parametrize("content", [b"", b"\x0b no model", b"\x08\x08"])
def test_another_file_in_its_place_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "silero_vad_16k_op15.onnx"
    path.write_bytes(content)
    monkeypatch.setattr(weights, "data_file", lambda package, name: path)
    with pytest.raises(SettingsError, match=r"op15\.onnx is not the VAD model"):
        SileroVad()
