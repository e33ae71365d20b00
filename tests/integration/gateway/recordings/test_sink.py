"""Recordings go where they are wanted while that is there, and are removed with their calls."""

import tempfile
from pathlib import Path

import numpy as np

from common.bus import commands
from common.bus.sinks import erasure
from common.pipeline import text
from common.redis.link import Link
from gateway.calls.store import RECORDINGS
from gateway.recordings.form import PlannedRecordings
from gateway.recordings.sink import Recordings
from gateway.sinks.tally import Tally
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.recordings.calls import calling, heard, left, noise, opened
from tests.integration.gateway.sinks.calls import say
from tests.integration.gateway.sinks.running import attending


class Outcomes(list[str]):
    """What came of attempts, in order."""

    def sink(self, link: Link, url: str) -> Recordings:
        """Return a sink that tells of its attempts here."""
        return Recordings(PlannedRecordings.parse(url), link, Tally(self.append), 60.0)


async def test_a_folder_that_was_away_gets_every_sample_of_a_call(link, feed, tmp_path):
    outcomes = Outcomes()
    place = tmp_path / "folder"
    place.write_text("a file where the folder should be")
    known = await opened(link)
    said = noise(3.5)
    async with calling(link, known) as caller:
        async with attending(link, feed, outcomes.sink(link, f"file:{place}")):
            await caller.say(said[:30_000])
            await until_true(lambda: outcomes.count("failed") > 1)
        async with attending(link, feed, outcomes.sink(link, f"file:{place}")) as service:
            place.unlink()
            await until_true(lambda: [*place.glob("*/*.part")])
            await caller.say(said[30_000:])
            await say(link, 1, text.End())
            await until_true(lambda: "delivered" in outcomes and not service._running)
    (path,) = place.glob("*/*")
    assert path.name == "s.0.flac"
    assert np.array_equal(heard(path), said)
    assert await left(link) == 0


async def test_an_erased_call_leaves_no_audio_even_if_it_is_still_running(link, feed, tmp_path):
    outcomes = Outcomes()
    known = await opened(link)
    async with (
        calling(link, known) as caller,
        attending(link, feed, outcomes.sink(link, f"file:{tmp_path}")) as service,
    ):
        await caller.say(noise(2.5))
        await until_true(lambda: len([*tmp_path.glob("*/*.part")]) == 2)
        (day,) = tmp_path.iterdir()
        (day / "s2.0.flac").write_bytes(b"of another call")
        (day / "s.1.flac").write_bytes(b"of this call")
        await link.call("UNLINK", *(leg.key.replace(b".0:audio", b":meta") for leg in caller.legs))
        await link.insist([commands.undue(RECORDINGS, "s"), commands.due(RECORDINGS, erasure("s"))])
        await until_true(lambda: [path.name for path in day.iterdir()] == ["s2.0.flac"])
        await until_true(lambda: not service._running)
    assert await link.call("ZCARD", b"cs:v2:{recordings}:due") == 0


async def test_a_bucket_gets_a_recording_and_loses_it_with_its_call(link, feed, bucket_server):
    outcomes = Outcomes()
    known = await opened(link)
    said = noise(2.5)
    sink = outcomes.sink(link, f"{bucket_server.url}&format=wav")
    async with calling(link, known) as caller, attending(link, feed, sink) as service:
        await caller.say(said)
        await until_true(lambda: len(bucket_server.names()) == 2)
        await say(link, 1, text.End())
        await until_true(lambda: "delivered" in outcomes and not service._running)
        (name,) = bucket_server.names()
        assert name.endswith("/s.0.wav")
        assert np.array_equal(samples(bucket_server.content(name)), said)
        await link.insist([commands.due(RECORDINGS, erasure("s"))])
        await until_true(lambda: bucket_server.names() == [])
        await until_true(lambda: not service._running)


def samples(content: bytes) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        return heard(path)
