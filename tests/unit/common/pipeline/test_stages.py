"""What follows from the table of stages."""

import pytest

from common.options import SessionOptions
from common.pipeline import stages
from common.pipeline.stages import ALIGN, ASR, DENOISE, PIPELINE, VAD, Unit
from common.pipeline.streams import AUDIO, DOORBELL, SPEECH, TEXT, Ids


def test_a_call_passes_through_the_stages_that_its_options_ask_for():
    assert stages.for_call(SessionOptions()) == [VAD, ASR]
    assert stages.for_call(SessionOptions(denoise=True, words=True)) == [DENOISE, VAD, ASR]
    assert stages.beside_call(SessionOptions(denoise=True)) == []
    assert stages.beside_call(SessionOptions(words=True)) == [ALIGN]
    assert stages.REQUIRED == (VAD, ASR)
    assert stages.OPTIONAL == (ALIGN,)


def test_the_streams_of_a_call_that_is_over_are_those_that_last_as_long_as_it():
    assert stages.WORKING == ("audio", "clean", "speech", "parked", "ckpt:denoise", "ckpt:vad")
    assert set(stages.RENEWED) - set(stages.WORKING) == {TEXT}


@pytest.mark.parametrize(
    ("spec", "key", "fences"),
    [
        (VAD, "s.0", ["ckpt:vad", "speech"]),
        (DENOISE, "s.0", ["ckpt:denoise"]),
        (ASR, "s.0/7", ["part:7"]),
        (ALIGN, "s.0/7/0123", ["align:7"]),
    ],
)
def test_a_new_owner_fences_the_epoch_streams_of_its_work_item(spec, key, fences):
    assert spec.fences_of(key) == fences


@pytest.mark.parametrize("spec", PIPELINE, ids=lambda spec: spec.name)
def test_the_table_is_sound(spec):
    written = {AUDIO, *(each.output for each in PIPELINE)}
    assert set(spec.reads) <= written, "somebody writes what it reads"
    assert spec.fences, "owners are told apart"
    assert all(fence.ids is Ids.EPOCH for fence in spec.fences)
    assert spec.output.ids is not Ids.EPOCH or spec.output in spec.fences
    assert spec.required != (spec.wanted_by is not None)
    assert spec.wanted_by is None or hasattr(SessionOptions(), spec.wanted_by)
    assert not (spec.required and spec.beside)


def test_only_legs_have_checkpoints():
    with_state = [spec for spec in PIPELINE if any("ckpt" in fence for fence in spec.fences)]
    assert with_state == [spec for spec in PIPELINE if spec.unit is Unit.LEG]


def test_events_have_one_writer():
    """Two would fence each other: the ids of their entries are their epochs."""
    writers = [spec for spec in PIPELINE if SPEECH in spec.fences]
    assert writers == [VAD]
    assert DOORBELL.scope is not SPEECH.scope
