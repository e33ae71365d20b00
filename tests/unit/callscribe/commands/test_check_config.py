from callscribe.cli import main


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
