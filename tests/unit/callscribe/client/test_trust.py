import asyncio
import http.client
import socket
import ssl
import threading
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop

from callscribe.client import connect
from callscribe.client.errors import WrongAddress
from callscribe.client.trust import trust
from common.errors import SettingsError
from tests.certificates import identity
from tests.unit.callscribe.client.test_line import ends, scenes

NAMES = ("localhost", "127.0.0.1")


@pytest.fixture
def ours(tmp_path):
    return identity(tmp_path, "ours", *NAMES)


@pytest.fixture
def theirs(tmp_path):
    return identity(tmp_path, "theirs", *NAMES)


class Listener:
    """A TLS server that notes every byte it could read."""

    def __init__(self, own):
        self._own = own
        self.read = b""

    async def serve(self, reader, writer):
        with suppress(OSError):
            self.read += await reader.read(1000)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
        writer.close()

    @asynccontextmanager
    async def listening(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self._own.server())
        async with server:
            yield server.sockets[0].getsockname()[1]


async def get(port, context):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


def by_asyncio(port, context):
    return asyncio.run(get(port, context))


def by_uvloop(port, context):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(get(port, context))


def by_http_client(port, context):
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def by_socket_that_connects_later(port, context):
    plain = socket.socket()
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as end:
        end.connect(("127.0.0.1", port))
        end.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return end.recv(1000)


def talk(client, own, context):
    """Let a client speak to a listener in another thread; return the listener and the error."""
    listener, found, over = Listener(own), [], threading.Event()

    async def serve():
        async with listener.listening() as port:
            found.append(port)
            started.set()
            while not over.is_set():
                await asyncio.sleep(0.005)

    started = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(10)
        try:
            return listener, client(found[0], context)
        except ssl.SSLError as error:
            return listener, error
    finally:
        over.set()
        thread.join()


CLIENTS = [by_asyncio, by_uvloop, by_http_client, by_socket_that_connects_later]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_pinned_certificate_is_trusted(client, ours):
    listener, answer = talk(client, ours, trust(fingerprint=ours.fingerprint))
    assert answer.endswith(b"ok")
    assert listener.read.startswith(b"GET / ")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_with_another_certificate_is_sent_nothing(client, ours, theirs):
    listener, error = talk(client, theirs, trust(fingerprint=ours.fingerprint))
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert ours.fingerprint in str(error)
    assert theirs.fingerprint in str(error)
    assert listener.read == b""


@pytest.mark.parametrize("own", ["expired", "elsewhere", "signed"])
def test_a_pinned_certificate_may_be_any(own, tmp_path):
    authority = identity(tmp_path, "authority", authority=True)
    pinned = {
        "expired": lambda: identity(tmp_path, "expired", *NAMES, days=-1),
        "elsewhere": lambda: identity(tmp_path, "elsewhere", "elsewhere.example"),
        "signed": lambda: identity(tmp_path, "signed", *NAMES, issuer=authority),
    }[own]()
    _, answer = talk(by_http_client, pinned, trust(fingerprint=pinned.fingerprint))
    assert answer == b"ok"


def test_a_handshake_cannot_be_left_out(ours):
    context = trust(fingerprint=ours.fingerprint)
    with socket.socket() as plain, pytest.raises(ValueError, match="do_handshake_on_connect"):
        context.wrap_socket(plain, do_handshake_on_connect=False)


@pytest.mark.parametrize(
    "spelt", [str.upper, str.lower, lambda text: text.replace(":", ""), str.swapcase]
)
def test_a_fingerprint_may_be_spelt_in_any_way(spelt, ours):
    _, answer = talk(by_http_client, ours, trust(fingerprint=spelt(ours.fingerprint)))
    assert answer == b"ok"


@pytest.mark.parametrize("text", ["", "12:34", "ab" * 31, "ab" * 33, "x" * 64, "a:b" + "c" * 62])
def test_what_is_no_fingerprint_is_named(text):
    with pytest.raises(SettingsError) as error:
        trust(fingerprint=text)
    assert str(error.value) == f"{text!a} is no SHA-256 fingerprint: 64 hex digits in all"


def test_a_self_signed_certificate_is_its_own_authority(ours, theirs):
    _, answer = talk(by_asyncio, ours, trust(ours.certfile))
    assert answer.endswith(b"ok")
    listener, error = talk(by_asyncio, theirs, trust(ours.certfile))
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert listener.read == b""


@pytest.mark.parametrize("named", ["authority", "leaf"])
def test_an_authority_and_what_it_signed_are_both_enough(named, tmp_path):
    authority = identity(tmp_path, "authority", authority=True)
    leaf = identity(tmp_path, "leaf", *NAMES, issuer=authority)
    context = trust({"authority": authority, "leaf": leaf}[named].certfile)
    _, answer = talk(by_http_client, leaf, context)
    assert answer == b"ok"


@pytest.mark.parametrize(("hosts", "days"), [(("elsewhere.example",), 1), (NAMES, -1)])
def test_a_file_does_not_excuse_names_and_dates(hosts, days, tmp_path):
    other = identity(tmp_path, "other", *hosts, days=days)
    listener, error = talk(by_http_client, other, trust(other.certfile))
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert listener.read == b""


def test_without_both_only_known_authorities_are_trusted(ours):
    listener, error = talk(by_http_client, ours, trust())
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert listener.read == b""


def test_a_file_without_a_certificate_is_named(ours, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    der = tmp_path / "ours.der"
    der.write_bytes(ssl.PEM_cert_to_DER_cert(ours.certfile.read_text()))
    for path in (empty, der, ours.keyfile):
        with pytest.raises(SettingsError) as error:
            trust(path)
        assert str(error.value) == f"{path}: it holds no PEM certificate"
    missing = tmp_path / "missing.pem"
    with pytest.raises(SettingsError) as error:
        trust(missing)
    assert str(error.value) == f"{missing}: no such file or directory"


def test_a_file_and_a_fingerprint_exclude_each_other(ours):
    with pytest.raises(SettingsError, match="not both"):
        trust(ours.certfile, ours.fingerprint)


async def test_a_call_is_not_opened_where_the_certificate_is_another(serving, ours, theirs):
    met = []

    async def meet(peer):
        met.append(peer)

    async with serving(meet, ssl=theirs.server()) as url:
        url = url.replace("ws://", "wss://")
        with pytest.raises(WrongAddress) as error:
            async with connect(url, tls=trust(fingerprint=ours.fingerprint)):
                pass
        assert error.value.code == "untrusted_certificate"
        assert theirs.fingerprint in str(error.value)
        with pytest.raises(WrongAddress, match=r"not trusted: self.signed certificate"):
            async with connect(url, tls=trust(ours.certfile)):
                pass
    assert met == []


async def test_a_call_goes_on_at_no_other_certificate(serving, ours, theirs):
    met = []

    async def first(peer):
        await peer.accept()
        peer.cut()

    async def meet(peer):
        met.append(peer)

    async with (
        serving(scenes(first, ends), ssl=ours.server()) as url,
        serving(meet, ssl=theirs.server()) as other,
    ):
        urls = [each.replace("ws://", "wss://") for each in (url, other)]
        async with connect(urls, tls=trust(fingerprint=ours.fingerprint)) as call:
            assert [event.kind async for event in call] == ["resumed"]
    assert met == []
