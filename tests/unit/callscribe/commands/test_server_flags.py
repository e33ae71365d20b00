import ssl
from pathlib import Path

import pytest

from callscribe.commands.server_flags import CALLS, add_server_flags, server_of
from common.errors import SettingsError
from common.settings import FlagParser

PRINT = "ab" * 32


def parsed(*argv):
    parser = FlagParser(prog="test", allow_abbrev=False)
    add_server_flags(parser, CALLS)
    arguments = parser.parse_args(argv)
    server = server_of(arguments)
    assert vars(arguments) == {}
    return server


def test_without_flags_it_is_this_machine():
    server = parsed()
    assert (server.urls, server.api_key, server.tls) == ([CALLS], None, None)
    assert parsed("--url", "ws://a", "--url", "ws://b").urls == ["ws://a", "ws://b"]


@pytest.mark.parametrize(
    ("argv", "variable", "key"),
    [
        ([], "", None),
        ([], "theirs", "theirs"),
        (["--api-key", "mine"], "theirs", "mine"),
        (["--api-key-file", "key"], "theirs", "stored"),
    ],
)
def test_the_key_comes_from_a_flag_a_file_or_the_environment(
    argv, variable, key, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    Path("key").write_text("stored\n")
    monkeypatch.setenv("CALLSCRIBE_API_KEY", variable)
    assert parsed(*argv).api_key == key
    assert key is None or key not in repr(parsed(*argv))


def test_a_fingerprint_is_what_the_connection_trusts():
    tls = parsed("--url", "wss://a", "--url", "WSS://b", "--fingerprint", PRINT).tls
    assert isinstance(tls, ssl.SSLContext)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--api-key-file", "/nope"], "--api-key-file: /nope cannot be read: "),
        (["--api-key", "a", "--api-key-file", "b"], "--api-key-file: not allowed with "),
        (["--fingerprint", "ab"], "'ab' is no SHA-256 fingerprint"),
        (["--ca-file", "/nope"], "/nope: no such file"),
        (["--fingerprint", PRINT, "--ca-file", "a"], "--ca-file: not allowed with "),
        (["--fingerprint", PRINT], f"--fingerprint: {CALLS} has no TLS"),
        (["--fingerprint", PRINT, "--url", "wss://a", "--url", "ws://b"], "ws://b has no TLS"),
    ],
)
def test_misuse_is_said(argv, line):
    with pytest.raises(SettingsError) as caught:
        parsed(*argv)
    assert line in str(caught.value)
