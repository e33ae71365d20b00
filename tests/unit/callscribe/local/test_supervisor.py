import asyncio
import errno
import io
import signal

import pytest

from callscribe.local.backoff import Backoff
from callscribe.local.supervisor import Keeper, lateness, notice, obituary, until_ready
from common.errors import Unavailable
from tests.unit.callscribe.local.processes import FakeProcess, FakeProgram, until


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """No pause takes any time; for how long the process was ready is noted."""
    noted = []

    def pause(self, ready_for, spread):
        noted.append(ready_for)
        return 0.0

    monkeypatch.setattr(Backoff, "pause", pause)
    return noted


@pytest.fixture
async def keep():
    """Keep a program running, and return its keeper and what it fails of."""
    keepers = []

    def keep(program):
        failed = asyncio.get_running_loop().create_future()
        keeper = Keeper(program, failed)
        keepers.append(keeper)
        keeper.keep()
        return keeper, failed

    yield keep
    for keeper in keepers:
        await keeper.let_go()


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (1, "exit code 1: oops"),
        (0, "exit code 0: oops"),
        (-signal.SIGSEGV, "SIGSEGV: oops"),
        (-signal.SIGKILL, "SIGKILL"),
        (-signal.SIGTERM, "SIGTERM"),
    ],
)
async def test_what_dies_is_started_again_and_both_are_told(keep, capsys, code, how):
    program = FakeProgram()
    keeper, failed = keep(program)
    await keeper.ready.wait()
    program.started[0].die(code)
    await until(lambda: keeper.ready.is_set() and keeper.process is not program.started[0])
    assert keeper.process is program.started[1]
    assert not failed.done()
    died, ready = capsys.readouterr().err.splitlines()
    assert died == f"callscribe: vad (pid 1) ended with {how}; starting it again in 0 s"
    assert ready.startswith("callscribe: vad (pid 2) is ready again after ")


@pytest.mark.parametrize("unready", [None, "loading"])
async def test_what_was_ready_is_tried_again_whatever_it_ends_with(keep, unready, capsys):
    program = FakeProgram()
    keeper, failed = keep(program)
    await keeper.ready.wait()
    program.unready = unready
    program.started[0].die(1)
    await until(lambda: len(program.started) == 2)
    program.started[1].die(2)
    await until(lambda: len(program.started) == 3)
    assert not failed.done()
    assert "vad (pid 2) ended with exit code 2: oops; starting it again" in capsys.readouterr().err


async def test_it_fails_of_what_was_never_ready(keep):
    program = FakeProgram(unready="loading")
    _, failed = keep(program)
    await until(lambda: program.started)
    program.started[0].die(1)
    with pytest.raises(Unavailable, match=r"vad \(pid 1\) ended with exit code 1"):
        await failed


async def test_it_fails_of_its_own_mistakes(keep):
    class Broken(FakeProgram):
        def probe(self):
            return 1 // 0

    _, failed = keep(Broken())
    with pytest.raises(ZeroDivisionError):
        await failed


async def test_a_machine_without_room_for_it_is_asked_again(keep, capsys, pauses):
    program = FakeProgram()
    keeper, _ = keep(program)
    await keeper.ready.wait()
    program.refused = 2
    program.started[0].die(1)
    await until(lambda: len(program.started) == 2 and keeper.ready.is_set())
    told = capsys.readouterr().err
    assert told.count("vad cannot be started: no more processes; starting it again in") == 2
    assert pauses[0] > 0.0
    assert pauses[1:] == [0.0, 0.0]


async def test_a_process_that_is_let_go_runs_on_and_is_not_started_again(keep):
    program = FakeProgram()
    keeper, _ = keep(program)
    await keeper.ready.wait()
    await keeper.let_go()
    assert not program.started[0].ended.done()
    program.started[0].die(1)
    await asyncio.sleep(0)
    assert len(program.started) == 1


async def test_nobody_waits_for_the_ready_word_of_the_dead():
    program = FakeProgram(unready="loading")
    process = await program.start()
    waiting = asyncio.create_task(until_ready(program, process))
    process.die(1)
    assert await waiting is False


async def test_lateness_names_the_reason():
    late = await lateness(FakeProgram(unready="loading"), None, 3.0)
    assert str(late) == "vad is not ready after 3 s: loading; its last words: none"
    assert "it is ready only now" in str(await lateness(FakeProgram(), None, 3.0))


async def test_an_obituary_tells_how_and_why():
    assert obituary("vad", FakeProcess(7, "\n    oops"), 1) == (
        "vad (pid 7) ended with exit code 1; its last words:\n    oops"
    )
    assert "SIGKILL" in obituary("vad", FakeProcess(7), -9)


def test_a_notice_to_a_closed_terminal_is_no_error(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("sys.stderr", Closed())
    notice("vad has died")
