"""Services as forks of one process that has imported them, for tests that start many.

A start is mostly imports: 0.4 to 0.7 s of a core. A fork runs the same module as
``python -m callscribe``, with the arguments, the environment, the folder and the log that a process
of its own would get. That a service starts from nothing is for the tests of starts, of the local
stack and of deployments to show, which do without this.
"""

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from threading import Lock
from typing import IO, Any

from tests.conftest import ROOT

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_IMPORTED = (
    *("callscribe.cli", "gateway.__main__", "vad_worker.__main__", "denoise_worker.__main__"),
    *("asr_worker.__main__", "bench.dummies"),
)
_MOST = 1 << 17
"""Bytes of a request: arguments and environment."""
_FILES = (1, 2)
"""What a fork is given: its output and its log."""
_TWO = len(_FILES) * array.array("i").itemsize


class Fork:
    """A process, as `subprocess.Popen` shows it."""

    def __init__(self, server: "_Server", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._ended = os.pidfd_open(pid)  # the server buries it only once it is asked to

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and self._is_over(0):
            self.returncode = self._server.bury(self.pid)
            os.close(self._ended)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended; `subprocess.TimeoutExpired` after `timeout` s."""
        if self.returncode is None and not self._is_over(timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _is_over(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))


class _Server:
    """The process that forks, as this one sees it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.forks", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """End it, and what it has forked."""
        self._socket.close()
        self._process.wait()

    def fork(self, request: Mapping[str, Any], files: Sequence[int]) -> Fork:
        """Start a process."""
        return Fork(self, self._ask(request, files))

    def bury(self, pid: int) -> int:
        """Return the exit code of a process that has ended."""
        return self._ask({"pid": pid}, ())

    def _ask(self, request: Mapping[str, Any], files: Sequence[int]) -> int:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
        with self._lock:
            self._socket.sendmsg([json.dumps(request).encode()], rights)
            answer = self._socket.recv(_MOST)
        assert answer, "the process that forks has ended"
        return int(answer)


@cache
def _server() -> _Server:
    server = _Server()
    atexit.register(server.close)
    return server


def fork(
    module: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stderr: IO[bytes] | None = None,
) -> Fork:
    """Run ``python -m module arguments`` as one that computes with one thread.

    It has this process's environment, with `env` on top; `stderr` gets its log.
    """
    whole = {**os.environ, **ONE_THREAD, **(env or {})}
    request = {"module": module, "arguments": arguments, "env": whole, "cwd": os.getcwd()}
    return _server().fork(request, (_FILES[0], _FILES[1] if stderr is None else stderr.fileno()))


def _serve(connection: socket.socket) -> Mapping[str, Any]:
    """Fork as asked; return in a fork, with what it shall run."""
    running: set[int] = set()
    while True:
        content, rights, _, _ = connection.recvmsg(_MOST, socket.CMSG_SPACE(_TWO))
        if not content:  # the tests have ended
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            sys.exit()
        request = json.loads(content)
        if (pid := request.get("pid")) is not None:
            running.discard(pid)
            connection.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            continue
        given = array.array("i", rights[0][2])
        if (pid := os.fork()) == 0:
            for file, own in zip(given, _FILES, strict=True):
                os.dup2(file, own)
            os.closerange(max(_FILES) + 1, max(*given, connection.fileno()) + 1)
            connection.detach()
            return dict(request)
        running.add(pid)
        for file in given:
            os.close(file)
        connection.send(b"%d" % pid)


def main() -> None:
    """Serve until the tests end; in a fork, run what was asked for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests end it
    for each in _IMPORTED:
        importlib.import_module(each)
    gc.collect()
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv[1:] = request["arguments"]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
