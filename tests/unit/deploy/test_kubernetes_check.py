"""deploy/kubernetes: values that cannot work end with a sentence that names the value."""

import pytest

from deploy.kubernetes import __main__ as command
from deploy.kubernetes import check, render, rule
from deploy.kubernetes.values import Rejected, Values, read
from tests.unit.deploy.sites import VALUES, changed


@pytest.mark.parametrize("name", VALUES)
def test_the_files_of_values_are_right(name):
    assert check.problems(VALUES[name]) == []


NGINX = "nginx.ingress.kubernetes.io/"

WRONG = [
    ("small", {"redis.secret": None}, "redis.secret: name the Secret"),
    ("small", {"redis.url": "redis://x"}, "redis.url: the Secret redis.secret holds it"),
    ("small", {"redis.tls_secret": "ca"}, "redis.tls_secret: the bundled Redis does not speak TLS"),
    ("small", {"redis.client_secret": "c"}, "redis.client_secret: the bundled Redis does not"),
    ("small", {"redis.user_secrets": "x"}, "redis.user_secrets: not together with redis.secret"),
    (
        "small",
        {"redis.user_secrets": "x", "redis.url": "redis://x"},
        "redis.url: redis.bundled brings its own",
    ),
    ("gpu", {"redis.url": None}, "redis.url: name where Redis is"),
    ("gpu", {"redis.url": "redis.internal"}, "redis.url: the scheme must be one of redis"),
    ("gpu", {"redis.url": "redis://redis.internal"}, "redis.tls_secret: redis.url is not of TLS"),
    ("gpu", {"redis.url": "rediss://ann@redis.internal"}, "redis.url: leave out user and password"),
    ("gpu", {"redis.url": "rediss://r?ssl_ca_certs=/ca"}, "redis.url: of its options only"),
    (
        "gpu",
        {"redis.url": "redis://r", "redis.tls_secret": None, "redis.client_secret": "c"},
        "redis.client_secret: redis.url is not of TLS",
    ),
    ("small", {"redis.bundled": None}, "redis.networks: name the networks"),
    ("small", {"redis.networks": ["10.0.0.0/8"]}, "redis.networks: they say where another"),
    ("large", {"redis.networks": ["10.0.0.300"]}, "redis.networks: '10.0.0.300'"),
    ("small", {"gateway.replicas": 20}, "redis.bundled: one Redis carries about 700 calls"),
    ("small", {"ingress": None}, "ingress: nobody could reach the gateways"),
    ("small", {"ingress.host": None}, "ingress.host: it is needed"),
    ("small", {"ingress.tls_secret": None}, "ingress.tls_secret: name the Secret"),
    ("small", {"gateway.settings.trusted_proxies": None}, "gateway.settings.trusted_proxies: name"),
    (
        "small",
        {"ingress.annotations": {f"{NGINX}proxy-next-upstream": "error timeout"}},
        f'ingress.annotations: "{NGINX}proxy-next-upstream" = "error timeout http_503" is needed',
    ),
    (
        "small",
        {"ingress.annotations": {f"{NGINX}enable-access-log": "true"}},
        f'ingress.annotations: "{NGINX}enable-access-log" = "false" is needed',
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
    ("gpu", {"models": None}, "models: asr.model lies in a volume"),
    ("small", {"models.storage": "1Gi"}, "models: nothing would lie in this volume"),
    ("small", {"vad.replicas": 0}, "vad.replicas: at least 1"),
    ("small", {"vad.max_replicas": 4}, "vad.max_replicas: it is for autoscaling"),
    ("large", {"vad.max_replicas": 1}, "vad.max_replicas: 1 is less than vad.replicas (2)"),
    ("large", {"asr.per_pod": -1}, "asr.per_pod: at least 1"),
    ("large", {"vad.per_pod": 0}, "vad.per_pod: at least 1"),
    (
        "large",
        {"asr.per_pod": 12, "asr.settings.asr_legs": 16},
        "asr.per_pod: leave it out; it follows from asr.settings.asr_legs",
    ),
    ("large", {"asr.settings.asr_legs": 2}, "asr.settings.asr_legs: too few for a pod"),
    ("large", {"gateway.per_pod": 280}, "gateway.per_pod: 280 is too many: the HPA ignores 10 %"),
    ("large", {"vad.settings.vad_slots": 100}, "vad.per_pod: 230 is too many"),
    ("large", {"autoscaling.prometheus": ""}, "autoscaling.prometheus: name the URL"),
    ("large", {"autoscaling.calls_per_min": 0}, "autoscaling.calls_per_min: how many"),
    ("large", {"autoscaling.call_s": 0}, "autoscaling.call_s: how long calls last"),
    ("large", {"autoscaling.legs_per_call": 3}, "autoscaling.legs_per_call: 3 is neither"),
    (
        "large",
        {"monitoring.interval_s": 60, "monitoring.rules": True},
        "monitoring.interval_s: 60 s is too long for monitoring.rules",
    ),
    ("large", {"monitoring": None}, "monitoring: KEDA scales by what Prometheus scrapes"),
    ("small", {"gateway.settings.webhook_url": "https://x"}, "gateway.webhook_secret: name the"),
    ("small", {"gateway.webhook_secret": "hooks"}, "gateway.webhook_secret: it signs nothing"),
    (
        "small",
        {"gateway.settings.webhook_url": "hooks:80", "gateway.webhook_secret": "hooks"},
        "gateway.settings.webhook_url: 'hooks:80' is not a URL with http or https",
    ),
    (
        "small",
        {"gateway.settings.webhook_networks": "10.0.0.300"},
        "gateway: --webhook-networks: '10.0.0.300'",
    ),
    (
        "small",
        {"gateway.keys_secret": "keys", "gateway.settings.no_auth": True},
        "gateway.keys_secret: not together with gateway.settings.no_auth",
    ),
    (
        "small",
        {"gateway.jwt_secret": "jwt", "gateway.settings.no_auth": True},
        "gateway.jwt_secret: not together with gateway.settings.no_auth",
    ),
    (
        "small",
        {"gateway.settings.jwt_issuer": "https://login.example.com"},
        "gateway.settings.jwt_issuer: without gateway.jwt_secret no token counts",
    ),
    ("small", {"gateway.settings.keys_file": "/keys"}, "gateway.settings.keys_file: the manifests"),
    ("small", {"gateway.tls_secret": "tls"}, "ingress.annotations: gateway.tls_secret needs"),
    (
        "small",
        {"gateway.settings.otlp_endpoint": "http://collector:4318"},
        "collector: no policy would let spans reach",
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
        "gateway.settings.otlp_endpoint: Port could not be cast",
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
    ("gpu", {"denoise.per_pod": None}, "denoise.per_pod: name it; 29 are for a core"),
    ("small", {"vad.settings.vad_slotz": 3}, "vad: CALLSCRIBE_VAD_SLOTZ: no such setting"),
    ("small", {"vad.settings.asr_slots": 3}, "vad: CALLSCRIBE_ASR_SLOTS: vad has no such setting"),
    ("small", {"vad.settings.vad_slots": 0}, "vad: CALLSCRIBE_VAD_SLOTS: 0 is below the minimum"),
    ("small", {"vad.settings.lease_s": 0.2}, "vad: --heartbeat-s: 0.5 s is more than half"),
    ("small", {"gateway.drain_s": 7200}, "gateway: CALLSCRIBE_DRAIN_S: 7200 is above the maximum"),
    ("small", {"gateway.drain_s": 30.5}, "gateway.drain_s: 30.5 is not a whole number"),
    ("small", {"vad.cpu": "two"}, "vad.cpu: 'two' is not a quantity"),
    ("small", {"vad.memory": "2 GB"}, "vad.memory: '2 GB' is not a quantity"),
]


@pytest.mark.parametrize(("name", "changes", "sentence"), WRONG, ids=lambda each: str(each)[:60])
def test_a_sentence_names_the_value(name, changes, sentence):
    with pytest.raises(Rejected) as rejected:
        render.objects(read(changed(name, changes)))
    assert [line for line in str(rejected.value).splitlines() if line.startswith(sentence)]


def test_another_controller_has_annotations_of_its_own():
    other = {"ingress.class_name": "haproxy", "ingress.annotations": {}}
    assert not check.problems(read(changed("small", other)))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"vad.slots": 3}, "vad.slots: there is no such value; known: replicas, max_replicas"),
        ({"vad": 3}, "vad: 3 is not a section"),
        ({"vad.replicas": True}, "vad.replicas: True is not of type int"),
        ({"vad.replicas": "2"}, "vad.replicas: '2' is not of type int"),
        ({"redis.networks": "10.0.0.0/8"}, "redis.networks: '10.0.0.0/8' is not a list"),
        ({"gateway.jwt_key": "pem"}, "gateway.jwt_key: 'pem' is none of secret, public_key, jwks"),
        ({"asr.engine": "vosk"}, "asr.engine: 'vosk' is none of whisper, vllm"),
        ({"vad.settings": 3}, "vad.settings: 3 is not a section"),
        ({"vad.settings.vad_slots": [3]}, "vad.settings.vad_slots: [3] is not of type"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(changes, sentence):
    with pytest.raises(Rejected) as rejected:
        read(changed("small", changes))
    assert str(rejected.value).startswith(sentence)


def test_all_problems_are_told_together(tmp_path, capsys):
    path = tmp_path / "values.toml"
    path.write_text("")
    assert command.main([str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == len(check.problems(Values())) == 3
    assert all(line.startswith(f"{path}: ") for line in lines)


def test_a_full_pod_is_always_beyond_the_tolerance():
    """Otherwise a site whose every pod is full would neither grow nor take a call."""
    for capacity in range(2, 600):
        least = rule.most_per_pod(capacity)
        assert capacity / least - 1 >= rule.TOLERANCE or capacity < 1 / rule.TOLERANCE
