import asyncio
import io
import os
import signal
import socket
import sys

import pytest

from callscribe.local import child
from callscribe.local.child import Child, free_ports
from tests.integration.callscribe.processes import gone, until


async def start(program, echo=None):
    return await Child.start("child", [sys.executable, "-c", program], os.environ, echo)


class Written(io.StringIO):
    """Tells when something was written."""

    def __init__(self):
        super().__init__()
        self.happened = asyncio.Event()

    def write(self, text):
        self.happened.set()
        return super().write(text)


async def test_its_output_is_copied_and_its_last_lines_are_kept():
    echo = io.StringIO()
    child = await start("for n in range(20): print(n)", echo)
    assert await child.wait() == 0
    assert echo.getvalue() == "".join(f"{n}\n" for n in range(20))
    assert child.last_words == "".join(f"\n    {n}" for n in range(5, 20))


async def test_a_line_without_an_end_is_no_harm():
    child = await start("print('x' * 1_000_000); print('after')")
    assert await child.wait() == 0
    assert child.last_words.endswith("after")


async def test_its_own_children_end_with_it():
    child = await start(
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    )
    assert await child.wait() == 0
    until(lambda: gone(int(child.last_words)))


async def test_stopping_lets_it_end_by_itself():
    child = await start("import signal; print('up', flush=True); signal.pause()")
    assert await child.stop(30)
    assert await child.wait() == -signal.SIGTERM


async def test_stopping_kills_it_after_the_deadline():
    echo = Written()
    child = await start(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\nwhile True: signal.pause()",
        echo,
    )
    await echo.happened.wait()
    assert not await child.stop(0.01)
    assert await child.wait() == -signal.SIGKILL


async def test_stopping_what_has_ended_is_no_error():
    child = await start("pass")
    await child.wait()
    assert await child.stop(0)


def test_free_ports_are_all_different():
    assert len({port for _ in range(50) for port in free_ports(2)}) == 100


def test_no_outgoing_connection_can_take_a_free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        assert max(free_ports(50)) < any_port.getsockname()[1]


def test_a_port_in_use_is_not_free(monkeypatch):
    free, used = free_ports(2)
    with socket.create_server(("127.0.0.1", used)):
        monkeypatch.setattr(child, "_ports", iter([used, free]))
        assert free_ports(1) == [free]


def test_it_is_an_error_when_no_port_is_free(monkeypatch):
    monkeypatch.setattr(child, "_ports", iter(()))
    with pytest.raises(OSError, match="no 1 free ports"):
        free_ports(1)
