"""An utterance's schedule in tests, and what is due."""

from asr_worker.actions import (
    Action,
    Decode,
    PublishFinal,
)
from asr_worker.api import Hypothesis
from asr_worker.scheduler import UtteranceScheduler
from common.audio import SAMPLE_RATE
from common.pipeline.partial import PartialText

START = 100_000
CADENCE = 8_000
FIRST = 4_800
SILENCE = 12_800


def scheduler(*, interim: bool = True, shown: PartialText | None = None) -> UtteranceScheduler:
    return UtteranceScheduler(
        START, interim=interim, cadence=CADENCE, first=FIRST, silence=SILENCE, shown=shown
    )


def at(seconds: float) -> int:
    return START + round(seconds * SAMPLE_RATE)


def only_decode(actions: list[Action]) -> Decode:
    (action,) = actions
    assert isinstance(action, Decode)
    return action


def only_final(actions: list[Action]) -> PublishFinal:
    (action,) = actions
    assert isinstance(action, PublishFinal)
    return action


def heard(text: str) -> Hypothesis:
    return Hypothesis(text, "English")
