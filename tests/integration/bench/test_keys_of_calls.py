"""Every kind of proof opens calls at a real gateway, and checking one costs something."""

import json

from bench import bus, record


def test_each_way_opens_calls(tmp_path):
    file = tmp_path / "keys.json"
    assert bus.main(["--keys", "--short", "--json", str(file)]) == 0
    found = json.loads(file.read_text())["figures"]
    assert found == record.read(file)
    ways = {each["way"]: each for each in found["costs"]}
    names = ["no keys", "API key", "short-lived token", "JWT, HS256", "JWT, RS256"]
    assert [*ways] == names
    assert all(each["cpu"] > 0 for each in ways.values())
    assert ways["JWT, RS256"]["check"] > ways["no keys"]["check"]
