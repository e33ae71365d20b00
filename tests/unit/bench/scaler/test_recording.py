import json
from pathlib import Path

from bench import record
from bench.scaler.recording import Recording, read

RECORDING = Recording(
    seconds=60,
    look_s=15,
    calls=[(0.0, 20.0), (5.5, 60.0), (20.0, 30.0), (40.2, 41.0)],
    buffers={"gateway": 7},
    questions={"gateway units": "sum(callscribe_sessions) + 7"},
    answers={"gateway units": [8.0, None, 9.0, 8.0]},
)


def test_a_recording_is_read_as_it_was_written(tmp_path: Path):
    file = tmp_path / "recording.json"
    RECORDING.write(file)
    assert read(file) == RECORDING
    assert json.loads(file.read_text())["machine"] == record.machine()


def test_a_call_that_begins_when_another_ends_is_not_beside_it():
    assert RECORDING.peak == 2
