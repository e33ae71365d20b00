"""Keywords that are told while a call goes on."""

from collections import Counter

from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    Message,
    config,
    line,
    messages,
    said,
    sentence,
)


async def test_each_keyword_is_told_once_behind_what_it_stands_in(stack: RunningStack):
    opening = config(
        keywords=["FOX", "lazy dog", "quikc", "cat"],
        keyword_distance=1,
        events=["keyword"],
        words=True,
    )
    async with line(stack.url) as client:
        await client.say(opening)
        await client.say(*messages(said(sentence(), 1.5, sentence(), 1.5)), pace=0.1)
        for _ in range(2):
            await client.hear("final")
        await client.say(config(keywords=["brown"], keyword_distance=0))
        await client.say(*messages(said(sentence(), 1.0)), FINALIZE, pace=0.1)
        transcript = await client.hear_out()
    told = transcript.of("keyword")
    counted = Counter((each["utterance"], each["keyword"]) for each in told)
    assert counted == dict.fromkeys(
        [
            *((utterance, word) for utterance in (1, 2) for word in ("FOX", "lazy dog", "quikc")),
            (3, "brown"),
        ],
        1,
    )
    said_last: Message | None = None
    for message in transcript.messages:
        if message["type"] != "keyword":
            said_last = message
            continue
        assert said_last is not None
        assert said_last["utterance"] == message["utterance"]
        end = message["offset"] + len(message["text"])
        assert said_last["text"][message["offset"] : end] == message["text"]
        assert end <= said_last["stable"]
        assert said_last["start"] <= message["start"] < message["end"] <= said_last["end"]
    finals = {final["utterance"]: final["timestamp"] for final in transcript.finals}
    early = [each for each in told if each["timestamp"] < finals[each["utterance"]]]
    print(f"{len(early)} of {len(told)} keywords were told before their final")
