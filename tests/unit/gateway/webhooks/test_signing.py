"""Signatures of webhooks, against the example of the specification's own test suites."""

import base64
import hmac

import pytest

from gateway.webhooks.signing import Secrets

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def test_a_message_is_signed_as_the_specification_says():
    headers = Secrets.parse(SECRET).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_secrets_change_a_message_has_a_signature_by_each():
    other = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    signatures = Secrets.parse(f"{SECRET}\n{other}\n\n").headers("id", 1, BODY)["webhook-signature"]
    first, second = signatures.split(" ")
    assert first == Secrets.parse(SECRET).headers("id", 1, BODY)["webhook-signature"]
    digest = hmac.digest(bytes(range(32)), b"id.1." + BODY, "sha256")
    assert second == "v1," + base64.b64encode(digest).decode()


@pytest.mark.parametrize("line", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?", "whsec_YWJj"])
def test_what_is_no_secret_is_named_by_its_line_and_not_shown(line):
    with pytest.raises(ValueError, match=r"^line 2 ") as caught:
        Secrets.parse(f"{SECRET}\n{line}")
    assert line not in str(caught.value)
