"""What vLLM runs in each of its processes (entry point group ``vllm.general_plugins``).

It registers the model that reads clips, and prepares the engine's process, which vLLM starts for
us: the process must not outlive the worker, and must say why it could not start.
"""

import logging
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from pathlib import Path

CLIPS_ARCHITECTURE = "CallscribeQwen3ASR"
REASON_FILE = "_CALLSCRIBE_ENGINE_REASON"
"""Variable with the path of the file for the reason of a failed start. It also marks our own
processes: other uses of vLLM in the same environment get only the model."""


def register() -> None:
    """Prepare this process of vLLM; safe to call again."""
    from vllm import ModelRegistry

    if CLIPS_ARCHITECTURE in ModelRegistry.get_supported_archs():
        return
    # The class, not its name: vLLM inspects a class that is given by name in a separate process,
    # which takes ten seconds and more at every start.
    from asr_worker.serving.clips_model import ClipsModel

    ModelRegistry.register_model(CLIPS_ARCHITECTURE, ClipsModel)
    parent = multiprocessing.parent_process()
    if parent is not None and REASON_FILE in os.environ:
        _ignore_signals()
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
        # First, so that it gets the record before any part of it is printed.
        logging.getLogger("vllm").handlers.insert(0, _Reason())


def _ignore_signals() -> None:
    """Leave Ctrl-C and SIGTERM, which may go to all processes of a worker, to the worker.

    A draining worker needs its engine.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _end_with(sentinel: int) -> None:
    """End this process when its parent is gone, since nothing could use it any more."""
    wait([sentinel])
    os._exit(1)


class _Reason(logging.Handler):
    """Hands the reason of a failed start to the worker, which prints it in one line."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is None or "failed to start" not in record.getMessage():
            return
        Path(os.environ[REASON_FILE]).write_text(str(record.exc_info[1]), encoding="utf-8")
        os._exit(1)
