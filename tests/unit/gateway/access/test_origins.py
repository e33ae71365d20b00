import pytest

from gateway.access.origins import Origins, is_here


@pytest.mark.parametrize(
    ("allowed", "origin", "host", "may"),
    [
        ("", None, "desk.example", True),
        ("", "https://desk.example", "desk.example", True),
        ("", "https://desk.example:8443", "desk.example:8000", True),
        ("", "https://evil.example", "desk.example", False),
        ("", "https://evil.example", "", False),
        ("", "http://localhost:3000", "desk.example", True),
        ("", "http://127.0.0.1:3000", "desk.example", True),
        ("", "http://[::1]:3000", "desk.example", True),
        ("", "null", "desk.example", False),
        ("", "null", "null", False),
        ("https://desk.example", "https://desk.example", "api.example", True),
        ("https://desk.example/", "HTTPS://DESK.EXAMPLE", "api.example", True),
        ("https://desk.example", "https://desk.example:8443", "api.example", False),
        ("https://desk.example", "http://localhost:3000", "api.example", False),
        ("https://a.example, null", "null", "api.example", True),
        ("file://", "file://", "api.example", True),
        ("", "file://", "api.example", False),
        ("*", "https://evil.example", "api.example", True),
        ("*", "https://evil\udcff.example", "api.example", False),
        ("", "http://a\udcff", "a\udcff", False),
        ("", "http://[", "desk.example", False),
        ("", "http://desk.example", "[", False),
        ("", "http://[", "[", False),
    ],
)
def test_a_page_may_or_may_not(allowed, origin, host, may):
    headers = {"host": [host], **({} if origin is None else {"origin": [origin]})}
    assert Origins.parse(allowed).allows(headers) is may


@pytest.mark.parametrize(
    ("allowed", "host", "expected"),
    [
        ("", None, True),
        ("", "localhost:8000", True),
        ("", "LOCALHOST", True),
        ("", "desk.localhost:8000", True),
        ("", "127.0.0.1:8000", True),
        ("", "[::1]:8000", True),
        ("", "192.0.2.1:8000", True),
        ("", "evil.example:8000", False),
        ("", "notlocalhost", False),
        ("", "localhost.evil.example", False),
        ("", "[", False),
        ("", "", False),
        ("https://desk.example:8443", "desk.example:8000", True),
        ("https://desk.example", "evil.example", False),
        ("*", "evil.example", True),
    ],
)
def test_a_name_that_was_led_here_is_not_expected(allowed, host, expected):
    headers = {} if host is None else {"host": [host]}
    assert Origins.parse(allowed).expects(headers) is expected


@pytest.mark.parametrize("text", ["desk.example", "https://", "https://desk.example/page"])
def test_what_is_no_origin_is_told_so(text):
    with pytest.raises(ValueError, match="is no origin such as"):
        Origins.parse(text)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("desk.example", False),
        ("", False),
    ],
)
def test_this_machine_is_known(host, here):
    assert is_here(host) is here
