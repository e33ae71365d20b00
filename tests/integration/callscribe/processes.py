"""What the tests of processes share: stand-in services, and waiting for a condition."""

import asyncio
import io
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from callscribe.local.stack import StackOptions

STAND_IN = '''
"""Imported by every child's interpreter as it starts: replaces the services by stand-ins.

STAND_IN_<SERVICE> makes one misbehave; so does a file of its name beside this one, for as long as
it is there.
"""
import asyncio, json, os, sys, time, types
from pathlib import Path

def main_of(service, argv):
    from common.lifecycle import stop_on_signals, supervise
    from common.settings import load, settings_classes
    from common.telemetry.endpoint import Endpoint
    from common.telemetry.metrics import new_registry

    settings = load(settings_classes()[service], argv, os.environ)
    changed = Path(__file__).with_name(service)
    given = os.environ.get("STAND_IN_" + service.upper(), "")
    manner = changed.read_text() if changed.exists() else given
    host = getattr(settings, "metrics_host", "127.0.0.1")
    port = getattr(settings, "metrics_port", None) or settings.port
    print(f"{service} pid={os.getpid()} redis={settings.redis_url}"
          f" threads={os.environ['OMP_NUM_THREADS']}", flush=True)
    if manner == "dies":
        print("the model is missing", flush=True)
        return 5
    if manner == "misused":
        print("--port: cannot listen", flush=True)
        return 2

    async def loop():
        await asyncio.Event().wait()

    async def drain():
        print(f"{service} drains", flush=True)
        if manner == "hangs":
            await asyncio.Event().wait()
        if manner == "is deaf":
            time.sleep(3600)  # to the second signal, too

    async def run():
        with stop_on_signals() as stop:
            return await supervise({"loop": loop()}, stop, drain=drain, deadline=3600)

    async def run_gateway():
        from websockets.asyncio.server import serve

        async def call(connection):
            if manner == "dies in the call":
                os._exit(6)
            async for message in connection:
                if isinstance(message, str):
                    kind = json.loads(message)["type"]
                    if kind == "finalize":
                        return
                    await connection.send(json.dumps(
                        {"type": "session_created", "session_id": "s", "resume_token": "t"}))

        def answer(connection, request):
            if request.path == "/ready":
                return connection.respond(200, "ok")

        async with serve(call, host, port, process_request=answer):
            return await run()

    if service == "gateway":
        return asyncio.run(run_gateway())
    ready = lambda: "still loading" if manner == "never ready" else None
    registry = new_registry(version="0", service=service)
    with Endpoint(host, port, registry=registry, live=lambda: None, ready=ready):
        return asyncio.run(run())

for service, package in (("gateway", "gateway"), ("vad", "vad_worker"),
                         ("denoise", "denoise_worker"), ("asr", "asr_worker")):
    module = types.ModuleType(package + ".__main__")
    module.main = lambda argv, service=service: main_of(service, argv)
    sys.modules[package + ".__main__"] = module
'''


def stand_in_services(directory: Path) -> dict[str, str]:
    """Return the variable that has every Python child use stand-in services."""
    (directory / "sitecustomize.py").write_text(STAND_IN)
    return {"PYTHONPATH": str(directory)}


def pids(options: StackOptions) -> list[int]:
    """Return the process ids of the services that were started, as they told themselves."""
    assert isinstance(options.echo, io.StringIO)
    return [int(pid) for pid in re.findall(r"pid=(\d+)", options.echo.getvalue())]


class Command:
    """`callscribe up` over stand-in services, in a process of its own; waits until it is ready."""

    def __init__(self, options: StackOptions, *, started: bool = True) -> None:
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
        self.read = ""
        self.ready = self.output.readline() if started else ""

    def read_until(self, text: str) -> None:
        """Read stderr up to the line that has this text."""
        line = "..."
        while line and text not in line:
            line = self.errors.readline()
            self.read += line
        assert text in line, self.read

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; return exit code, stdout and stderr. Nothing it started is left."""
        output, errors = self.process.communicate(timeout=60)
        errors = self.read + errors
        children = [int(pid) for pid in re.findall(r"pid=(\d+)", errors)]
        assert children
        until(lambda: all(gone(pid) for pid in children))
        return self.process.returncode, output, errors


def gone(pid: int) -> bool:
    """Tell whether a process has ended (a zombie has)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def until(condition: Callable[[], bool], limit: float = 60.0, pause: float = 0.01) -> None:
    """Wait for a condition, asked every `pause` seconds; `limit` only bounds a failing test."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(pause)


async def until_true(condition: Callable[[], object], limit: float = 30.0) -> None:
    """Wait for a condition while tasks go on; `limit` only bounds a failing test."""
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.01)
