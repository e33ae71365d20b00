"""An engine's errors quote what it heard; nothing of that is told of a call that hides secrets."""

import asyncio
import io
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from asr_worker.api import DecodeFailed, Hypothesis, LanguageUnsupported
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, StreamId
from common.options import SessionOptions
from common.pipeline.speech import Ended, SpeechEntry
from common.stage.adoption import broken
from common.stage.api import Assignment, Recovery, Slot
from common.stage.screen import UNCHANGED
from common.telemetry.logs import configure
from common.telemetry.metrics import AsrMetrics
from tests.unit.asr_worker.test_stage import WORK, StandIn

HEARD = "zebediah pays with 4556737586899855"
PLAIN = SessionOptions()
HIDDEN = SessionOptions(language="English", redact=("pci", "email"))


class Quoting(StandIn):
    """Fails with the text, as the cause or as its own error."""

    def __init__(self, error, cause):
        super().__init__(None)
        self._error, self._cause = error, cause

    async def decode(self, request):
        if request.utterance == "probe":
            return Hypothesis("")
        if self._cause is None:
            raise self._error
        raise self._error from self._cause


async def told(error, cause, options) -> tuple[str, str]:
    """Return what the log and the effects say of an utterance whose decodes fail like this."""
    log = io.StringIO()
    configure(level="debug", format="json", service="asr", stream=log)
    engine = Quoting(error, cause)
    stage = AsrStage(AsrSettings(), engine, AsrMetrics.build(CollectorRegistry()))
    await stage.start()
    woken = asyncio.Event()
    work = replace(WORK, options=options)
    assignment = Assignment("s.0/1", Leg("s", 0), work, b"1-0", 1)
    state = stage.open(assignment, Recovery(None, NOTHING), woken.set)
    ended = SpeechEntry(StreamId(1, 0), (Ended(1, 0, 16_000, 16_000, "silence"),))
    (effects,) = await stage.step([(state, [Chunk(16_000, bytes(32_000)), ended])])
    while not any(type(each).__name__ == "Commit" for each in effects):
        await woken.wait()
        woken.clear()
        (effects,) = await stage.step([(state, [])])
    stage.close(state)
    await stage.stop()
    return log.getvalue(), repr(effects)


ERRORS = [
    pytest.param(KeyError(HEARD), None, "KeyError at test_quoting.py", id="mistake"),
    pytest.param(DecodeFailed(HEARD), None, "DecodeFailed at", id="failure"),
    pytest.param(DecodeFailed("x"), RuntimeError(HEARD), "DecodeFailed at", id="cause"),
]


@pytest.mark.parametrize(("error", "cause", "shown"), ERRORS)
async def test_a_call_that_hides_secrets_has_an_errors_kind_and_place(error, cause, shown):
    log, effects = await told(error, cause, HIDDEN)
    assert shown in log
    for said in (log, effects):
        assert not any(word in said for word in HEARD.split())
    assert ("RuntimeError" in log) == (cause is not None)


@pytest.mark.parametrize(("error", "cause"), [each.values[:2] for each in ERRORS[:2]])
async def test_another_call_has_its_message_too(error, cause):
    log, effects = await told(error, cause, PLAIN)
    assert HEARD in log
    assert HEARD in effects


async def test_what_is_said_of_a_language_quotes_nothing():
    error = LanguageUnsupported("language 'fr': this model knows English only")
    log, effects = await told(error, None, HIDDEN)
    assert "knows English only" in log
    assert "knows English only" in effects


@pytest.mark.parametrize("hides", [False, True])
def test_a_work_item_that_breaks_is_told_alike(hides):
    class Screen(type(UNCHANGED)):  # type: ignore[misc]
        """Hides, or not."""

    Screen.hides = hides
    log = io.StringIO()
    configure(level="debug", format="json", service="asr", stream=log)
    item = Assignment("s.0/1", Leg("s", 0), WORK, b"1-0", 1)
    try:
        raise ValueError(HEARD)
    except ValueError as error:
        _, letter = broken(Slot(item, object(), {}, {}, NOTHING, Screen()), error)
    assert "work_item.broken" in log.getvalue()
    assert (HEARD in log.getvalue()) is not hides
    assert (HEARD in letter.reason) is not hides
    assert "ValueError" in letter.reason
