import asyncio
import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from callscribe.client import connect
from callscribe.client.messages import Final, Options
from callscribe.local.stack import StackOptions, running_stack
from common.errors import Unavailable
from tests.integration.callscribe.processes import Command, gone, pids, until, until_true
from tests.integration.pipeline.calls import messages, said, sentence

FOX = "The quick brown fox jumps over the lazy dog."


def steps(told):
    """Return what was said of a roll, without what differs from time to time."""
    lines = re.findall(r"callscribe: rolling restart,? ?(.*)", told)
    return [re.sub(r"pid \d+", "pid", re.sub(r"\d+\.\d s", "s", line)) for line in lines]


def rolled(number, name):
    return [
        f"{number} of 4: {name}: pid drains",
        f"{number} of 4: {name}: pid ended after s",
        f"{number} of 4: {name}: pid is ready after s",
    ]


ALL = [
    *rolled(1, "asr[0]"),
    *rolled(2, "asr[1]"),
    "3 of 4: vad: pid is ready after s, pid drains",
    "3 of 4: vad: pid ended after s",
    *rolled(4, "gateway"),
]


async def test_every_process_but_redis_is_replaced(stack_options, capsys):
    options = stack_options()
    async with running_stack(options) as stack:
        before, url = stack.pids, stack.url
        await stack.run(stack.roll())
        after = stack.pids
        assert {*before} == {*after}
        assert [name for name in before if before[name] == after[name]] == ["redis"]
        assert stack.url == url
        assert len(pids(options)) == 8
        # What was replaced is kept running like what was there first.
        os.kill(after["vad"], signal.SIGKILL)
        await stack.run(until_true(lambda: stack.pids.get("vad") not in (None, after["vad"])))
    assert all(gone(pid) for pid in pids(options))
    assert steps(capsys.readouterr().err) == ALL


async def test_a_worker_that_is_alone_stays_when_its_successor_fails(stack_options, tmp_path):
    options = stack_options()
    async with running_stack(options) as stack:
        before = stack.pids
        (tmp_path / "vad").write_text("dies")
        with pytest.raises(Unavailable, match=r"(?s)vad .* exit code 5; .*the model is missing"):
            await stack.run(stack.roll())
        for name in ("vad", "gateway", "redis"):
            assert stack.pids[name] == before[name]
    assert all(gone(pid) for pid in pids(options))


async def test_what_dies_again_and_again_is_replaced_too(stack_options, tmp_path):
    options = stack_options()

    async def mend(stack):
        (tmp_path / "vad").write_text("dies")
        os.kill(stack.pids["vad"], signal.SIGKILL)
        await until_true(lambda: options.echo.getvalue().count("the model is missing") == 2)
        (tmp_path / "vad").unlink()
        await stack.roll()

    async with running_stack(options) as stack:
        await stack.run(mend(stack))
        assert len(stack.pids) == 5


def test_sighup_rolls(stack_options):
    command = Command(stack_options())
    command.process.send_signal(signal.SIGHUP)
    command.read_until("rolling restart done")
    command.process.send_signal(signal.SIGTERM)
    code, _, errors = command.end()
    assert code == 0
    assert steps(errors) == [*ALL, "done after s"]


@pytest.mark.parametrize("moment", ["1 of 4: asr[0]: pid", "is ready after", "gateway: pid"])
def test_a_signal_ends_a_roll_well(stack_options, moment):
    command = Command(stack_options())
    command.process.send_signal(signal.SIGHUP)
    command.read_until(moment)
    command.process.send_signal(signal.SIGINT)
    code, _, errors = command.end()
    assert code == 0
    assert "Traceback" not in errors


def test_a_second_signal_ends_a_roll_that_hangs(stack_options):
    command = Command(stack_options(asr="hangs"))
    command.process.send_signal(signal.SIGHUP)
    command.read_until("asr drains")
    command.process.send_signal(signal.SIGTERM)
    command.read_until("gateway drains")
    command.process.send_signal(signal.SIGTERM)
    code, _, _ = command.end()
    assert code == 1


@pytest.mark.skipif(sys.platform != "linux", reason="hangs up a terminal")
@pytest.mark.parametrize("moment", ["pid=", "redis)\r\n"])
def test_a_terminal_that_is_closed_ends_it(stack_options, moment):
    options = stack_options()
    ours, theirs = pty.openpty()
    buffered = {name: text for name, text in options.env.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "callscribe", "up", "--asr", "2", "--denoise", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, *command],
        env=buffered,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    told = ""
    try:
        while moment not in told:
            told += os.read(ours, 1).decode()
        os.close(ours)
        assert process.wait(60) == 0
    finally:
        process.kill()
    until(lambda: all(gone(int(pid)) for pid in re.findall(r"pid=(\d+)", told)))


CONTROLLED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


async def test_a_live_call_does_not_notice():
    options = StackOptions(
        counts={"vad": 1, "asr": 1},
        env={**os.environ, "CALLSCRIBE_PORT": "0", "CALLSCRIBE_HOST": "127.0.0.1"},
        embedded_redis=True,
    )
    async with running_stack(options) as stack:
        before = stack.pids
        heard, _ = await stack.run(both(call(stack.url), stack.roll()))
        after = stack.pids
    assert heard == [FOX, FOX]
    assert not {*before.values()} - {before["redis"]} & {*after.values()}


async def both(one, other):
    return await asyncio.gather(one, other)


async def call(url):
    """Say the sentence twice, at the pace it was spoken; return the finals' texts."""
    async with connect(f"ws{url.removeprefix('http')}/ws/asr", Options(sample_rate=16_000)) as line:
        for message in messages(said(sentence(), 2.0, sentence())):
            await line.send(bytes(message))
            await asyncio.sleep(0.1)
        await line.finalize()
        return [event.text async for event in line if isinstance(event, Final)]
