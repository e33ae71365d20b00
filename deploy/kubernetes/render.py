"""All objects of a site, in the order in which they are best applied."""

from typing import Any

from deploy.kubernetes import models, monitoring, network, redis, scaling, workloads
from deploy.kubernetes.check import problems
from deploy.kubernetes.values import Rejected, Values


def objects(values: Values) -> list[dict[str, Any]]:
    """Return the manifests. Raises Rejected with every problem, a sentence a line."""
    if found := problems(values):
        raise Rejected("\n".join(found))
    services = values.services()
    made = network.policies(values)
    if values.redis.bundled:
        made += [redis.service(values), redis.stateful_set(values)]
    if values.models:
        made.append(models.claim(values, values.models))
        if values.models.download:
            made.append(models.job(values))
    # Workers first: a gateway is not ready without them.
    for name, service in reversed(services.items()):
        made.append(workloads.deployment(values, name, service))
        made.append(workloads.disruption_budget(values, name))
    made.append(network.gateway_service(values))
    if values.ingress:
        made.append(network.ingress(values, values.ingress))
    if values.monitoring:
        made += monitoring.objects(values, values.monitoring)
    if values.autoscaling:
        for name, service in services.items():
            made.append(scaling.scaled_object(values, values.autoscaling, name, service))
    return made
