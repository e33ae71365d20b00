from bench.profile import summary, weigh

STACKS = ["main (a.py:1);work (b.py:2) 30", "main (a.py:1);wait (c.py:3) 6"]


def test_functions_are_weighed_by_samples_on_top_and_anywhere():
    stacks = [*STACKS, "main (a.py:1);work (b.py:5);wait (c.py:3) 4"]
    profile = weigh(stacks)
    assert profile == {
        "samples": 40,
        "total": {"work (b.py)": 85.0, "wait (c.py)": 25.0},
        "self": {"work (b.py)": 75.0, "wait (c.py)": 25.0},
    }
    assert summary("gateway", profile).splitlines() == [
        "gateway: 40 samples",
        *("  total", "   85.0 %  work (b.py)", "   25.0 %  wait (c.py)"),
        *("  self", "   75.0 %  work (b.py)", "   25.0 %  wait (c.py)"),
    ]
