"""The Deployments, their disruption budgets, and a Redis where one is bundled."""

from typing import Any

from deploy.kubernetes import secrets
from deploy.kubernetes.processes import (
    ADMIN_PORT,
    HTTP_PORT,
    METRICS_PORT,
    MODELS,
    environment,
    image,
    labels,
    metadata,
    model,
    on_gpu,
    telephone_ports,
)
from deploy.kubernetes.values import Gateway, Service, Values

HOME = "/var/lib/callscribe"
PRE_STOP_S = 10
"""What a gateway waits before it drains, until no balancer sends it new calls any more."""
LAST_S = 60
"""From the end of a drain until a process is killed: it ends by itself before."""
LOADING_S = 1800
"""Longest time until a worker is ready: with vLLM the first start compiles."""
CONFINED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod_security(user: int, group: int) -> dict[str, Any]:
    """Return the security context of a pod that runs as this user."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": group,
        "fsGroup": group,
        # A large volume would otherwise be walked through at each start.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def pod_basics(values: Values) -> dict[str, Any]:
    """Return what the pods of the product's images have in common."""
    secret = values.images.pull_secret
    return {
        # They would look like settings: a service named callscribe sets CALLSCRIBE_PORT.
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "securityContext": pod_security(10001, 10001),
        **({"imagePullSecrets": [{"name": secret}]} if secret else {}),
    }


def grace_s(service: Service) -> int:
    """Return the time from a pod's deletion to its kill: the drain always ends before."""
    before = PRE_STOP_S if isinstance(service, Gateway) else 0
    return int(before + service.drain_s + LAST_S)


def deployment(values: Values, name: str, service: Service) -> dict[str, Any]:
    """Return a Deployment; it names no replicas where KEDA owns them."""
    # A roll-out does without a spare GPU; elsewhere it leaves no gap.
    surge = 0 if on_gpu(service) else 1
    spec: dict[str, Any] = {} if values.autoscaling else {"replicas": service.replicas}
    spec |= {
        "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": 1 - surge}},
        "progressDeadlineSeconds": LOADING_S + 600,
        "selector": {"matchLabels": labels(name)},
        "template": {"metadata": {"labels": labels(name)}, "spec": _pod(values, name, service)},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(values, name, labels=labels(name)),
        "spec": spec,
    }


def disruption_budget(values: Values, name: str) -> dict[str, Any]:
    """Return a budget under which nodes are emptied one pod of a kind at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(values, name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(name)}},
    }


def _pod(values: Values, name: str, service: Service) -> dict[str, Any]:
    volumes, mounts = _volumes(values, name, service)
    spec = {
        "terminationGracePeriodSeconds": grace_s(service),
        # As process 1 a service would ignore a SIGTERM that comes before it handles it.
        "shareProcessNamespace": True,
        **pod_basics(values),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(name)},
                "matchLabelKeys": ["pod-template-hash"],
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [_container(values, name, service, mounts)],
        "volumes": volumes,
    }
    if service.node_selector:
        spec["nodeSelector"] = dict(service.node_selector)
    if on_gpu(service):
        spec["tolerations"] = [
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
        ]
    return spec


def _container(
    values: Values, name: str, service: Service, mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    env: list[dict[str, Any]] = [secrets.redis_variable(values)]
    env += [{"name": key, "value": each} for key, each in environment(service, name).items()]
    limits: dict[str, Any] = {"memory": service.memory}
    if on_gpu(service):
        limits["nvidia.com/gpu"] = 1
    container = {
        "name": name,
        "image": image(values, service, name),
        "args": [name],
        "env": env,
        "ports": ports(service),
        **_probes(service),
        # No limit of CPU: a throttled worker misses its ticks.
        "resources": {"requests": {"cpu": service.cpu, "memory": service.memory}, "limits": limits},
        "securityContext": CONFINED,
        "volumeMounts": mounts,
    }
    if isinstance(service, Gateway):
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": PRE_STOP_S}}}
    return container


def ports(service: Service) -> list[dict[str, Any]]:
    """Return the ports of a service's container."""
    if not isinstance(service, Gateway):
        return [{"name": "metrics", "containerPort": METRICS_PORT}]
    named = {"http": HTTP_PORT, "admin": ADMIN_PORT, **telephone_ports(service)}
    return [{"name": name, "containerPort": port} for name, port in named.items()]


def _probes(service: Service) -> dict[str, Any]:
    """Return the probes. A worker is sent nothing: it is ready for the sake of roll-outs."""
    period = 5
    where: dict[str, Any] = {"port": "metrics"}
    if isinstance(service, Gateway):
        # The kubelet does not verify the certificate.
        where = {"port": "http"} | ({"scheme": "HTTPS"} if service.tls_secret else {})
    ready = {"httpGet": {"path": "/ready", **where}, "periodSeconds": period}
    alive = {"httpGet": {"path": "/health", **where}}
    # A gateway is not ready without workers, and a restart does not change that.
    start = alive if isinstance(service, Gateway) else {"httpGet": ready["httpGet"]}
    return {
        "startupProbe": {
            **start,
            "periodSeconds": period,
            "failureThreshold": LOADING_S // period,
        },
        "readinessProbe": {**ready, "timeoutSeconds": 4},
        "livenessProbe": {**alive, "periodSeconds": 10, "timeoutSeconds": 4},
    }


def _volumes(
    values: Values, name: str, service: Service
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return volumes and mounts; nothing else is written to, and what is compiled is in `home`."""
    volumes: list[dict[str, Any]] = [
        {"name": "home", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "home", "mountPath": HOME},
        {"name": "tmp", "mountPath": "/tmp"},
    ]

    def add(name: str, source: dict[str, Any], path: str) -> None:
        volumes.append({"name": name, **source})
        mounts.append({"name": name, "mountPath": path, "readOnly": True})

    if model(service):
        claim = {"claimName": "callscribe-models", "readOnly": True}
        add("models", {"persistentVolumeClaim": claim}, MODELS)
    for each in [*secrets.of_redis(values.redis, name), *secrets.of_service(service)]:
        add(each.name, {"secret": {"secretName": each.secret}}, each.path)
    return volumes, mounts
