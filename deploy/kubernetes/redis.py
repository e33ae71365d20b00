"""The bundled Redis: one server with an append-only file, with one user or one for each service."""

from typing import Any

from common.bus.acl import METRICS
from deploy.kubernetes.processes import labels, metadata
from deploy.kubernetes.secrets import FILES, user_secret
from deploy.kubernetes.values import Redis, Values
from deploy.kubernetes.workloads import CONFINED, pod_security

PORT = 6379
IMAGE = (
    "valkey/valkey:9.0.1-alpine"
    "@sha256:1be494495248d53e3558b198a1c704e6b559d5e99fe4c926e14a8ad24d76c6fa"
)
# The image's own user and group.
_USER, _GROUP = 999, 1000
_USERS = f"{FILES}/redis-users"
_ONE_USER = (
    # In a file, because every process of the node can read arguments.
    'umask 077; printf \'requirepass "%s"\\n\' "$REDIS_PASSWORD" > /tmp/password.conf;'
    " exec valkey-server /tmp/password.conf"
)
_ITS_OWN_USERS = f"exec valkey-server --aclfile {_USERS}/users.acl"
_OPTIONS = (
    " --appendonly yes --appendfsync everysec --save ''"
    " --dir /data --maxmemory {memory_mb}mb --maxmemory-policy noeviction"
    # Trimming frees whole nodes only; the default of 4096 bytes holds one 100 ms frame.
    " --stream-node-max-bytes 16384"
)


def command(redis: Redis) -> str:
    """Return what a shell runs."""
    start = _ITS_OWN_USERS if redis.user_secrets else _ONE_USER
    return start + _OPTIONS.format(memory_mb=redis.memory_mb)


def asks(redis: Redis) -> str:
    """Return what succeeds, in a shell, once the server takes commands."""
    ping = "valkey-cli ping"
    if redis.user_secrets:
        # Not as a variable: a file's end of line would be a part of it.
        ping = f"REDISCLI_AUTH=$(cat {_USERS}/{METRICS}) valkey-cli --user {METRICS} ping"
    # A server that still loads its file answers LOADING, and valkey-cli succeeds nevertheless.
    return f'test "$({ping})" = PONG'


def stateful_set(values: Values) -> dict[str, Any]:
    """Return the server. A fork for a new append-only file may take its memory a second time."""
    redis = values.redis
    asked = {"exec": {"command": ["sh", "-c", asks(redis)]}}
    env: list[dict[str, Any]] = []
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {"medium": "Memory"}}]
    mounts: list[dict[str, Any]] = [
        {"name": "data", "mountPath": "/data"},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    if redis.user_secrets:
        source = {"secretName": user_secret(redis, "server")}
        volumes.append({"name": "users", "secret": source})
        mounts.append({"name": "users", "mountPath": _USERS, "readOnly": True})
    else:
        password = {"secretKeyRef": {"name": redis.secret, "key": "password"}}
        # The second is for valkey-cli.
        names = ("REDIS_PASSWORD", "REDISCLI_AUTH")
        env = [{"name": name, "valueFrom": password} for name in names]
    container = {
        "name": "redis",
        "image": IMAGE,
        "command": ["sh", "-c", command(redis)],
        "env": env,
        "ports": [{"name": "redis", "containerPort": PORT}],
        "startupProbe": {**asked, "periodSeconds": 5, "timeoutSeconds": 4, "failureThreshold": 120},
        "readinessProbe": {**asked, "periodSeconds": 5, "timeoutSeconds": 4},
        # While it answers anything it need not be restarted.
        "livenessProbe": {"tcpSocket": {"port": "redis"}, "periodSeconds": 10},
        "resources": {
            "requests": {"cpu": "1", "memory": f"{redis.memory_mb}Mi"},
            "limits": {"memory": f"{2 * redis.memory_mb}Mi"},
        },
        "securityContext": CONFINED,
        "volumeMounts": mounts,
    }
    claim: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": redis.storage}},
    }
    if redis.storage_class:
        claim["storageClassName"] = redis.storage_class
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(values, "redis", labels=labels("redis")),
        "spec": {
            "serviceName": "redis",
            "replicas": 1,
            "selector": {"matchLabels": labels("redis")},
            "template": {
                "metadata": {"labels": labels("redis")},
                "spec": {
                    "terminationGracePeriodSeconds": 60,
                    "enableServiceLinks": False,
                    "automountServiceAccountToken": False,
                    "securityContext": pod_security(_USER, _GROUP),
                    "containers": [container],
                    "volumes": volumes,
                },
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def service(values: Values) -> dict[str, Any]:
    """Return the name under which the URL of Redis finds the server."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(values, "redis"),
        "spec": {
            "selector": labels("redis"),
            "ports": [{"name": "redis", "port": PORT, "targetPort": "redis"}],
        },
    }
