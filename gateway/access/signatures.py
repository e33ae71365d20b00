"""Twilio's signature of the URL that it connects to (twilio.com/docs/usage/security). Pure.

It is the same for each call of one URL. So it proves who connects, not that the request is new.
"""

import hashlib
import hmac
from base64 import b64encode


def is_signed(url: str, said: str, auth_token: bytes) -> bool:
    """Tell whether `said`, a header, is the signature of a URL by the account's auth token."""
    signature = b64encode(hmac.digest(auth_token, url.encode(), hashlib.sha1))
    return hmac.compare_digest(signature, said.encode())
