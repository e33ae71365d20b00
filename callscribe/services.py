"""Where the services' packages are, and what other programs call in them.

A wheel has them in `_services`, so that installing the client brings no package named `common` or
`gateway` to other people's code. A checkout has them beside this package.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_INSTALLED = _HERE / "_services"


def make_importable() -> None:
    """Let this process import the services' packages by their own names, before all others."""
    where = str(_INSTALLED if _INSTALLED.is_dir() else _HERE.parent)
    if where not in sys.path:
        sys.path.insert(0, where)


def register_model() -> None:
    """Register our model in a process of vLLM (entry point group ``vllm.general_plugins``)."""
    make_importable()
    from asr_worker.serving import plugin

    plugin.register()
