"""No spelling of an address inside is an allowed host, but the name that leads there."""

import pytest

from gateway.webhooks.rules import host_of
from tests.attack.guarded import ALLOWED, ALLOWED_NAME
from tests.attack.webhooks import forbidden

SPELLED = [url for url in forbidden(9000) if f"//{ALLOWED_NAME}:" not in url]


@pytest.mark.parametrize("url", SPELLED)
def test_another_spelling_is_no_allowed_host(url):
    assert host_of(url) not in (ALLOWED, ALLOWED_NAME)


def test_only_the_name_itself_is_left():
    assert len(forbidden(9000)) - len(SPELLED) == 1
