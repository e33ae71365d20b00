import dataclasses
import os
import pty
import re
import signal
import socket
import subprocess
import sys

import pytest

from callscribe.local.stack import running_stack
from common.errors import Unavailable
from tests.integration.callscribe.processes import Command, gone, pids, until, until_true


async def test_every_process_is_ready_and_nothing_is_left(stack_options):
    options = stack_options()
    async with running_stack(options) as stack:
        assert set(stack.ready_after) == {"redis", "gateway", "vad", "asr[0]", "asr[1]"}
        assert stack.redis is not None
        output = options.echo.getvalue()
        running = pids(options)
        assert len(running) == 4
        assert {*running, stack.redis.pid} == {*stack.pids.values()}
        assert not any(gone(pid) for pid in running)
        assert output.count(f"redis={stack.redis.url}") == 4
        assert output.count("threads=1") == 4
    assert all(gone(pid) for pid in running)
    assert gone(stack.redis.pid)


async def test_the_gateway_drains_before_the_workers(stack_options):
    options = stack_options()
    async with running_stack(options):
        pass
    drains = re.findall(r"(\w+) drains", options.echo.getvalue())
    assert drains[0] == "gateway"
    assert sorted(drains[1:]) == ["asr", "asr", "vad"]


async def test_a_process_that_dies_at_the_start_is_named_with_its_last_words(stack_options):
    options = stack_options(vad="dies")
    with pytest.raises(Unavailable) as error:
        async with running_stack(options):
            pytest.fail("it cannot have become ready")
    assert "vad (pid " in str(error.value)
    assert "ended with exit code 5" in str(error.value)
    assert "the model is missing" in str(error.value)
    assert all(gone(pid) for pid in pids(options))


async def test_who_is_never_ready_is_named_with_the_reason(stack_options):
    options = dataclasses.replace(stack_options(asr="never ready"), ready_deadline=0.0)
    with pytest.raises(Unavailable, match=r"is not ready after 0 s"):
        async with running_stack(options):
            pytest.fail("it cannot have become ready")
    assert all(gone(pid) for pid in pids(options))


async def test_who_died_at_the_end_is_told_of_and_not_started_again(stack_options, capsys):
    options = stack_options()
    async with running_stack(options) as stack:
        os.kill(stack.pids["vad"], signal.SIGKILL)
        await stack.run(until_true(lambda: "vad" not in stack.pids))
    assert "callscribe: vad (pid " in capsys.readouterr().err
    assert len(pids(options)) == 4
    assert all(gone(pid) for pid in pids(options))


async def test_who_does_not_end_is_killed_and_named(stack_options):
    options = stack_options(vad="is deaf")
    options = dataclasses.replace(options, env={**options.env, "CALLSCRIBE_DRAIN_S": "0"})
    with pytest.raises(Unavailable, match=r"not ended within 2 s: vad .* ended with SIGKILL"):
        async with running_stack(options):
            pass
    assert all(gone(pid) for pid in pids(options))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_says_where_it_is_and_a_signal_ends_it_well(stack_options, number):
    command = Command(stack_options())
    assert re.match(r"callscribe is ready at http://127\.0\.0\.1:\d+ \(gateway, ", command.ready)
    command.process.send_signal(number)
    code, _, errors = command.end()
    assert code == 0
    assert errors.count("drains") == 4


def test_a_second_signal_ends_a_drain_that_hangs(stack_options):
    command = Command(stack_options(gateway="hangs"))
    command.process.send_signal(signal.SIGTERM)
    command.read_until("gateway drains")
    command.process.send_signal(signal.SIGTERM)
    code, _, _ = command.end()
    assert code == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl(2)")
def test_children_do_not_outlive_a_killed_supervisor(stack_options):
    command = Command(stack_options())
    command.process.kill()
    code, _, _ = command.end()
    assert code == -signal.SIGKILL


def test_a_child_that_dies_ends_up_with_a_failure_that_tells_why(stack_options):
    command = Command(stack_options(vad="dies"))
    assert command.ready == ""
    output, errors = command.process.communicate(timeout=60)
    assert command.process.returncode == 1
    assert "callscribe up: vad (pid " in errors
    assert "the model is missing" in errors
    assert output == ""


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
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests may run under nohup
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_port_that_is_taken_is_named_with_its_flag():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "callscribe", "up", "--host", "127.0.0.1", "--port", "0"]
        command += ["--asr", "0", "--vad", "0", "--denoise", "0"]
        command += ["--stream-port", port, "--stream-ws-port", "none"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"--stream-port: cannot listen on 127.0.0.1:{port}" in done.stderr.splitlines()[-1]
