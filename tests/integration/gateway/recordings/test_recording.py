"""A recording has every sample once, wherever whoever makes it dies."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from common.bus import commands, wire
from common.pipeline import text
from common.pipeline.streams import RECORDED
from common.pipeline.text import Hidden
from common.redis.link import Link
from gateway.calls.directory import Known
from gateway.recordings.form import Form
from gateway.recordings.recording import Recording, Vanished
from gateway.sinks.folder import Folder
from tests.integration.gateway.recordings.calls import (
    calling,
    heard,
    left,
    noise,
    opened,
    silence,
)
from tests.integration.gateway.sinks.calls import LEG, META_KEY, say

WAV = Form("wav")


def there(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*"))


async def made(link: Link, folder: Path, known: Known, form: Form = WAV) -> list[Path]:
    """Make the files of a call; return them."""
    await Recording(link, Folder(folder), known, form).conclude()
    assert await left(link) == 0
    return there(folder)


async def test_full_parts_are_put_aside_and_nobody_can_hear_them(link, tmp_path):
    known = await opened(link)
    one = Recording(link, Folder(tmp_path), known, WAV)
    await one.put_aside()
    assert there(tmp_path) == []
    said = noise(2.5)
    async with calling(link, known) as caller:
        await caller.say(said[:24_000])
        await one.put_aside()
        (path,) = there(tmp_path)
        assert path.name == "s.0.000000.part"
        assert said[:1_000].tobytes()[:64] not in path.read_bytes()
        assert await left(link) == 2  # a quarter of a second each
        await caller.say(said[24_000:])
    (path,) = await made(link, tmp_path, known)
    assert path.name == "s.0.wav"
    assert np.array_equal(heard(path), said)


async def test_what_is_not_recorded_is_silence_at_its_place_on_every_leg(link, tmp_path):
    known = await opened(link, channels=2)
    said = noise(2.0, 1), noise(2.0, 2)
    async with calling(link, known) as caller:
        await caller.say(*said)
        caller.record(False)
        await caller.say(noise(3.0), noise(3.0))
        caller.record(True)
        await caller.say(*said)
        caller.skip(1.25)
        await caller.say(*said)
    expected = [np.concatenate([leg, silence(3), leg, silence(1.25), leg]) for leg in said]
    (path,) = await made(link, tmp_path, known, Form("flac", stereo=True))
    assert path.name == "s.flac"
    assert np.array_equal(heard(path), np.stack(expected, axis=1))


async def test_another_gateway_goes_on_where_redis_has_the_audio(link, tmp_path):
    known = await opened(link)
    said = noise(3.0)
    async with calling(link, known) as caller:
        await caller.say(said[:20_000])
        leg = caller.legs[0]
        # The first gateway died amid its write: only the recording has this.
        pipe = leg._writer.record(24_000, said[20_000:24_000].tobytes())
        await link.insist_parts([(leg.key, pipe, 1)], generation=link.generation)
    last = [wire.StreamId(20_000, wire.AUDIO_ORDER)]
    async with calling(link, known, last) as caller:
        await caller.say(said[20_000:22_000])
        await caller.say(said[22_000:])
    (path,) = await made(link, tmp_path, known)
    assert np.array_equal(heard(path), said)


class Died(BaseException):
    """The process is no more."""


class Mortal:
    """What it wraps, until something was called for the `last` time; then it dies.

    It dies before the call has an effect, or behind that.
    """

    def __init__(self, wrapped: Any, life: list[int], *, behind: bool) -> None:
        self._wrapped = wrapped
        self._life = life
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        if name not in ("insist", "evaluate", "write", "remove", "read"):
            return found

        async def calling(*arguments: Any, **named: Any) -> Any:
            self._life[0] -= 1
            if self._life[0] == 0 and not self._behind:
                raise Died
            answer = await found(*arguments, **named)
            if self._life[0] == 0:
                raise Died
            return answer

        return calling


@pytest.mark.parametrize("behind", [False, True])
async def test_it_is_whole_whichever_step_is_the_last_of_a_process(link, tmp_path, behind):
    known = await opened(link, channels=2)
    said = noise(2.3, 1), noise(2.3, 2)
    async with calling(link, known) as caller:
        await caller.say(*said)
    deaths = 0
    while True:
        life = [deaths % 7 + 1 if deaths < 60 else 1_000]
        redis, folder = (Mortal(each, life, behind=behind) for each in (link, Folder(tmp_path)))
        try:
            await Recording(cast(Any, redis), folder, known, WAV).conclude()
            break
        except Died:
            deaths += 1
    assert deaths == 60
    first, second = there(tmp_path)
    assert np.array_equal(heard(first), said[0])
    assert np.array_equal(heard(second), said[1])


async def test_a_gateway_that_was_stopped_spoils_nothing(link, tmp_path, monkeypatch):
    """It goes on with what it had read before another one was ahead of it."""
    known = await opened(link)
    said = noise(3.6)
    async with calling(link, known) as caller:
        for some in np.split(said, [7_000, 20_000, 33_000]):  # entries lie across the parts
            await caller.say(some)
    late = Recording(link, Folder(tmp_path), known, WAV)
    written = late._storage.write

    async def stopped(*arguments: Any) -> None:
        monkeypatch.setattr(late._storage, "write", written)
        await Recording(link, Folder(tmp_path), known, WAV).put_aside()
        await written(*arguments)

    monkeypatch.setattr(late._storage, "write", stopped)
    await late.put_aside()
    (path,) = await made(link, tmp_path, known)
    assert np.array_equal(heard(path), said)


async def test_a_gateway_that_was_stopped_leaves_files_alone_that_are_made(
    link, tmp_path, monkeypatch
):
    known = await opened(link)
    said = noise(2.5)
    async with calling(link, known) as caller:
        await caller.say(said)
    late = Recording(link, Folder(tmp_path), known, WAV)
    read = late._storage.read

    async def stopped(*arguments: Any) -> bytes | None:
        monkeypatch.setattr(late._storage, "read", read)
        await made(link, tmp_path, known)
        return await read(*arguments)

    monkeypatch.setattr(late._storage, "read", stopped)
    await late.conclude()
    (path,) = there(tmp_path)
    assert np.array_equal(heard(path), said)


@pytest.mark.parametrize("speech", [False, True])
async def test_secrets_are_muted_and_speech_has_its_own_files(link, tmp_path, speech):
    known = await opened(link, redact=True)
    said = noise(4.0)
    async with calling(link, known) as caller:
        await caller.say(said)
    await utter(link, 1, 2_000, 12_000)
    await utter(link, 2, 17_000, 31_000, hidden=(Hidden("credit_card", 20_000, 25_000),))
    await utter(link, 3, 33_000, 60_000, hidden=(Hidden("ssn", 40_000, 44_000),))
    await say(link, 4, text.End())
    expected = said.copy()
    for start, end in ((20_000, 25_000), (40_000, 44_000)):
        expected[start - 4_800 : end + 4_800] = 0
    paths = await made(link, tmp_path, known, Form("wav", speech=speech))
    if speech:
        assert [path.name for path in paths] == ["s.0.1.wav", "s.0.2.wav", "s.0.3.wav"]
        assert np.array_equal(heard(paths[0]), expected[2_000:12_000])
        assert np.array_equal(heard(paths[2]), expected[33_000:60_000])
    else:
        assert np.array_equal(heard(paths[0]), expected)


async def test_what_nobody_will_ever_understand_is_muted_where_a_call_hides_secrets(link, tmp_path):
    known = await opened(link, redact=True)
    said = noise(2.0)
    async with calling(link, known) as caller:
        await caller.say(said)
    await utter(link, 1, 2_000, 12_000)
    (path,) = await made(link, tmp_path, known)  # no end: every gateway and worker is gone
    assert np.array_equal(heard(path), np.concatenate([said[:12_000], 0 * said[12_000:]]))


async def test_what_redis_had_no_room_for_is_silence(link, tmp_path):
    known = await opened(link)
    said = noise(3.5)
    async with calling(link, known) as caller:
        await caller.say(said)
    await link.insist([commands.cut(LEG.key(RECORDED), 20_000)])
    (path,) = await made(link, tmp_path, known)
    assert np.array_equal(heard(path), np.concatenate([silence(1.25), said[20_000:]]))


async def test_a_call_that_redis_lacks_is_no_recording(link, tmp_path):
    known = await opened(link)
    await link.call("UNLINK", META_KEY)
    with pytest.raises(Vanished):
        await Recording(link, Folder(tmp_path), known, WAV).conclude()
    assert there(tmp_path) == []


async def test_what_is_written_of_a_call_that_is_erased_meanwhile_is_removed(
    link, tmp_path, monkeypatch
):
    known = await opened(link)
    async with calling(link, known) as caller:
        await caller.say(noise(1.5))
    one = Recording(link, Folder(tmp_path), known, WAV)
    written = one._storage.write

    async def erased(*arguments: Any) -> None:
        await link.call("UNLINK", META_KEY, LEG.key(RECORDED))
        await written(*arguments)

    monkeypatch.setattr(one._storage, "write", erased)
    with pytest.raises(Vanished):
        await one.put_aside()
    assert there(tmp_path) == []


async def utter(link: Link, number: int, start: int, end: int, **more: Any) -> None:
    """Let an utterance be recognised."""
    item = text.Final(
        start=start, end=end, at=end, text="text", language="en", reason="silence", words=None
    )
    await say(link, number, replace(item, **more))
