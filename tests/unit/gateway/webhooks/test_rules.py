"""Where webhooks may go."""

import pytest

from gateway.webhooks.rules import WebhookRules, host_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


def test_without_settings_there_are_none():
    rules = WebhookRules.parse("", "", "", None)
    assert not rules.active
    assert rules.chosen("https://example.com") is None


def test_a_call_may_name_only_what_is_at_an_allowed_host(secret_file):
    rules = WebhookRules.parse("", "crm.example.com, Bot.example.com", "", secret_file)
    assert rules.active
    assert rules.chosen(own := "https://crm.example.com/finals?x=1") == own
    assert rules.chosen(own := "http://bot.example.com:8080") == own
    for url in (
        "https://example.com",
        "https://crm.example.com.evil.net",
        "https://crm.example.com@evil.net",
        "https://evil.net/crm.example.com",
        "https://evil.net#crm.example.com",
        "ftp://crm.example.com",
        "crm.example.com",
        "https://[::1",
        "https://evil.net\\@crm.example.com",
    ):
        assert rules.chosen(url) is None, url


@pytest.mark.parametrize("url", ["x", "file:///etc/passwd", "http://", "http://a b", "http://a:x"])
def test_what_is_no_url_has_no_host(url):
    assert host_of(url) is None
    with pytest.raises(ValueError, match="--webhook-url"):
        WebhookRules.parse(url, "", "", None)


def test_webhooks_are_always_signed(secret_file, tmp_path):
    for url, hosts in (("https://example.com", ""), ("", "example.com")):
        with pytest.raises(ValueError, match="--webhook-secret-file: webhooks need one"):
            WebhookRules.parse(url, hosts, "", None)
    with pytest.raises(ValueError, match=r"--webhook-secret-file: .*No such file"):
        WebhookRules.parse("https://example.com", "", "", tmp_path / "nothing")
    secret_file.write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        WebhookRules.parse("https://example.com", "", "", secret_file)


def test_a_call_that_names_none_gets_that_of_the_settings(secret_file):
    ours = "https://ours.example.com"
    rules = WebhookRules.parse(ours, "", "", secret_file)
    assert rules.chosen("") == ours
    assert rules.chosen(ours) is None  # a call may name hosts alone that are allowed for it
