from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import tokens

DIGEST = "0" * 64


def test_a_token_says_what_it_was_made_with():
    token = tokens.mint("abcdefgh", DIGEST, 1234, {"language": "en"})
    claims = tokens.claims_of(token)
    assert claims is not None
    assert (claims.key, claims.expires, claims.options) == ("abcdefgh", 1234, {"language": "en"})
    assert tokens.is_signed(token, DIGEST)
    another = tokens.claims_of(tokens.mint("abcdefgh", DIGEST, 1234, {}))
    assert another is not None
    assert claims.once != another.once


def test_a_token_fits_into_a_subprotocol():
    token = tokens.mint("abcdefgh", DIGEST, 1234, {"keywords": ["é", '"']})
    assert all(c.isalnum() or c in "-_." for c in token)


def test_one_that_was_changed_is_not_signed():
    token = tokens.mint("abcdefgh", DIGEST, 1234, {})
    assert not tokens.is_signed(token, "1" * 64)
    body, _, signature = token.removeprefix("cst_").partition(".")
    later = urlsafe_b64encode(b'{"k":"abcdefgh","j":"x","e":9999}').rstrip(b"=").decode()
    assert tokens.claims_of(f"cst_{later}.{signature}") is not None
    assert not tokens.is_signed(f"cst_{later}.{signature}", DIGEST)
    assert not tokens.is_signed(f"cst_{body}.", DIGEST)
    assert not tokens.is_signed(f"cst_{body}", DIGEST)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"k":1,"j":"x","e":1}', b'{"k":"a","j":"x","e":1.5}', b"\xff"]
)
def test_other_texts_are_no_tokens(body):
    said = urlsafe_b64encode(body).decode().rstrip("=")
    assert tokens.claims_of(f"cst_{said}.x") is None
    assert tokens.claims_of(f"cst_{'a' * 5000}.x") is None


def test_a_token_of_any_length_up_to_the_longest_counts():
    spare = len(tokens.mint("abcdefgh", DIGEST, 1234, {"context": ""}))
    fits, longer = (
        tokens.mint("abcdefgh", DIGEST, 1234, {"context": "x" * size})
        for size in ((4096 - spare) * 3 // 4 - 3, (4096 - spare) * 3 // 4 + 3)
    )
    assert len(fits) <= 4096 < len(longer)
    assert tokens.claims_of(fits) is not None
    assert tokens.claims_of(longer) is None


@given(st.text(max_size=60))
def test_any_text_is_a_token_or_none(text):
    tokens.claims_of(text)
    tokens.claims_of(f"cst_{text}")
    assert not tokens.is_signed(f"cst_{text}", DIGEST)
