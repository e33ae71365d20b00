"""The denoise benchmark's figures: complete, and ours the same as the official runtime's."""

from bench import denoise, record


def test_the_short_form_writes_every_figure(tmp_path, capsys):
    report = tmp_path / "denoise.json"
    assert denoise.main(["--short", "--json", str(report)]) == 0
    written = record.read(report)
    assert [(cost["way"], cost["batch"]) for cost in written["costs"]] == [
        (denoise.OFFICIAL, 1),
        (denoise.RESAMPLED, 1),
        *((denoise.OURS, batch) for batch in denoise.SHORT_BATCHES),
    ]
    assert all(cost["milliseconds"] > 0 for cost in written["costs"])
    assert written["costs"][0]["to_official"] == written["costs"][1]["to_resampled"] == 1
    assert {each["post_filter"] for each in written["differences"]} == {False, True}
    assert max(each["decibels"] for each in written["differences"]) < denoise.APART
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(written["costs"]) + 2 + len(written["differences"])
