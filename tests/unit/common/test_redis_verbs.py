"""Commands are built in one place: nothing else names a command of Redis, writes RESP or Lua."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("gateway", "vad_worker", "denoise_worker", "asr_worker")
PACKAGES = ("common", *SERVICES, "callscribe", "bench")
OWNERS = (ROOT / "common" / "bus", ROOT / "common" / "redis", ROOT / "bench" / "bare")
"""The last is a chain of its own, which ours is measured against."""
# Without the names that HTTP, WebSocket and logs have as well, such as GET and PING.
VERB = re.compile(
    "X(ACK|ADD|AUTOCLAIM|CLAIM|DEL|GROUP|INFO|LEN|PENDING|RANGE|READ|READGROUP|REVRANGE|SETID|TRIM)"
    "|H(DEL|EXISTS|GET|GETALL|INCRBY|KEYS|LEN|MGET|MSET|SCAN|SET|SETNX|VALS)"
    "|Z(ADD|CARD|COUNT|INCRBY|POPMIN|RANGE|RANGEBYSCORE|RANK|REM|REMRANGEBYSCORE|SCAN|SCORE)"
    "|[LR](POP|PUSH)|L(LEN|RANGE|REM|TRIM)|S(ADD|CARD|ISMEMBER|MEMBERS|REM|SCAN)"
    "|(|P|S)SUBSCRIBE|S?PUBLISH|P?EXPIRE(AT)?|P?TTL|PERSIST|EXISTS|DEL|UNLINK|RENAME|STRLEN"
    "|SET|SETEX|SETNX|GETDEL|GETEX|MGET|MSET|INCR|INCRBY|DECR|EVAL|EVALSHA|FCALL|SCRIPT"
    "|MULTI|EXEC|WATCH|WAITAOF|ASKING|INFO|CLUSTER|SENTINEL|REPLICAOF|FLUSHALL|FLUSHDB"
)
BY_HAND = re.compile(r"\*\d+\r\n\$|\$\d+\r\n[A-Z]|redis\.p?call\(")


def foreign(source: str) -> Iterator[str]:
    """Yield what a module says to Redis by itself."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str | bytes):
            continue
        text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        if VERB.fullmatch(text):
            yield f"{node.lineno}: {text}"
        elif BY_HAND.search(text):
            yield f"{node.lineno}: {text[:40]!r}"


def test_nothing_else_speaks_to_redis_in_its_own_words():
    found = {}
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if any(owner in path.parents for owner in OWNERS):
            continue
        if said := [*foreign(path.read_text())]:
            found[str(path.relative_to(ROOT))] = said
    assert found == {}


def test_what_is_sought_would_be_found():
    assert [*foreign('call("XADD", key)')] == ["1: XADD"]
    assert [*foreign('call(b"HGET", key)')] == ["1: HGET"]
    assert [*foreign('b"*5\\r\\n$4\\r\\nXADD"')]
    assert [*foreign('"return redis.call(1)"')]
    assert not [*foreign('request("GET", "/info")')]
