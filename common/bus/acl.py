"""Users of Redis, one per service, and what each may do; `callscribe redis-acl` writes them down.

The keys of a user follow from the tables in `common.pipeline`. Redis wants reading and writing
allowed for every key that a script names. EXISTS needs either, and XTRIM only writing.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import Flag, auto
from hashlib import sha256

from common.bus import scripts
from common.bus.keys import GATEWAY, REPLAYED
from common.pipeline.stages import PIPELINE, StageSpec, Unit
from common.pipeline.streams import (
    ACCESS,
    AUDIO,
    CALLS,
    COUNTED,
    DEAD,
    DEAD_CONTENTS,
    DOORBELL,
    DUE,
    ERASURE,
    INDEX,
    META,
    NAMED,
    OF_A_LEG,
    OF_A_SESSION,
    OUT,
    PARKED,
    PARTIAL,
    SESSIONS,
    SINKS,
    SPEECH,
    SPENT,
    TAKEN,
    TEXT,
    USAGE,
    WORK_ITEMS,
    WORKERS,
    Scope,
    Stream,
)
from common.redis.script import Script

OPERATOR, METRICS = "operator", "metrics"


class Mode(Flag):
    """What may be done with a key."""

    R = auto()
    W = auto()
    RW = R | W


@dataclass(frozen=True, slots=True)
class User:
    """A user of Redis and the rules of ACL SETUSER that say what it may do."""

    name: str
    rules: Sequence[str]

    def line(self, password: str) -> str:
        """Return the user's line of an ACL file, with the SHA-256 of the password."""
        digest = sha256(password.encode()).hexdigest()
        return " ".join(["user", self.name, "on", f"#{digest}", *self.rules])


LOCKED = "user default off resetpass ~* &* +@all"
"""The line that lets nobody in without a name.

It keeps all rights, which serve no client while it is off: Redis 7 reads the transactions of its
append-only file, and so all that scripts wrote, as this user, and drops what it may not do.
"""

_LINK = {"client|setname", "info", "ping", "select", "cluster|slots", "asking", "multi", "exec"}
"""What every connection needs; see `common.redis`. AUTH needs no right."""
_EVALUATE = {"eval", "evalsha"}

_WORKER = {
    *(
        "expire",
        "hdel",
        "hexists",
        "hgetall",
        "hset",
        "time",
        "xack",
        "xadd",
        "xautoclaim",
        "xclaim",
        "xread",
    ),
    *("xgroup|create", "xgroup|delconsumer", "xinfo|consumers", "xreadgroup", "xrevrange", "xtrim"),
}
_WORKER_SCRIPTS = (
    scripts.ACQUIRE,
    scripts.ATTACH,
    scripts.COMMIT,
    scripts.DEAD_LETTER,
    scripts.LATELY,
    scripts.OFFER,
    scripts.RELEASE,
)
_GATEWAY = {
    *(
        "expire",
        "hdel",
        "hexists",
        "hget",
        "hgetall",
        "hincrby",
        "hmget",
        "hset",
        "set",
        "time",
        "unlink",
        "xadd",
    ),
    *("xinfo|groups", "xinfo|stream", "xrange", "xread", "xrevrange", "xtrim"),
    *("zadd", "zrange", "zrem", "zremrangebyscore"),
}
_GATEWAY_SCRIPTS = (
    scripts.ACQUIRE_CALL,
    scripts.ATTACH,
    scripts.CONTROL,
    scripts.FORGET_LETTERS,
    scripts.FORGET_WORK,
    scripts.FORGO_CALL,
    scripts.GIVE_BACK,
    scripts.MAY_CALL,
    scripts.OFFER,
    scripts.ORPHANS,
    scripts.RECORDED,
    scripts.RENEW_CALL,
    scripts.RENEW_SESSIONS,
    scripts.RETIRE_CALL,
    scripts.RESERVE_CALLS,
    scripts.TOLD,
    scripts.TRYING,
    scripts.USE,
)
_OPERATOR = {
    *("expire", "hdel", "hexists", "hget", "hgetall", "hincrby", "hlen", "hset"),
    *("unlink", "xadd", "xdel", "xrange", "zadd", "zrange", "zrem", "zscore"),
}
_OPERATOR_SCRIPTS = (scripts.MARK_CALL, scripts.OFFER)
_METRICS = {"latency|latest", "slowlog|len", "xlen", "hlen", "zcard"}
"""SLOWLOG GET is not among them: it shows arguments, which are audio and text."""


def verbs(script: Script) -> set[str]:
    """Return the commands that a script runs; Redis checks these, too."""
    found = re.findall(
        r"redis\.p?call\('(XINFO|XGROUP)', '(\w+)'|redis\.p?call\('(\w+)'", script.source
    )
    return {f"{verb}|{part}".lower() if verb else alone.lower() for verb, part, alone in found}


def users(pipeline: Sequence[StageSpec] = PIPELINE) -> list[User]:
    """Return a user for each service, for an operator's commands, and for an exporter."""
    runs = {
        GATEWAY: (_GATEWAY, _GATEWAY_SCRIPTS),
        **{spec.name: (_WORKER, _WORKER_SCRIPTS) for spec in pipeline},
        OPERATOR: (_OPERATOR, _OPERATOR_SCRIPTS),
        METRICS: (_METRICS, ()),
    }
    return [_user(name, *runs[name], rights) for name, rights in _rights(pipeline).items()]


def readers(kind: Stream, pipeline: Sequence[StageSpec] = PIPELINE) -> list[str]:
    """Return the users that learn what keys of a kind hold, if only those of one stage."""
    rights = _rights(pipeline)
    del rights[METRICS]  # its commands return no content
    return [name for name, own in rights.items() if own.reads(kind)]


ADMIN = User("admin", ("~*", "&*", "+@all"))
"""For a person: everything, such as reading a changed ACL file again."""
SERVERS = (
    User("replica", ("-@all", "+psync", "+replconf", "+ping")),
    User(
        "sentinel",
        (
            *("&*", "-@all", "+multi", "+exec", "+slaveof", "+ping", "+publish", "+subscribe"),
            *("+info", "+role", "+config|rewrite", "+client|setname", "+client|kill"),
            "+script|kill",
        ),
    ),
)
"""For Redis's own servers: the `masteruser` of a replica, the `auth-user` of a Sentinel."""


def _rights(pipeline: Sequence[StageSpec]) -> "dict[str, _Rights]":
    return {
        GATEWAY: _rights_of_gateway(pipeline),
        **{spec.name: _rights_of_stage(spec, pipeline) for spec in pipeline},
        OPERATOR: _rights_of_operator(pipeline),
        METRICS: _rights_of_metrics(pipeline),
    }


def _user(name: str, own: Set[str], runs: Sequence[Script], rights: "_Rights") -> User:
    evaluated = _EVALUATE.union(*map(verbs, runs)) if runs else set()
    allowed = [f"+{each}" for each in sorted({*_LINK, *own, *evaluated})]
    patterns = [_written(pattern, mode) for pattern, mode in sorted(rights.patterns.items())]
    return User(name, ("-@all", *allowed, *patterns))


def _rights_of_stage(spec: StageSpec, pipeline: Sequence[StageSpec]) -> "_Rights":
    """Return what a stage's worker touches; see `common.stage`."""
    rights = _Rights()
    rights.add(Mode.RW if spec.checkpoints else Mode.R, *spec.reads)
    rights.add(Mode.RW, spec.output, *spec.fences)
    rights.add(Mode.R, META)
    if spec.name in TEXT.writers:
        rights.add(Mode.RW, TEXT, PARKED, META)
        if spec.unit is not Unit.TEXT:
            rights.add(Mode.RW, PARTIAL)  # COMMIT removes it
    if spec.name in OUT.writers:
        rights.add(Mode.W, OUT)
    rights.add(Mode.RW, WORK_ITEMS, INDEX, DEAD, DEAD_CONTENTS, stage=spec.name)
    rights.add(Mode.W, WORKERS, stage=spec.name)
    rights.see_all_releases()
    if spec.woken:
        rights.add(Mode.R, DOORBELL, stage=spec.name)
    for other in pipeline:
        if other.offered_by == spec.name:
            rights.add(Mode.RW, WORK_ITEMS, INDEX, stage=other.name)
        if other.woken and spec.output in other.reads and spec.output in spec.fences:
            rights.add(Mode.W, DOORBELL, stage=other.name)
    return rights


def _rights_of_gateway(pipeline: Sequence[StageSpec]) -> "_Rights":
    """Return what a gateway touches: it begins, reads, renews, ends and erases calls."""
    rights = _Rights()
    rights.add(Mode.RW, *OF_A_SESSION, *OF_A_LEG, OUT, CALLS, SESSIONS, NAMED)
    rights.add(Mode.RW, DUE, TAKEN, ERASURE, SINKS)
    rights.add(Mode.R, ACCESS)
    rights.add(Mode.RW, SPENT, USAGE, COUNTED)
    rights.add(Mode.RW, WORKERS, stage=GATEWAY)
    rights.see_all_releases()
    for spec in pipeline:
        rights.add(Mode.RW, WORK_ITEMS, INDEX, WORKERS, DEAD, DEAD_CONTENTS, stage=spec.name)
        if spec.woken:
            rights.add(Mode.W, DOORBELL, stage=spec.name)
    return rights


def _rights_of_operator(pipeline: Sequence[StageSpec]) -> "_Rights":
    """Return what keys, sinks and dead letters touch; these are replayed in their own sessions."""
    rights = _Rights()
    rights.add(Mode.RW, META, DUE, SINKS)
    rights.add(Mode.R, TAKEN)
    rights.add(Mode.RW, ACCESS)
    rights.add(Mode.RW, META, AUDIO, SPEECH, TEXT, PARKED, PARTIAL, session=REPLAYED)
    for spec in pipeline:
        rights.add(Mode.RW, DEAD, DEAD_CONTENTS, WORK_ITEMS, INDEX, stage=spec.name)
    rights.see_all_releases()
    return rights


def _rights_of_metrics(pipeline: Sequence[StageSpec]) -> "_Rights":
    """Return the keys that an exporter may measure; its commands return no content."""
    rights = _Rights()
    rights.add(Mode.R, SESSIONS, DUE)
    for spec in pipeline:
        rights.add(Mode.R, WORK_ITEMS, WORKERS, DEAD, DEAD_CONTENTS, stage=spec.name)
    return rights


class _Rights:
    """Modes by key pattern."""

    def __init__(self) -> None:
        self.patterns: dict[str, Mode] = {}
        self._readable: set[Stream] = set()
        """Kinds that may be read in every session, of one stage at least."""

    def reads(self, kind: Stream) -> bool:
        """Whether keys of this kind may be read, other than in sessions of one's own."""
        return any(each == kind or kind.number_in(each) for each in self._readable)

    def add(self, mode: Mode, *kinds: Stream, stage: str = "*", session: str = "") -> None:
        for kind in kinds:
            pattern = _pattern(kind, stage, session)
            if Mode.R in mode and not session:
                self._readable.add(kind)
            self.patterns[pattern] = self.patterns.get(pattern, mode) | mode

    def see_all_releases(self) -> None:
        """Allow to read the heartbeats of all processes, whatever their wire version."""
        self._readable.add(WORKERS)
        self.patterns[f"cs:v*:{{*}}:{WORKERS}"] = Mode.R


def _pattern(kind: Stream, stage: str, session: str) -> str:
    owner = {
        Scope.SESSION: f"{{p??}}:{session}*:",
        Scope.LEG: f"{{p??}}:{session}*:",
        Scope.STAGE: f"{{{stage}}}:",
        Scope.CLIENT: "{*}:",
        Scope.NAME: "{*}:",
        Scope.SINK: "{*}:",
        Scope.TENANT: "{t.*}:",
        Scope.GATEWAYS: "{gateway}:",
        Scope.BUS: "",
    }[kind.scope]
    return f"{kind.prefix}:{owner}{kind.of('*') if kind.number else kind}"


def _written(pattern: str, mode: Mode) -> str:
    return f"~{pattern}" if mode is Mode.RW else f"%{mode.name}~{pattern}"
