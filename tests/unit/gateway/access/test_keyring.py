from typing import Any

from common.pipeline.access import AccessKey, new_key
from gateway.access.keyring import retention


def key(tenant: str, seconds: int, **more: Any) -> AccessKey:
    return new_key(tenant, ["read"], 7, retention_s=seconds, **more).record


def test_the_shortest_of_a_tenants_keys_counts_and_none_of_another_tenant():
    keys = [key("acme", 60), key("acme", 30), key("acme", 0), key("other", 90), key("third", 0)]
    assert retention(keys) == retention(reversed(keys)) == {"acme": 30, "other": 90}


def test_a_revoked_key_says_nothing_any_more_and_an_expired_one_does():
    keys = [key("acme", 60), key("acme", 10, revoked=9), key("acme", 30, expires=9)]
    assert retention(keys) == {"acme": 30}
