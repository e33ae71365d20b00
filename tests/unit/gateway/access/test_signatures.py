import hashlib
import hmac
from base64 import b64encode

import pytest

from gateway.access.signatures import is_signed

URL, TOKEN = "wss://gateway.example.com/twilio", b"12345"
SIGNED = b64encode(hmac.new(TOKEN, URL.encode(), hashlib.sha1).digest()).decode()


def test_what_the_account_signed_is_known():
    assert is_signed(URL, SIGNED, TOKEN)


@pytest.mark.parametrize(
    ("url", "said", "token"),
    [
        (URL, SIGNED, b"12346"),
        (f"{URL}/", SIGNED, TOKEN),
        (URL.replace("wss", "https"), SIGNED, TOKEN),
        (URL, SIGNED.rstrip("="), TOKEN),
        (URL, "", TOKEN),
        (URL, "ÿ", TOKEN),
    ],
)
def test_anything_else_is_not(url: str, said: str, token: bytes):
    assert not is_signed(url, said, token)
