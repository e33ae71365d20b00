"""The chart: values that cannot work end with a sentence that names the value."""

from ipaddress import ip_network
from math import ceil

import pytest

from deploy.helm.generate import Refused, render
from tests.unit.deploy.sites import DEFAULTS, rendered

NGINX = "nginx.ingress.kubernetes.io/"

REFERENCE = {"parameter": "bearerToken", "name": "thanos", "key": "token"}

WRONG = [
    ("small", {"redis.secret": None}, "redis.secret: name the Secret"),
    ("small", {"redis.url": "redis://x"}, "redis.url: the Secret redis.secret holds it"),
    ("small", {"redis.tlsSecret": "ca"}, "redis.tlsSecret: the bundled Redis does not speak TLS"),
    ("small", {"redis.clientSecret": "c"}, "redis.clientSecret: the bundled Redis does not"),
    ("small", {"redis.userSecrets": "x"}, "redis.userSecrets: not together with redis.secret"),
    (
        "small",
        {"redis.userSecrets": "x", "redis.url": "redis://x"},
        "redis.url: redis.bundled brings its own",
    ),
    ("gpu", {"redis.url": None}, "redis.url: name where Redis is"),
    ("gpu", {"redis.url": "redis.internal"}, "redis.url: the scheme must be one of redis"),
    ("gpu", {"redis.url": "redis://redis.internal"}, "redis.tlsSecret: redis.url is not of TLS"),
    ("gpu", {"redis.url": "rediss://ann@redis.internal"}, "redis.url: leave out user and password"),
    ("gpu", {"redis.url": "rediss://r?ssl_ca_certs=/ca"}, "redis.url: of its options only"),
    (
        "gpu",
        {"redis.url": "redis://r", "redis.tlsSecret": None, "redis.clientSecret": "c"},
        "redis.clientSecret: redis.url is not of TLS",
    ),
    ("small", {"redis.bundled": None}, "redis.networks: name the networks"),
    ("small", {"redis.networks": ["10.0.0.0/8"]}, "redis.networks: they say where another"),
    ("large", {"redis.networks": ["10.0.0.300"]}, "redis.networks: '10.0.0.300'"),
    ("small", {"gateway.replicas": 20}, "redis.bundled: one Redis carries about 700 calls"),
    ("small", {"ingress.enabled": False}, "ingress: nobody could reach the gateways"),
    ("small", {"ingress.host": None}, "ingress.host: it is needed"),
    ("small", {"ingress.tlsSecret": None}, "ingress.tlsSecret: name the Secret"),
    ("small", {"gateway.settings.trusted_proxies": None}, "gateway.settings.trusted_proxies: name"),
    (
        "small",
        {"ingress.annotations": {f"{NGINX}proxy-next-upstream": "error timeout"}},
        f"ingress.annotations: {NGINX}proxy-next-upstream: error timeout http_503 is needed",
    ),
    (
        "small",
        {"ingress.annotations": {f"{NGINX}enable-access-log": "true"}},
        f'ingress.annotations: {NGINX}enable-access-log: "false" is needed',
    ),
    ("small", {"gateway.settings.vosk_port": 2700}, "access.networks: an ingress does not pass"),
    ("large", {"gateway.settings.port_tenant": None}, "gateway.settings.port_tenant: clients of"),
    (
        "large",
        {"gateway.settings.vosk_port": 9101},
        "gateway.settings.vosk_port: 9101 is taken by another port",
    ),
    (
        "large",
        {"gateway.settings.audiosocket_port": 2700},
        "gateway.settings.audiosocket_port: 2700 is taken by another port",
    ),
    ("small", {"gateway.settings.admin_port": 9}, "gateway.settings.admin_port: the manifests"),
    (
        "large",
        {"gateway.settings.trusted_proxies": "192.0.2.1,10.30.4.0/24"},
        "gateway.settings.trusted_proxies: they overlap access.networks (10.30.0.0/16)",
    ),
    ("large", {"access.networks": []}, "access.networks: name the networks"),
    ("gpu", {"asr.model": None}, "asr.model: the engine vllm needs one"),
    ("small", {"vad.replicas": 0}, "vad.replicas: at least 1"),
    ("small", {"vad.maxReplicas": 4}, "vad.maxReplicas: it is for autoscaling"),
    ("large", {"vad.maxReplicas": 1}, "vad.maxReplicas: 1 is less than vad.replicas (2)"),
    ("large", {"vad.perPod": 0}, "vad.perPod: at least 1"),
    (
        "large",
        {"asr.perPod": 12, "asr.settings.asr_legs": 16},
        "asr.perPod: leave it out; it follows from asr.settings.asr_legs",
    ),
    ("large", {"asr.settings.asr_legs": 2}, "asr.settings.asr_legs: too few for a pod"),
    ("large", {"gateway.perPod": 280}, "gateway.perPod: 280 is too many: the HPA ignores 10 %"),
    ("large", {"vad.settings.vad_slots": 100}, "vad.perPod: 230 is too many"),
    ("large", {"autoscaling.prometheus": ""}, "autoscaling.prometheus: name the URL"),
    ("large", {"autoscaling.callsPerMin": 0}, "autoscaling.callsPerMin: how many"),
    (
        "large",
        {"monitoring.intervalS": 60, "monitoring.rules": True},
        "monitoring.intervalS: 60 s is too long for monitoring.rules",
    ),
    ("large", {"monitoring.enabled": False}, "monitoring: KEDA scales by what Prometheus scrapes"),
    ("small", {"gateway.settings.webhook_url": "https://x"}, "gateway.webhookSecret: name the"),
    ("small", {"gateway.webhookSecret": "hooks"}, "gateway.webhookSecret: it signs nothing"),
    (
        "small",
        {"gateway.settings.webhook_url": "hooks:80", "gateway.webhookSecret": "hooks"},
        "gateway.settings.webhook_url: 'hooks:80' is not a URL with http or https",
    ),
    (
        "small",
        {"gateway.settings.webhook_networks": "10.0.0.300"},
        "gateway: --webhook-networks: '10.0.0.300'",
    ),
    (
        "small",
        {"gateway.keysSecret": "keys", "gateway.settings.no_auth": True},
        "gateway.keysSecret: not together with gateway.settings.no_auth",
    ),
    (
        "small",
        {"gateway.jwtSecret": "jwt", "gateway.settings.no_auth": True},
        "gateway.jwtSecret: not together with gateway.settings.no_auth",
    ),
    (
        "small",
        {"gateway.settings.jwt_issuer": "https://login.example.com"},
        "gateway.settings.jwt_issuer: without gateway.jwtSecret no token counts",
    ),
    ("small", {"gateway.settings.keys_file": "/keys"}, "gateway.settings.keys_file: the manifests"),
    ("small", {"gateway.tlsSecret": "tls"}, "ingress.annotations: gateway.tlsSecret needs"),
    (
        "small",
        {"gateway.settings.otlp_endpoint": "http://collector:4318"},
        "collector: no policy would let spans reach",
    ),
    (
        "small",
        {"gateway.settings.sinks": "crm=postgresql://db/calls", "sinks.networks": ["10.60.0.7"]},
        "sinks: no policy would let gateways reach them",
    ),
    ("small", {"sinks.awsSecret": "aws"}, "sinks: no policy would let gateways reach them"),
    ("small", {"sinks.ports": [443]}, "sinks: nothing is written there"),
    (
        "small",
        {"gateway.settings.sinks": "a=file:/x,crm=amqp://me:secret@mq"},
        "gateway.settings.sinks: a URL has a password",
    ),
    (
        "small",
        {"gateway.settings.sinks": "bus=kafka://mq:9093/calls?sasl.password=secret"},
        "gateway.settings.sinks: a URL has a password",
    ),
    (
        "small",
        {"collector.namespace": "tracing"},
        "gateway.settings.otlp_endpoint: name the URL of the collector",
    ),
    (
        "small",
        {"gateway.settings.otlp_endpoint": "collector:4318", "collector.namespace": "tracing"},
        "gateway.settings.otlp_endpoint: 'collector:4318' is not a URL with http or https",
    ),
    (
        "small",
        {"gateway.settings.otlp_endpoint": "http://collector:x", "collector.namespace": "tracing"},
        "gateway.settings.otlp_endpoint: 'http://collector:x' is not a URL with http or https",
    ),
    (
        "small",
        {
            "gateway.settings.otlp_endpoint": "http://collector:4318",
            "collector.namespace": "tracing",
            "collector.networks": ["10.40.0.0/24"],
        },
        "collector.namespace: name either",
    ),
    (
        "small",
        {
            "gateway.settings.otlp_endpoint": "http://collector:4318",
            "collector.networks": ["10.40.0.300"],
        },
        "collector.networks: '10.40.0.300'",
    ),
    ("small", {"vad.settings.redis_url": "redis://x"}, "vad.settings.redis_url: the manifests"),
    ("small", {"vad.settings.vad_engine": "official"}, "vad.settings.vad_engine: the manifests"),
    (
        "gpu",
        {"denoise.settings.denoise_engine": "torch"},
        "denoise.settings.denoise_engine: the manifests",
    ),
    ("small", {"vad.device": "cuda"}, "vad.memory: 1Gi is too little for CUDA; at least 3Gi"),
    ("gpu", {"denoise.memory": "3G"}, "denoise.memory: 3G is too little for CUDA"),
    ("small", {"vad.device": "cuda"}, "vad.settings.vad_slots: name it; 256 are for a core"),
    ("gpu", {"denoise.perPod": None}, "denoise.perPod: name it; 29 are for a core"),
    ("small", {"vad.settings.lease_s": 0.2}, "vad: --heartbeat-s: 0.5 s is more than half"),
    ("small", {"dns.namespaces": [], "dns.networks": []}, "dns.namespaces: no name could be"),
    ("small", {"dns.networks": ["10.96.0.10/8"]}, "dns.networks: 10.96.0.10/8 has host bits set"),
    ("gpu", {"redis.url": "rediss://r/calls"}, "redis.url: the part after the host is not a"),
    ("gpu", {"redis.url": "rediss+cluster://r/1"}, "redis.url: a cluster has only database 0"),
    ("gpu", {"redis.url": "rediss+sentinel://r"}, "redis.url: a sentinel's hosts must be followed"),
    ("gpu", {"redis.url": "rediss+cluster://a,,b"}, "redis.url: one of the hosts is empty"),
    (
        "large",
        {
            "gateway.settings.trusted_proxies": "2001:db8::/32",
            "access.networks": ["2001:DB8:1::/48"],
        },
        "gateway.settings.trusted_proxies: they overlap access.networks (2001:DB8:1::/48)",
    ),
    (
        "small",
        {"gateway.settings.trusted_proxies": "10.0.0.300"},
        "gateway: --trusted-proxies: '10.0.0.300' is no address",
    ),
    ("large", {"gateway.settings.port_tenant": "A B"}, "gateway: --port-tenant: a tenant's name"),
    (
        "small",
        {"gateway.settings.min_speech_duration": 3, "gateway.settings.max_utterance": 2},
        "gateway: --min-speech-duration: 3 s is not less than --max-utterance (2 s)",
    ),
    ("small", {"access.serviceType": "LoadBalancer"}, "access.networks: name the networks that"),
    (
        "large",
        {"autoscaling.authentication.modes": "bearer"},
        "autoscaling.authentication.secretTargetRef: name the Secret for bearer",
    ),
    (
        "large",
        {"autoscaling.authentication.secretTargetRef": [REFERENCE]},
        "autoscaling.authentication.modes: say how KEDA shows",
    ),
]


@pytest.mark.parametrize(("name", "changes", "sentence"), WRONG, ids=lambda each: str(each)[:60])
def test_a_sentence_names_the_value(name, changes, sentence):
    with pytest.raises(Refused) as refused:
        rendered(name, changes)
    assert [line for line in str(refused.value).splitlines() if line.startswith(sentence)]


def test_another_controller_has_annotations_of_its_own():
    assert rendered("small", {"ingress.className": "haproxy", "ingress.annotations": {}})


@pytest.mark.parametrize(
    ("name", "changes", "where", "what"),
    [
        ("small", {"vad.slots": 3}, "/vad", "additional properties 'slots' not allowed"),
        ("small", {"vad": 3}, "/vad", "got number, want object"),
        ("small", {"vad.replicas": True}, "/vad/replicas", "got boolean, want integer"),
        ("small", {"vad.replicas": "2"}, "/vad/replicas", "got string, want integer"),
        ("small", {"redis.networks": "10.0.0.0/8"}, "/redis/networks", "got string, want array"),
        ("small", {"gateway.jwtKey": "pem"}, "/gateway/jwtKey", "value must be one of 'secret',"),
        ("small", {"asr.engine": "vosk"}, "/asr/engine", "value must be one of 'whisper', 'vllm'"),
        ("small", {"vad.settings": 3}, "/vad/settings", "got number, want object"),
        ("small", {"vad.settings.vad_slots": [3]}, "/vad/settings/vad_slots", "got array"),
        ("small", {"vad.settings.vad_slotz": 3}, "/vad/settings", "'vad_slotz' not allowed"),
        ("small", {"vad.settings.asr_slots": 3}, "/vad/settings", "'asr_slots' not allowed"),
        ("small", {"vad.settings.vad_slots": 0}, "/vad/settings/vad_slots", "got 0, want 1"),
        ("small", {"gateway.drainS": 7200}, "/gateway/drainS", "got 7,200, want 3,600"),
        ("small", {"gateway.drainS": 30.5}, "/gateway/drainS", "got number, want integer"),
        ("small", {"vad.cpu": "two"}, "/vad/cpu", "'two' does not match pattern"),
        ("small", {"vad.memory": "2 GB"}, "/vad/memory", "'2 GB' does not match pattern"),
        ("small", {"images.digests.vad": "0f"}, "/images/digests/vad", "does not match pattern"),
        ("large", {"asr.perPod": -1}, "/asr/perPod", "got -1, want 0"),
        ("large", {"autoscaling.callS": 0}, "/autoscaling/callS", "got 0, want 0"),
        ("large", {"autoscaling.legsPerCall": 3}, "/autoscaling/legsPerCall", "got 3, want 2"),
    ],
)
def test_the_schema_says_where_a_value_is_of_the_wrong_kind(name, changes, where, what):
    with pytest.raises(Refused) as refused:
        rendered(name, changes)
    assert [
        line for line in str(refused.value).splitlines() if f"'{where}'" in line and what in line
    ]


def test_all_problems_are_told_together():
    with pytest.raises(Refused) as refused:
        render()
    names = [line.partition(": ")[0] for line in str(refused.value).splitlines()]
    assert {"redis.secret", "redis.networks", "ingress"} <= {*names}


NETWORKS = [
    *("10.0.0.0/8", "10.0.0.1/8", "10.0.0.1", "0.0.0.0/0", "255.255.255.255/32", "192.168.4.0/22"),
    *(
        "192.168.5.0/22",
        "10.0.0.300",
        "10.0.0",
        "10.0.0.0.0",
        "10.0.0.0/33",
        "010.0.0.0/8",
        "1.2.3.",
    ),
    *("::", "::/0", "::1", "::1/127", "fe80::/10", "fe80::1/64", "2001:db8::/32", "2001:db8::1/32"),
    *("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1::2::3", ":1::2"),
    *("1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "12345::", "g::", ":::", ":", "2001:db8::/129"),
    *(
        "",
        "/",
        "/8",
        "none",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        "10.0.0.0/a",
        "::/",
        "1:",
        "a b",
        "1.2.3.4:5",
    ),
]


def test_a_network_is_one_where_python_says_so():
    with pytest.raises(Refused) as refused:
        rendered("small", {"dns.networks": NETWORKS})
    lines = str(refused.value).splitlines()
    wrong = [line.removeprefix("dns.networks: ") for line in lines if "dns.networks: " in line]
    assert wrong == [fault for text in NETWORKS if (fault := said_by_python(text))]


def said_by_python(text):
    try:
        ip_network(text)
    except ValueError as error:
        return str(error)
    return ""


def test_a_full_pod_is_always_beyond_the_tolerance():
    """Otherwise a site whose every pod is full would neither grow nor take a call."""
    for capacity in (11, 110, 220, 330, 399, 500, 550):
        most = ceil(capacity / 1.1 - 1e-9) - 1
        changes = {"gateway.settings.max_sessions": capacity, "gateway.perPod": most}
        assert rendered("large", changes)
        with pytest.raises(Refused, match=f"at most {most}"):
            rendered("large", changes | {"gateway.perPod": most + 1})
        assert capacity / most - 1 > 0.1


def test_the_sizes_of_a_core_are_the_defaults():
    for name in ("vad", "denoise"):
        slots = {f"{name}.settings.{name}_slots": 400, f"{name}.memory": "4Gi"}
        with pytest.raises(Refused, match=f"{DEFAULTS[name]['perPod']} are for a core"):
            rendered("small", {f"{name}.device": "cuda", **slots})
