"""The stack that the documents' pictures are taken of."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callscribe.commands.stack_flags import usual_ports
from callscribe.local.child import free_ports

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"

_STOPPING_S = 30.0


@contextmanager
def running() -> Iterator[int]:
    """Start `callscribe up` on a free port, yield the port when it is ready, and end it.

    RuntimeError if it does not become ready; its own lines on stderr say why.
    """
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "callscribe", "up", "--port", str(port)]
    # A busy machine must not refuse the calls of the pictures.
    env = {**os.environ, "CALLSCRIBE_ASR_LOAD": "0", "CALLSCRIBE_LOG_LEVEL": "warning"}
    env |= dict.fromkeys(usual_ports(), "none") | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    try:
        if "is ready" not in process.stdout.readline():
            raise RuntimeError("the stack did not become ready")
        yield port
        process.send_signal(signal.SIGINT)
        process.wait(_STOPPING_S)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
