"""Server-side scripts: the few steps that must be atomic, each idempotent so a retry is safe.

The `.lua` file of each, beside this one, says what it does, its keys, arguments and answer.
"""

from importlib.resources import files

from common.redis.script import Script


def _load(name: str) -> Script:
    return Script(files("common.bus").joinpath(f"{name}.lua").read_text("utf-8"))


REGISTER = _load("register")
RELEASE = _load("release")
TAKE_OFFICE = _load("take_office")
COMMIT = _load("commit")
ATTACH = _load("attach")
CONTROL = _load("control")
TAKE = _load("take")
RENEW_SESSIONS = _load("renew_sessions")
ORPHANS = _load("orphans")
DIVERT = _load("divert")
LATELY = _load("lately")
HOLD_CALLS = _load("hold_calls")
