"""Word times by the aligner's pool, through every process there is between caller and engine."""

import json
from pathlib import Path
from typing import Any

from tests.integration.callscribe.processes import until
from tests.integration.pipeline.calls import (
    FINALIZE,
    Transcript,
    config,
    converse,
    messages,
    sentence,
)
from tests.integration.pipeline.services import service
from tests.real_redis import real_redis
from tests.vllm import tiny
from tests.vllm.test_worker import flags, ready


def words_of(transcript: Transcript) -> dict[int, Any]:
    """Return the words of every utterance, from its final or from the event that followed it."""
    words = {final["utterance"]: final["words"] for final in transcript.finals}
    words |= {event["utterance"]: event["words"] for event in transcript.of("words")}
    return words


async def test_words_come_with_their_final_or_behind_it(tiny_model: Path, tmp_path: Path):
    tiny.write_aligner(tmp_path)
    audio = [*messages(sentence())]
    aligner = [
        *("--align-model", str(tmp_path), "--align-device", "cpu"),
        *("--align-vllm-options", json.dumps(tiny.ALIGNER_OPTIONS)),
    ]
    with (
        real_redis() as redis,
        service("gateway", redis.url) as gateway,
        service("vad", redis.url) as vad,
        service("asr", redis.url, *flags(tiny_model)) as asr,
        service("align", redis.url, *aligner) as align,
    ):
        for each in (vad, asr, align, gateway):
            ready(each)
        until(lambda: '"align"' in gateway.page("/ws/status")[1])
        opening = config(words=True, language="English")
        transcript = await converse(gateway.url, opening, *audio, FINALIZE)
        thai = await converse(gateway.url, config(words=True, language="Thai"), *audio, FINALIZE)
    (final,) = transcript.finals
    (words,) = words_of(transcript).values()
    assert words
    assert " ".join(str(word["word"]) for word in words).split() == final["text"].split()
    assert final["start"] <= words[0]["start"] <= words[-1]["end"] <= final["end"]
    assert "Thai" in thai.finals[0]["words_unavailable"]
    assert transcript.close_code == thai.close_code == 1000
