"""Transcripts as they are at last, for those who read them later."""

from typing import cast

from common.redis.link import Link
from gateway.readers.transcript import as_json, as_text, read_transcript
from tests.unit.gateway.feed.voices import voice
from tests.unit.gateway.readers.stored import KNOWN, Redis, final


async def test_a_transcript_has_the_speakers_that_were_told_at_last():
    redis = Redis()
    voices = [voice(0, 0, 3)], [voice(1, 4, 1.0)], [voice(1, 8, 1.5)]
    finals = [
        final(
            text=f"it is {place}",
            start=place * 64_000,
            end=place * 64_000 + 48_000,
            voices=(*each,),
        )
        for place, each in enumerate(voices)
    ]
    redis.tell("s", *finals)
    transcript = await read_transcript(cast(Link, redis), [KNOWN])
    told = as_json(transcript)["utterances"]
    assert [each["speaker"] for each in told] == [0, 1, 1]
    assert as_text(transcript, "txt").splitlines() == [
        "agent, speaker 0: it is 0",
        "agent, speaker 1: it is 1",
        "agent, speaker 1: it is 2",
    ]
    assert "<v agent, speaker 1>it is 2" in as_text(transcript, "vtt")


async def test_a_transcript_without_speakers_names_none():
    redis = Redis()
    redis.tell("s", final())
    transcript = await read_transcript(cast(Link, redis), [KNOWN])
    assert "speaker" not in as_json(transcript)["utterances"][0]
    assert as_text(transcript, "txt") == "agent: secret\n"
