"""The pages of a running gateway, for people, probes and Prometheus."""

import json
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callscribe import __version__
from gateway.protocols import PROTOCOLS
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import FINALIZE, config, converse, messages, sentence

pytestmark = pytest.mark.usefixtures("unharmed")


async def test_health_and_ready_say_ok(stack: RunningStack):
    assert stack.page("/health") == (200, "ok\n")
    assert stack.page("/ready") == (200, "ok\n")
    assert stack.page("/ready?probe=1") == (200, "ok\n")


async def test_the_page_comes_with_all_that_it_loads(stack: RunningStack):
    status, body = stack.page("/")
    assert status == 200
    assert body.startswith("<!doctype html>")
    loaded = re.findall(r'(?:src|href)="\./(page/[^"]+)"', body)
    assert {name.rpartition(".")[2] for name in loaded} == {"js", "css", "svg"}
    for name in loaded:
        assert stack.page(f"/{name}")[0] == 200
    assert stack.page("/page/nothing.js")[0] == 404
    assert stack.page("/page/..%2findex.html")[0] == 404
    assert stack.page("/static/index.html") == (200, body)


async def test_the_status_tells_who_is_there(stack: RunningStack):
    status, body = stack.page("/ws/status")
    facts = json.loads(body)
    assert status == 200
    assert facts["version"] == __version__
    assert (facts["ready"], facts["reason"], facts["sessions"]) == (True, None, 0)
    assert set(facts["protocols"]) == {each.path for each in PROTOCOLS if not each.port}
    for stage in ("vad", "asr", "denoise"):
        assert facts["stages"][stage]["workers"] == 1
        assert facts["stages"][stage]["slots"] > 0


async def test_the_metrics_tell_how_calls_fare(stack: RunningStack):
    def value(sample: str, **labels: str) -> float:
        families = text_string_to_metric_families(stack.page("/metrics")[1])
        found = [
            s.value
            for family in families
            for s in family.samples
            if s.name == f"callscribe_{sample}" and labels.items() <= s.labels.items()
        ]
        assert found, f"no {sample} with {labels}"
        return sum(found)

    audio = value("audio_received_seconds_total")
    finals = value("endpoint_to_final_seconds_count")
    spoken = sentence()
    # Latencies are those of live calls only.
    await converse(stack.url, config(), *messages(spoken), FINALIZE, pace=0.1)
    assert value("audio_received_seconds_total") - audio == pytest.approx(len(spoken) / 16_000)
    assert value("endpoint_to_final_seconds_count") == finals + 1
    assert value("sessions") == 0
    assert value("partial_latency_seconds_count") >= 0
    assert value("doorbells_total") > 0
    assert {stage: value("workers", stage=stage) for stage in ("vad", "asr", "align")} == {
        "vad": 1,
        "asr": 1,
        "align": 0,
    }
    assert value("redis_memory_ratio") == 0
    assert value("build_info", version=__version__, service="gateway") == 1
