import asyncio
import os
import re
import signal
import socket

from callscribe.client import connect
from callscribe.client.messages import Final
from callscribe.client.options import Options
from callscribe.local.stack import StackOptions, running_stack
from tests.integration.callscribe.processes import Command, gone, pids, until_true
from tests.integration.pipeline.calls import messages, said, sentence

FOX = "The quick brown fox jumps over the lazy dog."


def ask(port, *words):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(1000)


async def kill(stack, name):
    """Kill a process and wait until its successor is ready; return both process ids."""
    return await restarted(stack, name, signal.SIGKILL)


async def restarted(stack, name, how):
    """Send a process a signal and wait until its successor is ready; return both process ids."""
    before = stack.pids[name]
    os.kill(before, how)
    await until_true(lambda: stack.pids.get(name) not in (None, before), limit=100.0)
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


async def test_what_is_asked_to_end_drains_and_is_started_again(stack_options, capsys):
    options = stack_options()
    async with running_stack(options) as stack:
        before, after = await stack.run(restarted(stack, "vad", signal.SIGTERM))
        assert before != after
    assert options.echo.getvalue().count("vad drains") == 2
    ended, ready = capsys.readouterr().err.splitlines()
    assert ended.startswith(f"callscribe: vad (pid {before}) ended with exit code 0")
    assert ready.startswith(f"callscribe: vad (pid {after}) is ready again after ")


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


async def test_what_refuses_a_setting_that_was_good_is_tried_again(stack_options, capsys, tmp_path):
    options = stack_options()
    misused = tmp_path / "vad"

    async def refuse(stack):
        misused.write_text("misused")
        os.kill(stack.pids["vad"], signal.SIGKILL)
        await until_true(lambda: options.echo.getvalue().count("cannot listen") == 2)
        misused.unlink()
        await until_true(lambda: "vad" in stack.pids)

    async with running_stack(options) as stack:
        await stack.run(refuse(stack))
    told = capsys.readouterr().err
    assert told.count("ended with exit code 2: ") == 2
    assert told.count("is ready again") == 1


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


async def test_a_live_call_does_not_notice_that_every_process_is_asked_to_end():
    options = StackOptions(
        counts={"vad": 1, "asr": 1},
        env={**os.environ, "CALLSCRIBE_PORT": "0", "CALLSCRIBE_HOST": "127.0.0.1"},
        embedded_redis=True,
    )
    async with running_stack(options) as stack:
        before = stack.pids
        heard, _ = await stack.run(both(call(stack.url), end_each(stack)))
        after = stack.pids
    assert heard == [FOX, FOX]
    assert not {*before.values()} - {before["redis"]} & {*after.values()}


async def end_each(stack):
    """Ask every process but Redis to end, the gateway last, each once the one before is back."""
    for name in ("vad", "asr", "gateway"):
        await restarted(stack, name, signal.SIGTERM)


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
