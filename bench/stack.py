"""The local stack, as benchmarks run it."""

import os

from callscribe.local.stack import StackOptions
from common.settings import PREFIX


def local_stack(*, denoise: int = 0, **settings: str) -> StackOptions:
    """Return a gateway and one worker of each stage on loopback, with a Redis of their own.

    `settings` by their variables' names without the prefix.
    """
    where = {"PORT": "0", "HOST": "127.0.0.1"}
    variables = {PREFIX + name: value for name, value in {**where, **settings}.items()}
    return StackOptions(
        counts={"vad": 1, "asr": 1, "denoise": denoise},
        env={**os.environ, **variables},
        embedded_redis=True,
    )
