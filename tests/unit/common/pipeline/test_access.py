import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pipeline import access
from common.pipeline.access import AccessKey, new_key


def test_no_two_keys_are_alike_and_a_record_has_no_secret():
    made = [new_key("acme", ["read"], 7) for _ in range(50)]
    assert len({each.key for each in made}) == len({each.record.digest for each in made}) == 50
    for key, record in made:
        assert access.key_id(key) == record.id
        assert access.digest(key) == record.digest
        secret = key.rpartition(f"{record.id}_")[2]
        assert secret not in json.dumps(record.described())
        assert len(secret) == 43


def test_a_record_survives_redis_and_a_file():
    record = new_key("acme", ["read", "admin"], 7, name="desk", expires=9, sessions=3).record
    assert AccessKey.unpacked(record.packed()) == record
    assert AccessKey.read(json.loads(json.dumps(record.described()))) == record


@pytest.mark.parametrize(
    "text", ["", "cs_", "cs_abcdefgh_short", "sk-1", "cst_x.y", "cs_ABCDEFGH_"]
)
def test_other_texts_are_no_keys(text):
    assert access.key_id(text) is None


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_none(text):
    assert access.key_id(text) in (None, text[3:11])


@pytest.mark.parametrize("tenant", ["", "Acme", "a b", "-a", "a" * 64, "a\n", "ü", None, 3])
def test_what_is_no_tenant_is_told_so(tenant):
    with pytest.raises(ValueError, match="a tenant's name has"):
        new_key(tenant, ["read"], 0)


@pytest.mark.parametrize(
    ("scopes", "said"), [([], "a key needs a scope"), (["write"], "'write' is no scope")]
)
def test_what_is_no_scope_is_told_so(scopes, said):
    with pytest.raises(ValueError, match=said):
        new_key("acme", scopes, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tenant": "A"}, "tenant"),
        ({"scopes": []}, "scope"),
        ({"more": 1}, "no field 'more'"),
        ({"digest": ...}, "digest is missing"),
        ({"created": "x"}, "created cannot be"),
    ],
)
def test_a_bad_entry_of_a_file_names_what_is_wrong(change, said):
    described = {**new_key("acme", ["read"], 0).record.described(), **change}
    with pytest.raises(ValueError, match=said):
        AccessKey.read({name: value for name, value in described.items() if value is not ...})
