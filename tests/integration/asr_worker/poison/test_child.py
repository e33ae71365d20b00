"""Decodes in a child process: what ends it, and that it ends."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from asr_worker.api import (
    DecodeFailed,
    DecodePoisoned,
    DecodeRequest,
    EngineSettings,
    Hypothesis,
    Priority,
)
from asr_worker.poison.child import ChildEngine
from common.audio import SAMPLE_RATE
from tests.integration.asr_worker.deadly import DeadlyEngine
from tests.integration.callscribe.processes import gone, until

PLENTY = 60.0


def request(loudness: float, previous: Hypothesis | None = None) -> DecodeRequest:
    audio = np.full(SAMPLE_RATE, loudness, np.float32)
    final = Priority.FINAL
    return DecodeRequest(utterance="s.0/1", audio=audio, priority=final, previous=previous)


def children() -> set[int]:
    """Return the children that decode: what multiprocessing spawned for this one."""
    mine = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            command = path.with_name("cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == os.getpid() and "spawn_main" in command:
            mine.add(int(path.parent.name))
    return mine


@pytest.fixture
async def engine() -> AsyncIterator[ChildEngine]:
    engine = ChildEngine(partial(DeadlyEngine, EngineSettings()))
    yield engine
    await engine.close()
    until(lambda: all(map(gone, children())))


async def test_one_child_decodes_one_after_the_other(engine):
    previous = Hypothesis("before", memory=lambda: "cannot be pickled")
    asked = [engine.decode(request(0.1, previous=previous), PLENTY) for _ in range(3)]
    assert [each.text for each in await asyncio.gather(*asked)] == ["1.0 seconds"] * 3
    assert len(children()) == 1


async def test_what_ends_two_children_is_poison_and_harms_nothing_else(engine):
    with pytest.raises(DecodePoisoned, match=r"^decoded in isolation: SIGKILL, SIGKILL$"):
        await engine.decode(request(0.9), PLENTY)
    assert (await engine.decode(request(0.1), PLENTY)).text == "1.0 seconds"


async def test_a_child_that_is_killed_by_chance_proves_nothing(engine):
    await engine.decode(request(0.1), PLENTY)
    (child,) = children()
    os.kill(child, signal.SIGSTOP)
    decoding = asyncio.create_task(engine.decode(request(0.1), PLENTY))
    await asyncio.sleep(0)
    os.kill(child, signal.SIGKILL)
    assert (await decoding).text == "1.0 seconds"


async def test_what_never_answers_is_poison(engine):
    await engine.decode(request(0.1), PLENTY)
    with pytest.raises(DecodePoisoned, match="no answer in 1 s"):
        await engine.decode(request(1.5), 1.0)
    assert (await engine.decode(request(0.1), PLENTY)).text == "1.0 seconds"


async def test_a_cancelled_decode_ends_its_child_and_not_the_next_decode(engine):
    await engine.decode(request(0.1), PLENTY)
    (child,) = children()
    decoding = asyncio.create_task(engine.decode(request(1.5), PLENTY))
    await asyncio.sleep(0.1)
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding
    until(lambda: gone(child))
    assert (await engine.decode(request(0.1), PLENTY)).text == "1.0 seconds"


async def test_signals_to_the_whole_worker_leave_the_child_to_it(engine):
    await engine.decode(request(0.1), PLENTY)
    (child,) = children()
    for each in (signal.SIGTERM, signal.SIGINT):
        os.kill(child, each)
    assert (await engine.decode(request(0.1), PLENTY)).text == "1.0 seconds"
    assert children() == {child}


async def test_without_a_child_a_candidate_waits(monkeypatch):
    monkeypatch.setattr("asr_worker.poison.child._AGAIN_AFTER", 0.05)
    engine = ChildEngine(partial(DeadlyEngine, EngineSettings(model="none")))
    decoding = asyncio.create_task(engine.decode(request(0.1), PLENTY))
    done, _ = await asyncio.wait([decoding], timeout=2.0)
    assert not done
    decoding.cancel()
    await asyncio.gather(decoding, return_exceptions=True)
    await engine.close()
    until(lambda: not [child for child in children() if not gone(child)])


async def test_a_decode_in_flight_fails_when_the_worker_ends(engine):
    await engine.decode(request(0.1), PLENTY)
    decoding = [asyncio.create_task(engine.decode(request(1.5), PLENTY)) for _ in range(2)]
    await asyncio.sleep(0.1)
    await engine.close()
    for each in decoding:
        with pytest.raises(DecodeFailed, match="the worker ends"):
            await each
