"""What this machine is."""

from callscribe.prove import machine


def test_the_machine_is_told():
    told = machine.described()
    assert told["processor"] == machine.processor() != ""
    assert told["cores_of_all"] >= 1


async def test_how_busy_the_machine_is_is_a_share(monkeypatch):
    monkeypatch.setattr(machine, "_LOOKED_S", 0.1)
    busy = await machine.busy()
    assert busy is None or 0 <= busy <= 1
