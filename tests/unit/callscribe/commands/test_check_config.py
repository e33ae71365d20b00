import pytest

from callscribe.cli import main
from tests.certificates import identity


def test_check_config_prints_every_value_once_with_its_source(monkeypatch, capsys):
    monkeypatch.setenv("CALLSCRIBE_REDIS_URL", "redis://me:secret@host/0")
    assert main(["check-config", "--silence-threshold", "1.5"]) == 0
    output = capsys.readouterr().out
    lines = {line.split()[1]: line.split() for line in output.splitlines()}
    assert len(lines) == len(output.splitlines())
    assert lines["silence_threshold"][2:] == ["1.5", "s", "--silence-threshold"]
    assert lines["redis_url"][2:] == ["redis://me:***@host/0", "CALLSCRIBE_REDIS_URL"]
    assert lines["vad_slots"][0] == "vad"
    assert lines["redis_url"][0] == lines["lease_s"][0] == "shared"
    assert lines["vad_slots"][-1] == "default"


def test_check_config_tells_each_problem_once(monkeypatch, capsys):
    monkeypatch.setenv("CALLSCRIBE_LEASE_S", "0.2")
    monkeypatch.setenv("CALLSCRIBE_PORT", "high")
    assert main(["check-config"]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 2
    assert "--heartbeat-s" in errors
    assert "CALLSCRIBE_PORT: 'high'" in errors


def test_a_key_in_the_environment_is_no_unknown_setting(monkeypatch, capsys):
    monkeypatch.setenv("CALLSCRIBE_API_KEY", "hush")
    assert main(["check-config"]) == 0
    assert "hush" not in capsys.readouterr().out


def test_a_service_is_checked_with_the_flags_of_its_own_command(monkeypatch, capsys):
    monkeypatch.setenv("CALLSCRIBE_LEASE_S", "3")
    assert main(["check-config", "vad", "--slots", "7", "--heartbeat-s", "1"]) == 0
    output = capsys.readouterr().out
    lines = {line.split()[1]: line.split() for line in output.splitlines()}
    assert lines["vad_slots"] == ["vad", "vad_slots", "7", "--vad-slots"]
    assert lines["heartbeat_s"][-1] == "--heartbeat-s"
    assert lines["lease_s"][2:] == ["3.0", "s", "CALLSCRIBE_LEASE_S"]
    assert lines["drain_s"][-1] == "default"
    assert "port" not in lines


def test_a_service_is_told_every_problem_with_its_name(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("CALLSCRIBE_PORT", "high")
    monkeypatch.setenv("CALLSCRIBE_PROT", "8000")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("CALLSCRIBE_SSL_KEYFILE", str(tmp_path / "key"))
    monkeypatch.setenv("CALLSCRIBE_TRUSTED_PROXIES", "everybody")
    assert main(["check-config", "gateway", "--flush-ms", "0", "--redis-url", "http://x"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    told = [line.split(": ")[1] for line in shown.err.splitlines()]
    assert sorted(told) == [
        "--flush-ms",
        "--redis-url",
        "--ssl-keyfile",
        "--trusted-proxies",
        "CALLSCRIBE_PORT",
        "CALLSCRIBE_PROT",
        "LOG_LEVEL",
    ]


def test_a_contradiction_is_told_beside_other_problems(monkeypatch, capsys):
    monkeypatch.setenv("CALLSCRIBE_HEARTBEAT_S", "1")
    monkeypatch.setenv("CALLSCRIBE_VAD_SLOTS", "none")
    assert main(["check-config", "vad"]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 2
    assert "--heartbeat-s: 1 s is more than half of --lease-s (1.5 s)" in errors


def test_the_gateways_certificate_is_read(capsys, tmp_path):
    (tmp_path / "cert").write_text("not PEM")
    (tmp_path / "key").write_text("")
    files = ["--ssl-certfile", str(tmp_path / "cert"), "--ssl-keyfile", str(tmp_path / "key")]
    assert main(["check-config", "gateway", *files]) == 2
    assert "--ssl-certfile: " in capsys.readouterr().err
    good = identity(tmp_path, "good", "localhost")
    files = ["--ssl-certfile", str(good.certfile), "--ssl-keyfile", str(good.keyfile)]
    assert main(["check-config", "gateway", *files]) == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["asr", "--engine", "qwen"], "no ASR engine 'qwen'"),
        (["asr", "--engine", "vllm", "--vllm-options", "{"], "--asr-vllm-options: not JSON"),
        (["align", "--vllm-options", "7"], "--align-vllm-options: '7' is not a JSON object"),
        (["gateway", "--vad-slots", "7"], "--vad-slots: a setting of vad, not of this process"),
        (["gatway"], "gatway: no such service; there are align, asr, denoise, gateway, vad"),
    ],
)
def test_what_only_a_start_would_show_is_told(arguments, problem, capsys):
    assert main(["check-config", *arguments]) == 2
    assert problem in capsys.readouterr().err


def test_redis_is_asked_only_if_one_wants_it(capsys):
    nobody = ["vad", "--redis-url", "redis://127.0.0.1:1/0"]
    assert main(["check-config", *nobody]) == 0
    assert main(["check-config", *nobody, "--connect"]) == 1
    assert "no Redis at 127.0.0.1:1" in capsys.readouterr().err
