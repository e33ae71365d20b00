"""HAProxy in front of all gateways of a site, as deploy/haproxy has it for one host. Pure."""

from callscribe.hosts.file import CA, DIRECTORY, Files, drop_in, public, secret
from callscribe.hosts.inventory import Host, Inventory
from callscribe.hosts.roles import GATEWAY

_CERTIFICATE = f"{DIRECTORY}/proxy.pem"


_DROP_IN = f"""\
[Unit]
StartLimitIntervalSec=0

[Service]
Environment=CONFIG={DIRECTORY}/haproxy.cfg
RestartSec=1
LimitNOFILE=65536
"""


def files(site: Inventory, host: Host, certificate: str) -> Files:
    """Return the files of a host that callers reach; `certificate`: chain and key."""
    servers = [
        # Its certificate names its host.
        f"    server {each.name}-{port} {each.address}:{port} verifyhost {each.name}\n"
        for each in site.hosts
        for port in each.ports(GATEWAY)
    ]
    return {
        f"{DIRECTORY}/haproxy.cfg": public(_settings(host.address, "".join(servers))),
        _CERTIFICATE: secret(certificate),
        drop_in("haproxy.service"): public(_DROP_IN),
    }


def _settings(address: str, servers: str) -> str:
    """Return HAProxy's own file for a host of this address; `servers`: lines of its backend."""
    return f"""\
# The site's way in. A call may go to any gateway.

global
    user haproxy
    group haproxy
    chroot /var/lib/haproxy
    # Of open files, if the process is allowed as many. A call takes two.
    fd-hard-limit 65536
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets

# It logs no request: some clients send their key in the URL.
defaults
    mode http
    balance leastconn
    timeout connect 3s
    timeout http-request 30s
    timeout http-keep-alive 60s
    timeout check 2s
    # A caller may be silent for hours. The gateway ends what is idle or dead.
    timeout client 1d
    timeout server 1d
    timeout tunnel 1d
    # A host that is cut off says nothing. These end its connections within 15 s: with unanswered
    # data by tcp-ut, without any by keepalive.
    option clitcpka
    clitcpka-idle 6s
    clitcpka-intvl 3s
    clitcpka-cnt 3
    option srvtcpka
    srvtcpka-idle 6s
    srvtcpka-intvl 3s
    srvtcpka-cnt 3
    # A gateway that is about to end is not ready. One that is full answers 503: the client gets
    # that only from the last that was tried.
    option httpchk GET /ready
    option redispatch 1
    option http-no-delay
    retries 3
    default-server check inter 1s fall 2 rise 1 tcp-ut 15s ssl verify required ca-file {CA}

# WebSocket clients do not follow it, and a key that came here has been seen already.
frontend plain
    bind {address}:80
    http-request redirect scheme https code 308

frontend calls
    bind {address}:443 ssl crt {_CERTIFICATE} tcp-ut 15s
    # For Prometheus, which asks the gateways at a port of their own.
    http-request return status 404 if {{ path /metrics }}
    default_backend gateways

backend gateways
    # Replaced, not appended to: what a client claims about its address is dropped.
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto https
    http-request del-header Forwarded
    http-request disable-l7-retry unless METH_GET
    retry-on conn-failure 503
{servers}"""
