from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.json_options import json_object
from asr_worker.settings import AsrSettings
from common.errors import Misuse, SettingsError
from common.options import SessionOptions
from common.secret_url import SecretUrl, SecretUrls
from common.settings import (
    CommonSettings,
    StageSettings,
    definitions,
    flag_parser,
    load,
    merge,
    resolve,
    setting,
    settings_classes,
)
from gateway.settings import GatewaySettings
from vad_worker.settings import VadSettings


@dataclass(frozen=True, kw_only=True)
class SampleSettings(CommonSettings):
    sample_ratio: float = setting(0.5, "a ratio", unit="s", minimum=0, maximum=1)
    sample_count: int = setting(3, "a count", minimum=1)
    sample_switch: bool = setting(False, "a switch")
    sample_path: Path | None = setting(None, "a path")
    sample_limit: float | None = setting(2.0, "a limit")
    sample_mode: Literal["fast", "slow"] = setting("fast", "a mode of 100 %")


def test_flags_win_over_variables_and_variables_over_defaults():
    env = {"CALLSCRIBE_PORT": "9000", "CALLSCRIBE_HOST": "::"}
    settings, sources = resolve(GatewaySettings, ["--port", "9001"], env)
    assert (settings.port, settings.host, settings.flush_ms) == (9001, "::", 5)
    assert sources["port"] == "--port"
    assert sources["host"] == "CALLSCRIBE_HOST"
    assert sources["flush_ms"] == "default"


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["--sample-ratio", "0.25"], "sample_ratio", 0.25),
        (["--sample-ratio=1"], "sample_ratio", 1.0),
        (["--sample-count", "7"], "sample_count", 7),
        (["--sample-switch"], "sample_switch", True),
        (["--sample-switch", "--no-sample-switch"], "sample_switch", False),
        (["--sample-path", "a/b"], "sample_path", Path("a/b")),
        (["--sample-path", "none"], "sample_path", None),
        (["--sample-limit", "-1.5"], "sample_limit", -1.5),
        (["--sample-limit", "none"], "sample_limit", None),
        (["--sample-mode", "slow"], "sample_mode", "slow"),
    ],
)
def test_flags_are_read_by_type(argv, name, value):
    settings = load(SampleSettings, argv, {})
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value) or isinstance(value, Path)


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["--ratio", "0.25"], "sample_ratio", 0.25),
        (["--count=7"], "sample_count", 7),
        (["--switch"], "sample_switch", True),
        (["--sample-switch", "--no-switch"], "sample_switch", False),
        (["--sample-mode", "fast", "--mode", "slow"], "sample_mode", "slow"),
        (["--mode", "slow", "--sample-mode", "fast"], "sample_mode", "fast"),
    ],
)
def test_a_service_knows_its_flags_without_its_name(argv, name, value):
    settings, sources = resolve(SampleSettings, argv, {})
    assert getattr(settings, name) == value
    assert sources[name] == definitions(SampleSettings)[name].flag


def test_a_flag_that_would_collide_without_the_name_is_whole():
    @dataclass(frozen=True, kw_only=True)
    class CrowdedSettings(CommonSettings):
        crowded_log_level: int = setting(1, "as a setting of every process")
        crowded_help: int = setting(1, "as a flag of every parser")
        crowded_tls: bool = setting(False, "a switch")
        crowded_no_tls: int = setting(1, "as that switch turned off")
        crowded_room: bool = setting(True, "as nothing else")

    whole = flag_parser([CrowdedSettings], prog="crowded").flags
    short = set(flag_parser([CrowdedSettings], prog="crowded", service="crowded").flags)
    assert short - set(whole) == {"--room", "--no-room"}
    settings = load(CrowdedSettings, ["--log-level", "debug", "--crowded-log-level", "3"], {})
    assert (settings.log_level, settings.crowded_log_level) == ("debug", 3)


def test_the_flags_of_several_services_are_whole():
    classes = settings_classes()
    known = {each.flag for each in merge(classes.values()).values() if each.type is not bool}
    parser = flag_parser(classes.values(), prog="all")
    assert known <= set(parser.flags)
    assert not {"--slots", "--engine", "--model", "--device"} & set(parser.flags)


def test_every_service_of_the_product_knows_its_flags_without_its_name():
    for service, cls in settings_classes().items():
        own = [each for each in definitions(cls).values() if each.name.startswith(f"{service}_")]
        for each in own:
            short = "--" + each.flag.removeprefix(f"--{service}-")
            text = "none" if each.default is None else str(each.default)
            _, sources = resolve(cls, [short] if each.type is bool else [short, text], {})
            assert sources[each.name] == each.flag, short


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--sample-ratio", "much"], "--sample-ratio: 'much' is not a number"),
        (["--sample-ratio", "nan"], "--sample-ratio: 'nan' is not a number"),
        (["--sample-ratio", "inf"], "--sample-ratio: 'inf' is not a number"),
        (["--sample-ratio", "1.1"], "--sample-ratio: 1.1 is above the maximum, 1 s"),
        (["--sample-count", "0"], "--sample-count: 0 is below the minimum, 1"),
        (["--sample-count", "1.5"], "--sample-count: '1.5' is not a whole number"),
        (["--sample-mode", "quick"], "--sample-mode: 'quick' is none of fast, slow"),
        (["--sample-mode"], "--sample-mode/--mode: expected one argument"),
        (["--mode"], "--sample-mode/--mode: expected one argument"),
        (["--count", "0"], "--sample-count: 0 is below the minimum, 1"),
        (["--cuont", "1"], "--cuont: no such flag; did you mean --count?"),
        (["--sample-cuont", "1"], "--sample-cuont: no such flag; did you mean --sample-count?"),
        (["--sample", "1"], "--sample: no such flag"),
        (["--port", "1"], "--port: a setting of gateway, not of this process"),
        (["file.wav"], "file.wav: unexpected argument"),
        (["--redis-url", ""], "--redis-url: '' is not a URL"),
    ],
)
def test_a_wrong_flag_is_named(argv, message):
    with pytest.raises(SettingsError) as error:
        load(SampleSettings, argv, {})
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"CALLSCRIBE_SAMPLE_COUNT": "x"}, "CALLSCRIBE_SAMPLE_COUNT: 'x' is not a whole number"),
        ({"CALLSCRIBE_SAMPLE_SWITCH": "maybe"}, "CALLSCRIBE_SAMPLE_SWITCH: 'maybe' is not true"),
        (
            {"CALLSCRIBE_SILENCE_TRESHOLD": "1"},
            "CALLSCRIBE_SILENCE_TRESHOLD: no such setting;"
            " did you mean CALLSCRIBE_SILENCE_THRESHOLD?",
        ),
    ],
)
def test_a_wrong_variable_is_named(env, message):
    with pytest.raises(SettingsError) as error:
        load(SampleSettings, [], env)
    assert str(error.value).startswith(message)


def test_variables_of_other_services_and_programs_are_no_mistake():
    load(SampleSettings, [], {"CALLSCRIBE_VAD_SLOTS": "7", "HOME": "/", "PORT": "x"})


def test_help_tells_default_unit_and_limits(capsys):
    with pytest.raises(SystemExit):
        load(SampleSettings, ["--help"], {})
    text = " ".join(capsys.readouterr().out.split())
    assert "a ratio (default 0.5 s, 0 to 1)" in text
    assert "a count (default 3, at least 1)" in text
    assert "a switch (default false)" in text
    assert "a path (default none)" in text
    assert "a mode of 100 % (default fast)" in text
    assert "--sample-mode, --mode fast|slow a mode" in text
    assert "--sample-switch, --switch a switch" in text
    assert "--no-sample-switch, --no-switch" in text
    assert "--log-format json|console form" in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("rediss://user:pass@host:1/0", "rediss://user:***@host:1/0"),
        ("redis://:p@ss@host", "redis://:***@host"),
        ("redis://host?db=1&password=x&a=b", "redis://host?db=1&password=***&a=b"),
        ("unix://user:x@/run/redis.sock", "unix://user:***@/run/redis.sock"),
    ],
)
def test_passwords_are_not_shown(url, shown):
    settings = load(SampleSettings, ["--redis-url", url], {})
    assert settings.redis_url == url
    assert SecretUrl(url).redacted == shown
    assert repr(shown) in repr(settings)
    assert definitions(SampleSettings)["redis_url"].show(settings.redis_url) == shown


def test_each_of_many_urls_hides_its_password():
    urls = SecretUrls("a=file:/calls,b=amqp://me:secret@host/v,c=kafka://host/t?sasl.password=hush")
    shown = "a=file:/calls,b=amqp://me:***@host/v,c=kafka://host/t?sasl.password=***"
    assert repr(urls) == repr(shown)


@given(st.text(alphabet=st.characters(exclude_characters="/?&@"), min_size=8))
def test_no_password_is_ever_in_a_repr(password):
    assert password not in repr(SecretUrl(f"redis://me:{password}@host/0"))


def test_one_name_has_one_meaning():
    @dataclass(frozen=True, kw_only=True)
    class OtherSettings(CommonSettings):
        sample_count: int = setting(4, "another count")

    with pytest.raises(Misuse, match="sample_count"):
        merge([SampleSettings, OtherSettings])


def test_a_field_without_a_definition_is_a_bug():
    @dataclass(frozen=True, kw_only=True)
    class BareSettings(CommonSettings):
        bare: int = 3

    with pytest.raises(Misuse, match="bare"):
        definitions(BareSettings)


def test_every_service_of_the_product_is_known_and_loads_from_nothing():
    classes = settings_classes()
    assert {"gateway", "vad", "denoise", "asr"} <= set(classes)
    for cls in classes.values():
        assert load(cls, [], {}) == cls()


def test_every_default_lies_within_its_own_limits():
    for each in merge(settings_classes().values()).values():
        text = "none" if each.default is None else str(each.default)
        assert each.parse(text, each.flag) == each.default


def test_every_help_is_printable():
    for name, cls in settings_classes().items():
        assert flag_parser([cls], prog=name).format_help()


def test_a_heartbeat_must_fit_twice_into_a_lease():
    with pytest.raises(SettingsError, match="--heartbeat-s"):
        load(VadSettings, ["--lease-s", "0.9"], {})
    assert load(VadSettings, ["--lease-s", "1"], {}).lease_s == 1
    assert issubclass(VadSettings, StageSettings)


def test_the_gateway_refuses_half_a_tls_identity(tmp_path):
    certificate = tmp_path / "cert.pem"
    certificate.touch()
    given = ["--ssl-certfile", str(certificate)]
    with pytest.raises(SettingsError, match="go together"):
        load(GatewaySettings, given, {})
    with pytest.raises(SettingsError, match="not together with --generate-self-signed-cert"):
        load(
            GatewaySettings,
            [*given, "--ssl-keyfile", str(certificate), "--generate-self-signed-cert"],
            {},
        )
    with pytest.raises(SettingsError, match="there is no file"):
        load(GatewaySettings, [*given, "--ssl-keyfile", "/nonexistent"], {})
    with pytest.raises(SettingsError, match="only with --generate-self-signed-cert"):
        load(GatewaySettings, ["--self-signed-cert-dir", str(tmp_path)], {})


def test_session_defaults_are_those_of_a_session_that_asks_for_nothing():
    assert GatewaySettings().session_defaults() == SessionOptions()
    changed = load(GatewaySettings, ["--silence-threshold", "1.2"], {}).session_defaults()
    assert changed == SessionOptions(silence_threshold=1.2)


def test_every_setting_is_documented():
    for cls in settings_classes().values():
        assert all(each.metadata["help"] for each in fields(cls))


def test_a_json_object_is_read_and_none_is_empty():
    assert json_object('{"a": {"b": 1}}', "--x") == {"a": {"b": 1}}
    assert json_object(None, "--x") == {}


@pytest.mark.parametrize("text", ["{", "[1]", "7", '"a"', "null"])
def test_what_is_no_json_object_is_named(text):
    with pytest.raises(SettingsError, match="--x: "):
        json_object(text, "--x")


@dataclass(frozen=True, kw_only=True)
class MovedSettings(CommonSettings):
    moved_port: int | None = setting(None, "a port", minimum=1, also=("THERE_PORT", "OLD_PORT"))
    moved_engine: str = setting("own", "an engine", also=("BACKEND",), spelled={"theirs": "own"})


@pytest.mark.parametrize(
    ("env", "port", "source"),
    [
        ({}, None, "default"),
        ({"OLD_PORT": "3"}, 3, "OLD_PORT"),
        ({"OLD_PORT": "3", "THERE_PORT": "2"}, 2, "THERE_PORT"),
        ({"CALLSCRIBE_MOVED_PORT": "1", "THERE_PORT": "2"}, 1, "CALLSCRIBE_MOVED_PORT"),
    ],
)
def test_a_setting_may_have_further_variables_and_its_own_wins(env, port, source):
    settings, sources = resolve(MovedSettings, [], env)
    assert (settings.moved_port, sources["moved_port"]) == (port, source)


def test_a_wrong_value_is_told_with_the_variable_that_it_came_from():
    with pytest.raises(SettingsError, match=r"^THERE_PORT: 'x' is not a whole number$"):
        load(MovedSettings, [], {"THERE_PORT": "x"})


def test_a_value_may_be_spelled_as_elsewhere():
    assert load(MovedSettings, [], {"BACKEND": "Theirs"}).moved_engine == "own"
    assert load(MovedSettings, [], {"BACKEND": "other"}).moved_engine == "other"


def test_a_choice_may_have_any_case():
    for text, level in (("INFO", "info"), ("Warn", "warning")):
        assert load(MovedSettings, [], {"LOG_LEVEL": text}).log_level == level
    with pytest.raises(SettingsError, match="LOG_LEVEL: 'LOUD' is none of debug, info"):
        load(MovedSettings, [], {"LOG_LEVEL": "LOUD"})


def test_help_names_further_variables():
    text = " ".join(flag_parser([MovedSettings], prog="moved").format_help().split())
    assert "a port (default none, at least 1; also THERE_PORT, OLD_PORT)" in text


def test_no_variable_stands_for_two_settings():
    known = merge(settings_classes().values()).values()
    names = [name for each in known for name in (each.variable, *each.also)]
    assert len(names) == len(set(names))


def test_the_language_of_calls_that_name_none_is_a_setting():
    env = {"STREAM_LANG": "ko"}
    assert load(GatewaySettings, [], env).session_defaults().language == "Korean"
    assert load(GatewaySettings, ["--language", "auto"], env).session_defaults().language is None
    with pytest.raises(SettingsError, match="--language: unknown language 'klingon'"):
        load(GatewaySettings, ["--language", "klingon"], {})


def test_an_option_that_is_part_of_another_setting_here_is_found_in_its_help():
    with pytest.raises(SettingsError) as refused:
        load(AsrSettings, ["--gpu-memory-utilization", "0.8"], {})
    assert str(refused.value) == (
        "--gpu-memory-utilization: no such flag; --asr-vllm-options has it"
    )
