import asyncio
import os
import re
import signal
import socket

import pytest

from callscribe.local.stack import running_stack
from common.errors import Unavailable
from tests.integration.callscribe.processes import Command, gone, pids, until_true


def ask(port, *words):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(1000)


async def kill(stack, name):
    """Kill a process and wait until its successor is ready; return both process ids."""
    before = stack.pids[name]
    os.kill(before, signal.SIGKILL)
    await until_true(lambda: stack.pids.get(name) not in (None, before))
    return before, stack.pids[name]


async def test_what_is_killed_is_ready_again_where_it_was(stack_options, capsys):
    options = stack_options()
    async with running_stack(options) as stack:
        assert stack.redis is not None
        url, port = stack.url, stack.redis.port
        ask(port, "SET name value")
        for name in ["gateway", "asr[0]", "asr[1]", "vad", "redis"]:
            running = stack.pids
            before, after = await stack.run(kill(stack, name))
            assert {**stack.pids, name: before} == running
            died, ready = capsys.readouterr().err.splitlines()
            assert died.startswith(
                f"callscribe: {name} (pid {before}) ended with SIGKILL; starting it again in 0."
            )
            assert ready.startswith(f"callscribe: {name} (pid {after}) is ready again after ")
        assert stack.url == url
        assert ask(port, "GET name") == b"$5\r\nvalue\r\n"
        await stack.run(kill_all(stack))
        assert ask(port, "GET name") == b"$5\r\nvalue\r\n"
    assert all(gone(pid) for pid in pids(options))


async def kill_all(stack):
    await asyncio.gather(*(kill(stack, name) for name in stack.pids))


async def test_what_cannot_start_is_tried_again_and_leaves_the_others_alone(
    stack_options, capsys, tmp_path
):
    options = stack_options()
    fails = tmp_path / "vad"

    async def crash_loop(stack):
        fails.write_text("dies")
        others = {name: pid for name, pid in stack.pids.items() if name != "vad"}
        os.kill(stack.pids["vad"], signal.SIGKILL)
        await until_true(lambda: options.echo.getvalue().count("the model is missing") == 3)
        assert stack.pids == others
        fails.unlink()
        await until_true(lambda: "vad" in stack.pids)

    async with running_stack(options) as stack:
        await stack.run(crash_loop(stack))
    told = capsys.readouterr().err
    assert told.count("ended with exit code 5: the model is missing; starting it again in") == 3
    pauses = [float(pause) for pause in re.findall(r"again in (\S+) s", told)]
    assert pauses == sorted(pauses)
    assert told.count("is ready again") == 1


async def test_a_setting_that_must_change_ends_it_all(stack_options, tmp_path):
    options = stack_options()

    async def refuse(stack):
        (tmp_path / "vad").write_text("misused")
        await kill(stack, "vad")

    with pytest.raises(Unavailable, match=r"(?s)vad .* exit code 2; .*--port: cannot listen"):
        async with running_stack(options) as stack:
            await stack.run(refuse(stack))
    assert all(gone(pid) for pid in pids(options))


def test_a_signal_ends_it_well_during_a_pause(stack_options, tmp_path):
    command = Command(stack_options())
    command.read_until("vad pid=")
    (tmp_path / "vad").write_text("dies")
    os.kill(int(re.findall(r"vad pid=(\d+)", command.read)[0]), signal.SIGKILL)
    for _ in range(3):
        command.read_until("starting it again in")
    command.process.send_signal(signal.SIGINT)
    code, _, errors = command.end()
    assert code == 0
    assert errors.count("drains") == 3
    assert "Traceback" not in errors


def test_a_signal_ends_it_well_while_it_starts(stack_options):
    command = Command(stack_options(asr="never ready"), started=False)
    command.read_until("asr pid=")
    command.process.send_signal(signal.SIGINT)
    code, output, errors = command.end()
    assert (code, output) == (0, "")
    assert "Traceback" not in errors
