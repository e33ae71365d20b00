"""All attacks: importing this fills `registry.ATTACKS`, in the order of `KIN`."""

from importlib import import_module

_OPEN = ("frames", "messages", "audio", "requests", "names", "malformed", "others", "calls")
"""The last leave calls that wait for their client: in the short form others would meet them."""
_GUARDED = ("keys", "tenants", "webhooks")
"""Against a system that needs keys."""
KIN = _OPEN + _GUARDED

for _name in KIN:
    import_module(f"tests.attack.{_name}")
