from bench import plots, record, suite


def test_every_benchmark_of_the_suite_has_a_name_of_its_own():
    names = [entry.name for entry in suite.ENTRIES]
    assert len(set(names)) == len(names)
    assert any(entry.short for entry in suite.ENTRIES)


def test_what_was_measured_is_drawn_and_nothing_else(tmp_path):
    row = {"way": "ours", "batch": 64, "microseconds": 20.0}
    record.write(tmp_path / "vad.json", [row])
    assert plots.draw(tmp_path, tmp_path) == [tmp_path / "vad.png"]
    assert (tmp_path / "vad.png").read_bytes().startswith(b"\x89PNG")
