"""Each user may run what its service's code runs, and nothing else; no key is forgotten."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from common.bus import acl, keys, scripts
from common.bus.keys import GATEWAY, Leg
from common.pipeline import streams
from common.pipeline.stages import NAMES, PIPELINE
from common.pipeline.streams import ALL, AUDIO, META, PARTIAL, SPEECH, STAGES, TEXT, TRACE
from common.redis.script import Script

ROOT = Path(__file__).resolve().parents[4]
BUS = ROOT / "common" / "bus"
USERS = {user.name: user for user in acl.users()}
CODE = {
    GATEWAY: ("gateway",),
    **dict.fromkeys(NAMES, ("common/stage",)),
    acl.OPERATOR: tuple(
        f"callscribe/commands/{name}.py" for name in ("letters", "key_store", "backlog")
    ),
}
"""What runs as a user."""
SUBCOMMANDS = ("XGROUP", "XINFO")
ARGUMENTS = ("COUNT", "MAXLEN", "NOMKSTREAM", "STREAMS")
"""What begins a part of a command only."""
BY_HAND = re.compile(rb"\*\d+\r\n\$\d+\r\n([A-Z]+)")
LEG = Leg("s", 1)


def verb_of(arguments: list[ast.expr]) -> Iterator[str]:
    """Yield the command that these arguments begin with, if they do."""
    words = [
        each.value.decode() if isinstance(each.value, bytes) else each.value
        for each in arguments[:2]
        if isinstance(each, ast.Constant) and isinstance(each.value, str | bytes)
    ]
    if words and re.fullmatch("[A-Z]{2,}", words[0]) and words[0] not in ARGUMENTS:
        yield "|".join(words if words[0] in SUBCOMMANDS else words[:1]).lower()


def said(node: ast.AST) -> Iterator[str]:
    """Yield the commands that a piece of code spells."""
    for each in ast.walk(node):
        match each:
            case ast.Tuple(elts=arguments) | ast.Call(args=arguments):
                yield from verb_of(arguments)
            case ast.Constant(value=bytes(raw)):
                yield from (found.decode().lower() for found in BY_HAND.findall(raw))


def used(tree: ast.AST, node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of everything of the bus that `node` uses."""
    names: dict[str, tuple[str, str]] = {}
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and each.module:
            for alias in each.names:
                if each.module == "common.bus":
                    names[alias.asname or alias.name] = (alias.name, "")
                elif each.module.startswith("common.bus."):
                    names[alias.asname or alias.name] = (each.module[11:], alias.name)
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in names:
                if not names[name][1]:
                    yield names[name][0], attribute
            case ast.Name(id=name) if name in names and names[name][1]:
                yield names[name]


@cache
def module(name: str) -> ast.Module:
    return ast.parse((BUS / f"{name}.py").read_text())


@cache
def commands_of(name: str, what: str) -> frozenset[str]:
    """Return the commands that something of the bus runs."""
    if name == "scripts":
        return frozenset(acl.verbs(getattr(scripts, what)))
    own = [n for n in module(name).body if getattr(n, "name", "") == what]
    beside = {getattr(node, "name", "") for node in module(name).body} - {what}
    found = {verb for node in own for verb in said(node)}
    for node in own:
        found |= {v for each in used(module(name), node) for v in commands_of(*each)}
        named = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        found |= {v for each in named & beside for v in commands_of(name, each)}
    return frozenset(found)


def needed(user: str) -> set[str]:
    """Return the commands of all code that runs as a user."""
    found: set[str] = set()
    for place in CODE[user]:
        path = ROOT / place
        for each in [path] if path.is_file() else path.rglob("*.py"):
            tree = ast.parse(each.read_text())
            found |= {v for name in used(tree, tree) for v in commands_of(*name)}
    return found


def allowed(user: str) -> set[str]:
    return {rule[1:] for rule in USERS[user].rules if rule.startswith("+")}


CONNECTING = {
    *("asking", "client|setname", "cluster|slots", "eval", "evalsha", "exec", "info", "multi"),
    *("ping", "select"),
}


@pytest.mark.parametrize("user", CODE)
def test_a_user_may_run_what_its_code_runs_and_nothing_else(user):
    assert allowed(user) - CONNECTING == needed(user) - CONNECTING
    assert allowed(user) >= CONNECTING


def test_what_code_runs_is_found():
    assert {"xadd", "hexists", "xinfo|stream"} <= needed("gateway")
    assert commands_of("commands", "facts") == {"xinfo|stream"}
    assert commands_of("audio_writer", "AudioWriter") >= {"xadd", "expire", "hset"}
    assert acl.verbs(Script("redis.call('GET', k) redis.pcall('XINFO', 'STREAM', k)")) == {
        "get",
        "xinfo|stream",
    }


def test_no_user_may_administer_or_look_around():
    for name in USERS:
        forbidden = {"acl", "config", "keys", "scan", "flushall", "debug", "monitor", "restore"}
        assert not {rule.partition("|")[0] for rule in allowed(name)} & forbidden


def spelled(stream: streams.Stream, stage: str) -> bytes:
    """Return a key of a kind, as the bus spells it."""
    kind = stream.of("7") if stream.number else stream
    return {
        streams.Scope.SESSION: keys.session_key("s", kind),
        streams.Scope.LEG: LEG.key(kind),
        streams.Scope.STAGE: keys.workers(stage).replace(b"workers", kind.encode()),
        streams.Scope.CLIENT: keys.calls("10.0.0.1"),
        streams.Scope.NAME: keys.named("tenant", "any"),
        streams.Scope.SINK: keys.due("any"),
        streams.Scope.TENANT: keys.usage("tenant", "2026-01-01"),
        streams.Scope.GATEWAYS: b"%b:{gateway}:%b" % (kind.prefix.encode(), kind.encode()),
        streams.Scope.BUS: keys.out("gw"),
    }[stream.scope]


def may(user: str, key: bytes) -> str:
    """Return R, W, RW or nothing: what a user may do with a key."""
    found: set[str] = set()
    for rule in USERS[user].rules:
        mode, tilde, pattern = rule.partition("~")
        # Only * and ? are special in these patterns; fnmatch takes brackets besides.
        if tilde and fnmatchcase(key.decode(), pattern):
            found |= {*(mode.removeprefix("%") or "RW")}
    return "".join(sorted(found))


@pytest.mark.parametrize("stream", ALL)
def test_who_adds_to_a_key_may_write_it_and_somebody_may_read_it(stream):
    for writer in stream.writers:
        if stream is streams.CHECKPOINT:
            assert may(writer, LEG.key(stream.of(writer))) == "RW"
            continue
        written = [may(writer, spelled(stream, stage)) for stage in NAMES]
        assert any("W" in mode for mode in written), writer
    readers = [user for user in CODE if any("R" in may(user, spelled(stream, s)) for s in NAMES)]
    assert readers


@pytest.mark.parametrize(
    ("user", "key", "mode"),
    [
        ("asr", LEG.key(AUDIO), "R"),
        ("vad", LEG.key(AUDIO), "RW"),
        ("denoise", LEG.key(TEXT), ""),
        ("denoise", LEG.meta, "R"),
        ("align", LEG.key(SPEECH), ""),
        ("align", LEG.key(PARTIAL.of(1)), ""),
        ("asr", keys.work_items("vad"), ""),
        ("asr", keys.work_items("align"), "RW"),
        ("vad", keys.doorbell("asr", 3), "W"),
        ("asr", keys.doorbell("asr", 3), "R"),
        ("asr", keys.out("gw"), "W"),
        ("vad", keys.workers("vad"), "RW"),
        ("asr", keys.workers("vad"), "R"),
        ("asr", keys.workers("gateway", 7), "R"),
        ("metrics", keys.workers("gateway"), ""),
        ("gateway", keys.workers("gateway"), "RW"),
        ("gateway", keys.access(), "R"),
        ("asr", keys.access(), ""),
        ("operator", keys.access(), "RW"),
        ("vad", keys.sessions(), ""),
        ("gateway", keys.session_key("s", TRACE), "RW"),
        ("gateway", keys.work_items("asr"), "RW"),
        ("gateway", keys.doorbell("asr", 3), "W"),
        ("operator", LEG.key(TEXT), ""),
        ("operator", Leg("replay-1-0", 0).key(TEXT), "RW"),
        ("operator", keys.session_key("s", META), "RW"),
        ("operator", keys.due("crm"), "RW"),
        ("operator", keys.taken("crm"), "R"),
        ("gateway", keys.taken("crm"), "RW"),
        ("metrics", keys.taken("crm"), ""),
        ("gateway", keys.erasure("s"), "RW"),
        ("operator", keys.erasure("s"), ""),
        ("metrics", LEG.key(AUDIO), ""),
        ("metrics", keys.work_items("vad"), "R"),
        ("gateway", b"other", ""),
    ],
)
def test_a_user_may_touch_what_its_stage_does(user, key, mode):
    assert may(user, key) == mode


def test_the_stages_are_those_of_the_streams():
    assert NAMES == STAGES
    assert all(spec.offered_by in (*STAGES, GATEWAY) for spec in PIPELINE)


def test_a_line_has_the_digest_of_the_password_and_not_the_password():
    digest = "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb"
    assert acl.ADMIN.line("open sesame") == f"user admin on #{digest} ~* &* +@all"
