import asyncio
import json
import time
from contextlib import suppress
from functools import cache

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

from gateway.access.authority import Authority, Rejected

SECRET = b"0123456789abcdef0123456789abcdef"
CLAIMS = {"sub": "desk 7", "tenant": "acme", "scope": "transcribe read fly"}


@cache
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def token(key=SECRET, algorithm="HS256", headers=None, **claims):
    body = {**CLAIMS, "exp": int(time.time()) + 60, **claims}
    kept = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers)


def given(**files) -> Authority:
    asked = dict.fromkeys(("secret_file", "public_key_file", "jwks_file"))
    terms = dict.fromkeys(("issuer", "audience", "tenant"))
    made = Authority.given(
        *({**asked, **{k: v for k, v in files.items() if k in asked}}).values(),
        **{**terms, **{k: v for k, v in files.items() if k in terms}},
    )
    assert made is not None
    return made


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\n")
    return path


def test_a_token_names_a_tenant_and_known_scopes(secret):
    subject = given(secret_file=secret).check(token())
    assert (subject.tenant, subject.subject) == ("acme", "desk 7")
    assert subject.scopes == {"transcribe", "read"}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"sub": None},
        {"tenant": None},
        {"tenant": "Not One"},
    ],
)
def test_one_that_lacks_something_does_not_count(secret, claims):
    with pytest.raises(Rejected):
        given(secret_file=secret).check(token(**claims))


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -60), ("nbf", 600)])
def test_one_counts_at_its_time_only(secret, claim, seconds):
    with pytest.raises(Rejected):
        given(secret_file=secret).check(token(**{claim: int(time.time()) + seconds}))


def test_one_of_another_secret_or_none_does_not_count(secret):
    authority = given(secret_file=secret)
    for forged in (
        token(b"x" * 32),
        token("", "none"),
        token(private(), "RS256"),
        "a.b.c",
        token() + "x",
        "." * 9000,
    ):
        with pytest.raises(Rejected):
            authority.check(forged)


def test_a_public_key_is_no_secret(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text(pem(private()))
    authority = given(public_key_file=path)
    assert authority.check(token(private(), "RS256")).tenant == "acme"
    header, body, _ = token(private(), "RS256").split(".")
    forged = jwt.api_jws.PyJWS().encode(json.dumps(CLAIMS).encode(), b"x" * 32, "HS256")
    for each in (forged, f"{header}.{body}."):
        with pytest.raises(Rejected):
            authority.check(each)
    curve = ec.generate_private_key(ec.SECP256R1())
    path.write_text(pem(curve))
    assert given(public_key_file=path).check(token(curve, "ES256")).tenant == "acme"


async def test_a_key_set_is_followed_as_keys_come_and_go(tmp_path):
    path = tmp_path / "jwks.json"

    def write(*names: str) -> None:
        one = json.loads(RSAAlgorithm.to_jwk(private().public_key()))
        path.write_text(json.dumps({"keys": [{**one, "kid": name} for name in names]}))

    write("old")
    authority = given(jwks_file=path)
    assert authority.check(token(private(), "RS256", {"kid": "old"})).tenant == "acme"
    with pytest.raises(Rejected, match="names no key"):
        authority.check(token(private(), "RS256", {"kid": "new"}))
    following = asyncio.create_task(authority.run())
    write("new")
    async with asyncio.timeout(10):
        while True:
            with suppress(Rejected):
                authority.check(token(private(), "RS256", {"kid": "new"}))
                break
            await asyncio.sleep(0.05)
    with pytest.raises(Rejected, match="names no key"):
        authority.check(token(private(), "RS256", {"kid": "old"}))
    following.cancel()


def test_strangers_do_not_have_a_key_set_read_again(tmp_path, monkeypatch):
    path = tmp_path / "jwks.json"
    one = json.loads(RSAAlgorithm.to_jwk(private().public_key()))
    path.write_text(json.dumps({"keys": [{**one, "kid": "old"}]}))
    authority = given(jwks_file=path)
    with monkeypatch.context() as patched:
        patched.setattr(type(path), "read_text", lambda _: pytest.fail("it was read"))
        with pytest.raises(Rejected, match="names no key"):
            authority.check(token(private(), "RS256", {"kid": "new"}))


@pytest.mark.parametrize("content", ["", "[]", '{"keys": []}', None])
def test_a_key_set_that_cannot_be_read_leaves_the_former_one(tmp_path, content):
    path = tmp_path / "jwks.json"
    one = json.loads(RSAAlgorithm.to_jwk(private().public_key()))
    path.write_text(json.dumps({"keys": [{**one, "kid": "old"}]}))
    authority = given(jwks_file=path)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    authority.look()
    assert authority.check(token(private(), "RS256", {"kid": "old"})).tenant == "acme"


def test_issuer_audience_and_tenant_are_as_the_settings_say(secret):
    authority = given(secret_file=secret, issuer="idp", audience="us", tenant="ours")
    assert authority.check(token(iss="idp", aud="us", tenant=None)).tenant == "ours"
    for claims in ({"iss": "idp"}, {"aud": "us"}, {"iss": "x", "aud": "us"}):
        with pytest.raises(Rejected):
            authority.check(token(**claims))


@pytest.mark.parametrize(
    ("content", "flag", "said"),
    [
        (b"short", "secret_file", "--jwt-secret-file: a secret has at least 32 bytes"),
        (b"no key", "public_key_file", "--jwt-public-key-file: .* no public key"),
        (b"{}", "jwks_file", "--jwt-jwks-file: "),
        (None, "secret_file", "--jwt-secret-file: .*No such file"),
    ],
)
def test_a_file_of_no_use_names_its_flag(tmp_path, content, flag, said):
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        given(**{flag: path})


def test_two_of_them_are_one_too_many(secret):
    with pytest.raises(ValueError, match="--jwt-jwks-file: not together with --jwt-secret-file"):
        given(secret_file=secret, jwks_file=secret)
