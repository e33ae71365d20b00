import time
from http import HTTPStatus
from typing import Any, cast

import pytest

from common.pipeline.access import AccessKey, new_key
from gateway.access import tokens
from gateway.access.authority import Authority
from gateway.access.gate import Denied, Gate
from gateway.access.keyring import Keyring
from gateway.access.origins import Origins
from gateway.access.rules import Need

HERE = "192.0.2.1"


def now(later: int = 0) -> int:
    return int(time.time()) + later


class StandInKeyring(dict[str, AccessKey]):
    """Keys by their ids."""

    def find(self, name: str) -> AccessKey | None:
        return self.get(name)


@pytest.fixture
def keyring() -> StandInKeyring:
    return StandInKeyring()


def gate(keyring: StandInKeyring, **more: Any) -> Gate:
    usual: dict[str, Any] = {
        "port_tenant": None,
        "auth_token": None,
        "free": False,
        "guarded": False,
    }
    authority: Authority | None = more.pop("authority", None)
    return Gate(cast(Keyring, keyring), authority, Origins(), **{**usual, **more})


def given(keyring: StandInKeyring, *scopes: str, tenant: str = "acme", **more: Any) -> str:
    asked: Any = scopes or ("transcribe", "read")
    key, record = new_key(tenant, asked, now(), **more)
    keyring[record.id] = record
    return key


def bearer(key: str) -> dict[str, list[str]]:
    return {"authorization": [f"Bearer {key}"]}


def code(act: Any) -> tuple[str, HTTPStatus]:
    with pytest.raises(Denied) as denied:
        act()
    return denied.value.code, denied.value.status


def test_without_keys_everybody_may_do_everything(keyring):
    who = gate(keyring).admit(Need.ADMIN, {}, HERE)
    assert who.operator
    assert who.tenant == "default"
    assert gate(keyring).at_port(HERE).tenant == "default"


@pytest.mark.parametrize(
    ("said", "expected"),
    [("ab", "unknown_key"), ("a.b", "unknown_key"), ("a.b.c", "unknown_token")],
)
def test_what_has_the_form_of_a_json_web_token_alone_is_read_as_one(keyring, said, expected):
    given(keyring)
    here = gate(keyring, authority=Authority(secret=b"s" * 32))
    assert code(lambda: here.identify(said)) == (expected, HTTPStatus.UNAUTHORIZED)


def test_the_first_key_ends_that_and_so_does_a_revoked_one(keyring):
    here = gate(keyring)
    assert here.open
    given(keyring, revoked=now())
    assert code(lambda: here.admit(Need.READ, {}, HERE)) == ("missing_key", 401)


def test_a_gateway_that_others_reach_is_never_open_but_if_told_so(keyring):
    assert not gate(keyring, guarded=True).open
    given(keyring)
    assert gate(keyring, free=True).open


def test_a_key_says_tenant_scopes_and_limits(keyring):
    key = given(keyring, "transcribe", sessions=3, audio_s=60, calls=2)
    who = gate(keyring).admit(Need.TRANSCRIBE, bearer(key), HERE)
    assert (who.tenant, *who.scopes) == ("acme", "transcribe")
    assert (who.limits.sessions, who.limits.audio_s, who.limits.calls) == (3, 60, 2)
    elsewhere = gate(keyring).admit(Need.TRANSCRIBE, bearer(key), "192.0.2.9")
    assert elsewhere.caller == who.caller, "another address evades no limit"
    assert code(lambda: gate(keyring).admit(Need.READ, bearer(key), HERE)) == ("scope", 403)
    assert code(lambda: gate(keyring).admit(Need.ADMIN, bearer(key), HERE)) == ("scope", 403)


@pytest.mark.parametrize(
    ("change", "later", "said"),
    [
        ("revoked", 0, "revoked_key"),
        ("expires", -1, "expired_key"),
        ("expires", 3600, None),
    ],
)
def test_a_key_that_is_over_does_not_count(keyring, change, later, said):
    key = given(keyring, **dict[str, Any]({change: now(later)}))
    if said is None:
        gate(keyring).admit(Need.READ, bearer(key), HERE)
    else:
        assert code(lambda: gate(keyring).admit(Need.READ, bearer(key), HERE)) == (said, 401)


def test_another_secret_with_a_known_id_does_not_count(keyring):
    key = given(keyring)
    forged = key[:-1] + ("A" if key[-1] != "A" else "B")
    other = StandInKeyring()
    for said in (forged, given(other), "sk-1", "x" * 10_000, "a.b.c"):
        assert code(lambda said=said: gate(keyring).admit(Need.READ, bearer(said), HERE)) == (
            "unknown_key",
            401,
        )


@pytest.mark.parametrize(("change", "later"), [("revoked", 0), ("expires", -1)])
def test_only_its_holder_is_told_what_became_of_a_key(keyring, change, later):
    key = given(keyring, **dict[str, Any]({change: now(later)}))
    forged = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert code(lambda: gate(keyring).admit(Need.READ, bearer(forged), HERE))[0] == "unknown_key"


def test_bytes_that_are_no_text_are_no_key(keyring):
    key = given(keyring)
    here, free = gate(keyring), gate(StandInKeyring())
    token = minted(keyring, key, now(60))
    body, _, signature = token.partition(".")
    for said in ("\udcff", f"{key[:-1]}\udcff", f"{body}.\udcff{signature}", "a.\udcff.c"):
        assert code(lambda said=said: here.admit(Need.READ, bearer(said), HERE))[1] == 401
        assert free.admit(Need.READ, bearer(said), HERE).operator


def test_what_nobody_decided_about_is_denied_even_where_all_is_open(keyring):
    assert code(lambda: gate(keyring).admit(None, {}, HERE)) == ("forbidden", 403)


def test_a_foreign_page_may_only_see_what_needs_nothing(keyring):
    foreign = {"origin": ["https://evil.example"], "host": ["desk.example"]}
    here = gate(keyring)
    assert code(lambda: here.admit(Need.TRANSCRIBE, foreign, HERE)) == ("origin", 403)
    here.admit(Need.NOTHING, foreign, HERE)


def test_without_keys_no_page_whose_name_was_led_here_is_let_in(keyring):
    led = {"origin": ["http://evil.example:8000"], "host": ["evil.example:8000"]}
    read = {"host": ["evil.example:8000"]}
    for said in (led, read):
        assert code(lambda said=said: gate(keyring).admit(Need.READ, said, HERE)) == ("origin", 403)
        gate(keyring).admit(Need.NOTHING, said, HERE)
        assert gate(keyring, free=True).admit(Need.READ, said, HERE).operator
    mine = given(keyring)
    assert gate(keyring).admit(Need.READ, read | bearer(mine), HERE).tenant == "acme"


def minted(keyring: StandInKeyring, key: str, expires: int, **options: Any) -> str:
    record = keyring[key[3:11]]
    return tokens.mint(record.id, record.digest, expires, options)


def test_a_token_makes_calls_and_reads_none(keyring):
    key = given(keyring, "transcribe", "read", "admin")
    token = minted(keyring, key, now(3600), language="en")
    here = gate(keyring)
    who = here.admit(Need.TRANSCRIBE, bearer(token), HERE)
    assert (who.tenant, *who.scopes, *who.bound.items()) == (
        "acme",
        "transcribe",
        ("language", "en"),
    )
    assert who.once
    assert who.caller == here.admit(Need.READ, bearer(key), HERE).caller
    assert code(lambda: here.admit(Need.READ, bearer(token), HERE)) == ("scope", 403)


def test_an_expired_token_only_resumes_and_not_for_ever(keyring):
    here, key = gate(keyring), given(keyring)
    late = minted(keyring, key, now(-10))
    assert code(lambda: here.admit(Need.TRANSCRIBE, bearer(late), HERE)) == ("expired_token", 401)
    assert here.admit(Need.TRANSCRIBE, bearer(late), HERE, resuming=True).resumes_only
    ancient = minted(keyring, key, now(-tokens.RESUMES_FOR_S - 10))
    assert code(lambda: here.admit(Need.TRANSCRIBE, bearer(ancient), HERE, resuming=True)) == (
        "expired_token",
        401,
    )


def test_a_token_ends_with_its_key(keyring):
    key = given(keyring)
    token = minted(keyring, key, now(3600))
    keyring[key[3:11]] = new_key("acme", ["transcribe"], now()).record
    assert code(lambda: gate(keyring).admit(Need.TRANSCRIBE, bearer(token), HERE)) == (
        "unknown_token",
        401,
    )
    del keyring[key[3:11]]
    other = given(keyring)
    assert code(lambda: gate(keyring).admit(Need.TRANSCRIBE, bearer(token), HERE)) == (
        "unknown_token",
        401,
    )
    assert other


def test_a_credential_may_come_with_a_message_where_the_protocol_has_no_other_place(keyring):
    here, key = gate(keyring), given(keyring)
    before = here.admit(Need.TRANSCRIBE, {}, HERE, later=True)
    assert not before.scopes
    assert here.vouch(key, before).tenant == "acme"
    assert code(lambda: here.vouch("", before)) == ("missing_key", 401)
    assert code(lambda: here.vouch("nonsense", before)) == ("unknown_key", 401)
    known = here.admit(Need.TRANSCRIBE, bearer(key), HERE, later=True)
    assert here.vouch("", known) is known


def test_a_port_without_credentials_is_one_tenants_or_closed(keyring):
    given(keyring)
    assert code(lambda: gate(keyring).at_port(HERE)) == ("missing_key", 401)
    assert gate(keyring, port_tenant="pbx").at_port(HERE).tenant == "pbx"


def test_a_revoked_key_ends_its_calls_and_an_expired_one_does_not(keyring):
    here, key = gate(keyring), given(keyring)
    who = here.admit(Need.TRANSCRIBE, bearer(key), HERE)
    record = keyring[key[3:11]]
    assert here.still_good(who)
    keyring[record.id] = new_key("acme", ["read"], now(), expires=now(-1)).record
    assert here.still_good(who)
    here.check_again(who)
    keyring[record.id] = new_key("acme", ["read"], now(), revoked=now()).record
    assert not here.still_good(who)
    assert code(lambda: here.check_again(who)) == ("revoked_key", 401)
    del keyring[record.id]
    given(keyring)
    assert not here.still_good(who)
