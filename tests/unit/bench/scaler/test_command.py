"""docs/kubernetes.md shows what the rule of deploy/kubernetes does, as simulated here again."""

from xml.etree import ElementTree

from bench.scaler import command, recording
from bench.scaler.command import SHIPPED
from bench.scaler.sites import pools


def test_the_shipped_rule_refuses_nothing_cuts_nothing_and_does_not_flap():
    shipped = [command.outcome(row) for row in command.ROWS if row.rule is SHIPPED]
    assert len(shipped) == 4
    assert [(each.refused, each.cut, each.reversals) for each in shipped] == [(0, 0, 0)] * 4


def test_each_part_of_the_rule_is_needed():
    found = {(row.site, row.load, row.rule.name): command.outcome(row) for row in command.ROWS}
    assert found["large", "ramp", "without the buffer"].refused > 0
    assert found["gpu", "ramp", "without the buffer"].refused > 0
    assert found["large", "day", "without the window"].reversals > 0
    assert found["large", "ramp", "no client resumes, drain 3600 s"].cut == 0
    assert found["large", "ramp", "no client resumes, drain 30 s"].cut > 0


def test_the_largest_numbers_of_pods_are_beyond_what_the_ramps_need():
    for row in command.ROWS:
        pods = command.outcome(row).pods
        assert all(pods[pool.name][1] < pool.most for pool in pools(row.site)[0])


def test_the_page_shows_this_table_and_this_plot():
    page = command.PAGE.read_text()
    assert command.written(page) == page
    assert command.PLOT.read_text() == command.picture()
    assert f"(plots/{command.PLOT.name})" in page


def test_the_page_tells_what_a_slow_start_costs():
    (asr,) = [pool for pool in pools("gpu")[0] if pool.name == "asr"]
    assert f"{asr.buffer} calls in `gpu.toml`, ten recognisers" in command.PAGE.read_text()
    assert round(asr.buffer / asr.per_pod) == 10


def test_the_plot_is_well_formed():
    root = ElementTree.fromstring(command.picture())
    texts = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert texts.count("calls") == 3


def test_the_recorded_ramp_needs_several_pods_of_each_kind_and_ends_with_fewer():
    (row,) = [each for each in command.ROWS if each.load == "recorded" and each.rule is SHIPPED]
    found = command.outcome(row)
    assert all(most >= least + 2 for least, most in found.pods.values())
    *_, (_, _, last) = found.trace
    assert last["asr"] < found.pods["asr"][1]


def test_without_prometheus_nothing_is_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["--record", str(tmp_path / "recording.json")]) == 2
    assert "no Prometheus" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_the_page_tells_how_many_calls_were_recorded_and_their_lag():
    made = recording.read(command.RECORDING)
    page = " ".join(command.PAGE.read_text().split())
    lags = [each or 0.0 for name, own in made.answers.items() if "lag" in name for each in own]
    assert f"at most {made.peak} at a time, in {made.seconds // 60} minutes" in page
    assert f"at most {max(lags):.2f} s in the recorded ones" in page
