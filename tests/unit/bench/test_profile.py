from bench.profile import summary

STACKS = ["main (a.py:1);work (b.py:2) 30", "main (a.py:1);wait (c.py:3) 10"]


def test_lines_are_weighed_by_samples_on_top_and_anywhere():
    lines = summary("gateway", STACKS).splitlines()
    assert lines[0] == "gateway: 40 samples"
    total, alone = lines[1:4], lines[4:]
    assert total == ["  total", "   75.0 %  work (b.py:2)", "   25.0 %  wait (c.py:3)"]
    assert alone == ["  self", "   75.0 %  work (b.py:2)", "   25.0 %  wait (c.py:3)"]
