import asyncio
import dataclasses
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest

from callscribe.up import StackOptions, running_stack
from common.errors import Unavailable
from tests.integration.callscribe.processes import gone, stand_in_services, until

COUNTS = {"gateway": 1, "vad": 1, "denoise": 0, "asr": 2}


@pytest.fixture
def stack_options(tmp_path):
    def build(**manners: str) -> StackOptions:
        env: Mapping[str, str] = {
            **os.environ,
            **stand_in_services(tmp_path),
            **{f"STAND_IN_{service.upper()}": manner for service, manner in manners.items()},
            "CALLSCRIBE_PORT": "0",
            "TMPDIR": str(tmp_path),  # a killed supervisor leaves Redis's directory there
        }
        return StackOptions(
            counts=COUNTS, env=env, embedded_redis=True, ready_deadline=30, echo=io.StringIO()
        )

    return build


def pids(options):
    return [int(pid) for pid in re.findall(r"pid=(\d+)", options.echo.getvalue())]


async def test_every_process_is_ready_and_nothing_is_left(stack_options):
    options = stack_options()
    async with running_stack(options) as stack:
        assert set(stack.ready_after) == {"redis", "gateway", "vad", "asr[0]", "asr[1]"}
        assert stack.redis is not None
        output = options.echo.getvalue()
        running = pids(options)
        assert len(running) == 4
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


async def work_while_killing(options, number):
    async with running_stack(options) as stack:
        os.kill(stack.children[number].pid, signal.SIGKILL)
        await stack.run(forever())


async def test_a_process_that_is_killed_ends_the_work(stack_options):
    options = stack_options()
    with pytest.raises(Unavailable, match=r"asr\[1\] .* ended with SIGKILL"):
        await work_while_killing(options, 2)
    assert all(gone(pid) for pid in pids(options))


async def test_the_death_of_redis_ends_the_work(stack_options):
    async with running_stack(stack_options()) as stack:
        assert stack.redis is not None
        os.kill(stack.redis.pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match=r"redis .* ended with SIGKILL"):
            await stack.run(forever())


async def test_who_is_never_ready_is_named_with_the_reason(stack_options):
    options = dataclasses.replace(stack_options(asr="never ready"), ready_deadline=0.0)
    with pytest.raises(Unavailable, match=r"is not ready after 0 s"):
        async with running_stack(options):
            pytest.fail("it cannot have become ready")
    assert all(gone(pid) for pid in pids(options))


async def test_who_died_while_nobody_looked_is_named_at_the_end(stack_options):
    with pytest.raises(Unavailable, match=r"vad .* ended with SIGKILL"):
        async with running_stack(stack_options()) as stack:
            os.kill(stack.children[-1].pid, signal.SIGKILL)


async def test_who_does_not_end_is_killed_and_named(stack_options):
    options = stack_options(vad="hangs")
    options = dataclasses.replace(options, env={**options.env, "CALLSCRIBE_DRAIN_S": "0"})
    with pytest.raises(Unavailable, match=r"not ended within 2 s: vad .* ended with SIGKILL"):
        async with running_stack(options):
            pass
    assert all(gone(pid) for pid in pids(options))


async def forever():
    await asyncio.Event().wait()


class Command:
    """`callscribe up` over stand-in services, in a process of its own."""

    def __init__(self, options):
        command = [sys.executable, "-m", "callscribe", "up", "--asr", "2", "--denoise", "0"]
        self.process = subprocess.Popen(
            command,
            env=options.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.output, self.errors = self.process.stdout, self.process.stderr
        self.ready = self.output.readline()

    def end(self):
        output, errors = self.process.communicate(timeout=60)
        children = [int(pid) for pid in re.findall(r"pid=(\d+)", errors)]
        assert len(children) == 4
        until(lambda: all(gone(pid) for pid in children))
        return self.process.returncode, output, errors


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
    seen = ""
    while "gateway drains" not in seen:
        seen += command.errors.readline()
    command.process.send_signal(signal.SIGTERM)
    with command.output, command.errors:
        seen += command.errors.read()
    assert command.process.wait(60) == 1
    until(lambda: all(gone(int(pid)) for pid in re.findall(r"pid=(\d+)", seen)))


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
