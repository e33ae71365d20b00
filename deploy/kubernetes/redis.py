"""The bundled Redis: one server with an append-only file."""

from typing import Any

from deploy.kubernetes.processes import labels, metadata
from deploy.kubernetes.values import Values
from deploy.kubernetes.workloads import CONFINED, pod_security

PORT = 6379
IMAGE = "valkey/valkey:9.0-alpine"
# The image's own user and group.
_USER, _GROUP = 999, 1000
COMMAND = (
    # In a file, because every process of the node can read arguments.
    'umask 077; printf \'requirepass "%s"\\n\' "$REDIS_PASSWORD" > /tmp/password.conf;'
    " exec valkey-server /tmp/password.conf --appendonly yes --appendfsync everysec --save ''"
    " --dir /data --maxmemory {memory_mb}mb --maxmemory-policy noeviction"
    # Trimming frees whole nodes only; the default of 4096 bytes holds one 100 ms frame.
    " --stream-node-max-bytes 16384"
)


def stateful_set(values: Values) -> dict[str, Any]:
    """Return the server. A fork for a new append-only file may take its memory a second time."""
    redis = values.redis
    password = {"secretKeyRef": {"name": redis.secret, "key": "password"}}
    # A server that still loads its file answers LOADING, and valkey-cli succeeds nevertheless.
    asked = {"exec": {"command": ["sh", "-c", 'test "$(valkey-cli ping)" = PONG']}}
    container = {
        "name": "redis",
        "image": IMAGE,
        "command": ["sh", "-c", COMMAND.format(memory_mb=redis.memory_mb)],
        "env": [
            {"name": name, "valueFrom": password} for name in ("REDIS_PASSWORD", "REDISCLI_AUTH")
        ],
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
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
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
                    "volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory"}}],
                },
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def service(values: Values) -> dict[str, Any]:
    """Return the name under which ``redis://:password@redis:6379/0`` finds the server."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(values, "redis"),
        "spec": {
            "selector": labels("redis"),
            "ports": [{"name": "redis", "port": PORT, "targetPort": "redis"}],
        },
    }
