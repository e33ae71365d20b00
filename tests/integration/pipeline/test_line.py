"""What a client is told of a line that keeps words from being heard."""

import numpy as np
import pytest

from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import FINALIZE, clip, config, converse, messages, said


@pytest.mark.parametrize(
    ("gain", "problems"), [(1e-3, ["low_level"]), (1.0, []), (30.0, ["clipping"])]
)
async def test_a_client_is_told_once_of_speech_that_is_too_quiet_or_cut_off(
    stack: RunningStack, gain, problems
):
    speech = clip("quick_brown_fox")
    audio = np.clip(np.float32(gain) * np.tile(speech / np.abs(speech).max(), 2), -1.0, 1.0)
    sent = messages(said(audio, 0.5))
    transcript = await converse(stack.url, config(events=["line"]), *sent, FINALIZE)
    told = transcript.of("line")
    assert [each["problem"] for each in told] == problems
    for each in told:
        assert each["channel"] == 0
        assert 0 < each["at"] < len(audio) / 16_000
        assert each["level"] < -70 if gain < 1 else each["level"] > -20
