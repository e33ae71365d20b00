"""Complete mediation: every path has its need, and none is open by oversight."""

from gateway.access.rules import AT_ADMIN_PORT, NEEDS, Need, is_for_operators, need_of
from gateway.http.files import FORMS
from gateway.http.guard import OPERATORS
from gateway.protocols import PROTOCOLS

PUBLIC = {
    "/",
    "/static/index.html",
    "/page/{name}",
    "/health",
    "/ready",
    "/certificate",
    "/v1/access",
}


def test_only_these_need_nothing():
    handshakes = {each.path for each in PROTOCOLS if each.path}
    free = {path for (_, path), need in NEEDS.items() if need is Need.NOTHING}
    assert free - handshakes == PUBLIC - handshakes
    assert {path for method, path in NEEDS if method != "GET"} & PUBLIC == set()


def test_what_operators_see_needs_an_operator():
    assert {"/metrics", "/ws/status", "/health/extended"} == OPERATORS
    assert all(need_of("GET", path) is Need.ADMIN for path in OPERATORS)


def test_the_operators_port_serves_what_its_table_has_and_says_why():
    assert is_for_operators("HEAD", "/metrics")
    assert is_for_operators("POST", "/v1/drain")
    assert not is_for_operators("GET", "/v1/drain")
    assert not is_for_operators("GET", "/v1/sessions")
    assert all(AT_ADMIN_PORT.values())


def test_only_that_port_drains():
    apart = {each for each in AT_ADMIN_PORT if each not in NEEDS}
    assert apart == {("POST", "/v1/drain")}


def test_files_are_calls():
    assert all(need_of("POST", form.path) is Need.TRANSCRIBE for form in FORMS)


def test_head_is_get_and_anything_else_is_not_served():
    assert need_of("HEAD", "/health") is Need.NOTHING
    assert need_of("HEAD", "/v1/sessions") is Need.READ
    assert need_of("POST", "/health") is None
    assert need_of("GET", "/new") is None
