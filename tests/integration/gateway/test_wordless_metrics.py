"""No word of a call is on any page of metrics: none that was said, and none that a client sent."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.pipeline.calls import (
    FINALIZE,
    config,
    converse,
    messages,
    pcm16,
    said,
    sentence,
)
from tests.integration.pipeline.services import Service, service
from tests.real_redis import real_redis

SPOKEN = {"quick", "brown", "fox", "jumps", "lazy", "dog"}
SENT = {
    "keyword": "Bramblewick",
    "context": "Quillfeather",
    "label": "Zephyrine",
    "name": "Kestrelgate",
    "path": "Oxlipstone",
    "language": "Umbervale",
    "error": "Thistledown",
}
DID = {
    "gateway": "callscribe_endpoint_to_final_seconds_count",
    "denoise": "callscribe_step_seconds_count",
    "vad": "callscribe_step_seconds_count",
    "asr": "callscribe_decode_seconds_count",
}
"""What each process counts of a call."""


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, Service]]:
    """Every process of a real stack, each with its page of metrics."""
    with real_redis() as redis, ExitStack() as services:
        running = {
            name: services.enter_context(service(name, redis.url))
            for name in ("vad", "denoise", "asr", "gateway")
        }
        for each in running.values():
            each.wait_ready()
        yield running


def did(process: Service) -> float:
    families = text_string_to_metric_families(process.page("/metrics")[1])
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == DID[process.name])


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


async def test_metrics_have_no_word_of_a_call(processes: dict[str, Service]):
    gateway = processes["gateway"]
    opening = config(
        keywords=[SENT["keyword"], "fox"],
        context=f"A call about {SENT['context']}.",
        channel_labels=[SENT["label"]],
        conversation_id=SENT["name"],
        events=["keyword"],
        words=True,
        denoise=True,
    )
    # The last of them are mistakes, whose answers repeat what was sent.
    wrong = [
        json.dumps({"type": "config", "language": SENT["language"]}),
        json.dumps({"type": SENT["error"]}),
    ]
    heard = await converse(
        gateway.url, opening, *messages(said(sentence(), 1.5)), *wrong, FINALIZE, pace=0.1
    )
    assert words(" ".join(heard.texts)) >= SPOKEN, "it was heard"
    assert heard.of("keyword"), "a keyword was found"
    repeated = json.dumps(heard.of("error"))
    assert SENT["language"] in repeated, "the mistake was told"
    refused = await converse(gateway.url, config(language=SENT["language"]))
    assert refused.close_code == 1008
    async with aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{gateway.port}/v1/listen?encoding=linear16&sample_rate=16000"
        marked = f"{url}&keyterm={SENT['keyword']}&language={SENT['language']}"
        async with http.post(marked, data=pcm16(sentence())) as answer:
            assert answer.status == 400
        async with http.post(f"{url}&keyterm={SENT['keyword']}", data=pcm16(sentence())) as answer:
            assert words(await answer.text()) >= SPOKEN
        async with http.get(f"http://127.0.0.1:{gateway.port}/{SENT['path']}") as answer:
            assert answer.status == 404
    secret = SPOKEN | {each.lower() for each in SENT.values()}
    for name, process in processes.items():
        assert did(process) > 0, f"{name} had a part in it"
        status, text = process.page("/metrics")
        assert status == 200
        found = {each for each in secret if re.search(each, text.lower())}
        assert found == set(), f"words on the page of {name}"
