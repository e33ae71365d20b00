"""Server-side scripts for steps that must be atomic; each is idempotent, so a retry is safe.

The `.lua` file of each, beside this one, describes it: its keys, arguments and answer.
"""

from importlib.resources import files

from common.redis.script import Script


def _load(name: str) -> Script:
    return Script(files("common.bus").joinpath(f"{name}.lua").read_text("utf-8"))


OFFER = _load("offer")
RELEASE = _load("release")
ACQUIRE = _load("acquire")
COMMIT = _load("commit")
ATTACH = _load("attach")
CONTROL = _load("control")
ACQUIRE_CALL = _load("acquire_call")
RENEW_SESSIONS = _load("renew_sessions")
ORPHANS = _load("orphans")
DEAD_LETTER = _load("dead_letter")
LATELY = _load("lately")
RESERVE_CALLS = _load("reserve_calls")
TOLD = _load("told")
MARK_CALL = _load("mark_call")
TRYING = _load("trying")
RECORDED = _load("recorded")
USE = _load("use")
MAY_CALL = _load("may_call")
FORGO_CALL = _load("forgo_call")
GIVE_BACK = _load("give_back")
RENEW_CALL = _load("renew_call")
RETIRE_CALL = _load("retire_call")
FORGET_WORK = _load("forget_work")
FORGET_LETTERS = _load("forget_letters")
